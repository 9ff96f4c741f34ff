//! What the operator may ask, and what is answered.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use serde_json::{Value, json};
use standin_core::{Candidate, CredentialId, Operation, RequestId, UpstreamModel};

use super::{Desk, Standing, guesses::WINDOW, show};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// An answer: a status and JSON.
struct Told(StatusCode, Value);

/// What to forget; exactly one of `all` and `credential`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clear {
    #[serde(default)]
    all: bool,
    credential: Option<String>,
    /// Only this model of the credential.
    model: Option<String>,
}

/// A request that is not sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DryRun {
    model: String,
    operation: Option<Operation>,
}

/// Answers one request of whoever knocks.
pub(super) async fn answer<B>(desk: &Desk, request: Request<B>) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let Told(status, value) = match desk.standing(bearer(&head.headers)) {
        Standing::Operator => {
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
            let body = body.map(http_body_util::Collected::to_bytes);
            told(desk, &head.method, head.uri.path(), &head.headers, body.ok())
        }
        Standing::Stranger => {
            wrong(StatusCode::UNAUTHORIZED, "the operator's token is sent as a bearer token")
        }
        Standing::Guessing => wrong(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; wait a minute"),
    };
    let mut reply = Response::new(Full::new(Bytes::from(format!("{value:#}\n"))));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(WINDOW.as_secs()));
        }
        _ => {}
    }
    reply
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn wrong(status: StatusCode, message: &str) -> Told {
    Told(status, json!({"error": {"message": message}}))
}

fn told(desk: &Desk, method: &Method, path: &str, headers: &HeaderMap, body: Option<Bytes>) -> Told {
    // A web page may make a browser send things; none has a reason to come here.
    if headers.contains_key(header::ORIGIN) {
        return wrong(StatusCode::FORBIDDEN, "web pages are not served here");
    }
    let Some(body) = body else {
        return wrong(StatusCode::PAYLOAD_TOO_LARGE, "the body is broken or larger than 64 KiB");
    };
    let is_get = *method == Method::GET;
    match path {
        "/admin/health" if is_get => Told(StatusCode::OK, show::health(desk)),
        "/admin/suspensions" if is_get => Told(StatusCode::OK, show::suspensions(desk)),
        "/admin/clear" if *method == Method::POST => read(headers, &body, |asked| clear(desk, asked)),
        "/admin/route" if *method == Method::POST => read(headers, &body, |asked| dry_run(desk, &asked)),
        "/admin/health" | "/admin/suspensions" | "/admin/clear" | "/admin/route" => {
            wrong(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method")
        }
        _ => match path.strip_prefix("/admin/requests/") {
            Some(id) if is_get => match show::request(desk, &RequestId::new(id)) {
                Some(story) => Told(StatusCode::OK, story),
                None => wrong(StatusCode::NOT_FOUND, "no request of that id is remembered; the last 256 are"),
            },
            Some(_) => wrong(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method"),
            None => wrong(StatusCode::NOT_FOUND, "there is no such path; see docs/operations.md"),
        },
    }
}

/// Only JSON that says so: what a web form can send is none.
fn read<T: for<'de> Deserialize<'de>>(
    headers: &HeaderMap,
    body: &[u8],
    then: impl FnOnce(T) -> Told,
) -> Told {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with(b"application/json") {
        return wrong(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the content type must be application/json");
    }
    match serde_json::from_slice(body) {
        Ok(asked) => then(asked),
        Err(error) => wrong(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn clear(desk: &Desk, asked: Clear) -> Told {
    let conductor = desk.site.conductor();
    let store = conductor.store();
    let before = store.export().len();
    let snapshot = conductor.snapshot();
    let layout = snapshot.routing().layout();
    match asked {
        Clear { all: true, credential: None, model: None } => store.clear_all(),
        Clear { all: false, credential: Some(credential), model } => {
            let credential = CredentialId::new(credential);
            if !layout.credentials().iter().any(|known| known.id == credential) {
                return wrong(StatusCode::NOT_FOUND, "there is no credential of that id");
            }
            match model.map(UpstreamModel::new) {
                None => store.clear_credential(&credential),
                Some(model) => {
                    let candidate = Candidate { credential, model };
                    if layout.find(&candidate).is_none() {
                        return wrong(StatusCode::NOT_FOUND, "that credential has no model of that name");
                    }
                    store.clear_candidate(&candidate);
                }
            }
        }
        _ => {
            let message =
                "say {\"all\": true}, {\"credential\": ID} or {\"credential\": ID, \"model\": NAME}";
            return wrong(StatusCode::BAD_REQUEST, message);
        }
    }
    let cleared = before.saturating_sub(store.export().len());
    tracing::info!(cleared, "the operator cleared suspensions");
    Told(StatusCode::OK, json!({"cleared": cleared}))
}

fn dry_run(desk: &Desk, asked: &DryRun) -> Told {
    let operation = asked.operation.unwrap_or(Operation::ChatCompletions);
    match show::preview(desk, &asked.model, operation) {
        Some(preview) => Told(StatusCode::OK, preview),
        None => wrong(StatusCode::NOT_FOUND, "no route has that name"),
    }
}
