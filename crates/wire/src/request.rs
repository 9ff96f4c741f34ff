//! The few facts of a request body that routing needs, found in one pass over borrowed values.
//!
//! The whole body is validated as JSON and nothing of it is copied or reordered; what the upstream thinks of the
//! other fields is the upstream's business.

use std::{borrow::Cow, ops::Range, sync::Arc};

use standin_core::{Dialect, Operation};

use crate::{
    conversation::session,
    depth,
    top::{Fault, Field, Top},
};

/// Bytes of a model name that are accepted.
pub const MODEL_BYTES_MAX: usize = 256;
/// Bytes of the text of a [`BadRequest`].
pub const MESSAGE_BYTES_MAX: usize = 2048;

/// What a body says that routing needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The model asked for, without JSON escapes; `None` where the path names it.
    pub model: Option<Arc<str>>,
    /// Where the model's JSON string stands in the body, quotes included.
    pub model_span: Option<Range<usize>>,
    /// Whether the answer is to be a stream.
    pub is_streaming: bool,
    /// Whether a chat stream is to end with a usage chunk.
    pub wants_usage: bool,
    /// Digest of the body's own session key, in the key order of the policy.
    pub session: Option<u64>,
    /// Digest of model, system prompt and first user message.
    pub opening: u64,
    /// Whether the conversation already holds an assistant turn.
    pub has_assistant_turn: bool,
}

/// A body that cannot be routed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRequest {
    /// The field at fault, if one is.
    pub param: Option<&'static str>,
    /// What is wrong, for the caller.
    pub message: String,
}

impl BadRequest {
    pub(crate) fn new(param: Option<&'static str>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        Self { param, message }
    }
}

/// Reads the head of a request body.
///
/// # Errors
/// When it is no JSON object, nests too deeply, names a routing field twice, or has a field of the wrong kind.
pub fn read_request(dialect: Dialect, operation: Operation, body: &[u8]) -> Result<RequestHead, BadRequest> {
    let top = Top::read(body).map_err(|fault| described(fault, body))?;
    let mut head = RequestHead { is_streaming: top.flag()?, ..RequestHead::default() };
    // Gemini names the model in the path; what is passed through as it is may have none.
    let is_optional = dialect == Dialect::Gemini || operation == Operation::Passthrough;
    if top.at(Field::Model).is_some() || !is_optional {
        let missing = || BadRequest::new(Some("model"), "you must provide a model parameter");
        let span = top.at(Field::Model).ok_or_else(missing)?;
        head.model = Some(model_name(&body[span.clone()])?);
        head.model_span = Some(span);
    }
    head.wants_usage =
        top.raw(Field::StreamOptions).is_some_and(|raw| memchr::memmem::find(raw, b"true").is_some());
    head.session = session(&top);
    head.opening = top.opening(head.model.as_deref());
    head.has_assistant_turn = top.turns.has_assistant;
    Ok(head)
}

/// What a body is refused for. The scanner gives no reasons; the parser that does is only asked now.
fn described(fault: Fault, body: &[u8]) -> BadRequest {
    let refuse = |why: &dyn std::fmt::Display| {
        BadRequest::new(None, format!("We could not parse the JSON body of your request: {why}"))
    };
    if let Fault::Twice(name) = fault {
        return BadRequest { param: Some(name), ..refuse(&format_args!("duplicate field `{name}`")) };
    }
    if let Err(message) = depth::check(body) {
        return BadRequest::new(None, message);
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return BadRequest::new(None, "The body is not valid UTF-8.");
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Err(error) => refuse(&error),
        Ok(_) => refuse(&"expected a JSON object"),
    }
}

fn model_name(raw: &[u8]) -> Result<Arc<str>, BadRequest> {
    let bad = |message: String| BadRequest::new(Some("model"), message);
    let model = text_of(raw).ok_or_else(|| bad("Invalid type for 'model': expected a string.".to_owned()))?;
    if model.is_empty() {
        return Err(bad("you must provide a model parameter".to_owned()));
    }
    if model.len() > MODEL_BYTES_MAX {
        return Err(bad(format!("Invalid 'model': longer than {MODEL_BYTES_MAX} bytes.")));
    }
    Ok(model.into())
}

/// The text of a JSON string; most have no escape, and are taken as they stand.
fn text_of(raw: &[u8]) -> Option<Cow<'_, str>> {
    match raw.strip_prefix(b"\"")?.strip_suffix(b"\"")? {
        plain if memchr::memchr(b'\\', plain).is_none() => std::str::from_utf8(plain).ok().map(Cow::Borrowed),
        _ => serde_json::from_slice(raw).ok().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(body: &str) -> Result<RequestHead, BadRequest> {
        read_request(Dialect::OpenaiChat, Operation::ChatCompletions, body.as_bytes())
    }

    #[test]
    fn the_model_is_found_with_its_place_wherever_it_stands() {
        let body =
            r#"{"messages":[{"role":"user","content":"model"}], "model" : "gpt-\u0035" ,"stream":true}"#;
        let head = chat(body).unwrap();
        assert_eq!(head.model.as_deref(), Some("gpt-5"));
        assert_eq!(&body[head.model_span.unwrap()], r#""gpt-\u0035""#);
        assert!(head.is_streaming && !head.has_assistant_turn);
    }

    #[test]
    fn what_cannot_be_routed_is_refused_and_names_its_field() {
        let cases = [
            (r#"{"messages":[]}"#, Some("model")),
            (r#"{"model":""}"#, Some("model")),
            (r#"{"model":["a"]}"#, Some("model")),
            (r#"{"model":"a","model":"b"}"#, Some("model")),
            (r#"{"model":"a","mod\u0065l":"b"}"#, Some("model")),
            (r#"{"model":"a","stream":"yes"}"#, Some("stream")),
            (r#"{"model":"a","stream":true,"stream":false}"#, Some("stream")),
            (r#"["model"]"#, None),
            (r#"{"model":"a""#, None),
            ("", None),
            ("\u{1}", None),
        ];
        for (body, param) in cases {
            let bad = chat(body).unwrap_err();
            assert_eq!(bad.param, param, "{body}: {}", bad.message);
            assert!(!bad.message.is_empty() && bad.message.len() <= MESSAGE_BYTES_MAX);
        }
        let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(10_240));
        assert_eq!(chat(&long).unwrap_err().param, Some("model"));
        let invalid = b"{\"model\":\"\xff\"}";
        assert!(read_request(Dialect::OpenaiChat, Operation::ChatCompletions, invalid).is_err());
    }

    #[test]
    fn a_conversation_that_is_no_list_of_turns_has_an_opening_too() {
        let opening = |turns: &str| chat(&format!(r#"{{"model":"m","input":{turns}}}"#)).unwrap().opening;
        let openings =
            ["\"hi\"", "\"ho\"", r#"["hi"]"#, r#"["hi",{"role":"assistant"}]"#, "null"].map(opening);
        for (at, one) in openings.iter().enumerate() {
            assert!(!openings[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn a_prompt_template_may_stand_beside_the_input_and_only_one_name_twice_is_refused() {
        let body = r#"{"model":"m","prompt":{"id":"pmpt_1"},"input":[{"role":"assistant"}]}"#;
        assert!(chat(body).unwrap().has_assistant_turn);
        assert_eq!(chat(r#"{"model":"m","input":[],"input":[]}"#).unwrap_err().param, Some("input"));
    }
}
