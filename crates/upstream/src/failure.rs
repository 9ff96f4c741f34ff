//! How an attempt fails below HTTP.
//!
//! A status of an upstream is not a failure here: it comes back as a reply, and what it means is read elsewhere.

use std::fmt;

use standin_core::{ErrorClass, Progress};

/// Why there is no reply, or no more of it, and how far the attempt had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    /// [`ErrorClass::Connect`], [`ErrorClass::Timeout`] or [`ErrorClass::Malformed`]; for a credential that has to be
    /// renewed and cannot be, [`ErrorClass::AuthFailed`] or [`ErrorClass::ServerError`].
    pub class: ErrorClass,
    /// [`Progress::NotSent`] only where it is certain that not one byte of the request left this machine.
    pub progress: Progress,
    /// Whether a reply had begun and broke off: then nobody knows how much of it was done, and billed.
    pub is_cut_short: bool,
    /// What happened, for the operator; never holds a key, a body, or the credentials of a proxy.
    pub message: String,
}

impl SendError {
    /// An attempt that came so far and no further.
    pub fn new(class: ErrorClass, progress: Progress, message: impl Into<String>) -> Self {
        Self { class, progress, is_cut_short: false, message: message.into() }
    }

    /// No connection came about, so the upstream has seen nothing of the request.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Connect, Progress::NotSent, message)
    }

    /// The connection ended after the request had left and before the head of a reply.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Connect, Progress::Sent, message)
    }

    /// The upstream was silent for too long.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Timeout, Progress::Sent, message)
    }

    /// The upstream's reply cannot be used: too big, a redirect, not HTTP.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Malformed, Progress::Sent, message)
    }

    /// The connection ended after the head of a reply and before its end.
    pub fn cut_short(message: impl Into<String>) -> Self {
        Self { is_cut_short: true, ..Self::malformed(message) }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SendError {}
