//! One request at the door: route, key, limits, body; then the conductor answers.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use http_body::Body;
use standin_conductor::{AnswerBody, Request};
use standin_core::{ClientId, CredentialId, Dialect, ModelAlias, Operation, RequestId};
use standin_upstream::{CallerRequest, HOPS_MAX, hops};
use standin_wire::{BadRequest, CallerError, ErrorKind, RequestHead, read_request};

use crate::{
    body,
    keys::{Keyring, Known, presented, without_key},
    listing,
    refusal::{plain, refuse, upgrade_required},
    routes::{Action, Route, route},
    site::Site,
};

/// Longest time limit a caller may set itself.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_ANTHROPIC: HeaderName = HeaderName::from_static("request-id");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const TIMEOUT: HeaderName = HeaderName::from_static("x-standin-timeout");
const PIN: HeaderName = HeaderName::from_static("x-standin-credential");

/// Answers one request, whatever happens.
pub(crate) async fn handle<B>(site: Arc<Site>, request: http::Request<B>) -> Response<AnswerBody>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    let (parts, body) = request.into_parts();
    let id = site.ids.next();
    let headers = &parts.headers;
    let (is_anthropic, is_google) =
        (headers.contains_key(ANTHROPIC_VERSION), headers.contains_key(GOOGLE_KEY));
    let route = route(&parts.method, parts.uri.path(), is_anthropic, is_google);
    let dialect = route.dialect;
    let answered = AssertUnwindSafe(answer(&site, &id, route, parts, body)).catch_unwind().await;
    let mut reply = match answered {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => refuse(dialect, &error, &id),
        Err(_) => {
            tracing::error!(request = %id, "request handler panicked");
            refuse(dialect, &CallerError::new(ErrorKind::Internal, "Something went wrong on our side."), &id)
        }
    };
    mark(&mut reply, dialect, &id);
    reply
}

/// Our id stands on every reply, under the names that clients read.
fn mark(reply: &mut Response<AnswerBody>, dialect: Dialect, id: &RequestId) {
    let Ok(value) = HeaderValue::from_str(id.as_str()) else { return };
    let headers = reply.headers_mut();
    if dialect == Dialect::AnthropicMessages {
        headers.insert(REQUEST_ID_ANTHROPIC, value.clone());
    }
    headers.insert(REQUEST_ID, value);
    let is_stream = |value: &HeaderValue| value.as_bytes().starts_with(b"text/event-stream");
    if headers.get(header::CONTENT_TYPE).is_some_and(is_stream) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    }
}

async fn answer<B>(
    site: &Site,
    id: &RequestId,
    route: Route,
    parts: Parts,
    body: B,
) -> Result<Response<AnswerBody>, CallerError>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    match &route.action {
        Action::Health => return Ok(plain(StatusCode::OK, "text/plain", "ok\n")),
        Action::Ready if site.is_open() => return Ok(plain(StatusCode::OK, "text/plain", "ready\n")),
        Action::Ready => return Ok(plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining\n")),
        Action::Presence => return Ok(plain(StatusCode::OK, "text/plain", "standin\n")),
        Action::Upgrade => return Err(upgrade_required()),
        _ => check_host(&parts)?,
    }
    let keyring = site.keyring();
    let caller = authenticate(&keyring, &parts)?;
    match route.action {
        Action::List(shape) => Ok(listing::all(&site.conductor, caller, shape, site.created)),
        Action::Show(shape, name) => listing::one(&site.conductor, caller, shape, &name, site.created),
        Action::WrongMethod => {
            Err(CallerError::new(ErrorKind::MethodNotAllowed, "This path does not take this method."))
        }
        Action::Run(operation) => {
            let asked = Asked { operation, model: None, is_streaming: None, path: None };
            run(site, id, route.dialect, asked, caller, parts, body).await
        }
        Action::RunModel { operation, model, is_streaming } => {
            let asked = Asked { operation, model: Some(model), is_streaming: Some(is_streaming), path: None };
            run(site, id, route.dialect, asked, caller, parts, body).await
        }
        Action::Pass(path) => {
            let operation = Operation::Passthrough;
            let asked = Asked { operation, model: None, is_streaming: None, path: Some(path) };
            run(site, id, route.dialect, asked, caller, parts, body).await
        }
        _ => Err(CallerError::new(ErrorKind::NotFound, "There is no such path here.")),
    }
}

/// What the path alone says about a request.
struct Asked {
    operation: Operation,
    model: Option<String>,
    is_streaming: Option<bool>,
    path: Option<String>,
}

async fn run<B>(
    site: &Site,
    id: &RequestId,
    dialect: Dialect,
    asked: Asked,
    caller: Option<&Known>,
    parts: Parts,
    body: B,
) -> Result<Response<AnswerBody>, CallerError>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    if hops(&parts.headers) >= HOPS_MAX {
        let message = "This request has come back to where it has been before.";
        return Err(CallerError::new(ErrorKind::LoopDetected, message));
    }
    body::refuse_by_head(&parts.headers, &site.limits)?;
    let held = body::read(&parts.headers, body, &site.limits, &site.bodies, &*site.clock).await?;
    let head = read_request(dialect, asked.operation, &held.bytes).map_err(bad_request)?;
    let RequestHead { model, model_span, is_streaming, session, opening, has_assistant_turn, .. } = head;
    let model = asked.model.or(model).unwrap_or_default();
    if caller.is_some_and(|known| !known.may_ask_for(&model)) {
        let shown: String = model.chars().take(200).collect();
        let mut error =
            CallerError::new(ErrorKind::NotAllowed, format!("Your key may not ask for `{shown}`."));
        error.param = Some("model".to_owned());
        return Err(error);
    }
    let wishes = Wishes::read(&parts.headers, caller)?;
    let call = CallerRequest {
        dialect,
        operation: asked.operation,
        path: asked.path,
        query: parts.uri.query().and_then(without_key),
        body: held.bytes,
        model_span,
        model: ModelAlias::new(model),
        is_streaming: asked.is_streaming.unwrap_or(is_streaming),
        headers: parts.headers,
        request_id: id.clone(),
    };
    let client: Option<ClientId> = caller.map(|known| known.name.clone());
    let Wishes { timeout, pin } = wishes;
    let request =
        Request { call: Arc::new(call), client, timeout, pin, session, opening, has_assistant_turn };
    let answer = site.conductor.run(request).await;
    // The body's share of the budget goes back with the last attempt: replays are over once an answer has begun.
    drop(held.share);
    let mut reply = Response::new(answer.body);
    (*reply.status_mut(), *reply.headers_mut()) = (answer.status, answer.headers);
    Ok(reply)
}

/// What a caller asks of the gateway itself.
struct Wishes {
    timeout: Option<Duration>,
    pin: Option<CredentialId>,
}

impl Wishes {
    fn read(headers: &HeaderMap, caller: Option<&Known>) -> Result<Self, CallerError> {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let timeout = match text(&TIMEOUT).map(|text| text.trim().parse::<f64>()) {
            None => None,
            Some(Ok(seconds)) if seconds > 0.0 && seconds <= TIMEOUT_MAX.as_secs_f64() => {
                Some(Duration::from_secs_f64(seconds))
            }
            Some(_) => {
                let message = "x-standin-timeout must be a number of seconds above 0, at most 86400.";
                return Err(CallerError::new(ErrorKind::InvalidRequest, message));
            }
        };
        let pin = text(&PIN).map(CredentialId::from);
        if pin.is_some() && caller.is_some_and(|known| !known.may_pin) {
            return Err(CallerError::new(ErrorKind::NotAllowed, "Your key may not choose a credential."));
        }
        Ok(Self { timeout, pin })
    }
}

fn authenticate<'k>(keyring: &'k Keyring, parts: &Parts) -> Result<Option<&'k Known>, CallerError> {
    if keyring.is_open() {
        return Ok(None);
    }
    let key = presented(&parts.headers, parts.uri.query());
    let message = match key {
        None => {
            "You didn't provide an API key: send it as a bearer token, x-api-key, x-goog-api-key or ?key=."
        }
        Some(_) => "The API key is not known here.",
    };
    match key.and_then(|key| keyring.find(key)) {
        Some(known) => Ok(Some(known)),
        None => Err(CallerError::new(ErrorKind::InvalidKey, message)),
    }
}

/// Exactly one host, and one that is a host: nothing here is built from it, and nothing behind us should be fooled.
fn check_host(parts: &Parts) -> Result<(), CallerError> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let is_one = match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(byte))
        }
        (None, _) => parts.version == http::Version::HTTP_2 || parts.version == http::Version::HTTP_10,
        _ => false,
    };
    if is_one {
        Ok(())
    } else {
        Err(CallerError::new(ErrorKind::InvalidRequest, "The request must name exactly one host."))
    }
}

fn bad_request(bad: BadRequest) -> CallerError {
    let mut error = CallerError::new(ErrorKind::InvalidRequest, bad.message);
    error.param = bad.param.map(str::to_owned);
    error
}
