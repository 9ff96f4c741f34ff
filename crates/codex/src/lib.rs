//! OpenAI Responses, as agents use it: with an API key, or with a ChatGPT login.

mod family;

pub use family::API;
