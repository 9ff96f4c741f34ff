//! One request at the door: route, key, limits, body; then the conductor answers.

use std::{convert::Infallible, panic::AssertUnwindSafe, pin::pin, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body::Body;
use standin_conductor::AnswerBody;
use standin_core::{Dialect, ModelAlias, Operation, RequestId};
use standin_upstream::{CallerRequest, HOPS_MAX, hops};
use standin_wire::{
    BadRequest, CallerError, ErrorKind, RequestHead, is_multipart, read_multipart, read_request,
};

use crate::{
    body::{self, Announced, Kinds},
    found::Found,
    framing::Objection,
    keys::{Keyring, Known, presented, without_key},
    listing,
    parting::{Departing, unless_cut},
    patience::{repeats_refusals, say_once},
    refusal::{objected, plain, refuse, upgrade_required},
    routes::{Action, Route, route},
    site::Site,
    talk::Running,
    wishes::{self, Wishes},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_ANTHROPIC: HeaderName = HeaderName::from_static("request-id");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const ANTHROPIC_KEY: HeaderName = HeaderName::from_static("x-api-key");
const GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The name that a request stands for which may leave its model out and does: an operator can give it to a model.
const DEFAULT_MODEL: &str = "default";

/// Answers one request, whatever happens. One that is objected to is not even read, and is the last of its connection.
/// `running` ends with the answer.
pub(crate) fn handle<B>(
    site: Arc<Site>,
    request: Request<B>,
    objection: Option<Objection>,
    running: Option<Running>,
) -> impl Future<Output = Result<Response<Departing>, Infallible>> + Send + use<B>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    let (mut parts, mut body) = request.into_parts();
    // A block and no function of its own: the future of one keeps its arguments twice.
    async move {
        let id = site.ids.next();
        let route = route_of(&parts);
        let dialect = route.dialect;
        if let Some(objection) = objection {
            let mut reply = mark(refuse(dialect, &objected(objection), &id), &site, dialect, &id, running);
            reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            return Ok(reply);
        }
        let repeats_refusals = repeats_refusals(&parts.method, dialect, &parts.headers);
        // Pinned where it is made: it is large, and every adapter around it would move it once more.
        let answering =
            pin!(AssertUnwindSafe(answer(&site, &id, route, &mut parts, &mut body)).catch_unwind());
        let answered = answering.map(|answered| answered.unwrap_or_else(|_| Err(panicked(&id))));
        let mut reply = match unless_cut(&site, answered).await {
            Ok(reply) => reply,
            Err(error) => refuse(dialect, &error, &id),
        };
        if repeats_refusals {
            say_once(&mut reply);
        }
        Ok(mark(reply, &site, dialect, &id, running))
    }
}

fn panicked(id: &RequestId) -> CallerError {
    tracing::error!(request = %id, "request handler panicked");
    CallerError::new(ErrorKind::Internal, "Something went wrong on our side.")
}

fn route_of(parts: &Parts) -> Route {
    route_for(&parts.method, parts.uri.path(), &parts.headers)
}

/// Whose headers a request carries matters where one path serves three shapes, and is looked at nowhere else.
fn route_for(method: &http::Method, path: &str, headers: &HeaderMap) -> Route {
    if !path.starts_with("/v1/models") {
        return route(method, path, false, false);
    }
    let has = |name: &HeaderName| headers.contains_key(name);
    let is_anthropic = has(&ANTHROPIC_VERSION) || has(&ANTHROPIC_KEY) && !has(&header::AUTHORIZATION);
    route(method, path, is_anthropic, has(&GOOGLE_KEY))
}

/// The names under which clients of a dialect read our id.
pub(crate) fn id_headers(dialect: Dialect) -> impl Iterator<Item = HeaderName> {
    let more = (dialect == Dialect::AnthropicMessages).then_some(REQUEST_ID_ANTHROPIC);
    more.into_iter().chain([REQUEST_ID])
}

/// Our id stands on every reply, under the names that clients read.
fn mark(
    reply: Response<AnswerBody>,
    site: &Arc<Site>,
    dialect: Dialect,
    id: &RequestId,
    running: Option<Running>,
) -> Response<Departing> {
    let is_stream = reply.body().size_hint().exact().is_none();
    let mut reply = reply.map(|body| Departing::new(body, site, dialect, id, running));
    let headers = reply.headers_mut();
    for name in id_headers(dialect) {
        // Not one value for all of them: nearly always there is one name, and a second hand on a value costs more.
        if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
            headers.insert(name, value);
        }
    }
    if is_stream {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    }
    reply
}

async fn answer<B>(
    site: &Site,
    id: &RequestId,
    route: Route,
    parts: &mut Parts,
    body: &mut B,
) -> Result<Response<AnswerBody>, CallerError>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    let keyring = site.keyring();
    let dialect = route.dialect;
    let Entered { asked, wishes, announced, caller } = match enter(site, id, &keyring, route, parts)? {
        Answered::NotYet(entered) => entered,
        Answered::With(reply) => return Ok(reply),
    };
    let body = body::read(announced, &mut parts.headers, body, &site.limits, &site.bodies, &*site.clock);
    let body = body.await?;
    let request = understood(dialect, asked, wishes, caller, parts, body, id)?;
    // Nothing below looks at it again.
    drop(keyring);
    let answer = site.conductor.run(request).await;
    let mut reply = Response::new(answer.body);
    (*reply.status_mut(), *reply.headers_mut()) = (answer.status, answer.headers);
    Ok(reply)
}

/// A request whose head is in order.
struct Entered<'k> {
    asked: Asked,
    wishes: Wishes,
    announced: Announced,
    caller: Option<&'k Known>,
}

/// Whether a request is answered by its head alone.
enum Answered<'k> {
    NotYet(Entered<'k>),
    With(Response<AnswerBody>),
}

/// Looks at the head of a request, before a byte of its body is read.
fn enter<'k>(
    site: &Site,
    id: &RequestId,
    keyring: &'k Keyring,
    route: Route,
    parts: &Parts,
) -> Result<Answered<'k>, CallerError> {
    let found = Found::within(&parts.headers);
    let said = |status, text| Ok(Answered::With(plain(status, "text/plain", text)));
    match &route.action {
        Action::Health => return said(StatusCode::OK, "ok\n"),
        Action::Ready if site.is_open() => return said(StatusCode::OK, "ready\n"),
        Action::Ready => return said(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        Action::Presence => return said(StatusCode::OK, "standin\n"),
        Action::Upgrade => return Err(upgrade_required()),
        _ => check_host(&found, parts.version)?,
    }
    let caller = authenticate(keyring, &found, parts.uri.query())?;
    let asked = match route.action {
        Action::List(shape) => {
            let all = listing::all(&site.conductor, caller, shape, parts, site.created);
            return Ok(Answered::With(all));
        }
        Action::Show(shape, name) => {
            let one = listing::one(&site.conductor, caller, shape, &name, parts, site.created);
            return one.map(Answered::With);
        }
        Action::WrongMethod => {
            let message = "This path does not take this method.";
            return Err(CallerError::new(ErrorKind::MethodNotAllowed, message));
        }
        action => Asked::by(action)?,
    };
    if found.has_passed && hops(&parts.headers) >= HOPS_MAX {
        let message = "This request has come back to where it has been before.";
        return Err(CallerError::new(ErrorKind::LoopDetected, message));
    }
    let wishes = Wishes::read(&found, caller)?;
    wishes::note(&found, id);
    let is_opaque = asked.operation == Operation::Passthrough;
    let kinds = if is_opaque { Kinds::JsonOrForm } else { Kinds::Json };
    let announced = Announced::by(&found, kinds, &site.limits)?;
    Ok(Answered::NotYet(Entered { asked, wishes, announced, caller }))
}

/// What the path alone says about a request.
struct Asked {
    operation: Operation,
    model: Option<Arc<str>>,
    is_streaming: Option<bool>,
    path: Option<String>,
}

impl Asked {
    fn by(action: Action) -> Result<Self, CallerError> {
        let asked = Self { operation: Operation::Passthrough, model: None, is_streaming: None, path: None };
        Ok(match action {
            Action::Run(operation) => Self { operation, ..asked },
            Action::RunModel { operation, model, is_streaming } => {
                Self { operation, model: Some(model.into()), is_streaming: Some(is_streaming), path: None }
            }
            // Nobody here could say where such a stream ends well, so it goes through whole.
            Action::Pass(path) => Self { is_streaming: Some(false), path: Some(path), ..asked },
            _ => return Err(CallerError::new(ErrorKind::NotFound, "There is no such path here.")),
        })
    }
}

/// A request that has come whole, as the conductor takes it.
fn understood(
    dialect: Dialect,
    asked: Asked,
    wishes: Wishes,
    caller: Option<&Known>,
    parts: &mut Parts,
    body: Bytes,
    id: &RequestId,
) -> Result<standin_conductor::Request, CallerError> {
    let head = match asked.operation {
        Operation::Passthrough => read_opaque(dialect, &parts.headers, &body),
        operation => read_request(dialect, operation, &body),
    };
    let head = head.map_err(bad_request)?;
    let RequestHead { model, model_span, is_streaming, session, opening, has_assistant_turn, .. } = head;
    // What is passed through may leave the model to us.
    let model = asked.model.or(model).unwrap_or_else(|| DEFAULT_MODEL.into());
    if caller.is_some_and(|known| !known.may_ask_for(&model)) {
        return Err(not_allowed(&model));
    }
    let call = CallerRequest {
        dialect,
        operation: asked.operation,
        path: asked.path,
        query: parts.uri.query().and_then(without_key),
        body,
        model_span,
        model: ModelAlias::new(model),
        is_streaming: asked.is_streaming.unwrap_or(is_streaming),
        headers: std::mem::take(&mut parts.headers),
        request_id: *id,
    };
    Ok(standin_conductor::Request {
        call: Arc::new(call),
        client: caller.map(|known| known.name.clone()),
        timeout: wishes.timeout,
        pin: wishes.pin,
        // A header that names the conversation was meant for gateways; what the body says was meant for the upstream.
        session: wishes.session.or(session),
        opening,
        has_assistant_turn,
    })
}

/// The head of a body that is passed through: JSON, or a form with files.
fn read_opaque(dialect: Dialect, headers: &HeaderMap, body: &[u8]) -> Result<RequestHead, BadRequest> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match is_multipart(kind) {
        true => read_multipart(kind, body),
        false => read_request(dialect, Operation::Passthrough, body),
    }
}

fn not_allowed(model: &str) -> CallerError {
    let shown: String = model.chars().take(200).collect();
    let mut error = CallerError::new(ErrorKind::NotAllowed, format!("Your key may not ask for `{shown}`."));
    error.param = Some("model".to_owned());
    error
}

fn authenticate<'k>(
    keyring: &'k Keyring,
    found: &Found<'_>,
    query: Option<&str>,
) -> Result<Option<&'k Known>, CallerError> {
    if keyring.is_open() {
        return Ok(None);
    }
    if let Some(known) = presented(found, query).find_map(|key| keyring.find(&key)) {
        return Ok(Some(known));
    }
    let message = match presented(found, query).next() {
        None => {
            "You didn't provide an API key: send it as a bearer token, x-api-key, x-goog-api-key or ?key=."
        }
        Some(_) => "The API key is not known here.",
    };
    Err(CallerError::new(ErrorKind::InvalidKey, message))
}

/// Exactly one host, and one that is a host: nothing here is built from it, and nothing behind us should be fooled.
fn check_host(found: &Found<'_>, version: http::Version) -> Result<(), CallerError> {
    let is_one = match found.host {
        Some(host) if !found.has_several_hosts => {
            host.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]%".contains(byte))
        }
        None => version == http::Version::HTTP_2 || version == http::Version::HTTP_10,
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
