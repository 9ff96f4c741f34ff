//! What a provider says in each of the four dialects, written by us in the shape that providers use.

mod chat;
mod gemini;
mod messages;
mod responses;

use serde_json::{Value, json};

/// Seconds since the epoch that stand in answers.
const CREATED: u64 = 1_767_225_600;
/// What an answer claims to have cost.
const TOKENS_IN: u64 = 12;
const TOKENS_OUT: u64 = 5;

/// A dialect in which a client asks, and the provider behind the gateway answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Responses,
    Messages,
    Gemini,
}

/// What a model says in one answer.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// A text; streamed, each of these is an event of its own.
    Words(Vec<String>),
    /// A call of one tool.
    Call { name: String, arguments: Value },
}

/// A streamed answer, event by event, in three parts between which a test may stop.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    /// What comes before anything is said.
    pub(crate) opening: Vec<String>,
    /// One event for each word, or those of the call.
    pub(crate) content: Vec<String>,
    /// What ends the answer well.
    pub(crate) closing: Vec<String>,
}

/// What went wrong at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// This account cannot use the model.
    ModelUnsupported,
    /// The key is wrong.
    WrongKey,
    /// Too many requests this minute.
    RateLimited,
    /// The provider is broken.
    ServerError,
    /// The allowance is used up for hours.
    QuotaExhausted,
    /// The caller asked for something that makes no sense.
    CallersFault,
    /// The prompt does not fit.
    TooLong,
}

/// What a request asks of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// An answer.
    Answer { is_streaming: bool, has_tool_result: bool },
    /// The number of tokens of a prompt.
    Count,
}

/// What every dialect says of a prompt that does not fit: the number of its tokens.
pub(crate) const TOO_MANY: &str = "250000";
/// The text of the caller's own mistake, which every client has to show.
pub(crate) const CALLERS_FAULT: &str = "the temperature of this request is not a number";

impl Said {
    /// A text in these pieces.
    pub(crate) fn words(words: &[&str]) -> Self {
        Self::Words(words.iter().map(|&word| word.to_owned()).collect())
    }
}

impl Dialect {
    /// The product's name for it.
    pub(crate) const fn spoken(self) -> standin_core::Dialect {
        match self {
            Self::Chat => standin_core::Dialect::OpenaiChat,
            Self::Responses => standin_core::Dialect::OpenaiResponses,
            Self::Messages => standin_core::Dialect::AnthropicMessages,
            Self::Gemini => standin_core::Dialect::Gemini,
        }
    }

    /// What a request asks, and of which model.
    pub(crate) fn read(self, target: &str, body: &[u8]) -> (Asked, String) {
        let path = target.split('?').next().unwrap_or_default();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if self == Self::Gemini {
            return gemini::read(path, &body);
        }
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        if path.ends_with("/count_tokens") || path.ends_with("/input_tokens") {
            return (Asked::Count, model);
        }
        let has_tool_result = match self {
            Self::Chat => chat::has_tool_result(&body),
            Self::Responses => responses::has_tool_result(&body),
            _ => messages::has_tool_result(&body),
        };
        (Asked::Answer { is_streaming: body["stream"] == true, has_tool_result }, model)
    }

    /// The path and body of the plainest question to a model.
    pub(crate) fn question(self, model: &str) -> (String, Value) {
        let messages = json!([{"role": "user", "content": "What now?"}]);
        match self {
            Self::Chat => ("/v1/chat/completions".to_owned(), json!({"model": model, "messages": messages})),
            Self::Responses => ("/v1/responses".to_owned(), json!({"model": model, "input": "What now?"})),
            Self::Messages => {
                ("/v1/messages".to_owned(), json!({"model": model, "max_tokens": 50, "messages": messages}))
            }
            Self::Gemini => {
                let contents = json!([{"role": "user", "parts": [{"text": "What now?"}]}]);
                (format!("/v1beta/models/{model}:generateContent"), json!({"contents": contents}))
            }
        }
    }

    /// A whole answer.
    pub(crate) fn plain(self, model: &str, said: &Said) -> Value {
        match self {
            Self::Chat => chat::plain(model, said),
            Self::Responses => responses::plain(model, said),
            Self::Messages => messages::plain(model, said),
            Self::Gemini => gemini::plain(model, said),
        }
    }

    /// A streamed answer.
    pub(crate) fn stream(self, model: &str, said: &Said) -> Events {
        match self {
            Self::Chat => chat::stream(model, said),
            Self::Responses => responses::stream(model, said),
            Self::Messages => messages::stream(model, said),
            Self::Gemini => gemini::stream(model, said),
        }
    }

    /// The status and body of an error.
    pub(crate) fn error(self, model: &str, trouble: Trouble) -> (u16, Value) {
        match self {
            Self::Chat | Self::Responses => openai_error(model, trouble),
            Self::Messages => messages::error(model, trouble),
            Self::Gemini => gemini::error(model, trouble),
        }
    }

    /// The event by which a provider tells in a stream that it is broken.
    pub(crate) fn error_event(self, model: &str) -> String {
        let (_, error) = self.error(model, Trouble::ServerError);
        match self {
            Self::Chat | Self::Gemini => data(&error),
            Self::Responses => responses::failed(model, &error),
            Self::Messages => event("error", &error),
        }
    }

    /// The answer to the question how many tokens a prompt has.
    pub(crate) fn count(self, tokens: u64) -> Value {
        match self {
            Self::Chat | Self::Responses => {
                json!({"object": "response.input_tokens", "input_tokens": tokens})
            }
            Self::Messages => json!({"input_tokens": tokens}),
            Self::Gemini => json!({"totalTokens": tokens}),
        }
    }
}

/// An event that has only data.
fn data(data: &Value) -> String {
    format!("data: {data}\n\n")
}

/// An event that has a name as well.
fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Errors as OpenAI and the many that speak like it write them.
fn openai_error(model: &str, trouble: Trouble) -> (u16, Value) {
    let error = |message: &str, kind: &str, code: Value| json!({"error": {"message": message, "type": kind, "param": null, "code": code}});
    match trouble {
        Trouble::ModelUnsupported => {
            let message = format!("The requested model '{model}' is not supported.");
            (400, error(&message, "invalid_request_error", json!("model_not_supported")))
        }
        Trouble::WrongKey => {
            (401, error("Incorrect API key provided.", "invalid_request_error", json!("invalid_api_key")))
        }
        Trouble::RateLimited => {
            let message = "Rate limit reached for requests per minute. Please try again in 20s.";
            (429, error(message, "requests", json!("rate_limit_exceeded")))
        }
        Trouble::ServerError => {
            let message = "The server had an error while processing your request.";
            (500, error(message, "server_error", Value::Null))
        }
        Trouble::QuotaExhausted => {
            let message = "The usage limit has been reached";
            let error = json!({"type": "usage_limit_reached", "message": message, "plan_type": "plus", "resets_in_seconds": 18_000});
            (429, json!({"error": error}))
        }
        Trouble::CallersFault => (400, error(CALLERS_FAULT, "invalid_request_error", json!("invalid_type"))),
        Trouble::TooLong => {
            let message = "Your input exceeds the context window of this model: 250000 tokens, of 200000.";
            (400, error(message, "invalid_request_error", json!("context_length_exceeded")))
        }
    }
}
