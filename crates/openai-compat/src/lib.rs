//! Upstreams that speak OpenAI's API, and the many that speak it with an accent.
//!
//! What they have in common is data: paths, headers, the shape of the model list. The executor over it is the one of
//! every family with plain keys. This crate deliberately translates no dialect, retries nothing and reads no error.

mod family;

pub use family::{CHAT, RESPONSES};
