//! Real servers of several dialects behind the gateway, asked by hand.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use standin_testkit::{client, shared};

use super::llama::Llama;
use crate::{
    gateway::{CALLER_KEY, Gateway},
    python::{Program, python, tools},
};

const KEY: &str = "key-of-the-real-server";

/// One dialect as a real llama.cpp server speaks it.
struct Speech {
    path: &'static str,
    /// Where in a whole answer its words stand, and why it ended.
    words: &'static str,
    ending: &'static str,
    /// What a stream of it cannot lack.
    last: &'static str,
}

const SPEECHES: [Speech; 3] = [
    Speech {
        path: "/v1/chat/completions",
        words: "/choices/0/message/content",
        ending: "/choices/0/finish_reason",
        last: "data: [DONE]",
    },
    Speech {
        path: "/v1/responses",
        words: "/output/0/content/0/text",
        ending: "/status",
        last: "response.completed",
    },
    Speech { path: "/v1/messages", words: "/content/0/text", ending: "/stop_reason", last: "message_stop" },
];

/// The body of a turn in the dialect of a route.
fn body(path: &str, is_streaming: bool) -> Value {
    let turns = json!([{"role": "user", "content": "Say the words of the day."}]);
    let mut body = json!({"model": "tiny", "stream": is_streaming, "seed": 7});
    match path {
        "/v1/responses" => (body["input"], body["max_output_tokens"]) = (turns, 16.into()),
        _ => (body["messages"], body["max_tokens"]) = (turns, 16.into()),
    }
    body
}

async fn ask(gateway: &Gateway, method: &str, path: &str, body: &str) -> client::Reply {
    let bearer = format!("Bearer {CALLER_KEY}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    client::exchange(gateway.address(), &client::request(method, path, &headers, body.as_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_llama_server_is_an_upstream_of_three_kinds_and_names_its_model_itself() {
    let Some(python) = python() else { return };
    let llama = Llama::start(python, KEY, &[]);
    let kinds = ["openai-compat\"\nwire = \"chat", "openai-compat\"\nwire = \"responses", "anthropic"];
    let tables = (1..).zip(kinds).map(|(number, kind)| {
        let base_url = &llama.base_url;
        format!(
            "[[upstream]]\nname = \"llama-{number}\"\nkind = \"{kind}\"\nbase_url = {base_url:?}\n\
             [[upstream.credential]]\nid = \"llama-{number}\"\nkey = {KEY:?}\n"
        )
    });
    // No model is declared: each kind asks the server for its list.
    let gateway = Gateway::with(&tables.collect::<String>(), []).await;
    let list = ask(&gateway, "GET", "/v1/models", "").await;
    assert!(list.text().contains(r#""id":"tiny""#), "{}", list.text());

    for speech in SPEECHES {
        let Speech { path, words, ending, last } = speech;
        let whole = ask(&gateway, "POST", path, &body(path, false).to_string()).await;
        let answer: Value = serde_json::from_slice(&whole.body).unwrap_or_default();
        assert_eq!(whole.status(), 200, "{path}: {}", whole.text());
        assert!(answer.pointer(words).is_some_and(|words| words.is_string()), "{path}: {answer}");
        assert!(answer.pointer(ending).is_some_and(|ending| ending.is_string()), "{path}: {answer}");

        let stream = ask(&gateway, "POST", path, &body(path, true).to_string()).await;
        assert_eq!(stream.status(), 200, "{path}: {}", stream.text());
        assert!(stream.is_complete && stream.text().contains(last), "{path}: {}", stream.text());
        assert!(!stream.text().contains("\"error\":{"), "{path}: {}", stream.text());
    }
    assert_eq!(gateway.log().matches("failed:").count(), 0, "{}", gateway.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_counts_tokens_is_asked() {
    let Some(python) = python() else { return };
    let llama = Llama::start(python, KEY, &[]);
    let kinds = ["openai-compat\"\nwire = \"responses", "anthropic"];
    let tables = (1..).zip(kinds).map(|(number, kind)| {
        let base_url = &llama.base_url;
        format!(
            "[[upstream]]\nname = \"llama-{number}\"\nkind = \"{kind}\"\nbase_url = {base_url:?}\n\
             [[upstream.credential]]\nid = \"llama-{number}\"\nkey = {KEY:?}\n[[upstream.model]]\nname = \"tiny\"\n"
        )
    });
    let gateway = Gateway::with(&tables.collect::<String>(), []).await;
    let count = async |path: &str, turns: &str| -> Value {
        let words = json!([{"role": "user", "content": "Say the words of the day. ".repeat(20)}]);
        let reply = ask(&gateway, "POST", path, &json!({"model": "tiny", turns: words}).to_string()).await;
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
        serde_json::from_slice::<Value>(&reply.body).unwrap()["input_tokens"].clone()
    };
    for (path, turns) in [("/v1/messages/count_tokens", "messages"), ("/v1/responses/input_tokens", "input")]
    {
        let tokens = count(path, turns).await;
        assert!(tokens.as_u64().is_some_and(|tokens| tokens > 20), "{path}: {tokens}");
        assert_eq!(tokens, count(path, turns).await, "{path}");
    }
    assert!(!gateway.log().contains("counted tokens here"), "{}", gateway.log());
}

/// LiteLLM in front of a real server: a third party that speaks Gemini natively.
struct LiteLlm {
    base_url: String,
    _program: Program,
}

impl LiteLlm {
    fn start(llama: &Llama) -> Option<Self> {
        let script = shared("upstream/start_litellm.py")?;
        let mut command = Command::new("python3");
        command.arg(script).args(["--llama", &llama.base_url, "--llama-key", KEY, "--timeout", "600"]);
        // Its eight hundred megabytes are made once and stay with the other tools.
        command.env("UPSTREAM_CACHE", tools().join("upstreams"));
        let program = Program::run(&mut command);
        let line = program.line_within(Duration::from_secs(1200)).expect("LiteLLM starts");
        let base_url = line.strip_prefix("BASE_URL=").unwrap_or_else(|| panic!("unexpected line {line:?}"));
        Some(Self { base_url: base_url.to_owned(), _program: program })
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "installs LiteLLM, 0.8 GB: part of `just long`"]
async fn long_litellm_is_an_upstream_of_the_gemini_kind() {
    let Some(python) = python() else { return };
    let llama = Llama::start(python, KEY, &[]);
    let Some(litellm) = LiteLlm::start(&llama) else { return };
    let base_url = &litellm.base_url;
    let gateway = Gateway::with(
        &format!(
            "[[upstream]]\nname = \"litellm\"\nkind = \"gemini\"\nbase_url = {base_url:?}\n\
             [[upstream.credential]]\nid = \"revoked\"\nkey = \"sk-was-revoked-0123\"\npriority = 1\n\
             [[upstream.credential]]\nid = \"good\"\nkey = \"sk-plain\"\n\
             [[upstream.model]]\nname = \"llama\"\nalias = [\"tiny\"]\n[[upstream.model]]\nname = \"not-there\"\n"
        ),
        [],
    )
    .await;
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"Say the words of the day."}]}],"generationConfig":{"maxOutputTokens":16}}"#;
    let whole = ask(&gateway, "POST", "/v1beta/models/tiny:generateContent", body).await;
    let answer: Value = serde_json::from_slice(&whole.body).unwrap_or_default();
    assert_eq!(whole.status(), 200, "{}", whole.text());
    assert!(answer.pointer("/candidates/0/content/parts/0/text").is_some_and(Value::is_string), "{answer}");
    assert!(answer.pointer("/candidates/0/finishReason").is_some_and(Value::is_string), "{answer}");
    assert_eq!(gateway.failed_attempts("revoked"), 1, "the wrong key is tried once");

    let stream = ask(&gateway, "POST", "/v1beta/models/tiny:streamGenerateContent?alt=sse", body).await;
    assert_eq!(stream.status(), 200, "{}", stream.text());
    assert!(stream.is_complete && stream.text().contains("\"finishReason\""), "{}", stream.text());
    assert!(!stream.text().contains("\"error\""), "{}", stream.text());

    let count = ask(&gateway, "POST", "/v1beta/models/tiny:countTokens", body).await;
    let count: Value = serde_json::from_slice(&count.body).unwrap();
    assert!(count["totalTokens"].as_u64().is_some_and(|tokens| tokens > 3), "{count}");

    let unknown = ask(&gateway, "POST", "/v1beta/models/not-there:generateContent", body).await;
    let error: Value = serde_json::from_slice(&unknown.body).unwrap();
    assert_eq!((unknown.status(), &error["error"]["status"]), (404, &json!("NOT_FOUND")), "{error}");
}
