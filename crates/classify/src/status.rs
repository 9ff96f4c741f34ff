//! The last resort: what a bare status says. It is right four times in ten, so everything else comes first.
//!
//! It never looks at a body.

use standin_core::{Certainty, ErrorClass, Scope};

/// What a status alone says: class, rule id and how sure that is.
pub(crate) fn opinion(status: u16) -> (ErrorClass, &'static str, Certainty) {
    use ErrorClass as C;
    let (class, rule) = match status {
        401 => (C::AuthFailed, "status/401"),
        402 => (C::Billing, "status/402"),
        403 => (C::Permission, "status/403"),
        404 => (C::ModelUnsupported, "status/404"),
        405 => (C::EndpointMisconfigured, "status/405"),
        407 => (C::Permission, "status/407"),
        408 | 424 | 425 => (C::ServerError, "status/408"),
        410 => (C::ModelUnsupported, "status/410"),
        413 | 414 => (C::PayloadTooLarge, "status/413"),
        421 => (C::EndpointMisconfigured, "status/421"),
        429 => (C::RateLimited, "status/429"),
        451 => (C::Permission, "status/451"),
        400..=499 => (C::InvalidRequest, "status/4xx"),
        503 => (C::Overloaded, "status/503"),
        529 => (C::Overloaded, "status/529"),
        501 => (C::CapabilityMismatch, "status/501"),
        500..=599 => (C::ServerError, "status/5xx"),
        200..=299 => (C::Malformed, "status/2xx"),
        300..=399 => (C::Malformed, "status/3xx"),
        _ => (C::ServerError, "status/unknown"),
    };
    (class, rule, Certainty::Hint)
}

/// How far the blame of a class reaches when the rule does not say.
pub(crate) const fn default_scope(class: ErrorClass) -> Scope {
    use ErrorClass as C;
    match class {
        C::ModelUnsupported
        | C::QuotaExhausted
        | C::RateLimited
        | C::Overloaded
        | C::ServerError
        | C::Timeout
        | C::Malformed => Scope::Candidate,
        C::AuthFailed | C::Permission | C::Billing => Scope::Credential,
        C::Connect => Scope::Endpoint,
        C::EndpointMisconfigured => Scope::UpstreamOperation,
        C::CapabilityMismatch
        | C::StateMismatch
        | C::ContextTooLong
        | C::ContentPolicy
        | C::PayloadTooLarge
        | C::InvalidRequest
        | C::ClientGone => Scope::Request,
    }
}
