//! Responses at OpenAI's API.

use http::{HeaderName, header::AUTHORIZATION};
use standin_core::{Dialect, Operation};
use standin_upstream::{Family, Route, listed_ids, named_in_body};

const fn responses(operation: Operation, path: &'static str) -> Route {
    Route::new(Dialect::OpenaiResponses, operation, path)
}

/// What the caller says about its session: it means something to this provider and to no other.
static SESSION: [HeaderName; 13] = [
    HeaderName::from_static("openai-beta"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("thread-id"),
    HeaderName::from_static("conversation_id"),
    HeaderName::from_static("x-client-request-id"),
    HeaderName::from_static("x-codex-beta-features"),
    HeaderName::from_static("x-codex-installation-id"),
    HeaderName::from_static("x-codex-parent-thread-id"),
    HeaderName::from_static("x-codex-turn-metadata"),
    HeaderName::from_static("x-codex-turn-state"),
    HeaderName::from_static("x-codex-window-id"),
    HeaderName::from_static("x-openai-subagent"),
];

const fn family(version: &'static str, routes: &'static [Route]) -> Family {
    Family {
        routes,
        version,
        key: (AUTHORIZATION, "Bearer "),
        allowed: &SESSION,
        defaults: &[],
        body: named_in_body,
        list: "/models",
        names: listed_ids,
    }
}

/// Responses with an API key.
pub static API: Family = family(
    "/v1",
    &[
        // Longer ones stand first, because one path may be the end of another.
        responses(Operation::CompactResponse, "/responses/compact"),
        responses(Operation::CountTokens, "/responses/input_tokens"),
        responses(Operation::Responses, "/responses"),
    ],
);

/// Responses with a ChatGPT login. Its base URL has no version, it lists no models and counts no tokens.
pub static CHATGPT: Family = family(
    "",
    &[
        responses(Operation::CompactResponse, "/responses/compact"),
        responses(Operation::Responses, "/responses"),
    ],
);
