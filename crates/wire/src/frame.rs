//! What a stream is cut into: whole events, each marked with what it means for the request.

use bytes::Bytes;

/// What an event means for the right to move on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Nothing is said yet: role deltas, pings, comments, empty parts.
    Lifecycle,
    /// The answer itself: text, reasoning, a refusal, a tool call.
    Content,
    /// The event that completes the answer, and what follows it.
    Terminal,
    /// The upstream says that it failed.
    Error,
}

/// One event, or several of one mark that arrived together, ready for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it means.
    pub mark: Mark,
    /// Its bytes, whole events only.
    pub bytes: Bytes,
}

/// The JSON of an [`Mark::Error`] frame, without its framing.
#[must_use]
pub fn error_payload(frame: &Frame) -> &[u8] {
    crate::event::data(&frame.bytes).unwrap_or(&frame.bytes)
}
