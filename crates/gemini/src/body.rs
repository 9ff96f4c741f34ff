//! Names of models within bodies: the path decides, and what the body repeats has to agree with it.

use bytes::Bytes;
use serde_json::{Map, Value};
use standin_core::{Operation, UpstreamModel};
use standin_upstream::{CallerRequest, Payload};
use standin_wire::splice_model;

use crate::family::MODELS;

/// Where bodies of counting and embedding name the model once more.
const WITHIN: [&str; 2] = ["generateContentRequest", "requests"];

/// The caller's body, with the upstream's name of the model wherever it names one.
pub(crate) fn named(request: &CallerRequest, model: &UpstreamModel) -> Payload {
    let full = format!("{MODELS}{}", model.as_str());
    match (request.operation, &request.model_span) {
        // Small requests that repeat the name within; the large ones never do.
        (Operation::CountTokens | Operation::BatchEmbedContents, span) if memchr_model(&request.body) => {
            let body = match span {
                Some(span) => splice_model(&request.body, span, &full),
                None => request.body.clone(),
            };
            within(body, &full).into()
        }
        (_, Some(span)) => Payload::named(&request.body, span, &full),
        (_, None) => request.body.clone().into(),
    }
}

fn memchr_model(body: &[u8]) -> bool {
    body.windows(7).any(|window| window == b"\"model\"")
}

fn within(body: Bytes, full: &str) -> Bytes {
    let Ok(mut top) = serde_json::from_slice::<Map<String, Value>>(&body) else { return body };
    for name in WITHIN {
        match top.get_mut(name) {
            Some(Value::Object(one)) => rename(one, full),
            Some(Value::Array(several)) => {
                several.iter_mut().filter_map(Value::as_object_mut).for_each(|one| rename(one, full));
            }
            _ => {}
        }
    }
    serde_json::to_vec(&top).map_or(body, Bytes::from)
}

fn rename(request: &mut Map<String, Value>, full: &str) {
    if let Some(name) = request.get_mut("model") {
        *name = full.into();
    }
}
