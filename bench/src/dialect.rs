//! The APIs that the mock speaks, as coding agents use them: a prompt, a tool and what came of it.
//!
//! The rows of the table are OpenAI Chat, which everybody can compare. The others are there for the compiler's profile:
//! it has to see the paths that agents take.

use std::net::SocketAddr;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::traffic::{self, Ask};

/// An API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Messages,
    Responses,
    Gemini,
}

impl Dialect {
    /// Those that only the profile is taken from.
    pub(crate) const AGENTS: [Self; 3] = [Self::Messages, Self::Responses, Self::Gemini];

    /// The API that a path belongs to.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/v1/messages" => Self::Messages,
            "/v1/responses" => Self::Responses,
            path if path.starts_with("/v1beta/") => Self::Gemini,
            _ => Self::Chat,
        }
    }

    /// The model that a request asks for.
    pub(crate) fn model<'r>(self, path: &'r str, body: &'r [u8]) -> Option<&'r str> {
        match self {
            Self::Chat => traffic::model_of(body),
            Self::Messages | Self::Responses => traffic::model_in(body),
            Self::Gemini => path.strip_prefix("/v1beta/models/")?.split(':').next(),
        }
    }

    /// The product's kind of upstream for it, and the version in its address.
    pub(crate) const fn upstream(self) -> (&'static str, &'static str) {
        match self {
            Self::Chat => ("openai-compat", "v1"),
            Self::Messages => ("anthropic", "v1"),
            Self::Responses => ("codex", "v1"),
            Self::Gemini => ("gemini", "v1beta"),
        }
    }

    /// A request of an agent for `model` with a prompt of about `bytes`.
    pub(crate) fn ask(self, address: SocketAddr, model: &str, is_streaming: bool, bytes: usize) -> Ask {
        let (path, key) = match self {
            Self::Chat => return traffic::ask(address, model, is_streaming, bytes),
            Self::Messages => ("/v1/messages".to_owned(), "anthropic-version: 2023-06-01\r\nx-api-key: "),
            Self::Responses => ("/v1/responses".to_owned(), "authorization: Bearer "),
            Self::Gemini if is_streaming => {
                (format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"), "x-goog-api-key: ")
            }
            Self::Gemini => (format!("/v1beta/models/{model}:generateContent"), "x-goog-api-key: "),
        };
        let body = self.prompt(model, is_streaming, &prose(bytes / 2)).to_string();
        traffic::post(address, &path, key, &body)
    }

    /// A conversation in its second turn: half of it is what a tool has read.
    fn prompt(self, model: &str, is_streaming: bool, prose: &str) -> Value {
        let schema =
            json!({"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]});
        let tool = json!({"name": "read", "description": "Reads a file.", "input_schema": schema});
        match self {
            Self::Chat => Value::Null,
            Self::Messages => json!({
                "model": model,
                "max_tokens": 4096,
                "stream": is_streaming,
                "system": [{"type": "text", "text": "You write programs.", "cache_control": {"type": "ephemeral"}}],
                "tools": [tool],
                "metadata": {"user_id": "user_bench_account_bench_session_7"},
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": prose}]},
                    {"role": "assistant", "content": [
                        {"type": "tool_use", "id": "toolu_bench", "name": "read", "input": {"path": "a.rs"}},
                    ]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_bench", "content": prose},
                    ]},
                ],
            }),
            Self::Responses => json!({
                "model": model,
                "stream": is_streaming,
                "store": false,
                "prompt_cache_key": "bench",
                "instructions": "You write programs.",
                "tools": [{"type": "function", "name": "read", "parameters": schema}],
                "input": [
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": prose}]},
                    {"type": "function_call", "call_id": "call_bench", "name": "read", "arguments": "{\"path\":\"a.rs\"}"},
                    {"type": "function_call_output", "call_id": "call_bench", "output": prose},
                ],
            }),
            Self::Gemini => json!({
                "systemInstruction": {"parts": [{"text": "You write programs."}]},
                "tools": [{"functionDeclarations": [{"name": "read", "parameters": schema}]}],
                "contents": [
                    {"role": "user", "parts": [{"text": prose}]},
                    {"role": "model", "parts": [{"functionCall": {"name": "read", "args": {"path": "a.rs"}}}]},
                    {"role": "user", "parts": [
                        {"functionResponse": {"name": "read", "response": {"output": prose}}},
                    ]},
                ],
            }),
        }
    }

    /// A whole answer of about `bytes`.
    pub(crate) fn whole(self, model: &str, bytes: usize) -> Bytes {
        let text = "word ".repeat(bytes.saturating_sub(300) / 5);
        let answer = match self {
            Self::Chat => return traffic::whole(model, bytes),
            Self::Messages => json!({
                "id": "msg_bench", "type": "message", "role": "assistant", "model": model,
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 9, "output_tokens": 12},
            }),
            Self::Responses => response(model, "completed", &text),
            Self::Gemini => candidate(model, &text, Some("STOP")),
        };
        Bytes::from(answer.to_string())
    }

    /// What begins a stream, if anything stands before its content.
    pub(crate) fn opening(self, model: &str) -> Option<Bytes> {
        match self {
            Self::Chat | Self::Gemini => None,
            Self::Messages => Some(events(&[
                json!({"type": "message_start", "message": {
                    "id": "msg_bench", "type": "message", "role": "assistant", "model": model, "content": [],
                    "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 1},
                }}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
                json!({"type": "ping"}),
            ])),
            Self::Responses => Some(events(&[
                json!({"type": "response.created", "response": response(model, "in_progress", "")}),
                json!({"type": "response.in_progress", "response": response(model, "in_progress", "")}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", "")}),
            ])),
        }
    }

    /// One content event.
    pub(crate) fn event(self, model: &str) -> Bytes {
        let text = "word ".repeat(20);
        match self {
            Self::Chat => traffic::event(model),
            Self::Messages => events(&[json!({
                "type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text},
            })]),
            Self::Responses => events(&[json!({
                "type": "response.output_text.delta", "item_id": "msg_bench", "output_index": 0, "content_index": 0,
                "delta": text,
            })]),
            Self::Gemini => Bytes::from(format!("data: {}\r\n\r\n", candidate(model, &text, None))),
        }
    }

    /// What ends a stream.
    pub(crate) fn ending(self, model: &str) -> Bytes {
        match self {
            Self::Chat => traffic::ending(model),
            Self::Messages => events(&[
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                    "usage": {"output_tokens": 12}}),
                json!({"type": "message_stop"}),
            ]),
            Self::Responses => events(&[
                json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed", "word")}),
                json!({"type": "response.completed", "response": response(model, "completed", "word")}),
            ]),
            Self::Gemini => Bytes::from(format!("data: {}\r\n\r\n", candidate(model, "", Some("STOP")))),
        }
    }
}

fn prose(bytes: usize) -> String {
    traffic::PROSE.replace("\\n", "\n").repeat(bytes / traffic::PROSE.len())
}

/// Events that say their type twice, as Anthropic's and OpenAI's do.
fn events(events: &[Value]) -> Bytes {
    let text = |event: &Value| {
        let kind = event["type"].as_str().unwrap_or_default();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    Bytes::from(events.iter().map(text).collect::<String>())
}

fn response(model: &str, status: &str, text: &str) -> Value {
    let output = if text.is_empty() { json!([]) } else { json!([item(status, text)]) };
    json!({
        "id": "resp_bench", "object": "response", "created_at": 1_700_000_000, "status": status, "model": model,
        "output": output, "usage": {"input_tokens": 9, "output_tokens": 12, "total_tokens": 21},
    })
}

fn item(status: &str, text: &str) -> Value {
    let content = if text.is_empty() {
        json!([])
    } else {
        json!([{"type": "output_text", "text": text, "annotations": []}])
    };
    json!({"type": "message", "id": "msg_bench", "status": status, "role": "assistant", "content": content})
}

fn candidate(model: &str, text: &str, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": [{"text": text}]}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({
        "candidates": [candidate], "modelVersion": model, "responseId": "bench",
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 12, "totalTokenCount": 21},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_path_and_names_its_model() {
        for dialect in Dialect::AGENTS {
            for is_streaming in [false, true] {
                let ask = dialect.ask(([127, 0, 0, 1], 1).into(), "whole-1024", is_streaming, 32 * 1024);
                let text = std::str::from_utf8(&ask.bytes).unwrap();
                let (head, body) = text.split_once("\r\n\r\n").unwrap();
                let path = head.split(' ').nth(1).unwrap().split('?').next().unwrap();
                assert_eq!(Dialect::of(path), dialect);
                assert_eq!(dialect.model(path, body.as_bytes()), Some("whole-1024"), "{dialect:?}");
                assert!(body.len() > 30 * 1024);
            }
        }
    }
}
