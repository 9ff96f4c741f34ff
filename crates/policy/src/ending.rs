//! What the caller gets at the end, as data; the server renders it in the caller's dialect.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use standin_core::{Candidate, ErrorClass, Failure, ModelAlias, Moment, ScopeKey};

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// An upstream's complete answer was passed on.
    Served,
    /// The caller left; nobody is told anything.
    CallerLeft,
    /// An error, the most useful one of the whole request.
    Failed(Box<Report>),
}

/// Everything an error to the caller, and to the operator, is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What the error is about.
    pub cause: Cause,
    /// Why no further attempt was made.
    pub stop: Stop,
    /// The best upstream failure of this request, if there was one.
    pub failure: Option<Arc<Failure>>,
    /// Whose failure that was. For the operator only: no caller may see it.
    pub candidate: Option<Candidate>,
    /// The suspension that stands behind a [`Cause::Suspended`]. For the operator only.
    pub suspended: Option<ScopeKey>,
    /// When the first path is due again; a moment that has passed if one is free already.
    pub deadline: Option<Moment>,
    /// The name that was asked for.
    pub model: ModelAlias,
    /// How many upstream calls were made.
    pub attempts: u32,
}

/// What a final error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An upstream said so, in [`Report::failure`].
    Upstream(ErrorClass),
    /// Every path is suspended and no upstream was asked; the class is the most useful one among them.
    Suspended(ErrorClass),
    /// Every usable credential carries all it may.
    AtCapacity,
    /// No credential is configured for this model.
    NoCandidate,
    /// The pinned credential does not exist or does not serve this model.
    PinUnknown,
    /// The caller's own deadline has passed; nobody is blamed.
    CallerDeadline,
}

/// Why a request made no further attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// No other path could change the answer.
    Final,
    /// No usable path was left, and none that would be free soon enough.
    Exhausted,
    /// The attempts of one request are used up.
    AttemptsSpent,
    /// The attempts that may follow a soft failure are used up.
    SoftRetriesSpent,
    /// The upstream's retry budget is used up.
    BudgetSpent,
    /// The attempt may have been executed, and the operator wants that reported.
    UnknownFate,
    /// The caller has already got content.
    ContentForwarded,
    /// The caller's own deadline.
    Deadline,
}

impl Stop {
    /// The name used in logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Final => "final",
            Self::Exhausted => "exhausted",
            Self::AttemptsSpent => "attempts_spent",
            Self::SoftRetriesSpent => "soft_retries_spent",
            Self::BudgetSpent => "budget_spent",
            Self::UnknownFate => "unknown_fate",
            Self::ContentForwarded => "content_forwarded",
            Self::Deadline => "deadline",
        }
    }
}

/// How useful an error is to the caller; the first of a request's errors in this order is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The request has to change.
    Caller,
    /// A quota or a rate: 429.
    Limit,
    /// Another model has to be asked for: 404, or 400 for a missing capability.
    Model,
    /// The provider's trouble: 502, 503, 504.
    Transient,
    /// Credentials are rejected or unpaid: 403, never 401 and never an outage.
    Credentials,
}

impl Family {
    /// The family of a class.
    #[must_use]
    pub const fn of(class: ErrorClass) -> Self {
        match class {
            ErrorClass::InvalidRequest
            | ErrorClass::ContentPolicy
            | ErrorClass::ContextTooLong
            | ErrorClass::PayloadTooLarge
            | ErrorClass::StateMismatch
            | ErrorClass::ClientGone => Self::Caller,
            ErrorClass::QuotaExhausted | ErrorClass::RateLimited => Self::Limit,
            ErrorClass::ModelUnsupported | ErrorClass::CapabilityMismatch => Self::Model,
            ErrorClass::Overloaded
            | ErrorClass::ServerError
            | ErrorClass::Connect
            | ErrorClass::Timeout
            | ErrorClass::Malformed
            | ErrorClass::EndpointMisconfigured => Self::Transient,
            ErrorClass::AuthFailed | ErrorClass::Permission | ErrorClass::Billing => Self::Credentials,
        }
    }
}

impl Cause {
    /// The class the error speaks of, if it speaks of one.
    #[must_use]
    pub const fn class(self) -> Option<ErrorClass> {
        match self {
            Self::Upstream(class) | Self::Suspended(class) => Some(class),
            Self::AtCapacity | Self::NoCandidate | Self::PinUnknown | Self::CallerDeadline => None,
        }
    }
}
