//! `docs/errors.md`, from the same tables that decide: classes, blame, and every rule by its id.

use std::fmt::Write;

use standin_core::ErrorClass;

use crate::rule::{FAMILIES, RULES};

/// The whole page.
#[must_use]
pub fn errors_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for class in ErrorClass::ALL {
        let [means, blames, suspends, next] = row(class);
        let _ = writeln!(page, "| `{class}` | {means} | {blames} | {suspends} | {next} |");
    }
    page.push_str(ANSWERS);
    page.push_str("\n## Rules\n\nThe first number of a rule's id names its pack. What no rule knows is read by its status alone.\n");
    for (at, family) in FAMILIES.iter().enumerate() {
        let rules: Vec<_> = RULES.iter().filter(|rule| rule.family == at).collect();
        if rules.is_empty() {
            continue;
        }
        let _ = writeln!(page, "\n### {}\n\n| rule | class | note |\n|---|---|---|", family.name);
        for rule in rules {
            let _ = writeln!(page, "| `{}` | `{}` | {} |", rule.id, rule.class, rule.note);
        }
    }
    page
}

const INTRODUCTION: &str = "# Errors: what is understood, who is blamed, what follows

This page is written by the code that decides (`UPDATE_DOCS=1 cargo test -p standin-classify --test document`).

A *candidate* is a credential with a concrete model at its upstream. A *soft* suspension orders a path last, a hard one takes it out;
from its probe on, one request at a time may look whether it works again.

| class | means | who is blamed | suspended for | next |
|---|---|---|---|---|
";

const ANSWERS: &str = "
## What the caller gets

The most useful failure of the whole request, in the caller's dialect: the caller's own fault first, then limits, then the model, then
outages, then credentials. Statuses are those of OpenAI's dialects.

| what stands behind it | status | code |
|---|---|---|
| the caller's own fault | the upstream's | the upstream's, its body unchanged |
| a limit or a quota on every path | 429 | `model_cooldown` |
| no path serves the model | 404 | `model_not_found` |
| the model cannot do what is asked | 400 | the upstream's, or `unsupported_parameter` |
| upstreams failed, all of them were tried | 502, 503, 504 | `upstream_error`, `upstream_timeout` |
| every path is out for such reasons | 503 | `no_path_available` |
| credentials are rejected or unpaid | 403 | `upstream_credentials_rejected` |
| every credential carries all it may | 429 | `concurrency_limit` |
";

/// Meaning, blame, default suspension, next step.
fn row(class: ErrorClass) -> [&'static str; 4] {
    use ErrorClass as C;
    match class {
        C::ModelUnsupported => [
            "this credential cannot serve this model: unknown, no access, not in the plan, retired",
            "the candidate",
            "12 h, probe after 1 h; where it is only hinted at 1 min x 4^n, at most 1 h",
            "another candidate",
        ],
        C::CapabilityMismatch => [
            "the model cannot do what this request asks: tools, images, a parameter",
            "nobody",
            "–",
            "another model",
        ],
        C::AuthFailed => [
            "the key is invalid, expired, revoked",
            "the credential",
            "30 min x 2^n, at most 24 h, or until it changes",
            "another credential",
        ],
        C::Permission => [
            "the key is valid and may not: region, address, organisation",
            "the credential",
            "30 min x 2^n, at most 6 h",
            "another credential",
        ],
        C::Billing => {
            ["out of credit, in arrears", "the credential", "30 min x 2^n, at most 6 h", "another credential"]
        }
        C::QuotaExhausted => [
            "the allowance of a day, week or month is used up",
            "what the quota covers",
            "as hinted, else 5 min x 2^n, at most 6 h; probes after 10, 20, 40, 60 min",
            "another credential",
        ],
        C::RateLimited => [
            "too much per minute",
            "the candidate, or the credential where it is said so",
            "as hinted, 1 s to 10 min; else 5 s x 2^n, at most 10 min",
            "another candidate",
        ],
        C::Overloaded => [
            "the provider is out of capacity",
            "the candidate; the model at its upstream once a second credential is refused",
            "soft: as hinted, else 1 s x 2^n, at most 60 s",
            "another upstream first",
        ],
        C::ServerError => {
            ["the provider failed", "the candidate", "soft: 1 s x 2^n, at most 60 s", "another candidate"]
        }
        C::Connect => [
            "no connection, or none up to a reply's head",
            "the address",
            "soft: 1 s x 2^n, at most 60 s",
            "another address first",
        ],
        C::Timeout => [
            "no first byte, or silence",
            "the candidate",
            "soft: 1 s x 2^n, at most 60 s",
            "another candidate",
        ],
        C::Malformed => [
            "a 200 without an answer: an error, HTML, nothing, cut short",
            "the candidate",
            "soft: 1 s x 2^n, at most 60 s",
            "another candidate",
        ],
        C::StateMismatch => [
            "the request refers to state that another credential holds",
            "nobody",
            "–",
            "the owner of the state, if known; else the end",
        ],
        C::EndpointMisconfigured => [
            "the route does not exist there",
            "the operation at that upstream",
            "1 min x 4^n, at most 1 h",
            "another upstream",
        ],
        C::ContextTooLong => {
            ["the prompt does not fit", "nobody", "–", "a larger declared context; else the end"]
        }
        C::ContentPolicy => {
            ["refused for its content", "nobody", "–", "the end: elsewhere it is one more strike"]
        }
        C::PayloadTooLarge => ["too big for this tier or server", "nobody", "–", "another upstream, once"],
        C::InvalidRequest => ["the caller's own fault", "nobody", "–", "the end: exactly one call"],
        C::ClientGone => ["the caller left", "nobody", "–", "the end"],
    }
}
