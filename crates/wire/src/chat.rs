//! OpenAI Chat Completions, and completions and embeddings beside it: what their JSON says about an answer.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;
use standin_core::Operation;

use crate::{
    frame::Mark,
    reply::Said,
    standing::Standing,
    usage::{ChatUsage, Usage, lenient},
    value::{is_set, is_something, looks_whole, says_something, word},
};

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static INDEX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"index\""));

/// The parts of an answer, or of one chunk of it, that say how it stands.
#[derive(Debug, Default, Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    /// Embeddings and lists.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<ChatUsage>,
    /// Groq.
    #[serde(default, deserialize_with = "lenient")]
    x_groq: Option<Vendor>,
}

/// Usage where a vendor puts it beside the usual place.
#[derive(Debug, Default, Deserialize)]
struct Vendor {
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<ChatUsage>,
}

/// One choice.
#[derive(Debug, Default, Deserialize)]
struct Choice<'a> {
    #[serde(default, deserialize_with = "lenient")]
    index: Option<u64>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    /// Moonshot.
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<ChatUsage>,
}

impl Choice<'_> {
    /// Why the choice ended, if it has.
    fn finish(&self) -> Option<&str> {
        self.finish_reason.map(word).filter(|reason| !matches!(*reason, "null" | ""))
    }

    /// Whether it says anything: text, reasoning, a refusal, a tool call; a role alone says nothing.
    fn has_content(&self) -> bool {
        let mut parts = [self.delta, self.message].into_iter().flatten();
        self.text.is_some_and(is_something) || parts.any(|part| says_something(part, &["role", "channel"]))
    }
}

impl Part<'_> {
    /// Whether it carries an error beside or instead of an answer.
    fn has_error(&self) -> bool {
        let finished_in_error =
            |choices: &Vec<Choice<'_>>| choices.iter().any(|choice| choice.finish() == Some("error"));
        self.error.is_some_and(is_something) || self.choices.as_ref().is_some_and(finished_in_error)
    }

    fn take_usage(&mut self) -> Option<Usage> {
        let vendor = self.x_groq.take().and_then(|vendor| vendor.usage);
        let choices = self.choices.iter_mut().flatten();
        let inside = choices.filter_map(|choice| choice.usage.take()).last();
        self.usage.take().or(vendor).or(inside).map(Usage::from)
    }
}

/// Whether an ended choice without content is an answer all the same: cut, filtered, or a call of a tool.
fn is_silent_answer(finish: &str) -> bool {
    !matches!(finish, "stop" | "eos" | "end_turn" | "error")
}

/// Takes note of one chunk.
pub(crate) fn read(data: &[u8], standing: &mut Standing) -> Mark {
    if standing.has_content && is_plain(data) {
        return standing.mark();
    }
    let Ok(mut part) = serde_json::from_slice::<Part<'_>>(data) else {
        return standing.mark_of_stranger(data);
    };
    if part.has_error() {
        return Mark::Error;
    }
    if let Some(usage) = part.take_usage() {
        standing.usage = usage;
    }
    for choice in part.choices.iter().flatten() {
        standing.has_content |= choice.has_content();
        let finish = choice.finish();
        standing.is_silent_answer |= finish.is_some_and(is_silent_answer);
        standing.follow(choice.index.unwrap_or(0), finish.is_some());
    }
    standing.mark()
}

/// Whether a chunk can only go on saying something: nothing in it can end the answer or begin another choice.
fn is_plain(data: &[u8]) -> bool {
    looks_whole(data)
        && ERROR.find(data).is_none()
        && !is_set(&FINISH, data)
        && !is_set(&USAGE, data)
        && INDEX.find_iter(data).all(|at| is_zero(&data[at + 7..]))
}

/// Whether a value that begins behind a key is the number zero.
fn is_zero(after: &[u8]) -> bool {
    let value = after.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
    value.first() == Some(&b'0')
}

/// Reads a whole reply.
pub(crate) fn reply(operation: Operation, text: &str) -> Option<Said> {
    let mut part = serde_json::from_str::<Part<'_>>(text).ok()?;
    if part.has_error() {
        return Some(Said::Error);
    }
    let usage = part.take_usage().unwrap_or_default();
    if operation == Operation::Embeddings {
        return Some(match part.data.map(RawValue::get) {
            Some("[]") => Said::Nothing,
            Some(data) if data.starts_with('[') => Said::Answer(usage),
            _ => Said::Foreign("a 200 without embeddings"),
        });
    }
    let Some(choices) = part.choices else { return Some(Said::Foreign("a 200 without choices")) };
    let speaks = |choice: &Choice<'_>| choice.has_content() || choice.finish().is_some_and(is_silent_answer);
    let is_answer = choices.iter().any(speaks) || (usage.was_billed() && !choices.is_empty());
    Some(if is_answer { Said::Answer(usage) } else { Said::Nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> Part<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_role_and_empty_fields_say_nothing_and_everything_else_does() {
        let says = |delta: &str| {
            let json = format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#);
            part(&json).choices.unwrap()[0].has_content()
        };
        for silent in
            [r#"{"role":"assistant"}"#, r#"{"role":"assistant","content":"","refusal":null}"#, "{}", "null"]
        {
            assert!(!says(silent), "{silent}");
        }
        for said in [r#"{"content":"a"}"#, r#"{"reasoning_content":"a"}"#, r#"{"tool_calls":[{"index":0}]}"#]
        {
            assert!(says(said), "{said}");
        }
    }

    #[test]
    fn an_error_beside_choices_and_a_finish_reason_of_error_are_errors() {
        assert!(part(r#"{"choices":[],"error":{"message":"x"}}"#).has_error());
        assert!(part(r#"{"choices":[{"finish_reason":"error"}]}"#).has_error());
        assert!(!part(r#"{"choices":[{"finish_reason":null}],"error":null}"#).has_error());
    }

    #[test]
    fn usage_is_found_where_vendors_put_it() {
        let input = |json: &str| part(json).take_usage().and_then(|usage| usage.input_tokens);
        assert_eq!(input(r#"{"usage":{"prompt_tokens":3}}"#), Some(3));
        assert_eq!(input(r#"{"usage":null,"x_groq":{"usage":{"prompt_tokens":3}}}"#), Some(3));
        assert_eq!(input(r#"{"choices":[{"usage":{"prompt_tokens":3}}]}"#), Some(3));
        assert_eq!(input(r#"{"usage":{"prompt_tokens":"many"}}"#), None);
    }
}
