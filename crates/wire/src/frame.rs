//! What a stream is cut into: whole events, each marked with what it means for the request.

use std::borrow::Cow;

use bytes::Bytes;

use crate::event::{Cutter, Data, joined_data};

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

impl Frame {
    /// Whether it is a comment or a blank line, which mean nothing in any dialect.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        matches!(self.bytes.first(), None | Some(b':' | b'\n' | b'\r'))
    }
}

/// The JSON of an [`Mark::Error`] frame, without its framing.
#[must_use]
pub fn error_payload(frame: &Frame) -> Cow<'_, [u8]> {
    let bytes = &frame.bytes;
    match Cutter::default().next(bytes).map(|cut| cut.data) {
        Some(Data::Line(span)) => Cow::Borrowed(&bytes[span]),
        Some(Data::Lines) => Cow::Owned(joined_data(bytes)),
        // Between events, or as the element of an array: what stands before it is framing.
        _ => {
            let start = bytes.iter().position(|byte| *byte == b'{').unwrap_or(0);
            Cow::Borrowed(bytes[start..].trim_ascii_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_an_error_is_found_in_every_framing() {
        for text in [
            "data: {\"a\":1}\n\n",
            "event: error\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\n",
            "{\"a\":1}\n\n",
            "\n,\r\n{\"a\":1}",
            "[{\"a\":1}",
        ] {
            let frame = Frame { mark: Mark::Error, bytes: Bytes::copy_from_slice(text.as_bytes()) };
            let json: serde_json::Value = serde_json::from_slice(&error_payload(&frame)).unwrap();
            assert_eq!(json["a"], 1, "{text:?}");
        }
    }
}
