//! A token count, in the shape of each dialect.

use bytes::Bytes;
use serde_json::json;
use standin_core::Dialect;

/// The reply to a request for a count.
#[must_use]
pub fn token_count(dialect: Dialect, tokens: u64) -> Bytes {
    let reply = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            json!({"object": "response.input_tokens", "input_tokens": tokens})
        }
        Dialect::AnthropicMessages => json!({"input_tokens": tokens}),
        Dialect::Gemini => json!({"totalTokens": tokens}),
    };
    reply.to_string().into()
}
