//! What kind of thing went wrong.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The kind of a failure. Each class has its own blame, default suspension and next step (`docs/errors.md`).
///
/// Transport-level classes (`Connect`, `Timeout`, `ClientGone`) come from the executor, all others from the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// This credential cannot serve this model here: unknown, no access, not in plan, retired, wrong endpoint.
    ModelUnsupported,
    /// The model exists but cannot do what this request asks: tools, images, a schema, a parameter or value.
    CapabilityMismatch,
    /// The key is invalid, expired, revoked or disabled.
    AuthFailed,
    /// The key is valid, and forbidden by region, address, organisation or verification.
    Permission,
    /// Out of credit, payment required, in arrears.
    Billing,
    /// The allowance of a day, week, month or plan window is used up.
    QuotaExhausted,
    /// Too many requests, tokens or parallel calls per minute.
    RateLimited,
    /// The provider is out of capacity.
    Overloaded,
    /// A 5xx or another transient fault of the provider.
    ServerError,
    /// DNS, refused, TLS, or the connection ended before the head of a reply.
    Connect,
    /// No first byte, or silence in mid-stream, within the limit.
    Timeout,
    /// A 200 with an error, an empty completion, HTML, or cut short.
    Malformed,
    /// The request refers to state that belongs to another credential.
    StateMismatch,
    /// The route does not exist there; says nothing about the model.
    EndpointMisconfigured,
    /// The prompt does not fit.
    ContextTooLong,
    /// Refused for its content.
    ContentPolicy,
    /// The request is too big for this tier or this server.
    PayloadTooLarge,
    /// The caller's own fault.
    InvalidRequest,
    /// The caller left.
    ClientGone,
}

impl ErrorClass {
    /// Every class, in the order of the table in `docs/errors.md`.
    pub const ALL: [Self; 19] = [
        Self::ModelUnsupported,
        Self::CapabilityMismatch,
        Self::AuthFailed,
        Self::Permission,
        Self::Billing,
        Self::QuotaExhausted,
        Self::RateLimited,
        Self::Overloaded,
        Self::ServerError,
        Self::Connect,
        Self::Timeout,
        Self::Malformed,
        Self::StateMismatch,
        Self::EndpointMisconfigured,
        Self::ContextTooLong,
        Self::ContentPolicy,
        Self::PayloadTooLarge,
        Self::InvalidRequest,
        Self::ClientGone,
    ];

    /// The name used in configuration, logs, documents and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ModelUnsupported => "model_unsupported",
            Self::CapabilityMismatch => "capability_mismatch",
            Self::AuthFailed => "auth_failed",
            Self::Permission => "permission",
            Self::Billing => "billing",
            Self::QuotaExhausted => "quota_exhausted",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ServerError => "server_error",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::StateMismatch => "state_mismatch",
            Self::EndpointMisconfigured => "endpoint_misconfigured",
            Self::ContextTooLong => "context_too_long",
            Self::ContentPolicy => "content_policy",
            Self::PayloadTooLarge => "payload_too_large",
            Self::InvalidRequest => "invalid_request",
            Self::ClientGone => "client_gone",
        }
    }

    /// Whether a suspension of this class only orders a path last instead of taking it out.
    #[must_use]
    pub const fn is_soft(self) -> bool {
        matches!(self, Self::ServerError | Self::Overloaded | Self::Connect | Self::Timeout | Self::Malformed)
    }

    /// Whether the blame is on the request or on nobody, so that nothing is ever suspended for it.
    #[must_use]
    pub const fn blames_nobody(self) -> bool {
        matches!(
            self,
            Self::CapabilityMismatch
                | Self::StateMismatch
                | Self::ContextTooLong
                | Self::ContentPolicy
                | Self::PayloadTooLarge
                | Self::InvalidRequest
                | Self::ClientGone
        )
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no error class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownClass(pub String);

impl fmt::Display for UnknownClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown error class `{}`; known are ", self.0)?;
        for (at, class) in ErrorClass::ALL.iter().enumerate() {
            write!(f, "{}{class}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownClass {}

impl FromStr for ErrorClass {
    type Err = UnknownClass;

    fn from_str(text: &str) -> Result<Self, UnknownClass> {
        Self::ALL
            .into_iter()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| UnknownClass(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_reads_back_from_its_own_name_in_text_and_in_json() {
        for class in ErrorClass::ALL {
            assert_eq!(class.as_str().parse(), Ok(class));
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{class}\""));
        }
    }

    #[test]
    fn a_class_that_only_orders_last_always_blames_somebody() {
        assert!(ErrorClass::ALL.iter().all(|class| !(class.is_soft() && class.blames_nobody())));
    }

    #[test]
    fn an_unknown_name_lists_what_is_known() {
        let said = "quota".parse::<ErrorClass>().unwrap_err().to_string();
        assert!(said.contains("`quota`") && said.contains("quota_exhausted"), "{said}");
    }
}
