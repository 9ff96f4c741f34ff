//! The routes of the binary as a caller finds them: who is let in, what each route passes on, how a mistake is told.

use serde_json::Value;
use standin_testkit::{Play, Received, ScriptedUpstream, client};

use crate::{
    faults::{MODEL, streamed_answer, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, chat},
};

const UPSTREAM_KEY: &str = "key-of-the-only-account";
const EMBEDDING: &str = r#"{"object":"list","model":"tiny-1","data":[{"object":"embedding","index":0,"embedding":[0.25,-1e-3]}],"usage":{"prompt_tokens":2,"total_tokens":2}}"#;
const COMPLETION: &str = r#"{"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"tiny-1","choices":[{"index":0,"text":"words","finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// A gateway over one upstream that serves all routes.
async fn stage() -> (Gateway, ScriptedUpstream) {
    let script = |request: &Received| match request.target() {
        "/v1/embeddings" => Play::json(200, EMBEDDING),
        "/v1/completions" => Play::json(200, COMPLETION),
        _ if request.is_streaming() => streamed_answer(),
        _ => whole_answer(),
    };
    let upstream = ScriptedUpstream::start(script).await;
    let table = Upstream::new("only", &upstream.base_url()).key(UPSTREAM_KEY).model(MODEL, "words");
    (Gateway::over([table]).await, upstream)
}

/// Sends a request with these headers, a body being a chat request.
async fn ask(gateway: &Gateway, method: &str, target: &str, headers: &[(&str, &str)]) -> client::Reply {
    let body = if method == "POST" { chat("words", false) } else { Vec::new() };
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/json"));
    client::exchange(gateway.address(), &client::request(method, target, &headers, &body)).await
}

/// Asserts the shape that OpenAI's libraries read: all four keys, and an id to ask the operator about.
fn assert_is_error(reply: &client::Reply, status: u16, code: &str) {
    let story = format!("{:?}\n{}", reply.head, reply.text());
    assert_eq!(reply.status(), status, "{story}");
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(
        ["message", "type", "param", "code"].iter().all(|key| body["error"].get(key).is_some()),
        "{story}"
    );
    assert_eq!(body["error"]["code"], code, "{story}");
    assert!(reply.head.header("x-request-id").is_some_and(|id| id.starts_with("req_")), "{story}");
}

#[tokio::test]
async fn a_caller_may_show_its_key_in_every_form_that_clients_use_and_in_no_other() {
    let (gateway, upstream) = stage().await;
    let bearer = format!("Bearer {CALLER_KEY}");
    let forms =
        [("authorization", bearer.as_str()), ("x-api-key", CALLER_KEY), ("x-goog-api-key", CALLER_KEY)];
    for form in forms {
        assert_eq!(ask(&gateway, "POST", "/v1/chat/completions", &[form]).await.status(), 200, "{form:?}");
    }
    let served = upstream.received();
    assert!(served.iter().all(|request| request.key() == UPSTREAM_KEY), "the upstream sees its own key only");
    let strangers: [&[(&str, &str)]; 4] = [
        &[],
        &[("authorization", "Bearer another-key-of-some-length")],
        &[("authorization", "Bearer ")],
        &[("cookie", CALLER_KEY)],
    ];
    for headers in strangers {
        let reply = ask(&gateway, "POST", "/v1/chat/completions", headers).await;
        assert_is_error(&reply, 401, "invalid_api_key");
    }
    assert_eq!(upstream.received().len(), served.len(), "a stranger costs no call");
}

#[tokio::test]
async fn embeddings_and_completions_come_back_byte_for_byte_but_for_the_model() {
    let (gateway, upstream) = stage().await;
    for (target, body, answer) in [
        ("/v1/embeddings", r#"{"input":["a"],"model":"words","dimensions":2}"#, EMBEDDING),
        ("/v1/completions", r#"{"prompt":"Say","model":"words","max_tokens":1}"#, COMPLETION),
    ] {
        let reply = gateway.post(target, body.as_bytes()).await;
        assert_eq!((reply.status(), reply.text()), (200, answer.replace("tiny-1", "words")), "{target}");
        let sent = upstream.received().pop().unwrap();
        assert_eq!((sent.target(), &sent.body[..]), (target, body.replace("words", "tiny-1").as_bytes()));
    }
}

#[tokio::test]
async fn models_are_listed_by_the_names_that_callers_use() {
    let (gateway, upstream) = stage().await;
    let bearer = format!("Bearer {CALLER_KEY}");
    let key = ("authorization", bearer.as_str());
    let list: Value = serde_json::from_slice(&ask(&gateway, "GET", "/v1/models", &[key]).await.body).unwrap();
    let names: Vec<&str> =
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!((list["object"].as_str(), names), (Some("list"), vec!["words"]));
    let one: Value =
        serde_json::from_slice(&ask(&gateway, "GET", "/v1/models/words", &[key]).await.body).unwrap();
    assert_eq!((one["id"].as_str(), one["object"].as_str()), (Some("words"), Some("model")));
    assert_is_error(&ask(&gateway, "GET", "/v1/models/prose", &[key]).await, 404, "model_not_found");
    assert_is_error(&ask(&gateway, "GET", "/v1/models", &[]).await, 401, "invalid_api_key");
    assert_eq!(upstream.received().len(), 0, "a list costs no call");
}

#[tokio::test]
async fn health_and_readiness_need_no_key_and_tell_nothing() {
    let (gateway, _upstream) = stage().await;
    for target in ["/healthz", "/readyz"] {
        let reply = ask(&gateway, "GET", target, &[]).await;
        assert_eq!(reply.status(), 200, "{target}");
        assert!(!reply.text().contains("only"), "{target}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_callers_own_mistakes_are_told_in_its_dialect_and_cost_no_call() {
    let (gateway, upstream) = stage().await;
    let words = r#""messages":[{"role":"user","content":"hi"}]"#;
    let deep = format!(r#"{{"model":"words","messages":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let bodies = [
        ("no JSON", "{\"model\":".to_owned(), 400),
        ("no object", "[1]".to_owned(), 400),
        ("a second model", format!(r#"{{"model":"words","model":"other",{words}}}"#), 400),
        ("no model", format!("{{{words}}}"), 400),
        ("a model that is no text", format!(r#"{{"model":["words"],{words}}}"#), 400),
        ("too deep", deep, 400),
        ("an unknown model", format!(r#"{{"model":"prose",{words}}}"#), 404),
    ];
    for (mistake, body, status) in bodies {
        let reply = gateway.post("/v1/chat/completions", body.as_bytes()).await;
        let code = serde_json::from_slice::<Value>(&reply.body).unwrap()["error"]["code"]
            .as_str()
            .unwrap()
            .to_owned();
        println!("{mistake}: {status} {code}");
        assert_is_error(&reply, status, &code);
        assert_eq!(reply.head.header("x-should-retry"), Some("false"), "{mistake}");
    }
    assert_eq!(upstream.received().len(), 0);
}
