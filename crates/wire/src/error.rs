//! An error on its way to the caller, before it has the shape of a dialect.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use standin_core::ErrorClass;

/// What kind of error the caller is told; status, type and code of each dialect follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Broken JSON, or a field that cannot be meant.
    InvalidRequest,
    /// No model behind the name can do what is asked, or it is not offered here.
    UnsupportedParameter,
    /// The prompt does not fit.
    ContextTooLong,
    /// Refused for its content.
    ContentPolicy,
    /// The caller's key is missing or unknown.
    InvalidKey,
    /// The caller's key may not do that.
    NotAllowed,
    /// No route has that name.
    UnknownModel,
    /// There is no such path.
    NotFound,
    /// The path is there, the method is not.
    MethodNotAllowed,
    /// The body did not come in time.
    RequestTimeout,
    /// The body is larger than this server takes.
    BodyTooLarge,
    /// The body is in a form this server does not read.
    UnsupportedMedia,
    /// The path asks for a protocol that is not spoken there.
    UpgradeRequired,
    /// The head is larger than this server takes.
    HeadersTooLarge,
    /// Path and query are larger than this server takes.
    UriTooLong,
    /// Every path is out because of a quota or a rate.
    Cooldown,
    /// Every path says that it does not serve the model.
    ModelUnsupported,
    /// Every path is out for transient reasons.
    NoPath,
    /// The upstream's credentials are rejected or unpaid.
    CredentialsRejected,
    /// The upstream failed.
    UpstreamFailed,
    /// The upstream is out of capacity.
    UpstreamOverloaded,
    /// The upstream has no such route.
    UpstreamRouteMissing,
    /// The upstream finds the request too large.
    UpstreamTooLarge,
    /// The upstream, or the caller's own deadline, was too slow.
    UpstreamTimeout,
    /// Every credential carries all the requests it may.
    AtCapacity,
    /// This server carries all it may.
    Busy,
    /// The request has been through this server before.
    LoopDetected,
    /// Our own fault.
    Internal,
}

impl ErrorKind {
    /// Status, OpenAI type, OpenAI code.
    pub(crate) const fn openai(self) -> (u16, &'static str, &'static str) {
        const CALLER: &str = "invalid_request_error";
        match self {
            Self::InvalidRequest => (400, CALLER, "invalid_value"),
            Self::UnsupportedParameter => (400, CALLER, "unsupported_parameter"),
            Self::ContextTooLong => (400, CALLER, "context_length_exceeded"),
            Self::ContentPolicy => (400, CALLER, "content_policy_violation"),
            Self::InvalidKey => (401, CALLER, "invalid_api_key"),
            Self::NotAllowed => (403, CALLER, "model_not_allowed"),
            Self::UnknownModel | Self::ModelUnsupported => (404, CALLER, "model_not_found"),
            Self::NotFound => (404, CALLER, "not_found"),
            Self::MethodNotAllowed => (405, CALLER, "method_not_allowed"),
            Self::RequestTimeout => (408, CALLER, "request_timeout"),
            Self::BodyTooLarge | Self::UpstreamTooLarge => (413, CALLER, "request_too_large"),
            Self::UnsupportedMedia => (415, CALLER, "unsupported_media_type"),
            Self::UpgradeRequired => (426, CALLER, "upgrade_required"),
            Self::HeadersTooLarge => (431, CALLER, "headers_too_large"),
            Self::UriTooLong => (414, CALLER, "uri_too_long"),
            Self::Cooldown => (429, "rate_limit_error", "model_cooldown"),
            Self::AtCapacity => (429, "rate_limit_error", "concurrency_limit"),
            Self::CredentialsRejected => (403, CALLER, "upstream_credentials_rejected"),
            Self::UpstreamRouteMissing => (404, CALLER, "upstream_route_not_found"),
            Self::NoPath => (503, "server_error", "no_path_available"),
            Self::UpstreamOverloaded => (503, "server_error", "upstream_error"),
            Self::UpstreamFailed => (502, "server_error", "upstream_error"),
            Self::UpstreamTimeout => (504, "server_error", "upstream_timeout"),
            Self::Busy => (503, "server_error", "server_busy"),
            Self::LoopDetected => (502, "server_error", "loop_detected"),
            Self::Internal => (500, "server_error", "internal_error"),
        }
    }

    /// Status and Anthropic type.
    pub(crate) const fn anthropic(self) -> (u16, &'static str) {
        match self {
            Self::NoPath | Self::UpstreamOverloaded => (529, "overloaded_error"),
            other => {
                let status = other.openai().0;
                let kind = match status {
                    401 => "authentication_error",
                    403 => "permission_error",
                    404 | 405 => "not_found_error",
                    413 => "request_too_large",
                    429 => "rate_limit_error",
                    504 => "timeout_error",
                    400..=499 => "invalid_request_error",
                    _ => "api_error",
                };
                (status, kind)
            }
        }
    }

    /// Status and Google's canonical name.
    pub(crate) const fn gemini(self) -> (u16, &'static str) {
        match self {
            Self::MethodNotAllowed => (501, "UNIMPLEMENTED"),
            Self::UpstreamFailed => (503, "UNAVAILABLE"),
            other => {
                let status = other.openai().0;
                let name = match status {
                    401 => "UNAUTHENTICATED",
                    403 => "PERMISSION_DENIED",
                    404 => "NOT_FOUND",
                    429 => "RESOURCE_EXHAUSTED",
                    400..=499 => "INVALID_ARGUMENT",
                    502 | 503 => "UNAVAILABLE",
                    504 => "DEADLINE_EXCEEDED",
                    _ => "INTERNAL",
                };
                (status, name)
            }
        }
    }

    /// Whether it is an upstream's trouble, with which another path may have none.
    pub(crate) const fn is_upstreams(self) -> bool {
        matches!(
            self,
            Self::Cooldown
                | Self::ModelUnsupported
                | Self::NoPath
                | Self::CredentialsRejected
                | Self::UpstreamFailed
                | Self::UpstreamOverloaded
                | Self::UpstreamRouteMissing
                | Self::UpstreamTooLarge
                | Self::UpstreamTimeout
                | Self::AtCapacity
        )
    }

    /// Whether the same request can be answered otherwise within seconds.
    pub(crate) const fn may_pass(self) -> bool {
        matches!(
            self,
            Self::UpstreamFailed
                | Self::UpstreamOverloaded
                | Self::UpstreamTimeout
                | Self::NoPath
                | Self::AtCapacity
                | Self::Busy
                | Self::Internal
                | Self::RequestTimeout
        )
    }
}

/// Everything the caller is told.
#[derive(Debug, Clone)]
pub struct CallerError {
    /// What kind of error.
    pub kind: ErrorKind,
    /// What happened, in a sentence.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
    /// The upstream's own code in place of ours.
    pub code: Option<String>,
    /// The upstream's own status in place of ours.
    pub status: Option<u16>,
    /// Whether another path is free at this moment, so that the same request sent again is likely to be served.
    pub has_free_path: bool,
    /// How long until a path is due again.
    pub retry_after: Option<Duration>,
    /// The same as a point in time.
    pub retry_at: Option<SystemTime>,
    /// What stands behind it.
    pub cause: Option<ErrorCause>,
    /// The upstream's own error body, relayed as it is.
    pub verbatim: Option<Bytes>,
}

/// What stands behind an error.
#[derive(Debug, Clone)]
pub struct ErrorCause {
    /// Our name for what went wrong.
    pub class: ErrorClass,
    /// The status it came with, 0 if there was none.
    pub status: u16,
    /// The upstream's words.
    pub message: String,
}

impl CallerError {
    /// Whether a client that repeats the request right away is likely to be served.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        match self.kind {
            ErrorKind::Busy | ErrorKind::Internal => true,
            kind => self.has_free_path && kind.is_upstreams(),
        }
    }

    /// An error that says no more than its kind and a sentence.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            code: None,
            status: None,
            has_free_path: false,
            retry_after: None,
            retry_at: None,
            cause: None,
            verbatim: None,
        }
    }
}
