//! How far the blame for a failure reaches: from a class and a scope to the key of a suspension.

use standin_core::{ErrorClass, Failure, Layout, Operation, Scope, ScopeKey};

/// The key a failure of `candidate` suspends, or `None` if it blames nobody.
#[must_use]
pub fn blamed(layout: &Layout, candidate: u32, operation: Operation, failure: &Failure) -> Option<ScopeKey> {
    let class = failure.class();
    if class.blames_nobody() {
        return None;
    }
    let credential = layout.credential(layout.row(candidate).credential);
    let upstream = || layout.upstream_id(credential.upstream).clone();
    let named = layout.candidate(candidate);
    Some(match reach(class, failure.verdict.scope, operation) {
        Scope::Request => return None,
        Scope::Candidate => ScopeKey::Candidate(named),
        Scope::CandidateOperation => ScopeKey::CandidateOperation(named, operation),
        Scope::Credential => ScopeKey::Credential(named.credential),
        Scope::UpstreamModel => ScopeKey::UpstreamModel(upstream(), named.model),
        Scope::UpstreamOperation => ScopeKey::UpstreamOperation(upstream(), operation),
        Scope::Endpoint => ScopeKey::Endpoint(layout.endpoint_id(credential.endpoint).clone()),
    })
}

/// The scope that may really be blamed: the classifier's, narrowed where it would reach too far.
fn reach(class: ErrorClass, scope: Scope, operation: Operation) -> Scope {
    let is_limit = matches!(class, ErrorClass::RateLimited | ErrorClass::QuotaExhausted);
    match (operation, scope) {
        // A failure to count says nothing about inference, unless the key itself or the connection failed.
        (Operation::CountTokens, Scope::Candidate | Scope::UpstreamModel) => Scope::CandidateOperation,
        (Operation::CountTokens, Scope::Credential) if is_limit => Scope::CandidateOperation,
        // Capacity is the provider's: no credential is ever blamed for it.
        (_, Scope::Credential) if class == ErrorClass::Overloaded => Scope::Candidate,
        _ => scope,
    }
}
