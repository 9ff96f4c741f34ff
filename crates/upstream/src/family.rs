//! What one provider family has that others have not, as data: paths, headers, the shape of its model list.

use http::HeaderName;
use serde::Deserialize;
use standin_core::{Dialect, Operation, UpstreamModel};

use crate::{CallerRequest, Payload};

/// A provider family. One [`crate::Keyed`] serves all of them.
#[derive(Debug)]
pub struct Family {
    /// Where each operation stands, below the base URL.
    pub routes: &'static [Route],
    /// The version of a base URL that names none, with its leading slash.
    pub version: &'static str,
    /// The header that carries the key, and what stands before the key in it.
    pub key: (HeaderName, &'static str),
    /// Headers of the caller that mean something to this family. Keys, organisations and projects are never among
    /// them: they would be billed to, or refused by, an account that is not the caller's.
    pub allowed: &'static [HeaderName],
    /// Headers that the family wants, for callers that do not send them.
    pub defaults: &'static [(HeaderName, &'static str)],
    /// The caller's body with the upstream's name of the model in it.
    pub body: fn(&CallerRequest, &UpstreamModel) -> Payload,
    /// Where the model list stands, below the base URL.
    pub list: &'static str,
    /// The names in a model list, in its own order; `None` if it is none.
    pub names: fn(&[u8]) -> Option<Vec<String>>,
}

/// One operation in the dialect it is spoken in, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The dialect.
    pub dialect: Dialect,
    /// The operation. Several routes may pass things through: then the caller's path decides.
    pub operation: Operation,
    /// The path, perhaps with `{model}` in it and a query behind it.
    pub path: &'static str,
    /// Where it stands if the answer is to be a stream of events, if that is somewhere else.
    pub events: Option<&'static str>,
    /// Where it stands if the answer is to be a stream in any other form, if that is somewhere else.
    pub stream: Option<&'static str>,
}

impl Route {
    /// A route whose answers are streams or not as the body says.
    #[must_use]
    pub const fn new(dialect: Dialect, operation: Operation, path: &'static str) -> Self {
        Self { dialect, operation, path, events: None, stream: None }
    }
}

/// The caller's bytes with only the model name replaced, where they hold one.
#[must_use]
pub fn named_in_body(request: &CallerRequest, model: &UpstreamModel) -> Payload {
    match &request.model_span {
        Some(span) => Payload::named(&request.body, span, model.as_str()),
        None => request.body.clone().into(),
    }
}

/// The ids of a model list in the shape `{"data":[{"id":...}]}`, which two families share.
#[must_use]
pub fn listed_ids(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: String,
    }
    let list: List = serde_json::from_slice(body).ok()?;
    Some(list.data.into_iter().map(|entry| entry.id).collect())
}
