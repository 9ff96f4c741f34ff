//! How far the blame for a failure reaches.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Candidate, CredentialId, EndpointId, Operation, UpstreamId, UpstreamModel};

/// The reach of a blame, before it is tied to concrete ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The request itself, or nobody: nothing is suspended.
    Request,
    /// One credential with one upstream model.
    Candidate,
    /// One credential with one upstream model, for this operation only.
    CandidateOperation,
    /// Every model of the credential.
    Credential,
    /// The model at that upstream, whichever credential asks.
    UpstreamModel,
    /// This operation at that upstream, whichever credential or model asks.
    UpstreamOperation,
    /// Base URL plus outbound proxy.
    Endpoint,
}

impl Scope {
    /// Every scope, narrowest first.
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::CandidateOperation,
        Self::Candidate,
        Self::Credential,
        Self::UpstreamModel,
        Self::UpstreamOperation,
        Self::Endpoint,
    ];

    /// The name used in rules, logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Candidate => "candidate",
            Self::CandidateOperation => "candidate_operation",
            Self::Credential => "credential",
            Self::UpstreamModel => "upstream_model",
            Self::UpstreamOperation => "upstream_operation",
            Self::Endpoint => "endpoint",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What exactly is to blame: the key of a suspension. An alias is never part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKey {
    /// One credential with one upstream model.
    Candidate(Candidate),
    /// One credential with one upstream model, for one operation.
    CandidateOperation(Candidate, Operation),
    /// Every model of the credential.
    Credential(CredentialId),
    /// The model at that upstream.
    UpstreamModel(UpstreamId, UpstreamModel),
    /// The operation at that upstream.
    UpstreamOperation(UpstreamId, Operation),
    /// Base URL plus outbound proxy.
    Endpoint(EndpointId),
}

impl ScopeKey {
    /// The reach of this key.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Candidate(_) => Scope::Candidate,
            Self::CandidateOperation(..) => Scope::CandidateOperation,
            Self::Credential(_) => Scope::Credential,
            Self::UpstreamModel(..) => Scope::UpstreamModel,
            Self::UpstreamOperation(..) => Scope::UpstreamOperation,
            Self::Endpoint(_) => Scope::Endpoint,
        }
    }
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate(candidate) => write!(f, "{candidate}"),
            Self::CandidateOperation(candidate, operation) => write!(f, "{candidate} for {operation}"),
            Self::Credential(credential) => write!(f, "{credential}"),
            Self::UpstreamModel(upstream, model) => write!(f, "{model} at {upstream}"),
            Self::UpstreamOperation(upstream, operation) => write!(f, "{operation} at {upstream}"),
            Self::Endpoint(endpoint) => write!(f, "{endpoint}"),
        }
    }
}
