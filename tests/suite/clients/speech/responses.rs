//! OpenAI Responses.

use serde_json::{Value, json};

use super::{CREATED, Events, Said, TOKENS_IN, TOKENS_OUT, event};

const ID: &str = "resp_1";
const MESSAGE_ID: &str = "msg_1";
const CALL_ID: &str = "fc_1";

pub(super) fn has_tool_result(body: &Value) -> bool {
    let mut items = body["input"].as_array().into_iter().flatten();
    items.any(|item| item["type"] == "function_call_output")
}

fn response(model: &str, status: &str, output: &Value, usage: &Value) -> Value {
    json!({
        "id": ID, "object": "response", "created_at": CREATED, "status": status, "model": model, "output": output,
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {}, "temperature": 1.0,
        "top_p": 1.0, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "usage": usage
    })
}

fn usage() -> Value {
    json!({
        "input_tokens": TOKENS_IN, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": TOKENS_OUT, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": TOKENS_IN + TOKENS_OUT
    })
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn message(status: &str, content: &Value) -> Value {
    json!({"id": MESSAGE_ID, "type": "message", "role": "assistant", "status": status, "content": content})
}

fn call(status: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": CALL_ID, "type": "function_call", "call_id": "call_1", "status": status, "name": name,
        "arguments": arguments
    })
}

fn finished(said: &Said) -> Value {
    match said {
        Said::Words(words) => message("completed", &json!([text_part(&words.concat())])),
        Said::Call { name, arguments } => call("completed", name, &arguments.to_string()),
    }
}

pub(super) fn plain(model: &str, said: &Said) -> Value {
    response(model, "completed", &json!([finished(said)]), &usage())
}

/// Events get their numbers in the order in which they are written.
#[derive(Default)]
struct Counter(u64);

impl Counter {
    fn event(&mut self, kind: &str, mut data: Value) -> String {
        data["type"] = json!(kind);
        data["sequence_number"] = json!(self.0);
        self.0 += 1;
        event(kind, &data)
    }
}

pub(super) fn stream(model: &str, said: &Said) -> Events {
    let mut counter = Counter::default();
    let begun = response(model, "in_progress", &json!([]), &Value::Null);
    let item = match said {
        Said::Words(_) => message("in_progress", &json!([])),
        Said::Call { name, .. } => call("in_progress", name, ""),
    };
    let mut opening: Vec<String> = ["response.created", "response.in_progress"]
        .map(|kind| counter.event(kind, json!({"response": begun})))
        .to_vec();
    opening.push(counter.event("response.output_item.added", json!({"output_index": 0, "item": item})));
    let (content, mut closing) = match said {
        Said::Words(words) => text(&mut counter, words, &mut opening),
        Said::Call { arguments, .. } => arguments_of(&mut counter, &arguments.to_string()),
    };
    closing
        .push(counter.event("response.output_item.done", json!({"output_index": 0, "item": finished(said)})));
    closing.push(counter.event("response.completed", json!({"response": plain(model, said)})));
    Events { opening, content, closing }
}

fn text(counter: &mut Counter, words: &[String], opening: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut tell = |kind: &str, mut data: Value| {
        data["item_id"] = json!(MESSAGE_ID);
        data["output_index"] = json!(0);
        data["content_index"] = json!(0);
        counter.event(kind, data)
    };
    opening.push(tell("response.content_part.added", json!({"part": text_part("")})));
    let content = words
        .iter()
        .map(|word| tell("response.output_text.delta", json!({"delta": word, "logprobs": []})))
        .collect();
    let whole = words.concat();
    let closing = vec![
        tell("response.output_text.done", json!({"text": whole, "logprobs": []})),
        tell("response.content_part.done", json!({"part": text_part(&whole)})),
    ];
    (content, closing)
}

fn arguments_of(counter: &mut Counter, arguments: &str) -> (Vec<String>, Vec<String>) {
    let mut tell = |kind: &str, key: &str| {
        counter.event(kind, json!({"item_id": CALL_ID, "output_index": 0, key: arguments}))
    };
    let content = vec![tell("response.function_call_arguments.delta", "delta")];
    (content, vec![tell("response.function_call_arguments.done", "arguments")])
}

/// The event by which a stream ends that could not go on.
pub(super) fn failed(model: &str, error: &Value) -> String {
    let mut response = response(model, "failed", &json!([]), &Value::Null);
    response["error"] = json!({"code": "server_error", "message": error["error"]["message"]});
    event("response.failed", &json!({"type": "response.failed", "sequence_number": 0, "response": response}))
}
