//! One TOML file, or the environment, to a validated and immutable [`Config`].
//!
//! A file is read whole or refused whole: every mistake in it is reported at once, with file, line, key and what is
//! accepted. This room deliberately knows no room but the vocabulary: what the values do is decided elsewhere.

mod check;
mod config;
mod edge;
mod environment;
mod file;
mod modes;
mod problem;
mod proxy;
mod secrets;
mod text;

pub use config::{
    Admin, Client, ClientKey, Config, Credential, Kind, Model, Policy, Route, Rule, Strategy, TOKEN_URL,
    Target, Timeouts, Trust, UnknownFate, Upstream, Wire,
};
pub use edge::{Limits, Tls};
pub use environment::{KNOWN, WellKnown};
pub use problem::{ConfigError, Problem};
pub use proxy::Proxy;
pub use secrets::{KEY_CHARS_MIN, Sources};
