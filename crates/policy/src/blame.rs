//! How far the blame for a failure reaches: from a class and a scope to the key of a suspension.

use standin_core::{ErrorClass, Failure, Layout, Operation, Scope, ScopeKey, Slot};

/// The key a failure of `candidate` suspends, or `None` if it blames nobody.
#[must_use]
pub fn blamed(layout: &Layout, candidate: u32, operation: Operation, failure: &Failure) -> Option<ScopeKey> {
    let at = place(blamed_scope(operation, failure)?)?;
    Some(layout.path_key(candidate, operation, at))
}

/// Where the blame for a failure of `candidate` stands among what is read for every choice.
pub(crate) fn blamed_slot(
    layout: &Layout,
    candidate: u32,
    operation: Operation,
    scope: Scope,
) -> Option<Slot> {
    place(scope).map(|at| layout.path(candidate, operation)[at])
}

/// How far the blame for a failure reaches, or `None` if it blames nobody.
pub(crate) fn blamed_scope(operation: Operation, failure: &Failure) -> Option<Scope> {
    let class = failure.class();
    if class.blames_nobody() {
        return None;
    }
    Some(reach(class, failure.verdict.scope, operation)).filter(|scope| *scope != Scope::Request)
}

/// The place of a scope in [`Layout::path`].
const fn place(scope: Scope) -> Option<usize> {
    Some(match scope {
        Scope::Request => return None,
        Scope::Credential => 0,
        Scope::Endpoint => 1,
        Scope::UpstreamOperation => 2,
        Scope::UpstreamModel => 3,
        Scope::Candidate => 4,
        Scope::CandidateOperation => 5,
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
