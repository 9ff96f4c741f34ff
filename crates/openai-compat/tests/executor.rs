//! The executor against scripted upstreams: what goes out for one attempt, and what comes back.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use standin_core::{Dialect, ErrorClass, Operation, Progress, Secret, UpstreamModel};
use standin_openai_compat::{CHAT, RESPONSES};
use standin_testkit::{
    Play, Received, ScriptedUpstream,
    executor::{self, frames, stream, whole},
};
use standin_upstream::{CallerRequest, Executor, Keyed, Reply, SendError, Settings};
use standin_wire::Mark;

const BODY: &str =
    r#"{"unknown": [1.0e2,  null], "model":"coder","messages":[{"role":"user","content":"h\u00e9"}]}"#;
const STREAM: &str = r#"{"model":"coder","stream":true}"#;

fn settings(base_url: &str) -> Settings {
    let headers = vec![("X-Title".to_owned(), "standin".to_owned())];
    Settings { headers, ..executor::settings(base_url, "sk-ours") }
}

fn call(body: &str) -> CallerRequest {
    let query = Some("api_base=http://decoy".to_owned());
    CallerRequest { query, ..executor::call(Dialect::OpenaiChat, Operation::ChatCompletions, body) }
}

async fn send(upstream: &ScriptedUpstream, call: &CallerRequest) -> Result<Reply, SendError> {
    let executor = Keyed::new(&CHAT, settings(&upstream.base_url())).unwrap();
    executor.send(call, &UpstreamModel::new("vendor/m-1")).await
}

/// What one attempt for `call` puts on the wire.
async fn sent(call: &CallerRequest) -> Received {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    send(&upstream, call).await.unwrap();
    upstream.received().remove(0)
}

#[tokio::test]
async fn only_the_model_name_changes_in_the_callers_bytes() {
    let seen = sent(&call(BODY)).await;
    assert_eq!(String::from_utf8_lossy(&seen.body), BODY.replace("coder", "vendor/m-1"));
}

#[tokio::test]
async fn every_operation_has_its_path_and_no_query_goes_along() {
    for (operation, path) in [
        (Operation::ChatCompletions, "/v1/chat/completions"),
        (Operation::Completions, "/v1/completions"),
        (Operation::Embeddings, "/v1/embeddings"),
    ] {
        assert_eq!(sent(&CallerRequest { operation, ..call(BODY) }).await.target(), path);
    }
}

#[tokio::test]
async fn a_base_url_is_understood_with_and_without_its_version() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let host = format!("http://{}", upstream.address());
    for (base, target) in [
        ("", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/api", "/api/v1/chat/completions"),
        ("/api/v3", "/api/v3/chat/completions"),
        ("/v1beta/openai", "/v1beta/openai/chat/completions"),
        ("/openai/v1", "/openai/v1/chat/completions"),
        ("/inference/chat/completions", "/inference/chat/completions"),
    ] {
        let executor = Keyed::new(&CHAT, settings(&format!("{host}{base}"))).unwrap();
        executor.send(&call(BODY), &"m".into()).await.unwrap();
        assert_eq!(upstream.received().last().unwrap().target(), target, "{base}");
    }
}

#[tokio::test]
async fn a13_the_callers_credentials_and_organisation_stay_here() {
    let caller = [
        ("authorization", "Bearer theirs"),
        ("x-api-key", "theirs"),
        ("x-goog-api-key", "theirs"),
        ("cookie", "theirs=1"),
        ("x-forwarded-for", "10.9.8.7"),
        ("openai-organization", "org-theirs"),
        ("openai-project", "proj-theirs"),
        ("anthropic-beta", "x"),
        ("x-stainless-lang", "js"),
        ("user-agent", "OpenAI/JS"),
        ("x-base-url", "http://decoy"),
        ("openai-beta", "assistants=v2"),
    ];
    let headers =
        caller.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    let seen = sent(&CallerRequest { headers: headers.collect(), ..call(BODY) }).await;
    assert_eq!(
        seen.header_names(),
        [
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "openai-beta",
            "user-agent",
            "x-standin-hops",
            "x-title"
        ]
    );
    assert_eq!(seen.key(), "sk-ours");
    assert_eq!(seen.head.header("accept-encoding"), Some("identity"));
    assert!(seen.head.header("user-agent").unwrap().starts_with("standin/"));
}

#[tokio::test]
async fn a11_a_header_the_caller_named_in_connection_ends_here() {
    let mut headers = HeaderMap::new();
    headers.insert("connection", HeaderValue::from_static("keep-alive, openai-beta"));
    headers.insert("openai-beta", HeaderValue::from_static("x"));
    headers.insert("te", HeaderValue::from_static("trailers"));
    let seen = sent(&CallerRequest { headers, ..call(BODY) }).await;
    for name in ["openai-beta", "te", "connection", "keep-alive"] {
        assert_eq!(seen.head.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn a12_a_request_that_has_passed_before_says_so() {
    let mut headers = HeaderMap::new();
    headers.insert("x-standin-hops", HeaderValue::from_static("1"));
    assert_eq!(sent(&CallerRequest { headers, ..call(BODY) }).await.head.header("x-standin-hops"), Some("2"));
    assert_eq!(sent(&call(BODY)).await.head.header("x-standin-hops"), Some("1"));
}

#[tokio::test]
async fn a_server_without_keys_gets_none() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let executor =
        Keyed::new(&CHAT, Settings { key: Secret::new(""), ..settings(&upstream.base_url()) }).unwrap();
    executor.send(&call(BODY), &"m".into()).await.unwrap();
    assert_eq!(upstream.received()[0].head.header("authorization"), None);
}

#[tokio::test]
async fn any_status_is_a_reply_with_its_whole_body() {
    for status in [200, 201, 400, 401, 404, 429, 500, 503, 529] {
        let upstream = ScriptedUpstream::always(Play::json(status, r#"{"a":1}"#)).await;
        let reply = send(&upstream, &call(BODY)).await.unwrap();
        assert_eq!(reply.headers["content-type"], "application/json");
        assert_eq!(whole(reply), (status, Bytes::from_static(br#"{"a":1}"#)));
    }
}

#[tokio::test]
async fn b11_a_redirect_is_never_followed_and_the_key_goes_nowhere_else() {
    let decoy = ScriptedUpstream::always(Play::json(200, "{}")).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("http://{}/v1/chat/completions", decoy.address());
        let upstream = ScriptedUpstream::always(Play::reply(status, &[("location", &to)], "")).await;
        let error = send(&upstream, &call(BODY)).await.unwrap_err();
        assert_eq!((error.class, error.progress), (ErrorClass::Malformed, Progress::Sent));
        assert!(error.message.contains(&status.to_string()), "{error}");
        assert_eq!(upstream.received().len(), 1);
    }
    assert!(decoy.received().is_empty());
}

#[tokio::test]
async fn a_stream_carries_the_callers_model_name_and_ends_complete() {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"vendor/m-1\",\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
        )
    };
    let events = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"content":"hi"}"#, "null"),
        chunk("{}", r#""stop""#),
        "data: [DONE]\n\n".to_owned(),
    ];
    let upstream = ScriptedUpstream::always(Play::sse(&events)).await;
    let mut stream = stream(send(&upstream, &call(STREAM)).await.unwrap());
    let all: Vec<_> = frames(&mut *stream).await.into_iter().map(Result::unwrap).collect();
    assert!(stream.is_complete() && stream.trailer().is_none() && !stream.is_empty());
    let text: String = all.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(text, events.concat().replace("vendor/m-1", "coder"));
    assert!(all.iter().any(|(mark, text)| *mark == Mark::Content && text.contains("hi")));
    assert_eq!(upstream.received()[0].head.header("accept"), Some("text/event-stream"));
}

#[tokio::test]
async fn b10_a_stream_that_breaks_gives_what_came_and_then_one_error() {
    let first =
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\n\n";
    let upstream = ScriptedUpstream::always(Play::sse_head().chunk(first).cut()).await;
    let mut stream = stream(send(&upstream, &call(STREAM)).await.unwrap());
    let all = frames(&mut *stream).await;
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(all[0].as_ref().unwrap().0, Mark::Content);
    let error = all[1].as_ref().unwrap_err();
    assert_eq!((error.class, error.progress), (ErrorClass::Malformed, Progress::Sent));
    assert!(!stream.is_complete());
}

#[tokio::test]
async fn d9_a_stream_that_is_dropped_closes_its_upstream_within_100_ms() {
    let upstream = ScriptedUpstream::always(Play::sse_head().chunk(": hi\n\n").hang()).await;
    let stream = stream(send(&upstream, &call(STREAM)).await.unwrap());
    let left = standin_testkit::now();
    drop(stream);
    let seen = upstream.wait_until(|all| all[0].gone_at.is_some()).await;
    assert!(seen[0].gone_at.unwrap().saturating_duration_since(left) < Duration::from_millis(100));
}

#[tokio::test]
async fn b8_a_success_that_is_no_stream_is_handed_on_whole() {
    for play in [Play::html(200, "<h1>hi</h1>"), Play::json(200, r#"{"error":{"message":"x"}}"#)] {
        let upstream = ScriptedUpstream::always(play).await;
        let (status, body) = whole(send(&upstream, &call(STREAM)).await.unwrap());
        assert!(status == 200 && !body.is_empty());
    }
}

#[tokio::test]
async fn a_stream_without_a_content_type_is_still_a_stream() {
    let play = Play::new().send("HTTP/1.1 200 OK\r\n\r\ndata: [DONE]\n\n").cut();
    let upstream = ScriptedUpstream::always(play).await;
    let mut stream = stream(send(&upstream, &call(STREAM)).await.unwrap());
    assert!(frames(&mut *stream).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a14_compressed_bytes_are_never_taken_for_text() {
    let encoded = |status| {
        Play::reply(status, &[("content-encoding", "br"), ("content-type", "application/json")], "\x0b")
    };
    let upstream = ScriptedUpstream::always(encoded(200)).await;
    let error = send(&upstream, &call(BODY)).await.unwrap_err();
    assert_eq!((error.class, error.progress), (ErrorClass::Malformed, Progress::Sent));

    let upstream = ScriptedUpstream::always(encoded(429)).await;
    let reply = send(&upstream, &call(BODY)).await.unwrap();
    assert_eq!(whole(reply), (429, Bytes::new()), "the status of an unreadable error still counts");
}

#[tokio::test]
async fn what_this_wire_does_not_speak_is_neither_served_nor_sent() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let executor = Keyed::new(&CHAT, settings(&upstream.base_url())).unwrap();
    assert!(executor.serves(Dialect::OpenaiChat, Operation::Embeddings));
    for (dialect, operation) in [
        (Dialect::OpenaiResponses, Operation::Responses),
        (Dialect::AnthropicMessages, Operation::Messages),
        (Dialect::Gemini, Operation::ChatCompletions),
    ] {
        assert!(!executor.serves(dialect, operation), "{dialect} {operation}");
        let call = CallerRequest { dialect, operation, ..call(BODY) };
        assert_eq!(executor.send(&call, &"m".into()).await.unwrap_err().progress, Progress::NotSent);
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn the_other_wire_speaks_responses_and_nothing_else() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let executor = Keyed::new(&RESPONSES, settings(&upstream.base_url())).unwrap();
    for (operation, path) in [
        (Operation::Responses, "/v1/responses"),
        (Operation::CompactResponse, "/v1/responses/compact"),
        (Operation::CountTokens, "/v1/responses/input_tokens"),
    ] {
        let call = executor::call(Dialect::OpenaiResponses, operation, BODY);
        executor.send(&call, &"m".into()).await.unwrap();
        assert_eq!(upstream.received().last().unwrap().target(), path);
    }
    assert!(!executor.serves(Dialect::OpenaiChat, Operation::ChatCompletions));
}

#[tokio::test]
async fn what_is_passed_through_goes_to_the_callers_path_in_the_callers_form() {
    let upstream = ScriptedUpstream::always(Play::reply(200, &[("content-type", "audio/mpeg")], "mp3")).await;
    let executor = Keyed::new(&CHAT, settings(&upstream.base_url())).unwrap();
    let mut call = call("--x--");
    (call.operation, call.path) = (Operation::Passthrough, Some("/v1/audio/transcriptions".to_owned()));
    call.headers = executor::headers(&[("content-type", "multipart/form-data; boundary=x")]);
    let (status, body) = whole(executor.send(&call, &"m".into()).await.unwrap());
    assert_eq!((status, &body[..]), (200, &b"mp3"[..]));
    let seen = upstream.received().remove(0);
    assert_eq!(seen.target(), "/v1/audio/transcriptions");
    assert_eq!(seen.head.header("content-type"), Some("multipart/form-data; boundary=x"));
    call.path = Some("/v1/images/../secrets".to_owned());
    assert_eq!(executor.send(&call, &"m".into()).await.unwrap_err().progress, Progress::NotSent);
}

#[test]
fn what_cannot_work_is_refused_at_the_start_and_no_secret_is_repeated() {
    let refuse = |settings: Settings| Keyed::new(&CHAT, settings).expect_err("a refusal").to_string();
    let base = "https://api.example/v1";
    for said in [
        refuse(settings("https://user:hunter2@api.example/v1")),
        refuse(settings("api.example/v1")),
        refuse(Settings { key: Secret::new("hunter2\n"), ..settings(base) }),
        refuse(Settings { headers: vec![("host".into(), "hunter2".into())], ..settings(base) }),
        refuse(Settings { proxy: Some("https://me:hunter2@exit".into()), ..settings(base) }),
    ] {
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn two_credentials_behind_one_address_share_an_endpoint() {
    let id = |settings| Keyed::new(&CHAT, settings).unwrap().endpoint().id().to_string();
    let base = "https://api.example/v1";
    assert_eq!(id(settings(base)), id(Settings { key: Secret::new("other"), ..settings(base) }));
    assert_ne!(id(settings(base)), id(Settings { proxy: Some("http://exit".into()), ..settings(base) }));
}
