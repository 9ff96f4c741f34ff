//! Reads what an upstream LLM provider answered and says what kind of failure it is, whom it blames and for how long.
//!
//! ```
//! use standin_classify::{Classifier, Observed};
//!
//! let body = br#"{"error":{"message":"The model `gpt-9` does not exist","code":"model_not_found"}}"#;
//! let seen = Observed { status: 404, body, ..Observed::new(std::time::UNIX_EPOCH) };
//! let verdict = Classifier::builtin().classify(&seen);
//! assert_eq!(verdict.class.as_str(), "model_unsupported");
//! ```
//!
//! The crate deliberately knows no policy: it does not say whether to try again, and it suspends nothing. It does no
//! IO and reads no clock.

mod asked;
mod beginnings;
mod block;
mod classifier;
pub mod delay;
mod docket;
mod document;
mod envelope;
mod field;
mod hits;
mod index;
mod judge;
mod matching;
mod name;
mod observed;
mod operator;
mod page;
mod reach;
mod reading;
pub mod report;
mod rule;
mod said;
mod scan;
mod scrub;
mod statement;
mod status;
mod success;
mod text;
mod trie;

pub use classifier::Classifier;
pub use document::errors_markdown;
pub use observed::{Headers, Observed, Packs, Transport, Trust};
pub use operator::{OperatorRule, RuleError};
pub use rule::family_of_host;
pub use success::looks_like_error;

/// Bytes of a body that are looked at; what lies behind is ignored.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
