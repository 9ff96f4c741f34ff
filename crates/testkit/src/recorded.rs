//! Recorded traffic of real providers, case by case.

use std::{fs, path::Path};

use serde_json::Value;
use standin_core::{Dialect, Operation};

use crate::shared;

/// One recorded exchange, or the half of it that was kept.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its name, unique within its dialect.
    pub name: String,
    /// The dialect of both halves.
    pub dialect: Dialect,
    /// Who answered.
    pub provider: String,
    /// Status of the reply.
    pub status: u16,
    /// Whether the reply was to be a stream.
    pub is_streaming: bool,
    /// Path and query of the request, if they were kept.
    pub path: Option<String>,
    /// The content type of the reply, if it was kept.
    pub content_type: Option<String>,
    /// The class that a careful operator would give to an error.
    pub error_class: Option<String>,
    /// The body of the request.
    pub request: Option<Vec<u8>>,
    /// The body of the reply.
    pub response: Option<Vec<u8>>,
    kind: String,
    features: Vec<String>,
}

impl Recording {
    /// Whether it was tagged so.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|one| one == feature)
    }

    /// What is special about the reply.
    pub fn reply_features(&self) -> impl Iterator<Item = &str> {
        self.features.iter().map(String::as_str).filter(|feature| !feature.starts_with("req-"))
    }

    /// What was asked for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        let path = self.path.as_deref().unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        match self.dialect {
            _ if self.kind == "count-tokens" => Operation::CountTokens,
            _ if self.kind == "models-list" => Operation::Passthrough,
            Dialect::OpenaiChat if path.ends_with("/embeddings") => Operation::Embeddings,
            Dialect::OpenaiChat if path.ends_with("/completions") && !path.ends_with("/chat/completions") => {
                Operation::Completions
            }
            Dialect::OpenaiChat => Operation::ChatCompletions,
            Dialect::OpenaiResponses => Operation::Responses,
            Dialect::AnthropicMessages => Operation::Messages,
            Dialect::Gemini => Operation::GenerateContent,
        }
    }

    /// Whether the reply is a stream and not the refusal of one.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.is_streaming && self.status == 200 && self.response.is_some()
    }

    /// The reply as text, with `name` in every place in which its JSON names its model: found by parsing, and replaced
    /// in the text, so that nothing else about it changes.
    ///
    /// # Panics
    /// When there is no reply.
    #[must_use]
    pub fn answered_as(&self, name: &str) -> String {
        let body = String::from_utf8_lossy(self.response.as_deref().expect("a reply"));
        let key = if self.dialect == Dialect::Gemini { "modelVersion" } else { "model" };
        let renamed = |text: &str, value: &Value| {
            let places = [value, &value["response"], &value["message"]];
            let Some(said) = places.iter().find_map(|place| place[key].as_str()) else {
                return text.to_owned();
            };
            let written = |colon: &str, name: &str| format!("\"{key}\"{colon}\"{name}\"");
            let colon = if text.contains(&written(":", said)) { ":" } else { ": " };
            text.replacen(&written(colon, said), &written(colon, name), 1)
        };
        match serde_json::from_str(&body) {
            Ok(Value::Array(_)) => body
                .split_inclusive("\n}")
                .map(|element| {
                    let json = element.trim_start_matches(['[', ',', '\r', '\n']);
                    renamed(element, &serde_json::from_str(json).unwrap_or_default())
                })
                .collect(),
            Ok(value) => renamed(&body, &value),
            Err(_) => body
                .split_inclusive('\n')
                .map(|line| {
                    let json = line.strip_prefix("data:").unwrap_or_default();
                    renamed(line, &serde_json::from_str(json).unwrap_or_default())
                })
                .collect(),
        }
    }

    /// Whether the reply is a whole answer that a caller should get: no error, not cut short, not empty.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        const BROKEN: [&str; 6] = [
            "truncated-stream",
            "no-terminal-event",
            "error-in-200",
            "error-object",
            "response-failed",
            "empty-candidates",
        ];
        // Elsewhere a count of the answer and a closing line stand for the reason of the end.
        let has_no_end = self.dialect == Dialect::Gemini && self.has("no-finish-reason");
        self.status == 200
            && self.response.is_some()
            && self.error_class.is_none()
            && !has_no_end
            && !BROKEN.iter().any(|feature| self.has(feature))
    }
}

/// Every recording of a dialect, in the order of their names; none where there is no recorded data.
///
/// # Panics
/// When a recording cannot be read, and with `CI` set when there is none.
#[must_use]
pub fn recordings(dialect: Dialect) -> Vec<Recording> {
    let Some(root) = shared("fixtures") else { return Vec::new() };
    let entries = fs::read_dir(root.join(dialect.as_str())).expect("a folder of recordings");
    let mut folders: Vec<_> = entries.map(|entry| entry.expect("a recording").path()).collect();
    folders.sort();
    folders.iter().map(|folder| read(dialect, folder)).collect()
}

fn read(dialect: Dialect, folder: &Path) -> Recording {
    let meta = fs::read(folder.join("meta.json")).expect("a description of the recording");
    let meta: Value = serde_json::from_slice(&meta).expect("a description is JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let file = |name: &str| fs::read(folder.join(name)).ok();
    let features = meta["features"].as_array().expect("a list of features");
    Recording {
        name: text(&meta["case"]).expect("a name"),
        dialect,
        provider: text(&meta["provider"]).expect("a provider"),
        status: meta["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        is_streaming: meta["stream"].as_bool().unwrap_or_default(),
        path: text(&meta["path"]),
        content_type: text(&meta["response_headers"]["content-type"]),
        error_class: text(&meta["error_class"]),
        request: file("request.json"),
        response: ["response.sse", "response.json", "response.txt"].into_iter().find_map(file),
        kind: text(&meta["kind"]).expect("a kind"),
        features: features.iter().filter_map(text).collect(),
    }
}
