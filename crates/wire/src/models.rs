//! Lists of models in the shapes that clients read.

use bytes::Bytes;
use serde_json::{Value, json};

/// The shape of a list; the path and the headers of the request choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListShape {
    /// `{"object":"list","data":[...]}`.
    Openai,
    /// `{"data":[...],"has_more":false,...}`.
    Anthropic,
    /// `{"models":[...]}`.
    Gemini,
}

/// One model, as callers may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// The name callers use.
    pub id: String,
    /// Seconds since 1970; the start of the server, because upstreams rarely say.
    pub created: i64,
    /// Who serves it.
    pub owner: String,
    /// The longest prompt, if it is known.
    pub context_tokens: Option<u64>,
}

/// A list, or a page of one; `has_more` says whether entries follow that are not on it.
#[must_use]
pub fn model_list(shape: ListShape, models: &[ModelEntry], has_more: bool) -> Bytes {
    let entries: Vec<Value> = models.iter().map(|model| entry(shape, model)).collect();
    let list = match shape {
        ListShape::Openai => json!({"object": "list", "data": entries}),
        ListShape::Anthropic => {
            let id = |model: Option<&ModelEntry>| model.map(|model| model.id.clone());
            json!({"data": entries, "has_more": has_more, "first_id": id(models.first()), "last_id": id(models.last())})
        }
        ListShape::Gemini => {
            let mut list = json!({ "models": entries });
            if let Some(last) = models.last().filter(|_| has_more) {
                list["nextPageToken"] = last.id.clone().into();
            }
            list
        }
    };
    list.to_string().into()
}

/// One model.
#[must_use]
pub fn model_one(shape: ListShape, model: &ModelEntry) -> Bytes {
    entry(shape, model).to_string().into()
}

fn entry(shape: ListShape, model: &ModelEntry) -> Value {
    let ModelEntry { id, created, owner, context_tokens } = model;
    let mut value = match shape {
        ListShape::Openai => json!({"id": id, "object": "model", "created": created, "owned_by": owner}),
        ListShape::Anthropic => {
            let stamp = jiff::Timestamp::from_second(*created).unwrap_or_default();
            json!({"type": "model", "id": id, "display_name": id, "created_at": stamp.to_string()})
        }
        ListShape::Gemini => json!({
            "name": format!("models/{id}"), "baseModelId": id, "version": "1", "displayName": id, "description": owner,
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"]
        }),
    };
    if let Some(tokens) = context_tokens {
        let key = match shape {
            ListShape::Openai => "context_length",
            ListShape::Anthropic => "max_input_tokens",
            ListShape::Gemini => "inputTokenLimit",
        };
        value[key] = json!(tokens);
    }
    value
}
