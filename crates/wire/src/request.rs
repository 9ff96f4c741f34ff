//! The few facts of a request body that routing needs, found in one pass over borrowed values.
//!
//! The whole body is validated as JSON and nothing of it is copied or reordered; what the upstream thinks of the
//! other fields is the upstream's business.

use std::{hash::Hasher, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use standin_core::{Dialect, Operation};

use crate::{depth, digest::Fnv};

/// Bytes of a model name that are accepted.
pub const MODEL_BYTES_MAX: usize = 256;
/// Bytes of the text of a [`BadRequest`].
pub const MESSAGE_BYTES_MAX: usize = 2048;

/// What a body says that routing needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The model asked for, without JSON escapes; `None` where the path names it.
    pub model: Option<String>,
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
    fn new(param: Option<&'static str>, message: impl Into<String>) -> Self {
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
    depth::check(body).map_err(|message| BadRequest::new(None, message))?;
    let text =
        std::str::from_utf8(body).map_err(|_| BadRequest::new(None, "The body is not valid UTF-8."))?;
    let top: Top<'_> = serde_json::from_str(text).map_err(|error| described(&error))?;
    let mut head = RequestHead { is_streaming: top.flag("stream", top.stream)?, ..RequestHead::default() };
    // Gemini names the model in the path; what is passed through as it is may have none.
    let is_optional = dialect == Dialect::Gemini || operation == Operation::Passthrough;
    if top.model.is_some() || !is_optional {
        let raw =
            top.model.ok_or_else(|| BadRequest::new(Some("model"), "you must provide a model parameter"))?;
        let model = model_name(raw)?;
        let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
        head.model_span = Some(start..start + raw.get().len());
        head.model = Some(model);
    }
    head.wants_usage =
        top.stream_options.is_some_and(|raw| memchr::memmem::find(raw.get().as_bytes(), b"true").is_some());
    head.session = top.session();
    (head.opening, head.has_assistant_turn) = top.opening(head.model.as_deref());
    Ok(head)
}

fn described(error: &serde_json::Error) -> BadRequest {
    let text = error.to_string();
    let param = ["model", "stream"].into_iter().find(|name| text.contains(&format!("`{name}`")));
    BadRequest::new(param, format!("We could not parse the JSON body of your request: {text}"))
}

fn model_name(raw: &RawValue) -> Result<String, BadRequest> {
    let bad = |message: String| BadRequest::new(Some("model"), message);
    let model: String = serde_json::from_str(raw.get())
        .map_err(|_| bad("Invalid type for 'model': expected a string.".to_owned()))?;
    if model.is_empty() {
        return Err(bad("you must provide a model parameter".to_owned()));
    }
    if model.len() > MODEL_BYTES_MAX {
        return Err(bad(format!("Invalid 'model': longer than {MODEL_BYTES_MAX} bytes.")));
    }
    Ok(model)
}

/// The top level of a body; a routing field that stands there twice is refused, because a second reader might take
/// the other one.
#[derive(Default)]
struct Top<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    turns: Option<&'a RawValue>,
    system: Option<&'a RawValue>,
    prompt_cache_key: Option<&'a RawValue>,
    previous: Option<&'a RawValue>,
    conversation: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Top<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Top<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut top = Top::default();
                while let Some(key) = map.next_key::<Key>()? {
                    let (slot, name) = match key {
                        Key::Model => (&mut top.model, "model"),
                        Key::Stream => (&mut top.stream, "stream"),
                        Key::StreamOptions => (&mut top.stream_options, "stream_options"),
                        Key::Turns => (&mut top.turns, "messages"),
                        Key::System => (&mut top.system, "system"),
                        Key::Cached => (&mut top.prompt_cache_key, "prompt_cache_key"),
                        Key::Previous => (&mut top.previous, "previous_response_id"),
                        Key::Conversation => (&mut top.conversation, "conversation"),
                        Key::Metadata => (&mut top.metadata, "metadata"),
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if slot.replace(map.next_value()?).is_some() {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                }
                Ok(top)
            }
        }
        from.deserialize_map(Fields)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    Model,
    Stream,
    StreamOptions,
    #[serde(alias = "messages", alias = "input", alias = "contents", alias = "prompt")]
    Turns,
    #[serde(alias = "instructions", alias = "systemInstruction")]
    System,
    #[serde(rename = "prompt_cache_key")]
    Cached,
    #[serde(rename = "previous_response_id")]
    Previous,
    Conversation,
    Metadata,
    #[serde(other)]
    Other,
}

impl Top<'_> {
    fn flag(&self, name: &'static str, raw: Option<&RawValue>) -> Result<bool, BadRequest> {
        match raw.map(RawValue::get) {
            None | Some("null" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                Err(BadRequest::new(Some(name), format!("Invalid type for '{name}': expected a boolean.")))
            }
        }
    }

    /// The first explicit session key in the policy's order.
    fn session(&self) -> Option<u64> {
        let user =
            self.metadata.filter(|raw| memchr::memmem::find(raw.get().as_bytes(), b"session").is_some());
        let keys = [self.prompt_cache_key, self.previous, self.conversation, user];
        let key = keys.into_iter().flatten().find(|raw| !matches!(raw.get(), "null" | "\"\""))?;
        let mut digest = Fnv::new();
        digest.write(key.get().as_bytes());
        Some(digest.finish())
    }

    /// Digest of how the conversation began, and whether it holds an assistant turn.
    fn opening(&self, model: Option<&str>) -> (u64, bool) {
        let mut digest = Fnv::new();
        digest.write(model.unwrap_or_default().as_bytes());
        digest.write(self.system.map_or("", RawValue::get).as_bytes());
        let Some(turns) = self.turns else { return (digest.finish(), false) };
        let Ok(turns) = serde_json::from_str::<Vec<Turn<'_>>>(turns.get()) else {
            digest.write(turns.get().as_bytes());
            return (digest.finish(), false);
        };
        let mut has_assistant_turn = false;
        let mut is_opening = true;
        for turn in &turns {
            if turn.is_assistant() {
                has_assistant_turn = true;
                break;
            }
            if is_opening {
                digest.write(turn.content.map_or("", RawValue::get).as_bytes());
                is_opening = turn.is_system();
            }
        }
        (digest.finish(), has_assistant_turn)
    }
}

/// One turn of a conversation, in any dialect: only who speaks, and what as it stands.
#[derive(Deserialize)]
struct Turn<'a> {
    #[serde(borrow, default)]
    role: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "parts")]
    content: Option<&'a RawValue>,
}

impl Turn<'_> {
    fn is_assistant(&self) -> bool {
        let is = |raw: Option<&RawValue>, names: &[&str]| raw.is_some_and(|raw| names.contains(&raw.get()));
        is(self.role, &["\"assistant\"", "\"model\""])
            || is(self.kind, &["\"reasoning\"", "\"function_call\"", "\"custom_tool_call\""])
    }

    fn is_system(&self) -> bool {
        self.role.is_some_and(|raw| matches!(raw.get(), "\"system\"" | "\"developer\""))
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
    fn later_turns_of_a_conversation_share_the_opening_of_its_first() {
        let first = chat(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#,
        );
        let later = chat(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
                {"role":"assistant","content":"yes"},{"role":"user","content":"and?"}]}"#,
        );
        let (first, later) = (first.unwrap(), later.unwrap());
        assert_eq!(first.opening, later.opening);
        assert_eq!((first.has_assistant_turn, later.has_assistant_turn), (false, true));
        let other = chat(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_ne!(first.opening, other.opening);
    }

    #[test]
    fn an_explicit_session_key_is_read_in_the_order_of_the_policy() {
        let both = chat(r#"{"model":"m","previous_response_id":"r","prompt_cache_key":"k"}"#).unwrap();
        let one = chat(r#"{"prompt_cache_key":"k","model":"m"}"#).unwrap();
        assert_eq!(both.session, one.session);
        assert!(one.session.is_some());
        assert_eq!(chat(r#"{"model":"m","prompt_cache_key":null}"#).unwrap().session, None);
    }
}
