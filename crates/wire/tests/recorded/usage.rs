//! Usage: what a reply says last, wherever its dialect says it; read here once more by other means.

use serde_json::Value;
use standin_core::Dialect;
use standin_testkit::Recording;
use standin_wire::{Usage, WholeReply, read_reply};

use crate::{all, form, read, text};

/// Everything in a reply that says what was used, in its order.
fn said(case: &Recording) -> Vec<Value> {
    let body = text(case.response.as_deref().unwrap());
    let lines = body.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok());
    let values = match serde_json::from_str::<Value>(&body) {
        Ok(Value::Array(values)) => values,
        Ok(value) => vec![value],
        Err(_) => lines.collect(),
    };
    let mut found = Vec::new();
    for value in &values {
        let places = [
            &value["usage"],
            &value["x_groq"]["usage"],
            &value["message"]["usage"],
            &value["response"]["usage"],
            &value["usageMetadata"],
            &value["response"]["usageMetadata"],
        ];
        let mut choices = value["choices"].as_array().into_iter().flatten().map(|choice| &choice["usage"]);
        found.extend(places.into_iter().find(|place| place.is_object()).or(choices.next_back()).cloned());
    }
    found.retain(Value::is_object);
    found
}

fn expected(case: &Recording) -> Usage {
    let said = said(case);
    let last = said.last().cloned().unwrap_or_default();
    let number = |path: &str| last.pointer(path).and_then(Value::as_u64);
    match case.dialect {
        Dialect::OpenaiChat => Usage {
            input_tokens: number("/prompt_tokens"),
            cached_input_tokens: number("/prompt_tokens_details/cached_tokens")
                .or(number("/cached_tokens"))
                .or(number("/prompt_cache_hit_tokens")),
            cache_write_tokens: number("/prompt_tokens_details/cache_write_tokens"),
            output_tokens: number("/completion_tokens"),
            reasoning_tokens: number("/completion_tokens_details/reasoning_tokens")
                .or(number("/reasoning_tokens")),
            total_tokens: number("/total_tokens"),
        },
        Dialect::OpenaiResponses => Usage {
            input_tokens: number("/input_tokens"),
            cached_input_tokens: number("/input_tokens_details/cached_tokens"),
            cache_write_tokens: number("/input_tokens_details/cache_write_tokens"),
            output_tokens: number("/output_tokens"),
            reasoning_tokens: number("/output_tokens_details/reasoning_tokens"),
            total_tokens: number("/total_tokens"),
        },
        Dialect::AnthropicMessages => {
            let latest = |path: &str| said.iter().rev().find_map(|piece| piece.pointer(path)?.as_u64());
            let (read, written) =
                (latest("/cache_read_input_tokens"), latest("/cache_creation_input_tokens"));
            let cached = read.unwrap_or(0) + written.unwrap_or(0);
            Usage {
                input_tokens: latest("/input_tokens").map(|fresh| fresh + cached),
                cached_input_tokens: read,
                cache_write_tokens: written,
                output_tokens: latest("/output_tokens"),
                reasoning_tokens: latest("/output_tokens_details/thinking_tokens"),
                total_tokens: None,
            }
        }
        Dialect::Gemini => {
            let (spoken, thought) = (number("/candidatesTokenCount"), number("/thoughtsTokenCount"));
            Usage {
                input_tokens: number("/promptTokenCount"),
                cached_input_tokens: number("/cachedContentTokenCount"),
                cache_write_tokens: None,
                output_tokens: spoken.or(thought).map(|_| spoken.unwrap_or(0) + thought.unwrap_or(0)),
                reasoning_tokens: thought,
                total_tokens: number("/totalTokenCount"),
            }
        }
    }
}

#[test]
fn usage_is_what_the_reply_says_it_is() {
    let (mut wrong, mut known) = (Vec::new(), 0);
    for case in all().filter(Recording::is_sound) {
        let body = case.response.as_deref().unwrap();
        let seen = if case.is_stream() {
            read(case.dialect, form(&case), None, [body]).0.usage()
        } else {
            match read_reply(case.dialect, case.operation(), body) {
                WholeReply::Complete { usage, .. } => usage,
                other => panic!("{}: {other:?}", case.name),
            }
        };
        let is_counted = !matches!(case.operation().as_str(), "count_tokens" | "passthrough" | "embeddings");
        if is_counted && seen != expected(&case) {
            wrong.push(format!("{} {}: {seen:?}, said {:?}", case.dialect, case.name, expected(&case)));
        }
        known += usize::from(seen.output_tokens.is_some());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(known == 0 || known > 350, "only {known} replies say what they used");
}
