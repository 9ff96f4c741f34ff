//! How long and how much an upstream may take.
//!
//! The limits of a whole request (attempts, total time) belong to the conductor and are not known here.

use std::time::Duration;

/// Bytes of a reply's head, from the status line to the empty line.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a whole successful reply that are collected before it is handed on.
pub const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of an error body that are kept; what follows is cut off, because no error says more in its second mebibyte.
pub const ERROR_BYTES_MAX: usize = 1024 * 1024;
/// How long the body of an error is waited for: its status alone is worth more than a slow text.
pub const ERROR_BODY_WAIT: Duration = Duration::from_secs(5);

/// The time limits of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection can carry a request: name lookup, TCP, outbound proxy and TLS together.
    pub connect: Duration,
    /// From then until the head of the reply and the first byte of its body.
    pub first_byte: Duration,
    /// Silence in the middle of a body. Noticed within a quarter more than this.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(120),
        }
    }
}
