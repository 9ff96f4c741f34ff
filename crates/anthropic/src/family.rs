//! Messages and the counting of its tokens.

use http::HeaderName;
use standin_core::{Dialect, Operation};
use standin_upstream::{Family, Route, listed_ids, named_in_body};

/// Forwarded unchanged: a beta more or less is another API.
static ALLOWED: [HeaderName; 2] =
    [HeaderName::from_static("anthropic-version"), HeaderName::from_static("anthropic-beta")];
/// For callers that are no SDK.
static DEFAULTS: [(HeaderName, &str); 1] = [(HeaderName::from_static("anthropic-version"), "2023-06-01")];

const fn messages(operation: Operation, path: &'static str) -> Route {
    Route::new(Dialect::AnthropicMessages, operation, path)
}

/// Anthropic Messages.
pub static MESSAGES: Family = Family {
    routes: &[
        // The longer one stands first, because it ends the same way other paths might.
        messages(Operation::CountTokens, "/messages/count_tokens"),
        messages(Operation::Messages, "/messages"),
    ],
    version: "/v1",
    key: (HeaderName::from_static("x-api-key"), ""),
    allowed: &ALLOWED,
    defaults: &DEFAULTS,
    body: named_in_body,
    list: "/models?limit=1000",
    names: listed_ids,
};
