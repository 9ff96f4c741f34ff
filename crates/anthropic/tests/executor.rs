//! Anthropic's family against scripted upstreams: what is its own in what goes out.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use standin_anthropic::MESSAGES;
use standin_core::{Dialect, Operation};
use standin_testkit::{
    Play, Received, ScriptedUpstream,
    executor::{call, frames, headers, settings, stream},
};
use standin_upstream::{CallerRequest, Executor, Keyed, Settings};

const BODY: &str = r#"{"max_tokens":9,"model":"coder","messages":[{"role":"system","content":"x"}],"thinking":{"type":"adaptive"}}"#;

fn messages(body: &str) -> CallerRequest {
    call(Dialect::AnthropicMessages, Operation::Messages, body)
}

/// What one attempt puts on the wire.
async fn sent(call: &CallerRequest, more: Vec<(String, String)>) -> Received {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let settings = Settings { headers: more, ..settings(&upstream.base_url(), "sk-ours") };
    Keyed::new(&MESSAGES, settings).unwrap().send(call, &"vendor-1".into()).await.unwrap();
    upstream.received().remove(0)
}

#[tokio::test]
async fn the_key_has_its_own_header_and_only_the_model_changes() {
    let seen = sent(&messages(BODY), Vec::new()).await;
    assert_eq!(seen.target(), "/v1/messages");
    assert_eq!(seen.head.header("x-api-key"), Some("sk-ours"));
    assert_eq!(seen.head.header("authorization"), None);
    assert_eq!(String::from_utf8_lossy(&seen.body), BODY.replace("coder", "vendor-1"));
    let counted = call(Dialect::AnthropicMessages, Operation::CountTokens, BODY);
    assert_eq!(sent(&counted, Vec::new()).await.target(), "/v1/messages/count_tokens");
}

#[tokio::test]
async fn the_callers_version_and_betas_go_along_and_the_rest_of_its_client_does_not() {
    let mut call = messages(BODY);
    call.headers = headers(&[
        ("anthropic-version", "2026-10-21"),
        ("anthropic-beta", "one-2025-01-01,two-2025-02-02"),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-api-key", "theirs"),
        ("authorization", "Bearer theirs"),
        ("x-app", "cli"),
        ("x-stainless-lang", "js"),
        ("user-agent", "claude-cli/2"),
        ("x-claude-code-session-id", "s"),
    ]);
    call.query = Some("beta=true".to_owned());
    let seen = sent(&call, Vec::new()).await;
    assert_eq!(
        seen.header_names(),
        [
            "accept",
            "accept-encoding",
            "anthropic-beta",
            "anthropic-version",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-api-key",
            "x-standin-hops"
        ]
    );
    assert_eq!(seen.head.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(seen.head.header("anthropic-beta"), Some("one-2025-01-01,two-2025-02-02"));
    assert_eq!(seen.head.header("x-api-key"), Some("sk-ours"), "the caller's key stays here");
    assert!(seen.head.header("user-agent").unwrap().starts_with("standin/"));
}

#[tokio::test]
async fn a_caller_without_a_version_gets_ours_and_an_operator_has_the_last_word() {
    assert_eq!(sent(&messages(BODY), Vec::new()).await.head.header("anthropic-version"), Some("2023-06-01"));
    let mut call = messages(BODY);
    call.headers = headers(&[("anthropic-version", "2026-10-21")]);
    let operator = vec![("Anthropic-Version".to_owned(), "2024-01-01".to_owned())];
    let seen = sent(&call, operator).await;
    let versions =
        seen.head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("anthropic-version"));
    assert_eq!(versions.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["2024-01-01"]);
}

#[tokio::test]
async fn a_stream_comes_back_with_the_callers_name_for_the_model() {
    let events = [
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"vendor-1\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ];
    let upstream = ScriptedUpstream::always(Play::sse(events)).await;
    let executor = Keyed::new(&MESSAGES, settings(&upstream.base_url(), "k")).unwrap();
    let call = messages(r#"{"model":"coder","stream":true}"#);
    let mut stream = stream(executor.send(&call, &"vendor-1".into()).await.unwrap());
    let text: String = frames(&mut *stream).await.into_iter().map(|frame| frame.unwrap().1).collect();
    assert_eq!(text, events.concat().replace("vendor-1", "coder"));
    assert!(stream.is_complete() && !stream.is_empty());
}

#[tokio::test]
async fn models_are_listed_by_their_ids() {
    let list =
        r#"{"data":[{"type":"model","id":"claude-a"},{"type":"model","id":"claude-b"}],"has_more":false}"#;
    let upstream = ScriptedUpstream::always(Play::json(200, list)).await;
    let executor = Keyed::new(&MESSAGES, settings(&upstream.base_url(), "sk-ours")).unwrap();
    assert_eq!(executor.models().await.unwrap(), ["claude-a", "claude-b"]);
    let seen = upstream.received().remove(0);
    assert_eq!((seen.target(), seen.head.header("x-api-key")), ("/v1/models?limit=1000", Some("sk-ours")));
}
