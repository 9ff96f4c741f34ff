//! How one attempt ended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ErrorClass, Verdict};

/// How much the two ends had already seen when an attempt ended. Ordered.
///
/// Up to and including [`Progress::HeadersCommitted`] a request may move on to another candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing of the request reached the upstream.
    NotSent,
    /// The upstream may have begun to work on it.
    Sent,
    /// The caller has got a head and keep-alives, no content.
    HeadersCommitted,
    /// The caller has got content: only an error frame is possible now.
    ContentForwarded,
}

/// What a success proves. Only [`Evidence::Inference`] lifts a suspension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Computed in this process: proves nothing about an upstream.
    Local,
    /// The upstream counted tokens: it is reachable, nothing more.
    RemoteCount,
    /// The upstream served the model.
    Inference,
}

/// The rule behind a reply that had begun and broke off: what stood in its place may have been executed.
pub const CUT_SHORT: &str = "wire/cut-short";

/// What went wrong with one attempt, as far as the rest of the system needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Class, scope, delay and what they were read from.
    pub verdict: Verdict,
    /// How far the attempt had come.
    pub progress: Progress,
    /// A digest of status and body for comparing two failures; 0 if there was no body.
    pub fingerprint: u64,
}

impl Failure {
    /// The class of the verdict.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        self.verdict.class
    }

    /// Whether the upstream may have executed (and billed) the request although no complete reply came.
    #[must_use]
    pub fn is_fate_unknown(&self) -> bool {
        let is_silent = matches!(self.class(), ErrorClass::Connect | ErrorClass::Timeout);
        self.progress >= Progress::Sent && (is_silent || self.verdict.rule == CUT_SHORT)
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The upstream's answer was complete: its terminal event was verified.
    Success(Evidence),
    /// It failed in a way that says something about a path or about the request. Shared: the policy keeps the failure
    /// that it may have to report, and whoever drives the request keeps it as well.
    Failure(Arc<Failure>),
    /// The caller left: counts neither as success nor as failure.
    Abandoned,
}
