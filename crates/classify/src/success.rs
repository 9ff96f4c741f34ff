//! Whether a 200 hides an error.
//!
//! Empty and truncated completions are told by the wire formats, not here.

/// Whether the body of a 200, or the data of a stream's frame, is an error rather than an answer.
#[must_use]
pub fn looks_like_error(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{\"error\":{")
}
