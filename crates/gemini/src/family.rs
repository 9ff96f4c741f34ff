//! Verbs, headers and the model list.

use http::HeaderName;
use serde::Deserialize;
use standin_core::{Dialect, Operation};
use standin_upstream::{Family, Route};

use crate::body::named;

/// What names in Google's API begin with.
pub(crate) const MODELS: &str = "models/";

const fn verb(operation: Operation, path: &'static str) -> Route {
    Route::new(Dialect::Gemini, operation, path)
}

/// Google's Gemini API, `v1beta` unless the base URL says otherwise.
pub static GEMINI: Family = Family {
    routes: &[
        Route {
            events: Some("/models/{model}:streamGenerateContent?alt=sse"),
            stream: Some("/models/{model}:streamGenerateContent"),
            ..verb(Operation::GenerateContent, "/models/{model}:generateContent")
        },
        verb(Operation::CountTokens, "/models/{model}:countTokens"),
        verb(Operation::EmbedContent, "/models/{model}:embedContent"),
        verb(Operation::BatchEmbedContents, "/models/{model}:batchEmbedContents"),
    ],
    version: "/v1beta",
    key: (HeaderName::from_static("x-goog-api-key"), ""),
    allowed: &[],
    defaults: &[],
    body: named,
    list: "/models?pageSize=1000",
    names,
};

/// The names in `{"models":[{"name":"models/..."}]}`, without what all of them begin with.
fn names(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        models: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        name: String,
    }
    let list: List = serde_json::from_slice(body).ok()?;
    let bare = |entry: Entry| entry.name.strip_prefix(MODELS).map_or(entry.name.clone(), str::to_owned);
    Some(list.models.into_iter().map(bare).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_list_gives_bare_names() {
        let list = br#"{"models":[{"name":"models/gemini-3-pro","version":"3"},{"name":"tunedModels/x"}]}"#;
        assert_eq!(names(list), Some(vec!["gemini-3-pro".to_owned(), "tunedModels/x".to_owned()]));
        assert_eq!(names(br#"{"data":[]}"#), None);
    }
}
