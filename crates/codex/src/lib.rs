//! OpenAI Responses, as agents use it: with an API key, or with a ChatGPT login.
//!
//! A key needs nothing but data. A login has a file, tokens that end, and a backend with wishes of its own: those are
//! here. This crate deliberately translates no dialect, retries nothing, reads no error, and imitates no other client.

mod auth_file;
mod chatgpt;
mod claims;
mod family;
mod gather;
mod login;
mod office;
mod prepare;

pub use auth_file::FileError;
pub use chatgpt::ChatGpt;
pub use family::{API, CHATGPT};
pub use login::Login;
pub use office::Office;
