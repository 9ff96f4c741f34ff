//! What an upstream says it used. Everything is optional: unknown is not zero.

use serde::{Deserialize, Serialize};

/// Tokens as the upstream counted them; `None` means that it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens of the prompt, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens of the prompt that were read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// Tokens of the prompt that were written to a cache.
    pub cache_write_tokens: Option<u64>,
    /// All tokens of the answer, reasoning included.
    pub output_tokens: Option<u64>,
    /// Tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// The sum, where the upstream gives one.
    pub total_tokens: Option<u64>,
}

/// Usage as OpenAI Chat and its many relatives write it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ChatUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Default, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

impl From<ChatUsage> for Usage {
    fn from(said: ChatUsage) -> Self {
        Self {
            input_tokens: said.prompt_tokens,
            cached_input_tokens: said.prompt_tokens_details.and_then(|details| details.cached_tokens),
            cache_write_tokens: None,
            output_tokens: said.completion_tokens,
            reasoning_tokens: said.completion_tokens_details.and_then(|details| details.reasoning_tokens),
            total_tokens: said.total_tokens,
        }
    }
}
