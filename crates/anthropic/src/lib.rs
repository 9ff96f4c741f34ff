//! Upstreams that speak Anthropic's Messages: Anthropic itself, and servers that took over its API.
//!
//! What they have in common is data; the executor over it is the one of every family with plain keys. This crate
//! deliberately translates no dialect, retries nothing and reads no error.

mod family;

pub use family::MESSAGES;
