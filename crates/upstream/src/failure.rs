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
    /// What happened, for the operator; never holds a key, a body, or the credentials of a proxy.
    pub message: String,
}

impl SendError {
    /// No connection came about, so the upstream has seen nothing of the request.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { class: ErrorClass::Connect, progress: Progress::NotSent, message: message.into() }
    }

    /// The connection ended after the request had left and before the head of a reply.
    pub fn lost(message: impl Into<String>) -> Self {
        Self { class: ErrorClass::Connect, progress: Progress::Sent, message: message.into() }
    }

    /// The upstream was silent for too long.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self { class: ErrorClass::Timeout, progress: Progress::Sent, message: message.into() }
    }

    /// The upstream's reply cannot be used: cut short, too big, a redirect, not HTTP.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self { class: ErrorClass::Malformed, progress: Progress::Sent, message: message.into() }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SendError {}
