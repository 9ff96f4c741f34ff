//! Anthropic Messages.

use serde_json::{Value, json};

use super::{CALLERS_FAULT, Events, Said, TOKENS_IN, TOKENS_OUT, Trouble, event};

pub(super) fn has_tool_result(body: &Value) -> bool {
    let mut blocks =
        body["messages"].as_array().into_iter().flatten().filter_map(|one| one["content"].as_array());
    blocks.any(|blocks| blocks.iter().any(|block| block["type"] == "tool_result"))
}

fn message(model: &str, content: &Value, stop: &Value, tokens_out: u64) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": stop, "stop_sequence": null,
        "usage": {
            "input_tokens": TOKENS_IN, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": tokens_out
        }
    })
}

fn tool_use(name: &str, input: &Value) -> Value {
    json!({"type": "tool_use", "id": "toolu_1", "name": name, "input": input})
}

pub(super) fn plain(model: &str, said: &Said) -> Value {
    let (block, stop) = match said {
        Said::Words(words) => (json!({"type": "text", "text": words.concat()}), "end_turn"),
        Said::Call { name, arguments } => (tool_use(name, arguments), "tool_use"),
    };
    message(model, &json!([block]), &json!(stop), TOKENS_OUT)
}

pub(super) fn stream(model: &str, said: &Said) -> Events {
    let named = |data: Value| event(data["type"].as_str().unwrap(), &data);
    let delta = |delta: Value| named(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let (block, content, stop) = match said {
        Said::Words(words) => {
            let content = words.iter().map(|word| delta(json!({"type": "text_delta", "text": word})));
            (json!({"type": "text", "text": ""}), content.collect(), "end_turn")
        }
        Said::Call { name, arguments } => {
            let pieces = [String::new(), arguments.to_string()];
            let content =
                pieces.map(|piece| delta(json!({"type": "input_json_delta", "partial_json": piece})));
            (tool_use(name, &json!({})), content.to_vec(), "tool_use")
        }
    };
    let opening = vec![
        named(json!({"type": "message_start", "message": message(model, &json!([]), &Value::Null, 1)})),
        named(json!({"type": "content_block_start", "index": 0, "content_block": block})),
        named(json!({"type": "ping"})),
    ];
    let closing = vec![
        named(json!({"type": "content_block_stop", "index": 0})),
        named(json!({
            "type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null},
            "usage": {"output_tokens": TOKENS_OUT}
        })),
        named(json!({"type": "message_stop"})),
    ];
    Events { opening, content, closing }
}

pub(super) fn error(model: &str, trouble: Trouble) -> (u16, Value) {
    let missing = format!("model: {model}");
    let (status, kind, message) = match trouble {
        Trouble::ModelUnsupported => (404, "not_found_error", missing.as_str()),
        Trouble::WrongKey => (401, "authentication_error", "invalid x-api-key"),
        Trouble::RateLimited => {
            (429, "rate_limit_error", "This request would exceed your organization's rate limit per minute.")
        }
        Trouble::ServerError => (500, "api_error", "Internal server error"),
        Trouble::QuotaExhausted => {
            (429, "rate_limit_error", "You have reached your usage limit; it resets in 5 hours.")
        }
        Trouble::CallersFault => (400, "invalid_request_error", CALLERS_FAULT),
        Trouble::TooLong => {
            (400, "invalid_request_error", "prompt is too long: 250000 tokens > 200000 maximum")
        }
    };
    let error = json!({"type": kind, "message": message});
    (status, json!({"type": "error", "error": error, "request_id": "req_upstream_1"}))
}
