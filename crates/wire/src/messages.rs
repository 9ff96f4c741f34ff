//! Anthropic Messages: what its events and its replies say about an answer.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;
use standin_core::Operation;

use crate::{
    frame::Mark,
    reply::Said,
    standing::Standing,
    usage::{MessagesUsage, Usage, lenient},
    value::{fields, is_something, looks_whole, says_something, word},
};

/// How nearly every event of a stream begins.
const DELTA: &[u8] = b"{\"type\":\"content_block_delta\"";
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static MESSAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"message_"));

/// One event.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<MessagesUsage>,
}

/// An answer, finished or not.
#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<MessagesUsage>,
}

/// The pieces of usage that have come by now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pieces(MessagesUsage);

/// Takes note of one event.
pub(crate) fn read(data: &[u8], standing: &mut Standing, pieces: &mut Pieces) -> Mark {
    if standing.has_content && is_plain(data) {
        return standing.mark();
    }
    let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
        return standing.mark_of_stranger(data);
    };
    let kind = event.kind.as_deref().unwrap_or_default();
    if kind == "error" || event.error.is_some_and(is_something) {
        return Mark::Error;
    }
    for usage in [event.usage, event.message.and_then(|message| message.usage)].into_iter().flatten() {
        pieces.0.merge(&usage);
        standing.usage = pieces.0.into();
    }
    match kind {
        "content_block_start" => standing.has_content |= event.content_block.is_some_and(block_says),
        "content_block_delta" => {
            standing.has_content |= event.delta.is_some_and(|delta| says_something(delta, &["type"]));
        }
        "message_delta" => standing.is_silent_answer |= event.delta.is_some_and(ends_silently),
        "message_stop" => standing.is_complete = true,
        _ => {}
    }
    standing.mark()
}

/// Whether an event can only go on saying something.
fn is_plain(data: &[u8]) -> bool {
    looks_whole(data)
        && (data.starts_with(DELTA) || (ERROR.find(data).is_none() && MESSAGE.find(data).is_none()))
}

/// Whether a block says anything at its beginning: empty text and an empty thought do not, the call of a tool does.
fn block_says(block: &RawValue) -> bool {
    let Some(fields) = fields(block) else { return false };
    let kind = fields.iter().find(|(key, _)| key == "type").map(|(_, kind)| word(kind));
    let has = |name: &str| fields.iter().any(|(key, value)| key == name && is_something(value));
    match kind {
        Some("text") => has("text"),
        Some("thinking") => has("thinking") || has("signature"),
        _ => true,
    }
}

fn ends_silently(delta: &RawValue) -> bool {
    let reason = fields(delta).into_iter().flatten().find(|(key, _)| key == "stop_reason");
    reason.is_some_and(|(_, reason)| is_silent_answer(word(reason)))
}

/// Whether a message without content is an answer all the same: cut, refused, or stopped where the caller wished.
fn is_silent_answer(stop: &str) -> bool {
    !matches!(stop, "end_turn" | "null" | "")
}

/// Reads a whole reply.
pub(crate) fn reply(operation: Operation, text: &str) -> Option<Said> {
    #[derive(Deserialize)]
    struct Counted {
        input_tokens: Option<u64>,
    }
    let message = serde_json::from_str::<Message<'_>>(text).ok()?;
    if message.kind.as_deref() == Some("error") || message.error.is_some_and(is_something) {
        return Some(Said::Error);
    }
    if operation == Operation::CountTokens {
        let counted = serde_json::from_str::<Counted>(text).ok()?.input_tokens;
        return Some(
            counted.map_or(Said::Foreign("a 200 without a count"), |_| Said::Answer(Usage::default())),
        );
    }
    let usage = message.usage.map(Usage::from).unwrap_or_default();
    let is_silent = message.stop_reason.is_some_and(|reason| is_silent_answer(word(reason)));
    Some(match message.content {
        Some(content) if !content.get().starts_with('[') => Said::Foreign("a 200 without content"),
        Some(content) if is_something(content) || is_silent || usage.was_billed() => Said::Answer(usage),
        Some(_) => Said::Nothing,
        None => Said::Foreign("a 200 without content"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(events: &[&str]) -> (Vec<Mark>, Standing) {
        let (mut standing, mut pieces) = (Standing::default(), Pieces::default());
        let marks = events.iter().map(|event| read(event.as_bytes(), &mut standing, &mut pieces)).collect();
        (marks, standing)
    }

    const START: &str = r#"{"type":"message_start","message":{"type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}"#;
    const STOP: &str = r#"{"type":"message_stop"}"#;

    #[test]
    fn nothing_is_said_before_the_first_words_thought_or_call() {
        let silent = [
            START,
            r#"{"type": "ping"}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
        ];
        assert_eq!(marks(&silent).0, [Mark::Lifecycle; 4]);
        for said in [
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"a"}}"#,
        ] {
            assert_eq!(marks(&[said]).0, [Mark::Content], "{said}");
        }
    }

    #[test]
    fn only_message_stop_ends_well_and_usage_is_put_together() {
        let said =
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"error\""}}"#;
        let end =
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#;
        let (seen, standing) = marks(&[START, said, end, STOP]);
        assert_eq!(seen, [Mark::Lifecycle, Mark::Content, Mark::Content, Mark::Terminal]);
        assert_eq!((standing.usage.input_tokens, standing.usage.output_tokens), (Some(3), Some(9)));
        assert!(standing.is_complete && !standing.is_empty());
        let (seen, standing) = marks(&[said, r#"{"type":"error","error":{"type":"overloaded_error"}}"#]);
        assert_eq!((seen[1], standing.is_complete), (Mark::Error, false));
    }

    #[test]
    fn a_message_without_content_or_tokens_is_empty_unless_it_was_stopped() {
        let end = |reason: &str| {
            let delta = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
            marks(&[r#"{"type":"message_start","message":{}}"#, &delta, STOP]).1.is_empty()
        };
        assert!(end("end_turn") && !end("stop_sequence") && !end("refusal") && !end("max_tokens"));
    }
}
