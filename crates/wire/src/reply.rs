//! Whole replies under a 2xx: whether there is an answer in them.

use std::ops::Range;

use standin_core::{Dialect, Operation};

use crate::{
    chat, gemini,
    glance::{Ordinary, glance},
    messages,
    rename::model_span,
    responses,
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
        /// The id by which a later request may go on from it, where the upstream keeps it.
        kept_as: Option<String>,
    },
    /// It has the shape of an answer and says nothing.
    Empty,
    /// It carries an error.
    ErrorInside,
    /// It is something else; the text says what.
    NotTheDialect(&'static str),
}

/// What a dialect finds in a reply.
pub(crate) enum Said {
    Answer(Usage),
    Nothing,
    Error,
    Foreign(&'static str),
}

/// Reads a 2xx body that is not a stream.
#[must_use]
pub fn read_reply(dialect: Dialect, operation: Operation, body: &[u8]) -> WholeReply {
    if operation == Operation::Passthrough {
        return WholeReply::Complete { model_span: None, usage: Usage::default(), kept_as: None };
    }
    if operation == Operation::ChatCompletions
        && dialect == Dialect::OpenaiChat
        && let Some(Ordinary { model_span, usage }) = glance(body)
    {
        return WholeReply::Complete { model_span, usage, kept_as: None };
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
    let said = match dialect {
        Dialect::OpenaiChat => chat::reply(operation, text),
        Dialect::OpenaiResponses => responses::reply(operation, text),
        Dialect::AnthropicMessages => messages::reply(operation, text),
        Dialect::Gemini => gemini::reply(operation, text),
    };
    match said {
        None => WholeReply::NotTheDialect("a 200 with broken or foreign JSON"),
        Some(Said::Foreign(what)) => WholeReply::NotTheDialect(what),
        Some(Said::Error) => WholeReply::ErrorInside,
        Some(Said::Nothing) => WholeReply::Empty,
        Some(Said::Answer(usage)) => {
            let is_kept = operation == Operation::Responses;
            let kept_as = is_kept.then(|| responses::kept_as(text)).flatten();
            WholeReply::Complete { model_span: model_span(dialect, body), usage, kept_as }
        }
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
        let WholeReply::Complete { model_span, usage, .. } = chat(body) else { panic!("{:?}", chat(body)) };
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

    #[test]
    fn every_dialect_tells_answers_from_nothing_errors_and_other_things() {
        let read = |dialect, operation, body: &str| match read_reply(dialect, operation, body.as_bytes()) {
            WholeReply::Complete { model_span, .. } => {
                format!("answer {}", model_span.map_or("", |span| &body[span]))
            }
            WholeReply::Empty => "empty".to_owned(),
            WholeReply::ErrorInside => "error".to_owned(),
            WholeReply::NotTheDialect(_) => "foreign".to_owned(),
        };
        let responses = |body| read(Dialect::OpenaiResponses, Operation::Responses, body);
        assert_eq!(responses(r#"{"object":"response","model":"m","output":[{}]}"#), "answer \"m\"");
        assert_eq!(responses(r#"{"object":"response","status":"in_progress","output":[]}"#), "answer ");
        assert_eq!(responses(r#"{"object":"response","status":"completed","output":[]}"#), "empty");
        assert_eq!(responses(r#"{"status":"failed","output":[]}"#), "error");
        assert_eq!(responses("{}"), "foreign");
        let messages = |body| read(Dialect::AnthropicMessages, Operation::Messages, body);
        assert_eq!(messages(r#"{"model":"m","content":[{"type":"text"}]}"#), "answer \"m\"");
        assert_eq!(messages(r#"{"content":[],"stop_reason":"refusal"}"#), "answer ");
        assert_eq!(messages(r#"{"content":[],"stop_reason":"end_turn"}"#), "empty");
        assert_eq!(messages(r#"{"type":"error","error":{}}"#), "error");
        assert_eq!(messages("{}"), "foreign");
        let gemini = |body| read(Dialect::Gemini, Operation::GenerateContent, body);
        assert_eq!(
            gemini(r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"modelVersion":"m"}"#),
            "answer \"m\""
        );
        assert_eq!(gemini(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#), "answer ");
        assert_eq!(gemini(r#"{"candidates":[]}"#), "empty");
        assert_eq!(gemini(r#"{"error":{"code":500}}"#), "error");
        assert_eq!(gemini("{}"), "foreign");
        let count = |dialect, body| read(dialect, Operation::CountTokens, body);
        assert_eq!(count(Dialect::Gemini, r#"{"totalTokens":3}"#), "answer ");
        assert_eq!(count(Dialect::AnthropicMessages, r#"{"input_tokens":3}"#), "answer ");
        assert_eq!(count(Dialect::OpenaiResponses, r#"{"input_tokens":3}"#), "answer ");
        assert_eq!(count(Dialect::OpenaiResponses, r#"{"tokens":3}"#), "foreign");
    }
}
