//! Model lists: what the caller's key may ask for, in a stable order, whatever is suspended at this moment.

use http::{Response, StatusCode};
use standin_conductor::{AnswerBody, Conductor};
use standin_wire::{CallerError, ErrorKind, ListShape, ModelEntry};

use crate::{keys::Known, refusal::plain};

const JSON: &str = "application/json";

/// Every model this caller may ask for.
pub(crate) fn all(
    conductor: &Conductor,
    caller: Option<&Known>,
    shape: ListShape,
    created: i64,
) -> Response<AnswerBody> {
    plain(StatusCode::OK, JSON, standin_wire::model_list(shape, &entries(conductor, caller, created)))
}

/// One of them.
pub(crate) fn one(
    conductor: &Conductor,
    caller: Option<&Known>,
    shape: ListShape,
    id: &str,
    created: i64,
) -> Result<Response<AnswerBody>, CallerError> {
    let entries = entries(conductor, caller, created);
    let Some(entry) = entries.iter().find(|entry| entry.id == id) else {
        let shown: String = id.chars().take(200).collect();
        let mut error =
            CallerError::new(ErrorKind::UnknownModel, format!("The model `{shown}` does not exist here."));
        error.param = Some("model".to_owned());
        return Err(error);
    };
    Ok(plain(StatusCode::OK, JSON, standin_wire::model_one(shape, entry)))
}

fn entries(conductor: &Conductor, caller: Option<&Known>, created: i64) -> Vec<ModelEntry> {
    let listed = conductor.models().into_iter();
    let allowed = listed.filter(|model| caller.is_none_or(|known| known.may_ask_for(model.name.as_str())));
    let entry = |model: standin_conductor::Listed| ModelEntry {
        id: model.name.to_string(),
        created,
        owner: model.owner,
        context_tokens: model.context_tokens,
    };
    allowed.map(entry).collect()
}
