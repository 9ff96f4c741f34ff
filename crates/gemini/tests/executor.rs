//! Gemini's family against scripted upstreams: what is its own in what goes out.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use standin_core::{Dialect, Operation};
use standin_gemini::GEMINI;
use standin_testkit::{
    Play, Received, ScriptedUpstream,
    executor::{call, frames, headers, settings, stream},
};
use standin_upstream::{CallerRequest, Executor, Keyed};

const BODY: &str =
    r#"{"contents":[{"role":"user","parts":[{"text":"h\u00e9"}]}],"generationConfig":{"topP":.95}}"#;

fn generate(body: &str) -> CallerRequest {
    call(Dialect::Gemini, Operation::GenerateContent, body)
}

/// What one attempt puts on the wire below this path.
async fn sent(path: &str, call: &CallerRequest, model: &str) -> Received {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let base_url = format!("http://{}{path}", upstream.address());
    Keyed::new(&GEMINI, settings(&base_url, "AIza-ours")).unwrap().send(call, &model.into()).await.unwrap();
    upstream.received().remove(0)
}

#[tokio::test]
async fn the_path_names_the_upstreams_model_and_the_body_is_the_callers() {
    let mut call = generate(BODY);
    call.headers =
        headers(&[("x-goog-api-key", "theirs"), ("user-agent", "GeminiCLI/1"), ("x-goog-api-client", "a")]);
    call.query = Some("key=theirs&api_base=decoy".to_owned());
    let seen = sent("", &call, "gemini-3.5-pro").await;
    assert_eq!(seen.target(), "/v1beta/models/gemini-3.5-pro:generateContent");
    assert_eq!(seen.head.header("x-goog-api-key"), Some("AIza-ours"));
    assert_eq!(seen.head.header("x-goog-api-client"), None);
    assert!(seen.head.header("user-agent").unwrap().starts_with("standin/"));
    assert_eq!(seen.body, BODY);
}

#[tokio::test]
async fn a_base_url_is_understood_with_and_without_its_version() {
    for (base, version) in
        [("", "/v1beta"), ("/", "/v1beta"), ("/v1", "/v1"), ("/v1beta/", "/v1beta"), ("/g", "/g/v1beta")]
    {
        let seen = sent(base, &generate(BODY), "m").await;
        assert_eq!(seen.target(), format!("{version}/models/m:generateContent"), "{base}");
    }
}

#[tokio::test]
async fn every_operation_has_its_verb_and_a_stream_the_form_that_was_asked_for() {
    let verbs = [
        (Operation::CountTokens, "countTokens"),
        (Operation::EmbedContent, "embedContent"),
        (Operation::BatchEmbedContents, "batchEmbedContents"),
    ];
    for (operation, verb) in verbs {
        let seen = sent("", &call(Dialect::Gemini, operation, "{}"), "m").await;
        assert_eq!(seen.target(), format!("/v1beta/models/m:{verb}"));
    }
    let streamed = |query: Option<&str>| CallerRequest {
        is_streaming: true,
        query: query.map(str::to_owned),
        ..generate(BODY)
    };
    let target = async |query| sent("", &streamed(query), "m").await.target().to_owned();
    assert_eq!(target(Some("alt=sse")).await, "/v1beta/models/m:streamGenerateContent?alt=sse");
    assert_eq!(target(None).await, "/v1beta/models/m:streamGenerateContent");
}

#[tokio::test]
async fn s5_a_models_name_cannot_leave_its_place_in_the_path() {
    for (model, written) in
        [("../../x", "..%2F..%2Fx"), ("qwen3:8b", "qwen3%3A8b"), ("a?key=1#b", "a%3Fkey%3D1%23b")]
    {
        let seen = sent("", &generate(BODY), model).await;
        assert_eq!(seen.target(), format!("/v1beta/models/{written}:generateContent"));
    }
}

#[tokio::test]
async fn names_of_the_model_within_a_body_agree_with_the_path() {
    let batch = r#"{"requests":[{"model":"models/coder","content":{}},{"model":"models/coder"}]}"#;
    let seen = sent("", &call(Dialect::Gemini, Operation::BatchEmbedContents, batch), "e-1").await;
    assert_eq!(String::from_utf8_lossy(&seen.body).matches("\"models/e-1\"").count(), 2);
    let count = r#"{"generateContentRequest":{"model":"models/coder","contents":[]}}"#;
    let seen = sent("", &call(Dialect::Gemini, Operation::CountTokens, count), "g-1").await;
    assert!(String::from_utf8_lossy(&seen.body).contains(r#""model":"models/g-1""#));
    let seen =
        sent("", &call(Dialect::Gemini, Operation::EmbedContent, r#"{"model":"coder","content":{}}"#), "e-1")
            .await;
    assert_eq!(seen.body, r#"{"model":"models/e-1","content":{}}"#);
}

#[tokio::test]
async fn a_stream_comes_back_in_the_form_that_was_asked_for() {
    let chunk = |text: &str, finish: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}}{finish}}}],"modelVersion":"up"}}"#
        )
    };
    let chunks = [chunk("he", ""), chunk("llo", r#","finishReason":"STOP""#)];
    let events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect();
    let array = format!("[{}\n,\n{}]", chunks[0], chunks[1]);
    let plays = [
        (Some("alt=sse"), Play::sse(&events), events.concat()),
        (None, Play::chunked_head(200, "application/json").chunks_of(7, &array).end(), array),
    ];
    for (query, play, expected) in plays {
        let upstream = ScriptedUpstream::always(play).await;
        let executor = Keyed::new(&GEMINI, settings(&upstream.base_url(), "k")).unwrap();
        let call = CallerRequest { is_streaming: true, query: query.map(str::to_owned), ..generate(BODY) };
        let mut stream = stream(executor.send(&call, &"m".into()).await.unwrap());
        let text: String = frames(&mut *stream).await.into_iter().map(|frame| frame.unwrap().1).collect();
        assert_eq!(text.trim_end(), expected.replace("\"up\"", "\"coder\"").trim_end());
        assert!(stream.is_complete());
    }
}

#[tokio::test]
async fn models_are_listed_by_their_bare_names() {
    let list = r#"{"models":[{"name":"models/gemini-a"},{"name":"models/gemini-b"}]}"#;
    let upstream = ScriptedUpstream::always(Play::json(200, list)).await;
    let base_url = format!("http://{}", upstream.address());
    let executor = Keyed::new(&GEMINI, settings(&base_url, "k")).unwrap();
    assert_eq!(executor.models().await.unwrap(), ["gemini-a", "gemini-b"]);
    assert_eq!(upstream.received()[0].target(), "/v1beta/models?pageSize=1000");
}
