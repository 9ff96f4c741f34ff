//! What is sent and what is answered: request bytes, reply bytes, stream events.
//!
//! A request says in its model name what it wants from the mock, because a gateway passes that on and little else.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use bytes::Bytes;
use memchr::memmem;

use crate::clock;

/// The key that callers of the gateway present.
pub(crate) const CALLER_KEY: &str = "bench-caller-0123456789abcdef";
/// A credential whose key begins like this has no model that the mock supports: 400.
pub(crate) const UNSUPPORTED_KEY: &str = "bench-unsupported";
/// A credential whose key begins like this is not accepted any more: 401.
pub(crate) const REVOKED_KEY: &str = "bench-revoked";
/// What stands before the stamp in the content of a stream's event.
const STAMP_MARK: &[u8] = b"\"content\":\"@";
/// Digits of a stamp; enough for nanoseconds since 1970.
const STAMP_DIGITS: usize = 20;
/// How far into a body the model name is looked for.
const HEAD_BYTES: usize = 256;
/// Bytes of one content event, about what providers send for a token.
const EVENT_BYTES: usize = 256;
/// What prompts are made of, as it stands in JSON: those of coding agents are source text, with about one escape in forty
/// bytes.
pub(crate) const PROSE: &str = r"the quick brown fox jumps over a dog;\n";
/// Chunks of a stream that is ended by its reader.
pub(crate) const ENDLESS: u64 = 1_000_000_000;

/// What a request wants from the mock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One JSON document of about so many bytes.
    Whole { bytes: usize },
    /// So many content events, one each period.
    Stream { chunks: u64, period: Duration },
}

impl Wanted {
    /// The model name that says so.
    pub(crate) fn model(self) -> String {
        match self {
            Self::Whole { bytes } => format!("whole-{bytes}"),
            Self::Stream { chunks, period } => format!("sse-{chunks}-{}", period.as_millis()),
        }
    }

    /// What a model name asks for.
    pub(crate) fn of(model: &str) -> Option<Self> {
        if let Some(bytes) = model.strip_prefix("whole-") {
            return bytes.parse().ok().map(|bytes| Self::Whole { bytes });
        }
        let (chunks, millis) = model.strip_prefix("sse-")?.split_once('-')?;
        Some(Self::Stream {
            chunks: chunks.parse().ok()?,
            period: Duration::from_millis(millis.parse().ok()?),
        })
    }
}

/// A request ready to be written, and the statuses that are a right answer to it.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) bytes: Bytes,
    pub(crate) statuses: RangeInclusive<u16>,
}

/// A chat request for `model` with a body of about `body_bytes`.
pub(crate) fn ask(address: SocketAddr, model: &str, is_streaming: bool, body_bytes: usize) -> Ask {
    let body = body(model, is_streaming, body_bytes);
    post(address, "/v1/chat/completions", "authorization: Bearer ", &body)
}

/// A request with this body; `key` is all of its head that stands right before the caller's key.
pub(crate) fn post(address: SocketAddr, path: &str, key: &str, body: &str) -> Ask {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: standin-bench\r\naccept: application/json\r\n\
         content-type: application/json\r\n{key}{CALLER_KEY}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Ask { bytes: Bytes::from(head + body), statuses: 200..=200 }
}

fn body(model: &str, is_streaming: bool, bytes: usize) -> String {
    let head =
        format!(r#"{{"model":"{model}","stream":{is_streaming},"messages":[{{"role":"user","content":""#);
    let tail = r#""}],"temperature":0.2}"#;
    let room = bytes.saturating_sub(head.len() + tail.len());
    let mut body = head;
    body.extend(std::iter::repeat_n(PROSE, room / PROSE.len()));
    body.extend(std::iter::repeat_n('x', room % PROSE.len()));
    body + tail
}

/// The model name of a request body, read from its beginning.
pub(crate) fn model_of(body: &[u8]) -> Option<&str> {
    model_in(body.get(..HEAD_BYTES.min(body.len()))?)
}

/// The first model name in a text.
pub(crate) fn model_in(text: &[u8]) -> Option<&str> {
    let start = memmem::find(text, b"\"model\":\"")? + b"\"model\":\"".len();
    let length = memchr::memchr(b'"', text.get(start..)?)?;
    std::str::from_utf8(text.get(start..start + length)?).ok()
}

/// A chat completion of about `bytes` bytes.
pub(crate) fn whole(model: &str, bytes: usize) -> Bytes {
    let head = format!(
        r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"{model}","choices":[{{"index":0,"message":{{"role":"assistant","content":""#
    );
    let tail = r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#;
    let room = bytes.saturating_sub(head.len() + tail.len());
    Bytes::from(head + &"word ".repeat(room / 5) + tail)
}

/// One content event of a stream, stamped with the time of its making.
pub(crate) fn event(model: &str) -> Bytes {
    let stamp = clock::wall_nanos();
    let mut event = format!(
        r#"data: {{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"{model}","choices":[{{"index":0,"delta":{{"content":"@{stamp:0STAMP_DIGITS$} "#
    );
    let tail = "\"},\"finish_reason\":null}]}\n\n";
    let room = EVENT_BYTES.saturating_sub(event.len() + tail.len());
    event.extend(std::iter::repeat_n('w', room));
    event.push_str(tail);
    Bytes::from(event)
}

/// What ends a stream.
pub(crate) fn ending(model: &str) -> Bytes {
    Bytes::from(format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"{model}\",\
         \"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
    ))
}

/// Finds the stamps in `bytes`, calls `seen` for each, and says how many bytes need not be looked at again.
pub(crate) fn stamps(bytes: &[u8], mut seen: impl FnMut(u64)) -> usize {
    let mut at = 0;
    while let Some(found) = memmem::find(&bytes[at..], STAMP_MARK) {
        let start = at + found + STAMP_MARK.len();
        let Some(digits) = bytes.get(start..start + STAMP_DIGITS) else { return at + found };
        if let Some(stamp) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
            seen(stamp);
        }
        at = start + STAMP_DIGITS;
    }
    at.max(bytes.len().saturating_sub(STAMP_MARK.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_says_what_the_mock_shall_answer() {
        for wanted in
            [Wanted::Whole { bytes: 1024 }, Wanted::Stream { chunks: 9, period: Duration::from_millis(25) }]
        {
            assert_eq!(Wanted::of(&wanted.model()), Some(wanted));
        }
        assert_eq!(Wanted::of("gpt"), None);
    }

    #[test]
    fn a_body_has_its_size_and_its_model() {
        for bytes in [1_000, 32_768, 524_288] {
            let body = body("whole-1024", false, bytes);
            assert_eq!(body.len(), bytes);
            assert_eq!(model_of(body.as_bytes()), Some("whole-1024"));
            assert!(serde_json::from_str::<serde_json::Value>(&body).is_ok());
        }
    }

    #[test]
    fn stamps_are_found_whole_wherever_the_bytes_are_cut() {
        let bytes = [event("m"), event("m"), ending("m")].concat();
        for cut in 0..bytes.len() {
            let mut found = 0;
            let done = stamps(&bytes[..cut], |_| found += 1);
            stamps(&bytes[done..], |_| found += 1);
            assert_eq!(found, 2, "cut at {cut}");
        }
    }
}
