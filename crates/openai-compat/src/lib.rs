//! Upstreams that speak OpenAI's API, and the many that speak it with an accent.
//!
//! The caller's bytes go out as they are, with only the model name replaced. This crate deliberately translates no
//! dialect, retries nothing and reads no error: others do, for every family alike.

mod base;
mod executor;
mod models;
mod route;

pub use executor::{BuildError, OpenAiCompat, Settings};
pub use models::MODELS_MAX;
pub use route::Wire;
