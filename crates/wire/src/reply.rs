//! Whole replies under a 2xx: whether there is an answer in them.

use std::ops::Range;

use standin_core::{Dialect, Operation};

use crate::{
    chat::{Part, is_silent_answer},
    usage::Usage,
};

/// What a whole 2xx body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WholeReply {
    /// An answer.
    Complete {
        /// Where the model's JSON string stands in the body, quotes included.
        model_span: Option<Range<usize>>,
        /// What it used.
        usage: Usage,
    },
    /// It has the shape of an answer and says nothing.
    Empty,
    /// It carries an error.
    ErrorInside,
    /// It is something else; the text says what.
    NotTheDialect(&'static str),
}

/// Reads a 2xx body that is not a stream.
#[must_use]
pub fn read_reply(dialect: Dialect, operation: Operation, body: &[u8]) -> WholeReply {
    if operation == Operation::Passthrough || dialect != Dialect::OpenaiChat {
        return WholeReply::Complete { model_span: None, usage: Usage::default() };
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return WholeReply::NotTheDialect("a 200 that is no UTF-8 text");
    };
    let trimmed = text.trim_start();
    if trimmed.is_empty() {
        return WholeReply::NotTheDialect("a 200 with an empty body");
    }
    if trimmed.starts_with('<') {
        return WholeReply::NotTheDialect("a 200 with an HTML page");
    }
    let Ok(mut part) = serde_json::from_str::<Part<'_>>(text) else {
        return WholeReply::NotTheDialect("a 200 with broken or foreign JSON");
    };
    if part.has_error() {
        return WholeReply::ErrorInside;
    }
    let usage = part.take_usage().unwrap_or_default();
    let model = part.model.map(|raw| raw.get()).filter(|raw| raw.starts_with('"'));
    let model_span = model.map(|raw| {
        let start = raw.as_ptr().addr() - text.as_ptr().addr();
        start..start + raw.len()
    });
    let complete = WholeReply::Complete { model_span, usage };
    if operation == Operation::Embeddings {
        return match part.data.map(|raw| raw.get()) {
            Some("[]") => WholeReply::Empty,
            Some(data) if data.starts_with('[') => complete,
            _ => WholeReply::NotTheDialect("a 200 without embeddings"),
        };
    }
    let Some(choices) = part.choices else { return WholeReply::NotTheDialect("a 200 without choices") };
    let speaks = |choice: &crate::chat::Choice<'_>| {
        choice.has_content() || choice.finish().is_some_and(is_silent_answer)
    };
    let was_billed = usage.output_tokens.is_some_and(|tokens| tokens > 0);
    if choices.iter().any(speaks) || (was_billed && !choices.is_empty()) {
        complete
    } else {
        WholeReply::Empty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &str) -> WholeReply {
        read_reply(Dialect::OpenaiChat, Operation::ChatCompletions, body.as_bytes())
    }

    #[test]
    fn an_answer_is_complete_and_its_model_can_be_replaced() {
        let body = r#"{"id":"x","model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
        let WholeReply::Complete { model_span, usage } = chat(body) else { panic!("{:?}", chat(body)) };
        assert_eq!(&body[model_span.unwrap()], "\"up\"");
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (Some(3), Some(1), None));
    }

    #[test]
    fn what_says_nothing_is_empty_unless_it_was_cut_filtered_or_billed() {
        let body = |finish: &str, usage: &str| {
            format!(
                r#"{{"choices":[{{"message":{{"role":"assistant","content":""}},"finish_reason":"{finish}"}}]{usage}}}"#
            )
        };
        assert_eq!(chat(&body("stop", "")), WholeReply::Empty);
        assert_eq!(chat(r#"{"choices":[]}"#), WholeReply::Empty);
        for finish in ["length", "content_filter", "tool_calls"] {
            assert!(matches!(chat(&body(finish, "")), WholeReply::Complete { .. }), "{finish}");
        }
        let billed = body("stop", r#","usage":{"completion_tokens":1}"#);
        assert!(matches!(chat(&billed), WholeReply::Complete { .. }));
    }

    #[test]
    fn html_nothing_and_errors_are_no_answers() {
        assert_eq!(chat(r#"{"error":{"message":"x"}}"#), WholeReply::ErrorInside);
        for body in ["", "  \n", "<html></html>", "{\"choices\":[", "\"text\"", "{}"] {
            assert!(matches!(chat(body), WholeReply::NotTheDialect(_)), "{body:?}: {:?}", chat(body));
        }
    }
}
