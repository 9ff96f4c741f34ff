//! How far the blame of a class reaches when the rule leaves it open: what the words and the operation add.

use standin_core::{ErrorClass, Operation, Scope};

use crate::{Observed, reading::Reading, status};

/// Words that say a limit is the account's and not the model's; first those that most who say so use.
const ACCOUNT_WORDS: [&str; 12] = [
    "your plan",
    "your account",
    "account quota",
    "account limit",
    "your subscription",
    "billing cycle",
    "weekly",
    "monthly",
    "session usage limit",
    "token plan",
    "coding plan",
    "account's rate limit",
];

/// The reach of `class`.
pub(crate) fn scope(class: ErrorClass, seen: &Observed<'_>, reading: &Reading) -> Scope {
    let is_account = || ACCOUNT_WORDS.iter().any(|words| reading.words.contains(words));
    match class {
        // Counting has its own limits: a 429 there says nothing about answering.
        ErrorClass::RateLimited if seen.operation == Some(Operation::CountTokens) => {
            Scope::CandidateOperation
        }
        ErrorClass::QuotaExhausted | ErrorClass::RateLimited if has_unified_limit(seen) => Scope::Credential,
        ErrorClass::QuotaExhausted | ErrorClass::RateLimited if is_account() => Scope::Credential,
        _ => status::default_scope(class),
    }
}

/// Whether Anthropic's headers say that a window of the whole account is used up.
fn has_unified_limit(seen: &Observed<'_>) -> bool {
    [
        "anthropic-ratelimit-unified-5h-status",
        "anthropic-ratelimit-unified-7d-status",
        "anthropic-ratelimit-unified-status",
    ]
    .iter()
    .any(|name| seen.headers.value(name) == Some("rejected"))
}
