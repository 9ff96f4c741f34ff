//! Google's Gemini API.

use serde_json::{Value, json};

use super::{Asked, CALLERS_FAULT, Events, Said, TOKENS_IN, TOKENS_OUT, Trouble, data};

/// The model and what is asked of it stand in the path: `.../models/MODEL:VERB`.
pub(super) fn read(path: &str, body: &Value) -> (Asked, String) {
    let (before, verb) = path.rsplit_once(':').unwrap_or((path, ""));
    let model = before.split_once("models/").map_or(before, |(_, model)| model).to_owned();
    let mut parts =
        body["contents"].as_array().into_iter().flatten().filter_map(|one| one["parts"].as_array());
    let has_tool_result = parts.any(|parts| parts.iter().any(|part| part.get("functionResponse").is_some()));
    let asked = match verb {
        "countTokens" => Asked::Count,
        verb => Asked::Answer { is_streaming: verb == "streamGenerateContent", has_tool_result },
    };
    (asked, model)
}

fn chunk(model: &str, part: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": [part], "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    let usage = json!({
        "promptTokenCount": TOKENS_IN, "candidatesTokenCount": TOKENS_OUT, "totalTokenCount": TOKENS_IN + TOKENS_OUT
    });
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "response-1"})
}

fn part(said: &Said) -> Value {
    match said {
        Said::Words(words) => json!({"text": words.concat()}),
        Said::Call { name, arguments } => json!({"functionCall": {"name": name, "args": arguments}}),
    }
}

pub(super) fn plain(model: &str, said: &Said) -> Value {
    chunk(model, &part(said), Some("STOP"))
}

pub(super) fn stream(model: &str, said: &Said) -> Events {
    let content = match said {
        Said::Words(words) => {
            words.iter().map(|word| data(&chunk(model, &json!({"text": word}), None))).collect()
        }
        Said::Call { .. } => vec![data(&chunk(model, &part(said), None))],
    };
    let closing = vec![data(&chunk(model, &json!({"text": ""}), Some("STOP")))];
    Events { opening: Vec::new(), content, closing }
}

pub(super) fn error(model: &str, trouble: Trouble) -> (u16, Value) {
    let missing = format!(
        "models/{model} is not found for API version v1beta, or is not supported for generateContent."
    );
    let (code, status, message, details) = match trouble {
        Trouble::ModelUnsupported => (404, "NOT_FOUND", missing.as_str(), json!([])),
        Trouble::WrongKey => {
            let info = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"});
            (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", json!([info]))
        }
        Trouble::RateLimited => {
            (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", json!([]))
        }
        Trouble::ServerError => (500, "INTERNAL", "An internal error has occurred. Please retry.", json!([])),
        Trouble::QuotaExhausted => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            (429, "RESOURCE_EXHAUSTED", message, daily_quota())
        }
        Trouble::CallersFault => (400, "INVALID_ARGUMENT", CALLERS_FAULT, json!([])),
        Trouble::TooLong => {
            let message =
                "The input token count (250000) exceeds the maximum number of tokens allowed (200000).";
            (400, "INVALID_ARGUMENT", message, json!([]))
        }
    };
    (code, json!({"error": {"code": code, "message": message, "status": status, "details": details}}))
}

fn daily_quota() -> Value {
    let violation = json!({
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
    });
    json!([
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "18000s"}
    ])
}
