//! What the ChatGPT backend wants of a request that OpenAI's API does not. It happens here and nowhere else.
//!
//! The backend keeps nothing (`store`), only streams, wants instructions and a list as input, knows the role of a
//! developer but not of a system, and refuses what tunes or bounds an answer. Everything else goes on as it came.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::{Value, json, value::RawValue};
use standin_core::{Operation, UpstreamModel};
use standin_upstream::{CallerRequest, Payload, named_in_body};

/// What the backend refuses with a 400, and an answer can do without.
const REFUSED: [&str; 12] = [
    "frequency_penalty",
    "max_completion_tokens",
    "max_output_tokens",
    "metadata",
    "presence_penalty",
    "prompt_cache_retention",
    "safety_identifier",
    "stream_options",
    "temperature",
    "top_p",
    "truncation",
    "user",
];

/// The caller's body as the backend takes it.
pub(crate) fn prepared(request: &CallerRequest, model: &UpstreamModel) -> Payload {
    let Ok(Top(fields)) = serde_json::from_slice::<Top<'_>>(&request.body) else {
        return named_in_body(request, model);
    };
    let streams = request.operation == Operation::Responses;
    let mut out = Vec::with_capacity(fields.len() + 3);
    for (name, value) in fields {
        let is_ours = matches!(name.as_ref(), "model" | "store" | "stream")
            || (name == "instructions" && value.get() == "null")
            || REFUSED.contains(&name.as_ref());
        match is_ours {
            true => {}
            false if name == "input" => out.push((name, input(value))),
            false => out.push((name, Field::AsItCame(value))),
        }
    }
    let mut put = |name: &'static str, value: Value| out.push((Cow::Borrowed(name), Field::Ours(value)));
    put("model", model.as_str().into());
    if streams {
        put("store", false.into());
        put("stream", true.into());
    }
    if !out.iter().any(|(name, _)| name == "instructions") {
        out.push((Cow::Borrowed("instructions"), Field::Ours("".into())));
    }
    serde_json::to_vec(&Out(out))
        .map_or_else(|_| named_in_body(request, model), |body| Bytes::from(body).into())
}

/// A text becomes a list of one message; a system's message becomes a developer's.
fn input(value: &RawValue) -> Field<'_> {
    if value.get().starts_with('"') {
        let text: String = serde_json::from_str(value.get()).unwrap_or_default();
        let content = json!([{"type": "input_text", "text": text}]);
        return Field::Ours(json!([{"type": "message", "role": "user", "content": content}]));
    }
    if memchr::memmem::find(value.get().as_bytes(), b"\"system\"").is_none() {
        return Field::AsItCame(value);
    }
    let Ok(Value::Array(mut items)) = serde_json::from_str(value.get()) else {
        return Field::AsItCame(value);
    };
    for item in items.iter_mut().filter(|item| item["role"] == "system") {
        item["role"] = "developer".into();
    }
    Field::Ours(items.into())
}

/// The top level of a body, in its own order.
struct Top<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Top<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Top<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
                let mut fields = Vec::with_capacity(16);
                while let Some(entry) = map.next_entry::<Name<'de>, &RawValue>()? {
                    fields.push((entry.0.0, entry.1));
                }
                Ok(Top(fields))
            }
        }
        from.deserialize_map(Fields)
    }
}

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

enum Field<'a> {
    AsItCame(&'a RawValue),
    Ours(Value),
}

impl Serialize for Field<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AsItCame(raw) => raw.serialize(to),
            Self::Ours(value) => value.serialize(to),
        }
    }
}

struct Out<'a>(Vec<(Cow<'a, str>, Field<'a>)>);

impl Serialize for Out<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;
    use http::HeaderMap;
    use standin_core::Dialect;

    use super::*;

    fn prepare(operation: Operation, body: &str) -> String {
        let request = CallerRequest {
            dialect: Dialect::OpenaiResponses,
            operation,
            path: None,
            query: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
            model_span: None,
            model: "coder".into(),
            is_streaming: false,
            headers: HeaderMap::new(),
            request_id: "req_1".into(),
        };
        let mut payload = prepared(&request, &"gpt-x".into());
        String::from_utf8(payload.copy_to_bytes(payload.remaining()).to_vec()).unwrap()
    }

    #[test]
    fn what_the_backend_wants_is_put_in_and_what_it_refuses_left_out() {
        let body = r#"{"model":"coder","temperature":0.5,"input":[{"role":"user","content":"h\u00e9"}],
            "store":true,"max_output_tokens":9,"tools":[ {"type":"namespace", "x": 1.50} ],"reasoning":{"effort":"low"}}"#;
        assert_eq!(
            prepare(Operation::Responses, body),
            r#"{"input":[{"role":"user","content":"h\u00e9"}],"tools":[ {"type":"namespace", "x": 1.50} ],"reasoning":{"effort":"low"},"model":"gpt-x","store":false,"stream":true,"instructions":""}"#
        );
    }

    #[test]
    fn a_text_becomes_a_list_and_a_system_a_developer() {
        assert_eq!(
            prepare(Operation::Responses, r#"{"model":"m","instructions":"be","input":"say \"x\""}"#),
            r#"{"instructions":"be","input":[{"content":[{"text":"say \"x\"","type":"input_text"}],"role":"user","type":"message"}],"model":"gpt-x","store":false,"stream":true}"#
        );
        let body = r#"{"model":"m","instructions":null,"input":[{"role":"system","content":"s"},{"role":"user","content":"system"}]}"#;
        let sent: Value = serde_json::from_str(&prepare(Operation::Responses, body)).unwrap();
        assert_eq!(
            (&sent["input"][0]["role"], &sent["input"][1]["role"]),
            (&json!("developer"), &json!("user"))
        );
        assert_eq!(sent["instructions"], "");
    }

    #[test]
    fn compaction_is_no_stream_and_keeps_nothing_anyway() {
        let sent = prepare(Operation::CompactResponse, r#"{"model":"m","input":[],"instructions":"be"}"#);
        assert_eq!(sent, r#"{"input":[],"instructions":"be","model":"gpt-x"}"#);
    }
}
