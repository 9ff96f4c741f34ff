//! What the classifier says about one upstream failure.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{ErrorClass, Scope};

/// Which kind of evidence decided, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// A rule of the operator's own configuration.
    Operator,
    /// A provider's structured code, type, reason or param.
    Structure,
    /// A template of that provider's wording.
    Wording,
    /// Generic structure or wording, anchored on the word *model*.
    Generic,
    /// The bare status.
    Status,
    /// Not read from a reply at all: the executor saw it on the wire.
    Transport,
}

/// How sure the evidence makes us; it decides how long the first suspension is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The evidence only hints at the class, or this upstream is known to flap: look again soon.
    Hint,
    /// A code says so, or the thing to blame is named.
    Firm,
}

/// Class, blame and delay of one failure, and what they were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What kind of thing happened.
    pub class: ErrorClass,
    /// How far the blame reaches.
    pub scope: Scope,
    /// How sure the evidence is.
    pub certainty: Certainty,
    /// How long the upstream asks us to wait, after the distrust list, unclamped otherwise.
    pub delay: Option<Duration>,
    /// Id of the rule that decided, for example `openai/model-not-found`.
    pub rule: Cow<'static, str>,
    /// Which kind of evidence that rule is.
    pub layer: Layer,
    /// What the rule matched: a code, or the piece of text; at most 200 bytes and free of secrets.
    pub matched: String,
    /// What an operator's rule says about suspending: `Some(false)` forbids it, `Some(true)` forces it.
    pub suspend: Option<bool>,
    /// Whether an operator's rule ends the request here.
    pub stop: bool,
    /// What the upstream itself said, where it could be read.
    pub error: UpstreamError,
}

/// The parts of an upstream's error body that a caller may be shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamError {
    /// HTTP status, or the status a 200-body or stream frame claims instead; 0 if there was none.
    pub status: u16,
    /// The innermost message, scrubbed, at most 2 KiB; empty if there was none.
    pub message: String,
    /// The innermost code, if any.
    pub code: Option<String>,
    /// The innermost type, if any.
    pub kind: Option<String>,
    /// The parameter named, if any.
    pub param: Option<String>,
}
