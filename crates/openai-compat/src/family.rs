//! The two families of routes that OpenAI's API has: Chat Completions and its siblings, and Responses.

use http::{HeaderName, header::AUTHORIZATION};
use standin_core::{Dialect, Operation};
use standin_upstream::{Family, Route, listed_ids, named_in_body};

static ALLOWED: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];

const fn chat(operation: Operation, path: &'static str) -> Route {
    Route::new(Dialect::OpenaiChat, operation, path)
}

const fn responses(operation: Operation, path: &'static str) -> Route {
    Route::new(Dialect::OpenaiResponses, operation, path)
}

/// Chat Completions, and what stands beside it at most servers.
pub static CHAT: Family = family(&[
    chat(Operation::ChatCompletions, "/chat/completions"),
    chat(Operation::Completions, "/completions"),
    chat(Operation::Embeddings, "/embeddings"),
    chat(Operation::Passthrough, "/moderations"),
    chat(Operation::Passthrough, "/rerank"),
    chat(Operation::Passthrough, "/images/generations"),
    chat(Operation::Passthrough, "/images/edits"),
    chat(Operation::Passthrough, "/images/variations"),
    chat(Operation::Passthrough, "/audio/speech"),
    chat(Operation::Passthrough, "/audio/transcriptions"),
    chat(Operation::Passthrough, "/audio/translations"),
]);

/// Responses.
pub static RESPONSES: Family = family(&[
    // Longer ones stand first, because one path may be the end of another.
    responses(Operation::CompactResponse, "/responses/compact"),
    responses(Operation::CountTokens, "/responses/input_tokens"),
    responses(Operation::Responses, "/responses"),
]);

const fn family(routes: &'static [Route]) -> Family {
    Family {
        routes,
        version: "/v1",
        key: (AUTHORIZATION, "Bearer "),
        allowed: &ALLOWED,
        defaults: &[],
        body: named_in_body,
        list: "/models",
        names: listed_ids,
    }
}
