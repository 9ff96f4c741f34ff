//! What a caller wants done, and in which language it asks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Evidence;

/// The protocol a caller or an upstream speaks. The route fixes it, before authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI Chat Completions and its siblings (completions, embeddings, images, model list).
    OpenaiChat,
    /// OpenAI Responses.
    OpenaiResponses,
    /// Anthropic Messages.
    AnthropicMessages,
    /// Google's Gemini API.
    Gemini,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 4] =
        [Self::OpenaiChat, Self::OpenaiResponses, Self::AnthropicMessages, Self::Gemini];

    /// The name used in configuration, logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic-messages",
            Self::Gemini => "gemini",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing an upstream can be asked to do. A route may be missing for one operation and work for another, so
/// some suspensions are keyed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/completions`.
    Completions,
    /// `POST /v1/embeddings`.
    Embeddings,
    /// `POST /v1/responses`.
    Responses,
    /// `POST /v1/responses/compact`.
    CompactResponse,
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1beta/models/{m}:generateContent` and `:streamGenerateContent`.
    GenerateContent,
    /// `POST /v1beta/models/{m}:embedContent`.
    EmbedContent,
    /// `POST /v1beta/models/{m}:batchEmbedContents`.
    BatchEmbedContents,
    /// Counting tokens, in any dialect.
    CountTokens,
    /// A route passed through as it is: images, audio, rerank, moderations.
    Passthrough,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 11] = [
        Self::ChatCompletions,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::CompactResponse,
        Self::Messages,
        Self::GenerateContent,
        Self::EmbedContent,
        Self::BatchEmbedContents,
        Self::CountTokens,
        Self::Passthrough,
    ];

    /// The name used in logs and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::CompactResponse => "compact_response",
            Self::Messages => "messages",
            Self::GenerateContent => "generate_content",
            Self::EmbedContent => "embed_content",
            Self::BatchEmbedContents => "batch_embed_contents",
            Self::CountTokens => "count_tokens",
            Self::Passthrough => "passthrough",
        }
    }

    /// What a success of this operation at an upstream proves. Only [`Evidence::Inference`] heals.
    #[must_use]
    pub const fn evidence(self) -> Evidence {
        match self {
            Self::CountTokens => Evidence::RemoteCount,
            _ => Evidence::Inference,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
