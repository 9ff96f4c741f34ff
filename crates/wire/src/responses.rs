//! OpenAI Responses: what its events and its replies say about an answer.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;
use standin_core::Operation;

use crate::{
    frame::Mark,
    reply::Said,
    standing::Standing,
    usage::{ResponsesUsage, Usage, lenient},
    value::{fields, is_something, looks_whole, number_after, says_something, word},
};

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static RESPONSE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"response\""));
static SEQUENCE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"sequence_number\""));

/// One event.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    part: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

/// An answer, finished or not.
#[derive(Debug, Deserialize)]
struct Response<'a> {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    store: Option<bool>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<ResponsesUsage>,
}

impl Response<'_> {
    fn has_failed(&self) -> bool {
        self.error.is_some_and(is_something) || self.status.is_some_and(|status| word(status) == "failed")
    }
}

/// What an ending in the upstream's place has to go on from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbering {
    pub(crate) next_sequence: u64,
    pub(crate) response_id: Option<String>,
    pub(crate) created_at: Option<u64>,
    /// Whether the upstream keeps the answer, as it does unless it was told not to.
    pub(crate) is_kept: bool,
}

impl Numbering {
    /// Takes note of an event that goes to the caller. Servers that number nothing are counted instead.
    pub(crate) fn passed(&mut self, data: &[u8]) {
        self.next_sequence = number_after(&SEQUENCE, data).unwrap_or(self.next_sequence) + 1;
    }
}

/// Takes note of one event.
pub(crate) fn read(data: &[u8], standing: &mut Standing, numbering: &mut Numbering) -> Mark {
    let is_plain = standing.has_content
        && looks_whole(data)
        && RESPONSE.find(data).is_none()
        && ERROR.find(data).is_none();
    if is_plain {
        return standing.mark();
    }
    let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
        return standing.mark_of_stranger(data);
    };
    let kind = event.kind.as_deref().unwrap_or_default();
    let has_failed = event.response.as_ref().is_some_and(Response::has_failed);
    if matches!(kind, "error" | "response.failed") || event.error.is_some_and(is_something) || has_failed {
        return Mark::Error;
    }
    standing.has_content |= says(kind, &event);
    if let Some(response) = event.response {
        if let Some(usage) = response.usage {
            standing.usage = usage.into();
        }
        if numbering.response_id.is_none() {
            numbering.created_at = response.created_at;
            numbering.is_kept = response.store != Some(false);
            numbering.response_id = response.id;
        }
        standing.is_complete |= matches!(kind, "response.completed" | "response.incomplete");
        standing.is_silent_answer |= kind == "response.incomplete";
        standing.has_content |= standing.is_complete && response.output.is_some_and(is_something);
    }
    standing.mark()
}

/// Whether an event says anything of the answer itself.
fn says(kind: &str, event: &Event<'_>) -> bool {
    match kind {
        "response.output_item.added" | "response.output_item.done" => event.item.is_some_and(item_says),
        _ if kind.ends_with(".added") || kind.ends_with(".done") => {
            event.part.is_some_and(|part| says_something(part, &["type"]))
        }
        _ => event.delta.is_some_and(is_something),
    }
}

/// Whether an item says anything: a message or a thought that is still empty does not, the call of a tool does.
fn item_says(item: &RawValue) -> bool {
    let Some(fields) = fields(item) else { return false };
    let kind = fields.iter().find(|(key, _)| key == "type").map(|(_, kind)| word(kind));
    let has = |name: &str| fields.iter().any(|(key, value)| key == name && is_something(value));
    match kind {
        Some("message") => has("content"),
        Some("reasoning") => has("summary") || has("content") || has("encrypted_content"),
        _ => true,
    }
}

/// The id by which a later request may go on from a whole reply.
pub(crate) fn kept_as(text: &str) -> Option<String> {
    let response = serde_json::from_str::<Response<'_>>(text).ok()?;
    response.id.filter(|_| response.store != Some(false))
}

/// Reads a whole reply.
pub(crate) fn reply(operation: Operation, text: &str) -> Option<Said> {
    #[derive(Deserialize)]
    struct Counted {
        input_tokens: Option<u64>,
    }
    let response = serde_json::from_str::<Response<'_>>(text).ok()?;
    if response.has_failed() {
        return Some(Said::Error);
    }
    if operation == Operation::CountTokens {
        let counted = serde_json::from_str::<Counted>(text).ok()?.input_tokens;
        return Some(
            counted.map_or(Said::Foreign("a 200 without a count"), |_| Said::Answer(Usage::default())),
        );
    }
    let usage = response.usage.map(Usage::from).unwrap_or_default();
    let status = response.status.map(word);
    let is_response = response.object.is_some() || status.is_some();
    Some(match response.output {
        None if is_response && matches!(status, Some("queued" | "in_progress")) => Said::Answer(usage),
        None => Said::Foreign("a 200 without output"),
        Some(output) if !output.get().starts_with('[') => Said::Foreign("a 200 without output"),
        // A run in the background says nothing yet, and one that was cut may have nothing to say.
        Some(output) if is_something(output) || usage.was_billed() => Said::Answer(usage),
        Some(_) if matches!(status, Some("queued" | "in_progress" | "incomplete" | "cancelled")) => {
            Said::Answer(usage)
        }
        Some(_) => Said::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(events: &[&str]) -> (Vec<Mark>, Standing, Numbering) {
        let (mut standing, mut numbering) = (Standing::default(), Numbering::default());
        let mut mark = |event: &&str| {
            numbering.passed(event.as_bytes());
            read(event.as_bytes(), &mut standing, &mut numbering)
        };
        let marks = events.iter().map(&mut mark).collect();
        (marks, standing, numbering)
    }

    #[test]
    fn nothing_is_said_before_the_first_words_thought_or_call() {
        let silent = [
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"r1","status":"in_progress","error":null,"output":[]}}"#,
            r#"{"type":"response.in_progress","sequence_number":1,"response":{"id":"r1"}}"#,
            r#"{"type":"response.output_item.added","sequence_number":2,"item":{"type":"message","content":[]}}"#,
            r#"{"type":"response.content_part.added","sequence_number":3,"part":{"type":"output_text","text":"","annotations":[]}}"#,
            r#"{"type":"response.output_text.delta","sequence_number":4,"delta":""}"#,
            r#"{"type":"keepalive","sequence_number":5}"#,
        ];
        let (seen, _, numbering) = marks(&silent);
        assert_eq!(seen, vec![Mark::Lifecycle; silent.len()]);
        assert_eq!((numbering.next_sequence, numbering.response_id.as_deref()), (6, Some("r1")));
        for said in [
            r#"{"type":"response.output_text.delta","delta":"a"}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"a"}"#,
            r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#,
            r#"{"type":"response.output_item.done","item":{"type":"reasoning","encrypted_content":"x"}}"#,
        ] {
            assert_eq!(marks(&[said]).0, [Mark::Content], "{said}");
        }
    }

    #[test]
    fn only_a_completed_or_incomplete_response_ends_well() {
        let begun = r#"{"type":"response.output_text.delta","delta":"a"}"#;
        for (end, mark) in [
            (
                r#"{"type":"response.completed","response":{"status":"completed","usage":{"output_tokens":2}}}"#,
                Mark::Terminal,
            ),
            (r#"{"type":"response.incomplete","response":{"status":"incomplete"}}"#, Mark::Terminal),
            (r#"{"type":"response.failed","response":{"error":{"code":"server_error"}}}"#, Mark::Error),
            (r#"{"type":"error","code":"x","message":"y"}"#, Mark::Error),
            (r#"{"error":{"message":"y"}}"#, Mark::Error),
            (r#"{"type":"response.output_text.done","text":"a"}"#, Mark::Content),
            (r#"{"type":"response.output_"#, Mark::Error),
        ] {
            let (seen, standing, _) = marks(&[begun, end]);
            assert_eq!(seen[1], mark, "{end}");
            assert_eq!(standing.is_complete, mark == Mark::Terminal, "{end}");
        }
    }

    #[test]
    fn servers_that_number_nothing_are_counted() {
        let (_, _, numbering) = marks(&[r#"{"type":"response.created","response":{}}"#, r#"{"type":"x"}"#]);
        assert_eq!(numbering.next_sequence, 2);
    }
}
