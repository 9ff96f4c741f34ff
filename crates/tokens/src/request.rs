//! A request body of any dialect, as far as a model reads it.

use serde_json::{Map, Value};
use standin_core::Dialect;

use crate::{picture, words::Words};

/// What a turn costs beside its words: who speaks, where it begins and ends.
const PER_TURN: u64 = 4;
/// What a tool costs beside its description.
const PER_TOOL: u64 = 8;
/// What the beginning of the answer costs.
const PER_REQUEST: u64 = 3;
/// Characters of base64 that are one token where it is neither text nor picture: documents, audio.
const CHARS_PER_TOKEN: u64 = 64;
/// What a file costs that the request only names.
const PER_NAMED_FILE: u64 = 1500;

/// Where a body says what a model reads. Whatever else it says is for the server.
const TURNS: [&str; 4] = ["messages", "input", "contents", "prompt"];
const SYSTEMS: [&str; 4] = ["system", "instructions", "systemInstruction", "system_instruction"];
const SCHEMAS: [&str; 4] = ["response_format", "text", "output_config", "output_format"];
const TOOLS: [&str; 2] = ["tools", "functions"];
/// Where Gemini puts a schema.
const GEMINI_SCHEMAS: [&str; 2] = ["responseSchema", "responseJsonSchema"];

/// What within a turn is no word to a model: names of kinds, ids, signatures, hints to a cache.
const SILENT: [&str; 17] = [
    "cache_control",
    "call_id",
    "detail",
    "encrypted_content",
    "file_id",
    "format",
    "id",
    "media_type",
    "mimeType",
    "mime_type",
    "phase",
    "role",
    "signature",
    "status",
    "thoughtSignature",
    "tool_call_id",
    "tool_use_id",
];
/// What within a turn is JSON to a model: arguments and results of tools.
const JSON: [&str; 4] = ["input", "args", "arguments", "response"];

/// How many tokens the request has, as near as can be said here; `None` for a body that is no JSON object.
#[must_use]
pub fn estimate(dialect: Dialect, body: &[u8]) -> Option<u64> {
    let mut top: Map<String, Value> = serde_json::from_slice(body).ok()?;
    // Gemini counts a whole request, or the contents of one.
    if let Some(Value::Object(within)) = top.remove("generateContentRequest") {
        top = within;
    }
    let mut count = Count { dialect, words: Words::default(), flat: PER_REQUEST };
    count.top(&top);
    Some(count.words.tokens() + count.flat)
}

struct Count {
    dialect: Dialect,
    words: Words,
    /// What is no text.
    flat: u64,
}

impl Count {
    fn top(&mut self, top: &Map<String, Value>) {
        for (name, value) in top {
            match (name.as_str(), value) {
                (name, Value::Array(turns)) if TURNS.contains(&name) => {
                    for turn in turns {
                        self.flat += PER_TURN;
                        self.part(turn);
                    }
                }
                (name, _) if TURNS.contains(&name) || SYSTEMS.contains(&name) => {
                    self.flat += PER_TURN;
                    self.part(value);
                }
                (name, Value::Array(tools)) if TOOLS.contains(&name) => {
                    for tool in tools {
                        self.flat += PER_TOOL;
                        self.json(tool);
                    }
                }
                (name, Value::Object(_)) if SCHEMAS.contains(&name) => self.json(value),
                ("generationConfig", Value::Object(config)) => {
                    GEMINI_SCHEMAS
                        .iter()
                        .filter_map(|name| config.get(*name))
                        .for_each(|schema| self.json(schema));
                }
                _ => {}
            }
        }
    }

    /// A turn, or a part of one.
    fn part(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.words.add(text),
            Value::Array(parts) => parts.iter().for_each(|part| self.part(part)),
            Value::Object(fields) => {
                if let Some(file) = File::of(fields) {
                    self.file(&file);
                    return;
                }
                for (name, value) in fields {
                    match name.as_str() {
                        "type" => {}
                        name if SILENT.contains(&name) => {}
                        name if JSON.contains(&name) => self.json(value),
                        _ => self.part(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn json(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.words.add(text),
            other => self.words.add(&other.to_string()),
        }
    }

    fn file(&mut self, file: &File<'_>) {
        self.flat += match (file.is_picture, file.data) {
            (true, data) => picture::tokens(self.dialect, data, file.is_low),
            (false, Some(data)) => (data.len() as u64).div_ceil(CHARS_PER_TOKEN),
            (false, None) => PER_NAMED_FILE,
        };
    }
}

/// Something in a turn that is no text.
struct File<'a> {
    is_picture: bool,
    /// Its base64, if the request carries it.
    data: Option<&'a str>,
    is_low: bool,
}

impl<'a> File<'a> {
    /// A part that is a file, in the shape of any dialect.
    fn of(part: &'a Map<String, Value>) -> Option<Self> {
        let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
        let inline = ["inlineData", "inline_data", "fileData", "file_data"]
            .into_iter()
            .find_map(|name| part.get(name));
        let (is_picture, holder) = match kind {
            "image" => (true, part.get("source").or_else(|| part.get("image"))),
            "image_url" | "input_image" => (true, part.get("image_url")),
            "document" if part.get("source").is_none_or(|source| source["type"] != "text") => {
                (false, part.get("source"))
            }
            "input_file" => (false, part.get("file_data")),
            "file" => (false, part.get("file")),
            "input_audio" | "audio" => (false, part.get("input_audio")),
            _ => {
                let inline = inline.filter(|inline| inline.is_object())?;
                let mime = inline.get("mimeType").or_else(|| inline.get("mime_type"));
                (mime.and_then(Value::as_str).is_some_and(|mime| mime.starts_with("image/")), Some(inline))
            }
        };
        let detail = part.get("detail").or_else(|| part.get("image_url")?.get("detail"));
        let is_low = detail.is_some_and(|detail| detail == "low");
        Some(Self { is_picture, data: holder.and_then(data), is_low })
    }
}

/// The base64 within: a field of its own, or a `data:` URL.
fn data(holder: &Value) -> Option<&str> {
    let text = match holder {
        Value::String(text) => text,
        Value::Object(fields) => {
            let known = ["data", "url", "file_data"].into_iter().find_map(|name| fields.get(name)?.as_str());
            known?
        }
        _ => return None,
    };
    if text.starts_with("http://") || text.starts_with("https://") {
        return None;
    }
    Some(text.split_once("base64,").map_or(text, |(_, data)| data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(dialect: Dialect, body: &str) -> u64 {
        estimate(dialect, body.as_bytes()).unwrap()
    }

    #[test]
    fn the_same_words_have_the_same_number_in_every_dialect() {
        let words = "Say the words of the day.";
        let bodies = [
            (
                Dialect::AnthropicMessages,
                format!(
                    r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"{words}"}}]}}"#
                ),
            ),
            (
                Dialect::AnthropicMessages,
                format!(
                    r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{words}","cache_control":{{"type":"ephemeral"}}}}]}}]}}"#
                ),
            ),
            (Dialect::OpenaiResponses, format!(r#"{{"input":"{words}"}}"#)),
            (
                Dialect::OpenaiResponses,
                format!(
                    r#"{{"input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{words}"}}]}}]}}"#
                ),
            ),
            (
                Dialect::Gemini,
                format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"{words}"}}]}}]}}"#),
            ),
            (
                Dialect::Gemini,
                format!(
                    r#"{{"generateContentRequest":{{"contents":[{{"parts":[{{"text":"{words}"}}]}}]}}}}"#
                ),
            ),
        ];
        for (dialect, body) in bodies {
            assert_eq!(count(dialect, &body), 7 + PER_TURN + PER_REQUEST, "{body}");
        }
    }

    #[test]
    fn tools_systems_arguments_and_results_count_and_ids_and_signatures_do_not() {
        let base = count(Dialect::AnthropicMessages, r#"{"messages":[{"role":"user","content":"hi"}]}"#);
        let with = |more: &str| {
            count(
                Dialect::AnthropicMessages,
                &format!(r#"{{"messages":[{{"role":"user","content":"hi"}}]{more}}}"#),
            ) - base
        };
        assert!(
            with(
                r#","tools":[{"name":"read","description":"Reads a file.","input_schema":{"type":"object"}}]"#
            ) > PER_TOOL
        );
        assert!(with(r#","system":[{"type":"text","text":"Be brief."}]"#) > PER_TURN);
        assert_eq!(with(r#","metadata":{"user_id":"a very long name"},"max_tokens":32000"#), 0);
        let turn = |part: &str| {
            count(
                Dialect::AnthropicMessages,
                &format!(r#"{{"messages":[{{"role":"assistant","content":[{part}]}}]}}"#),
            )
        };
        let silent = turn(r#"{"type":"thinking","thinking":"","signature":"c2lnbmF0dXJlc2lnbmF0dXJl"}"#);
        assert_eq!(silent, PER_TURN + PER_REQUEST);
        let call = turn(r#"{"type":"tool_use","id":"toolu_1","name":"read","input":{"path":"/etc/hosts"}}"#);
        assert!(call > silent + 5, "{call}");
        let result = turn(
            r#"{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"127.0.0.1 localhost"}]}"#,
        );
        assert!(result > silent + 5, "{result}");
    }

    #[test]
    fn what_is_no_text_has_a_price_and_is_not_read_as_text() {
        let long = "QUJD".repeat(16_000);
        let picture = |dialect, part: &str| {
            let turns = if dialect == Dialect::Gemini { "contents" } else { "messages" };
            let parts = if dialect == Dialect::Gemini { "parts" } else { "content" };
            let body =
                format!(r#"{{"{turns}":[{{"role":"user","{parts}":[{part}]}}]}}"#).replace("LONG", &long);
            count(dialect, &body) - PER_TURN - PER_REQUEST
        };
        let base64 = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"LONG"}}"#;
        assert_eq!(picture(Dialect::AnthropicMessages, base64), 1600);
        let url = r#"{"type":"image_url","image_url":{"url":"https://x.example/a.png","detail":"low"}}"#;
        assert_eq!(picture(Dialect::OpenaiChat, url), 85);
        assert_eq!(
            picture(
                Dialect::OpenaiChat,
                r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,LONG"}}"#
            ),
            765
        );
        assert_eq!(picture(Dialect::Gemini, r#"{"inlineData":{"mimeType":"image/png","data":"LONG"}}"#), 258);
        assert_eq!(
            picture(Dialect::Gemini, r#"{"inlineData":{"mimeType":"audio/wav","data":"LONG"}}"#),
            1000
        );
        assert_eq!(
            picture(
                Dialect::AnthropicMessages,
                r#"{"type":"document","source":{"type":"file","file_id":"f"}}"#
            ),
            1500
        );
    }

    #[test]
    fn a_body_that_is_no_object_has_no_number_and_an_odd_one_has() {
        assert_eq!(estimate(Dialect::Gemini, b"[]"), None);
        assert_eq!(estimate(Dialect::Gemini, b"{"), None);
        for odd in [
            "{}",
            r#"{"messages":7}"#,
            r#"{"messages":[null,[[{"content":{"a":{"text":[]}}}]]]}"#,
            r#"{"tools":"x"}"#,
        ] {
            assert!(estimate(Dialect::AnthropicMessages, odd.as_bytes()).is_some(), "{odd}");
        }
    }
}
