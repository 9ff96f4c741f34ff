//! Model lists: what the caller's key may ask for, in a stable order, whatever is suspended at this moment.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use standin_conductor::{AnswerBody, Conductor};
use standin_wire::{CallerError, ErrorKind, ListShape, ModelEntry};

use crate::{keys::Known, refusal::plain};

const JSON: &str = "application/json";

/// Every model this caller may ask for, or the page of them that the query names.
pub(crate) fn all(
    conductor: &Conductor,
    caller: Option<&Known>,
    shape: ListShape,
    asked: &Parts,
    created: i64,
) -> Response<AnswerBody> {
    let entries = entries(conductor, caller, created);
    let (page, has_more) = page(shape, asked.uri.query().unwrap_or_default(), &entries);
    tagged(standin_wire::model_list(shape, page, has_more), &asked.headers)
}

/// The part of a list that a query asks for, and whether entries follow it. Without a size it is all of the rest: lists
/// here are short, and a client that does not turn pages would miss something.
fn page<'e>(shape: ListShape, query: &str, entries: &'e [ModelEntry]) -> (&'e [ModelEntry], bool) {
    let asked = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| crate::routes::unescaped(value))
    };
    let (size, after, before) = match shape {
        ListShape::Openai => return (entries, false),
        ListShape::Anthropic => (asked("limit"), asked("after_id"), asked("before_id")),
        ListShape::Gemini => (asked("pageSize"), asked("pageToken"), None),
    };
    let place = |id: &String| entries.iter().position(|entry| entry.id == *id);
    // An id that is gone begins a page that is empty, so that nobody turns pages for ever.
    let start = after.map_or(0, |id| place(&id).map_or(entries.len(), |at| at + 1));
    let end = before.and_then(|id| place(&id)).unwrap_or(entries.len()).max(start);
    let rest = &entries[start..end];
    let size = size.and_then(|size| size.parse().ok()).filter(|size| *size > 0).unwrap_or(rest.len());
    (&rest[..size.min(rest.len())], size < rest.len())
}

/// A list under a name of its content; a client that has it already gets the name alone.
fn tagged(body: Bytes, headers: &HeaderMap) -> Response<AnswerBody> {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known =
        known.flat_map(|value| value.split(',')).any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut reply = match is_known {
        true => plain(StatusCode::NOT_MODIFIED, JSON, Bytes::new()),
        false => plain(StatusCode::OK, JSON, body),
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
    reply
}

/// One of them.
pub(crate) fn one(
    conductor: &Conductor,
    caller: Option<&Known>,
    shape: ListShape,
    id: &str,
    asked: &Parts,
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
    Ok(tagged(standin_wire::model_one(shape, entry), &asked.headers))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<ModelEntry> {
        let entry = |id: &str| ModelEntry {
            id: id.to_owned(),
            created: 0,
            owner: "up".to_owned(),
            context_tokens: None,
        };
        ["a", "b/c", "d", "e"].map(entry).into()
    }

    fn turned(shape: ListShape, query: &str) -> (String, bool) {
        let entries = entries();
        let (page, has_more) = page(shape, query, &entries);
        (page.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(" "), has_more)
    }

    #[test]
    fn pages_are_turned_by_the_last_name_of_the_one_before() {
        let page = |shape, query| turned(shape, query);
        assert_eq!(page(ListShape::Anthropic, "limit=2"), ("a b/c".to_owned(), true));
        assert_eq!(page(ListShape::Anthropic, "limit=2&after_id=b%2Fc"), ("d e".to_owned(), false));
        assert_eq!(page(ListShape::Anthropic, "before_id=d&limit=1000"), ("a b/c".to_owned(), false));
        assert_eq!(page(ListShape::Gemini, "pageSize=3"), ("a b/c d".to_owned(), true));
        assert_eq!(page(ListShape::Gemini, "pageToken=d&pageSize=3"), ("e".to_owned(), false));
    }

    #[test]
    fn without_a_size_everything_is_there_and_a_name_that_is_gone_ends_the_list() {
        let all = ("a b/c d e".to_owned(), false);
        for query in ["", "limit=0", "limit=many", "beta=true"] {
            assert_eq!(turned(ListShape::Anthropic, query), all, "{query}");
        }
        assert_eq!(turned(ListShape::Openai, "limit=1&pageSize=1"), all);
        assert_eq!(turned(ListShape::Anthropic, "after_id=gone"), (String::new(), false));
        assert_eq!(turned(ListShape::Anthropic, "after_id=d&before_id=a"), (String::new(), false));
    }

    #[test]
    fn a_list_that_its_client_has_already_is_not_sent_again() {
        let first = tagged(Bytes::from_static(b"{}"), &HeaderMap::new());
        let tag = first.headers()[header::ETAG].clone();
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]);
        assert_eq!(tagged(Bytes::from_static(b"{}"), &again).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(tagged(Bytes::from_static(b"{ }"), &again).status(), StatusCode::OK);
    }
}
