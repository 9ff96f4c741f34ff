//! How many tokens a request has, where no upstream can be asked.
//!
//! The number is an estimate that never changes for the same request: text is counted with OpenAI's `o200k_base`, what
//! is no text has fixed prices, and of a very large request only a beginning is counted exactly. It proves nothing
//! about an upstream. This room deliberately knows no upstream, no model and no policy, and does no IO.

mod picture;
mod request;
mod words;

pub use request::estimate;
pub use words::{EXACT_BYTES_MAX, is_ready};
