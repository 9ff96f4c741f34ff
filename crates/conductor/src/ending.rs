//! From the policy's last word to the caller's error: status, code and text, in the caller's dialect.
//!
//! The table is that of `docs/errors.md`, "What the caller gets". No credential id, key, account or upstream address
//! may pass through here.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use standin_core::{Clock, Dialect, ErrorClass, Layer, Moment, RequestId, UpstreamError};
use standin_policy::{Cause, Ending, Report};
use standin_upstream::relay_headers;
use standin_wire::{CallerError, ErrorCause, ErrorKind, StreamTail};

use crate::{Answer, AnswerBody, attempt::Failed, request::Request};

/// Everything an error answer is made of.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    dialect: Dialect,
    request_id: RequestId,
    error: CallerError,
    /// Headers of the upstream's own error, where its body is relayed.
    headers: HeaderMap,
}

impl Refusal {
    /// The caller's error for an ending that is none: a caller who left reads nothing, so the words do not matter.
    pub(crate) fn new(ending: &Ending, failed: &[Failed], request: &Request, clock: &dyn Clock) -> Self {
        match ending {
            Ending::Failed(report) => Self::report(report, failed, request, clock),
            Ending::Served | Ending::CallerLeft => {
                Self::plain(request, ErrorKind::Internal, "the request ended without an answer")
            }
        }
    }

    /// No route has that name.
    pub(crate) fn unknown_model(request: &Request) -> Self {
        let message = format!("The model `{}` does not exist here.", shown(request.call.model.as_str()));
        Self::plain(request, ErrorKind::UnknownModel, message).about("model")
    }

    /// Routes exist, but nothing behind them speaks the caller's dialect.
    pub(crate) fn wrong_dialect(request: &Request) -> Self {
        let message = format!(
            "The model `{}` is served here only by upstreams of another dialect; {} cannot reach it.",
            shown(request.call.model.as_str()),
            request.call.operation
        );
        Self::plain(request, ErrorKind::UnsupportedParameter, message).about("model")
    }

    /// What kind of error it is.
    pub(crate) const fn kind(&self) -> ErrorKind {
        self.error.kind
    }

    fn plain(request: &Request, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            dialect: request.call.dialect,
            request_id: request.call.request_id,
            error: CallerError::new(kind, message),
            headers: HeaderMap::new(),
        }
    }

    fn about(mut self, param: &str) -> Self {
        self.error.param = Some(param.to_owned());
        self
    }

    fn report(report: &Report, failed: &[Failed], request: &Request, clock: &dyn Clock) -> Self {
        let kind = kind(report);
        let model = shown(request.call.model.as_str());
        let mut refusal = Self::plain(request, kind, message(report, model));
        let wait = Wait::until(report.deadline, clock);
        let error = &mut refusal.error;
        (error.retry_after, error.retry_at) = (wait.after, wait.at);
        error.has_free_path = report.deadline.is_some_and(|deadline| deadline <= clock.now());
        error.cause = report.cause.class().map(|class| cause(class, report));
        if let Cause::Upstream(class) = report.cause
            && speaks_of_the_request(class)
            && let Some(failure) = &report.failure
        {
            let said = &failure.verdict.error;
            error.message =
                if said.message.is_empty() { class_words(class).to_owned() } else { said.message.clone() };
            (error.param, error.code) = (said.param.clone(), said.code.clone());
            let own = failed.iter().rev().find(|failed| failed.failure.fingerprint == failure.fingerprint);
            refusal.relay(said, own);
        }
        refusal
    }

    /// The upstream's own words, unchanged, where it speaks the caller's dialect and its status fits a caller's fault.
    fn relay(&mut self, said: &UpstreamError, own: Option<&Failed>) {
        let Some((status, headers, body)) = own.and_then(|failed| failed.reply.as_ref()) else { return };
        if matches!(said.status, 400 | 404 | 409 | 413 | 415 | 422) {
            self.error.status = Some(status.as_u16());
            self.error.verbatim = Some(body.clone());
            self.headers = relay_headers(headers.clone());
        }
    }

    /// The whole error as an answer.
    pub(crate) fn into_answer(self) -> Answer {
        let rendered = standin_wire::render_error(self.dialect, &self.error, self.request_id.as_str());
        let mut headers = self.headers;
        for (name, value) in rendered.headers {
            headers.insert(name, value);
        }
        let status = StatusCode::from_u16(rendered.status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
        Answer { status, headers, body: AnswerBody::whole(rendered.body) }
    }

    /// The same as the last frame of a stream whose head has gone out, and `tail` with it.
    pub(crate) fn frame(&self, tail: &StreamTail) -> Bytes {
        standin_wire::error_frame(self.dialect, &self.error, self.request_id.as_str(), tail)
    }
}

/// How long the caller should wait, both ways of saying it.
struct Wait {
    after: Option<Duration>,
    at: Option<SystemTime>,
}

impl Wait {
    fn until(deadline: Option<Moment>, clock: &dyn Clock) -> Self {
        let after = deadline.map(|deadline| deadline.since(clock.now())).filter(|wait| !wait.is_zero());
        Self { after, at: after.and_then(|wait| clock.wall().checked_add(wait)) }
    }
}

/// Whether the upstream's own words are what the caller needs to read.
pub(crate) const fn speaks_of_the_request(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::InvalidRequest
            | ErrorClass::ContentPolicy
            | ErrorClass::ContextTooLong
            | ErrorClass::PayloadTooLarge
            | ErrorClass::StateMismatch
            | ErrorClass::CapabilityMismatch
    )
}

fn kind(report: &Report) -> ErrorKind {
    match report.cause {
        Cause::AtCapacity => ErrorKind::AtCapacity,
        Cause::NoCandidate => ErrorKind::UnknownModel,
        Cause::PinUnknown => ErrorKind::InvalidRequest,
        Cause::CallerDeadline => ErrorKind::UpstreamTimeout,
        Cause::Upstream(class) | Cause::Suspended(class) => {
            let is_local = matches!(report.cause, Cause::Suspended(_));
            class_kind(class, is_local)
        }
    }
}

const fn class_kind(class: ErrorClass, is_local: bool) -> ErrorKind {
    match class {
        ErrorClass::InvalidRequest | ErrorClass::StateMismatch | ErrorClass::ClientGone => {
            ErrorKind::InvalidRequest
        }
        ErrorClass::CapabilityMismatch => ErrorKind::UnsupportedParameter,
        ErrorClass::ContextTooLong => ErrorKind::ContextTooLong,
        ErrorClass::ContentPolicy => ErrorKind::ContentPolicy,
        ErrorClass::PayloadTooLarge => ErrorKind::UpstreamTooLarge,
        ErrorClass::QuotaExhausted | ErrorClass::RateLimited => ErrorKind::Cooldown,
        ErrorClass::ModelUnsupported => ErrorKind::ModelUnsupported,
        ErrorClass::AuthFailed | ErrorClass::Permission | ErrorClass::Billing => {
            ErrorKind::CredentialsRejected
        }
        ErrorClass::EndpointMisconfigured => ErrorKind::UpstreamRouteMissing,
        _ if is_local => ErrorKind::NoPath,
        ErrorClass::Overloaded => ErrorKind::UpstreamOverloaded,
        ErrorClass::Timeout => ErrorKind::UpstreamTimeout,
        ErrorClass::ServerError | ErrorClass::Connect | ErrorClass::Malformed => ErrorKind::UpstreamFailed,
    }
}

fn message(report: &Report, model: &str) -> String {
    match report.cause {
        Cause::AtCapacity => format!("Every credential for `{model}` carries all the requests it may."),
        Cause::NoCandidate => format!("No credential is configured for `{model}`."),
        Cause::PinUnknown => format!("The requested credential does not exist or does not serve `{model}`."),
        Cause::CallerDeadline => "The time limit of this request has passed.".to_owned(),
        Cause::Suspended(class) => {
            format!("Every path to `{model}` is suspended: {}. No upstream was asked.", class_words(class))
        }
        Cause::Upstream(class) => {
            let tries = report.attempts;
            let plural = if tries == 1 { "" } else { "s" };
            format!("`{model}` could not be served after {tries} attempt{plural}: {}.", class_words(class))
        }
    }
}

fn cause(class: ErrorClass, report: &Report) -> ErrorCause {
    let said = report.failure.as_ref().map(|failure| &failure.verdict.error);
    // What the executor saw on the wire names addresses; only an upstream's own words may go out.
    let own_words = report.failure.as_ref().filter(|failure| failure.verdict.layer != Layer::Transport);
    let message = match own_words.map(|failure| &failure.verdict.error) {
        Some(said) if !said.message.is_empty() => said.message.clone(),
        _ => class_words(class).to_owned(),
    };
    ErrorCause { class, status: said.map_or(0, |said| said.status), message }
}

const fn class_words(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::ModelUnsupported => "no credential can serve this model at its upstream",
        ErrorClass::CapabilityMismatch => "no model behind this name can do what the request asks",
        ErrorClass::AuthFailed => "the upstream rejects the credentials",
        ErrorClass::Permission => "the upstream forbids access to the credentials",
        ErrorClass::Billing => "the upstream wants the credentials paid",
        ErrorClass::QuotaExhausted => "the upstream's quota is used up",
        ErrorClass::RateLimited => "the upstream limits the rate",
        ErrorClass::Overloaded => "the upstream is overloaded",
        ErrorClass::ServerError => "the upstream failed",
        ErrorClass::Connect => "the upstream cannot be reached",
        ErrorClass::Timeout => "the upstream did not answer in time",
        ErrorClass::Malformed => "the upstream's answer was incomplete or no answer at all",
        ErrorClass::StateMismatch => "the request refers to state that another credential holds",
        ErrorClass::EndpointMisconfigured => "the upstream has no such route",
        ErrorClass::ContextTooLong => "the prompt does not fit into the model's context",
        ErrorClass::ContentPolicy => "the upstream refuses the content",
        ErrorClass::PayloadTooLarge => "the request is too large for the upstream",
        ErrorClass::InvalidRequest => "the upstream finds the request invalid",
        ErrorClass::ClientGone => "the caller left",
    }
}

/// A caller's own word, cut so that an error stays small.
fn shown(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(end, _)| &text[..end])
}
