//! Google's Gemini API: what its chunks and its replies say about an answer.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;
use standin_core::Operation;

use crate::{
    frame::Mark,
    reply::Said,
    standing::Standing,
    usage::{GeminiUsage, Usage, lenient},
    value::{is_set, is_something, looks_whole, says_something, word},
};

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finishReason\""));
static BLOCK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"blockReason\""));
static INDEX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"index\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usageMetadata\""));

/// An answer, or one chunk of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(default, deserialize_with = "lenient")]
    usage_metadata: Option<GeminiUsage>,
    /// The envelope of Code Assist.
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    embedding: Option<&'a RawValue>,
    #[serde(borrow, default)]
    embeddings: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_tokens: Option<&'a RawValue>,
}

/// One candidate.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(default, deserialize_with = "lenient")]
    index: Option<u64>,
    /// A word, or a number where the sender writes enums so.
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
}

#[derive(Debug, Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback<'a> {
    #[serde(borrow, default)]
    block_reason: Option<&'a RawValue>,
}

impl<'a> Part<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let part: Self = serde_json::from_slice(data).ok()?;
        match part.response {
            Some(inner) if part.candidates.is_none() => serde_json::from_str(inner.get()).ok(),
            _ => Some(part),
        }
    }

    fn is_blocked(&self) -> bool {
        let reason = self.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason);
        reason.is_some_and(|reason| !is_unspecified(word(reason)))
    }
}

impl Candidate<'_> {
    fn finish(&self) -> Option<&str> {
        self.finish_reason.map(word).filter(|reason| !is_unspecified(reason))
    }

    /// Whether it says anything: text, a thought, a call, media. An empty text says nothing.
    fn has_content(&self) -> bool {
        let parts = self.content.iter().flat_map(|content| content.parts.iter().flatten());
        parts.into_iter().any(|part| says_something(part, &["thought"]))
    }
}

fn is_unspecified(word: &str) -> bool {
    matches!(word, "null" | "" | "0") || word.ends_with("_UNSPECIFIED")
}

/// Whether a candidate without content is an answer all the same: cut, filtered, or gone wrong on its own account.
fn is_silent_answer(finish: &str) -> bool {
    !matches!(finish, "STOP" | "1")
}

/// The usage of the last chunk that had one, unread: nearly every chunk repeats it, and only the last one counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastUsage(Vec<u8>);

impl LastUsage {
    fn keep(&mut self, data: &[u8]) {
        if let Some(at) = USAGE.find(data) {
            self.0.clear();
            self.0.extend_from_slice(&data[at..]);
        }
    }

    pub(crate) fn read(&self) -> Option<Usage> {
        let object = &self.0[self.0.iter().position(|byte| *byte == b'{')?..];
        let usage = serde_json::Deserializer::from_slice(object).into_iter::<GeminiUsage>().next()?;
        usage.ok().map(Usage::from)
    }
}

/// Takes note of one chunk.
pub(crate) fn read(data: &[u8], standing: &mut Standing, usage: &mut LastUsage) -> Mark {
    if standing.has_content && is_plain(data) {
        usage.keep(data);
        return standing.mark();
    }
    let Some(mut part) = Part::read(data) else {
        return standing.mark_of_stranger(data);
    };
    if part.error.is_some_and(is_something) {
        // The chunks before it may each have claimed to be the last one.
        standing.is_complete = false;
        return Mark::Error;
    }
    if let Some(said) = part.usage_metadata.take() {
        usage.keep(data);
        standing.usage = said.into();
    }
    let is_blocked = part.is_blocked();
    for candidate in part.candidates.iter().flatten() {
        standing.has_content |= candidate.has_content();
        let finish = candidate.finish();
        standing.is_silent_answer |= finish.is_some_and(is_silent_answer);
        standing.follow(candidate.index.unwrap_or(0), finish.is_some());
    }
    standing.is_complete |= is_blocked;
    standing.is_silent_answer |= is_blocked;
    standing.mark()
}

/// Whether a chunk can only go on saying something: nothing in it can end the answer or begin another candidate.
fn is_plain(data: &[u8]) -> bool {
    let is_first = |at: usize| {
        let value = data[at + INDEX.needle().len()..].trim_ascii_start().strip_prefix(b":");
        value.is_some_and(|value| value.trim_ascii_start().starts_with(b"0"))
    };
    looks_whole(data)
        && ERROR.find(data).is_none()
        && !is_set(&FINISH, data)
        && BLOCK.find(data).is_none()
        && INDEX.find_iter(data).all(is_first)
}

/// Reads a whole reply.
pub(crate) fn reply(operation: Operation, text: &str) -> Option<Said> {
    let mut part = Part::read(text.as_bytes())?;
    if part.error.is_some_and(is_something) {
        return Some(Said::Error);
    }
    let usage = part.usage_metadata.take().map(Usage::from).unwrap_or_default();
    let known = |is_there: bool, what| if is_there { Said::Answer(usage) } else { Said::Foreign(what) };
    match operation {
        Operation::CountTokens => return Some(known(part.total_tokens.is_some(), "a 200 without a count")),
        Operation::EmbedContent | Operation::BatchEmbedContents => {
            let is_there = part.embedding.or(part.embeddings).is_some_and(is_something);
            return Some(known(is_there, "a 200 without embeddings"));
        }
        _ => {}
    }
    let speaks = |candidate: &Candidate<'_>| {
        candidate.has_content() || candidate.finish().is_some_and(is_silent_answer)
    };
    Some(match &part.candidates {
        Some(candidates) if candidates.iter().any(speaks) => Said::Answer(usage),
        _ if part.is_blocked() => Said::Answer(usage),
        Some(candidates) if !candidates.is_empty() && usage.was_billed() => Said::Answer(usage),
        None if part.prompt_feedback.is_none() => Said::Foreign("a 200 without candidates"),
        _ => Said::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(chunks: &[&str]) -> (Vec<Mark>, Standing, LastUsage) {
        let (mut standing, mut usage) = (Standing::default(), LastUsage::default());
        let marks = chunks.iter().map(|chunk| read(chunk.as_bytes(), &mut standing, &mut usage)).collect();
        (marks, standing, usage)
    }

    fn chunk(parts: &str, rest: &str) -> String {
        format!(
            r#"{{"candidates": [{{"content": {{"parts": [{parts}],"role": "model"}},"index": 0{rest}}}]}}"#
        )
    }

    #[test]
    fn empty_parts_say_nothing_and_words_thoughts_and_calls_do() {
        for silent in ["", r#"{"text": ""}"#, r#"{"text": "","thought": true}"#] {
            assert_eq!(marks(&[&chunk(silent, "")]).0, [Mark::Lifecycle], "{silent}");
        }
        for said in
            [r#"{"text": "a"}"#, r#"{"thought": true,"text": "a"}"#, r#"{"functionCall": {"name": "f"}}"#]
        {
            assert_eq!(marks(&[&chunk(said, "")]).0, [Mark::Content], "{said}");
        }
    }

    #[test]
    fn a_finish_reason_or_a_block_ends_and_an_error_takes_it_back() {
        let said = chunk(r#"{"text": "a"}"#, "");
        let last = chunk(r#"{"text": "b"}"#, r#","finishReason": "STOP""#);
        assert_eq!(marks(&[&said, &last]).0, [Mark::Content, Mark::Terminal]);
        let numbered = last.replace("\"STOP\"", "1");
        assert_eq!(marks(&[&said, &numbered]).0[1], Mark::Terminal);
        let (seen, standing, _) = marks(&[&said, &last, r#"{"error": {"code": 499}}"#]);
        assert_eq!((seen[2], standing.is_complete), (Mark::Error, false));
        let blocked = r#"{"promptFeedback": {"blockReason": "SAFETY"}}"#;
        let (seen, standing, _) = marks(&[blocked]);
        assert_eq!(seen, [Mark::Terminal]);
        assert!(!standing.is_empty());
    }

    #[test]
    fn the_usage_of_the_last_chunk_counts_even_if_that_was_not_parsed() {
        let with = |n: u32| {
            format!(
                r#"{{"candidates": [{{"content": {{"parts": [{{"text": "a"}}]}}}}],"usageMetadata": {{"promptTokenCount": {n}}},"modelVersion": "x"}}"#
            )
        };
        let (_, _, usage) = marks(&[&with(1), &with(2)]);
        assert_eq!(usage.read().and_then(|usage| usage.input_tokens), Some(2));
    }

    #[test]
    fn the_envelope_of_code_assist_is_looked_into() {
        let wrapped =
            format!(r#"{{"response": {}}}"#, chunk(r#"{"text": "a"}"#, r#","finishReason": "STOP""#));
        assert_eq!(marks(&[&wrapped]).0, [Mark::Terminal]);
    }
}
