//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::{CREATED, Events, Said, TOKENS_IN, TOKENS_OUT, data};

const ID: &str = "chatcmpl-1";

pub(super) fn has_tool_result(body: &Value) -> bool {
    body["messages"].as_array().is_some_and(|all| all.iter().any(|message| message["role"] == "tool"))
}

fn usage() -> Value {
    json!({"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT, "total_tokens": TOKENS_IN + TOKENS_OUT})
}

fn call(name: &str, arguments: &str) -> Value {
    json!({"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}})
}

pub(super) fn plain(model: &str, said: &Said) -> Value {
    let (message, finish) = match said {
        Said::Words(words) => (json!({"role": "assistant", "content": words.concat()}), "stop"),
        Said::Call { name, arguments } => (
            json!({"role": "assistant", "content": null, "tool_calls": [call(name, &arguments.to_string())]}),
            "tool_calls",
        ),
    };
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish});
    json!({"id": ID, "object": "chat.completion", "created": CREATED, "model": model, "choices": [choice], "usage": usage()})
}

pub(super) fn stream(model: &str, said: &Said) -> Events {
    let chunk = |choices: Value, usage: Value| {
        data(&json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": model,
            "choices": choices, "usage": usage
        }))
    };
    let delta = |delta: Value, finish: Value| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), Value::Null)
    };
    let (content, finish) = match said {
        Said::Words(words) => {
            (words.iter().map(|word| delta(json!({"content": word}), Value::Null)).collect(), "stop")
        }
        Said::Call { name, arguments } => {
            let mut first = call(name, "");
            first["index"] = json!(0);
            let second = json!({"index": 0, "function": {"arguments": arguments.to_string()}});
            let calls = [first, second].map(|call| delta(json!({"tool_calls": [call]}), Value::Null));
            (calls.to_vec(), "tool_calls")
        }
    };
    let role = json!({"role": "assistant", "content": ""});
    let closing =
        vec![delta(json!({}), json!(finish)), chunk(json!([]), usage()), "data: [DONE]\n\n".to_owned()];
    Events { opening: vec![delta(role, Value::Null)], content, closing }
}
