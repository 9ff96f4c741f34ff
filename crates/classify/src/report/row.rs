//! One line of recorded errors. Unknown fields are ignored, missing ones have defaults.

use serde::Deserialize;
use serde_json::{Map, Value};
use standin_core::{ErrorClass, Operation};

use crate::Transport;

/// One recorded error, with its label where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name; the number of its line if it has none.
    pub id: String,
    /// Who answered.
    pub provider: Option<String>,
    /// Which of the provider's interfaces.
    pub api: String,
    /// The status of the reply.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body, or the frame.
    pub body: String,
    /// The class a careful operator gave it.
    pub class: Option<ErrorClass>,
    /// Classes that operator would accept too.
    pub also: Vec<ErrorClass>,
    /// The delay the reply states, in seconds, also where it lies.
    pub retry_after_s: Option<f64>,
    transport: String,
}

/// The fields as they stand, of whatever type.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    provider: Value,
    #[serde(default)]
    api: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    headers: Value,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    transport: Value,
    #[serde(default)]
    class: Value,
    #[serde(default)]
    also: Value,
    #[serde(default)]
    retry_after_s: Value,
}

impl Row {
    /// Reads the line with this number.
    ///
    /// # Errors
    /// A sentence on what cannot be read.
    pub fn parse(line: &[u8], number: usize) -> Result<Self, String> {
        let raw: Raw = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let status = match &raw.status {
            Value::Null => 0,
            status => {
                text(status).parse().map_err(|_| format!("`status` is {status}, which is no HTTP status"))?
            }
        };
        let class = match &raw.class {
            Value::Null => None,
            class => Some(text(class).parse::<ErrorClass>().map_err(|error| error.to_string())?),
        };
        let also = raw.also.as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            id: if raw.id.is_null() { format!("line {number}") } else { text(&raw.id) },
            provider: raw.provider.as_str().map(str::to_owned),
            api: text(&raw.api),
            status,
            headers: raw.headers.as_object().map(headers).unwrap_or_default(),
            body: text(&raw.body),
            class,
            also: also.iter().filter_map(|class| text(class).parse().ok()).collect(),
            retry_after_s: raw.retry_after_s.as_f64(),
            transport: text(&raw.transport),
        })
    }

    /// How the error arrived.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match self.transport.as_str() {
            "sse" => Transport::Sse,
            "200-body" => Transport::Body200,
            _ => Transport::Http,
        }
    }

    /// What was asked for, as far as the interface tells.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        let api = self.api.to_ascii_lowercase();
        [
            ("count", Operation::CountTokens),
            ("embed", Operation::Embeddings),
            ("responses", Operation::Responses),
            ("messages", Operation::Messages),
            ("generatecontent", Operation::GenerateContent),
            ("chat", Operation::ChatCompletions),
        ]
        .into_iter()
        .find(|(part, _)| api.contains(part))
        .map(|(_, operation)| operation)
    }

    /// Whether `class` is right for it.
    #[must_use]
    pub fn accepts(&self, class: ErrorClass) -> bool {
        self.class == Some(class) || self.also.contains(&class)
    }
}

/// A text as it is, nothing for null, and anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn headers(map: &Map<String, Value>) -> Vec<(String, String)> {
    map.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}
