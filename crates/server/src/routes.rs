//! The route table, as data: which path is which operation in which dialect.
//!
//! The dialect is known before authentication, limits or a body are looked at, so every failure has its shape.

use http::Method;
use standin_core::{Dialect, Operation};
use standin_wire::ListShape;

use crate::escape::unescape;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The shape of everything that is answered.
    pub dialect: Dialect,
    /// What to do.
    pub action: Action,
}

/// What a route does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Hand a body to the conductor.
    Run(Operation),
    /// Hand a body to the conductor; the path names the model.
    RunModel {
        /// What is asked for.
        operation: Operation,
        /// The model in the path.
        model: String,
        /// Whether the path asks for a stream.
        is_streaming: bool,
    },
    /// Pass a body through as it is.
    Pass(String),
    /// List every model.
    List(ListShape),
    /// Show one model.
    Show(ListShape, String),
    /// Say that the process lives.
    Health,
    /// Say whether it takes requests.
    Ready,
    /// Answer quickly with nothing: some clients look whether somebody is there.
    Presence,
    /// A protocol that is not spoken here.
    Upgrade,
    /// The path is there, the method is not.
    WrongMethod,
    /// There is no such path.
    Nothing,
}

const POSTS: [(&str, Dialect, Operation); 8] = [
    ("/v1/chat/completions", Dialect::OpenaiChat, Operation::ChatCompletions),
    ("/v1/completions", Dialect::OpenaiChat, Operation::Completions),
    ("/v1/embeddings", Dialect::OpenaiChat, Operation::Embeddings),
    ("/v1/responses", Dialect::OpenaiResponses, Operation::Responses),
    ("/v1/responses/compact", Dialect::OpenaiResponses, Operation::CompactResponse),
    ("/v1/responses/input_tokens", Dialect::OpenaiResponses, Operation::CountTokens),
    ("/v1/messages", Dialect::AnthropicMessages, Operation::Messages),
    ("/v1/messages/count_tokens", Dialect::AnthropicMessages, Operation::CountTokens),
];

/// Passed through as they are. Every path is named: a caller cannot make one up.
const PASSED: [&str; 8] = [
    "/v1/moderations",
    "/v1/rerank",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/variations",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
];

const VERBS: [(&str, Operation, bool); 5] = [
    ("generateContent", Operation::GenerateContent, false),
    ("streamGenerateContent", Operation::GenerateContent, true),
    ("countTokens", Operation::CountTokens, false),
    ("embedContent", Operation::EmbedContent, false),
    ("batchEmbedContents", Operation::BatchEmbedContents, false),
];

/// Finds the route of a request. `is_anthropic` and `is_google` say whose headers it carries: one path serves three
/// shapes of the model list.
#[must_use]
pub fn route(method: &Method, path: &str, is_anthropic: bool, is_google: bool) -> Route {
    let is_get = matches!(*method, Method::GET | Method::HEAD);
    let only = |wanted: bool, action: Action| if wanted { action } else { Action::WrongMethod };
    if let Some((_, dialect, operation)) = POSTS.iter().find(|(known, ..)| *known == path) {
        let action = match *operation {
            // Clients that are refused a WebSocket with anything but 426 try for seconds.
            _ if is_get && path == "/v1/responses" => Action::Upgrade,
            operation => only(method == Method::POST, Action::Run(operation)),
        };
        return Route { dialect: *dialect, action };
    }
    let shape = match () {
        () if is_google => ListShape::Gemini,
        () if is_anthropic => ListShape::Anthropic,
        () => ListShape::Openai,
    };
    let dialect = dialect_of(path, shape);
    let action = match path {
        "/healthz" => only(is_get, Action::Health),
        "/readyz" => only(is_get, Action::Ready),
        "/" => only(is_get, Action::Presence),
        "/v1/models" => only(is_get, Action::List(shape)),
        "/v1beta/models" => only(is_get, Action::List(ListShape::Gemini)),
        _ if PASSED.contains(&path) => only(method == Method::POST, Action::Pass(path.to_owned())),
        _ => match path.strip_prefix("/v1beta/models/").or_else(|| path.strip_prefix("/v1/models/")) {
            Some(rest) if is_get && !rest.is_empty() => {
                let shape = if path.starts_with("/v1beta") { ListShape::Gemini } else { shape };
                Action::Show(shape, unescaped(rest))
            }
            Some(rest) => verb(method, rest),
            None => Action::Nothing,
        },
    };
    Route { dialect, action }
}

fn dialect_of(path: &str, shape: ListShape) -> Dialect {
    let has_verb = |rest: &str| rest.rsplit_once(':').is_some();
    match path {
        _ if path.starts_with("/v1beta/") => Dialect::Gemini,
        _ if path.strip_prefix("/v1/models/").is_some_and(has_verb) => Dialect::Gemini,
        _ if path.starts_with("/v1/messages") => Dialect::AnthropicMessages,
        _ if path.starts_with("/v1/responses") => Dialect::OpenaiResponses,
        _ if path.starts_with("/v1/models") => match shape {
            ListShape::Openai => Dialect::OpenaiChat,
            ListShape::Anthropic => Dialect::AnthropicMessages,
            ListShape::Gemini => Dialect::Gemini,
        },
        _ => Dialect::OpenaiChat,
    }
}

/// `{model}:{verb}`, split at the last colon: ids such as `qwen3:8b` hold one themselves.
fn verb(method: &Method, rest: &str) -> Action {
    let Some((model, verb)) = rest.rsplit_once(':') else { return Action::Nothing };
    let Some((_, operation, is_streaming)) = VERBS.iter().find(|(known, ..)| *known == verb) else {
        return Action::Nothing;
    };
    if method != Method::POST {
        return Action::WrongMethod;
    }
    Action::RunModel { operation: *operation, model: unescaped(model), is_streaming: *is_streaming }
}

/// A path segment without its percent escapes.
pub(crate) fn unescaped(text: &str) -> String {
    String::from_utf8_lossy(&unescape(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(method: &str, path: &str) -> Route {
        route(&method.parse().unwrap(), path, false, false)
    }

    #[test]
    fn a_model_and_its_verb_are_split_at_the_last_colon() {
        let Route { dialect, action } = at("POST", "/v1beta/models/qwen3:8b:streamGenerateContent");
        assert_eq!(dialect, Dialect::Gemini);
        let model = "qwen3:8b".to_owned();
        assert_eq!(
            action,
            Action::RunModel { operation: Operation::GenerateContent, model, is_streaming: true }
        );
        assert_eq!(at("POST", "/v1/models/a%2Fb:countTokens").dialect, Dialect::Gemini);
        assert_eq!(at("POST", "/v1beta/models/m:explode").action, Action::Nothing);
    }

    #[test]
    fn one_path_lists_models_in_the_shape_of_whoever_asks() {
        let list = |anthropic, google| route(&Method::GET, "/v1/models", anthropic, google);
        assert_eq!(list(false, false).action, Action::List(ListShape::Openai));
        assert_eq!(list(true, false).action, Action::List(ListShape::Anthropic));
        assert_eq!(list(false, true).action, Action::List(ListShape::Gemini));
        assert_eq!(
            at("GET", "/v1/models/org/name").action,
            Action::Show(ListShape::Openai, "org/name".to_owned())
        );
    }

    #[test]
    fn what_is_passed_through_is_named_and_nothing_beside_it_is() {
        assert_eq!(at("POST", "/v1/audio/speech").action, Action::Pass("/v1/audio/speech".to_owned()));
        assert_eq!(at("GET", "/v1/images/edits").action, Action::WrongMethod);
        for path in ["/v1/images/", "/v1/images/../../admin", "/v1/audio/speech/x", "/v1/rerank2"] {
            assert_eq!(at("POST", path).action, Action::Nothing, "{path}");
        }
    }

    #[test]
    fn a10_unknown_paths_and_methods_keep_the_dialect_of_their_prefix() {
        assert_eq!(at("GET", "/v1/chat/completions").action, Action::WrongMethod);
        assert_eq!(at("GET", "/v1/messages").dialect, Dialect::AnthropicMessages);
        assert_eq!(
            at("POST", "/v1beta/nothing"),
            Route { dialect: Dialect::Gemini, action: Action::Nothing }
        );
        assert_eq!(at("GET", "//v1/models").action, Action::Nothing);
        assert_eq!(at("GET", "/v1/responses").action, Action::Upgrade);
    }
}
