//! Four dialects, each to its own kind of upstream, through the real binary.

use std::{task::Poll, time::Duration};

use serde_json::{Value, json};
use standin_testkit::{Play, Received, ScriptedUpstream, client, in_turn};

use crate::gateway::{CALLER_KEY, Gateway};

const JSON: (&str, &str) = ("content-type", "application/json");

/// One route: how it is asked, where that goes, and what comes back from there.
struct Route {
    kind: &'static str,
    path: &'static str,
    body: &'static str,
    target: &'static str,
    reply: &'static str,
}

const ROUTES: [Route; 12] = [
    Route {
        kind: "openai-compat",
        path: "/v1/chat/completions",
        body: r#"{"model":"NAME","messages":[{"role":"user","content":"hi"}]}"#,
        target: "/v1/chat/completions",
        reply: r#"{"id":"c","object":"chat.completion","model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#,
    },
    Route {
        kind: "openai-compat",
        path: "/v1/moderations",
        body: r#"{"model":"NAME","input":"hi"}"#,
        target: "/v1/moderations",
        reply: r#"{"id":"m","results":[{"flagged":false}]}"#,
    },
    Route {
        kind: "codex",
        path: "/v1/responses",
        body: r#"{"model":"NAME","input":"hi"}"#,
        target: "/v1/responses",
        reply: r#"{"id":"r","object":"response","status":"completed","model":"up","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]}]}"#,
    },
    Route {
        kind: "codex",
        path: "/v1/responses/compact",
        body: r#"{"model":"NAME","input":[]}"#,
        target: "/v1/responses/compact",
        reply: r#"{"id":"r","object":"response.compaction","output":[{"type":"compaction","encrypted_content":"x"}]}"#,
    },
    Route {
        kind: "codex",
        path: "/v1/responses/input_tokens",
        body: r#"{"model":"NAME","input":"hi"}"#,
        target: "/v1/responses/input_tokens",
        reply: r#"{"object":"response.input_tokens","input_tokens":4711}"#,
    },
    Route {
        kind: "anthropic",
        path: "/v1/messages?beta=true",
        body: r#"{"model":"NAME","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
        target: "/v1/messages",
        reply: r#"{"id":"m","type":"message","role":"assistant","model":"up","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#,
    },
    Route {
        kind: "anthropic",
        path: "/v1/messages/count_tokens?beta=true",
        body: r#"{"model":"NAME","messages":[{"role":"user","content":"hi"}]}"#,
        target: "/v1/messages/count_tokens",
        reply: r#"{"input_tokens":4711}"#,
    },
    Route {
        kind: "gemini",
        path: "/v1beta/models/NAME:generateContent",
        body: r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        target: "/v1beta/models/up:generateContent",
        reply: r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP"}],"modelVersion":"up"}"#,
    },
    Route {
        kind: "gemini",
        path: "/v1/models/NAME:generateContent",
        body: r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        target: "/v1beta/models/up:generateContent",
        reply: r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP"}],"modelVersion":"up"}"#,
    },
    Route {
        kind: "gemini",
        path: "/v1beta/models/NAME:countTokens",
        body: r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        target: "/v1beta/models/up:countTokens",
        reply: r#"{"totalTokens":4711}"#,
    },
    Route {
        kind: "gemini",
        path: "/v1beta/models/NAME:embedContent",
        body: r#"{"content":{"parts":[{"text":"hi"}]}}"#,
        target: "/v1beta/models/up:embedContent",
        reply: r#"{"embedding":{"values":[0.5]}}"#,
    },
    Route {
        kind: "gemini",
        path: "/v1beta/models/NAME:batchEmbedContents",
        body: r#"{"requests":[{"model":"models/NAME","content":{"parts":[{"text":"hi"}]}}]}"#,
        target: "/v1beta/models/up:batchEmbedContents",
        reply: r#"{"embeddings":[{"values":[0.5]}]}"#,
    },
];

/// The table of an upstream with one key; its model `up` is asked for by `alias`.
fn upstream(kind: &str, host: &str, alias: &str) -> String {
    format!(
        "[[upstream]]\nname = \"{kind}\"\nkind = \"{kind}\"\nbase_url = \"{host}\"\n\
         [[upstream.credential]]\nid = \"{kind}-1\"\nkey = \"key-of-{kind}\"\n\
         [[upstream.model]]\nname = \"up\"\nalias = [\"{alias}\"]\n"
    )
}

fn host(upstream: &ScriptedUpstream) -> String {
    format!("http://{}", upstream.address())
}

/// A gateway over one scripted server that is an upstream of every kind, all of them under one name.
async fn over_all(script: impl Fn(&Received) -> Play + Send + Sync + 'static) -> (Gateway, ScriptedUpstream) {
    let server = ScriptedUpstream::start(script).await;
    let kinds = ["openai-compat", "codex", "anthropic", "gemini"];
    let tables: String = kinds.iter().map(|kind| upstream(kind, &host(&server), "words")).collect();
    (Gateway::with(&tables, []).await, server)
}

async fn ask(
    gateway: &Gateway,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> client::Reply {
    let bearer = format!("Bearer {CALLER_KEY}");
    let all: Vec<_> = headers.iter().copied().chain([("authorization", bearer.as_str())]).collect();
    client::exchange(gateway.address(), &client::request(method, path, &all, body.as_bytes())).await
}

#[tokio::test]
async fn every_route_goes_to_an_upstream_of_its_dialect_and_comes_back_as_it_was_said() {
    let script = |request: &Received| {
        let route = ROUTES.iter().find(|route| route.target == request.target());
        route.map_or_else(|| Play::json(404, "{}"), |route| Play::json(200, route.reply))
    };
    let (gateway, server) = over_all(script).await;
    for (number, route) in ROUTES.iter().enumerate() {
        let path = route.path.replace("NAME", "words");
        let reply = ask(&gateway, "POST", &path, &[JSON], &route.body.replace("NAME", "words")).await;
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
        assert_eq!(reply.text(), route.reply.replace("\"up\"", "\"words\""), "{path}");
        let seen = &server.received()[number];
        assert_eq!((seen.target(), seen.key()), (route.target, &*format!("key-of-{}", route.kind)), "{path}");
        assert!(!String::from_utf8_lossy(&seen.body).contains("words"), "{path}");
    }
    assert_eq!(gateway.log().matches("failed").count(), 0, "{}", gateway.log());
}

#[tokio::test]
async fn a_name_that_only_another_dialect_serves_is_a_400_that_says_so_and_asks_nobody() {
    let server = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let gateway = Gateway::with(&upstream("anthropic", &host(&server), "words"), []).await;
    for route in ROUTES.iter().filter(|route| route.kind != "anthropic" && !route.path.contains("oken")) {
        let path = route.path.replace("NAME", "words");
        let reply = ask(&gateway, "POST", &path, &[JSON], &route.body.replace("NAME", "words")).await;
        assert_eq!(reply.status(), 400, "{path}: {}", reply.text());
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert!(
            body["error"]["message"].as_str().unwrap().contains("upstreams of another dialect"),
            "{body}"
        );
        let is_google = body["error"]["status"] == "INVALID_ARGUMENT";
        assert_eq!(is_google, route.kind == "gemini", "{body}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn an_upstream_that_does_not_count_is_counted_for_and_nothing_is_held_against_it() {
    let (gateway, server) = over_all(|request| {
        match request.target().contains("ount") || request.target().ends_with("input_tokens") {
            true => Play::html(404, "<h1>Not Found</h1>"),
            false => Play::json(200, ROUTES[5].reply),
        }
    })
    .await;
    for route in ROUTES.iter().filter(|route| route.reply.contains("4711")) {
        let path = route.path.replace("NAME", "words");
        let reply = ask(&gateway, "POST", &path, &[JSON], &route.body.replace("NAME", "words")).await;
        let expected = json!(8);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let counted = if route.kind == "gemini" { &body["totalTokens"] } else { &body["input_tokens"] };
        assert_eq!((reply.status(), counted), (200, &expected), "{path}: {body}");
    }
    // An agent counts a dozen times at once, and then asks.
    let path = "/v1/messages/count_tokens";
    let before = server.received().len();
    let body = ROUTES[6].body.replace("NAME", "words");
    let counts = at_once(14, || ask(&gateway, "POST", path, &[JSON], &body)).await;
    assert!(counts.iter().all(|text| text == &counts[0]), "{counts:?}");
    assert_eq!(server.received().len(), before, "the missing route is known by now");
    let body = ROUTES[5].body.replace("NAME", "words");
    assert_eq!(ask(&gateway, "POST", "/v1/messages", &[JSON], &body).await.status(), 200);
}

/// The same request several times at once.
async fn at_once<F: Future<Output = client::Reply>>(count: usize, one: impl Fn() -> F) -> Vec<String> {
    let mut running: Vec<_> = (0..count).map(|_| Box::pin(one())).collect();
    let mut texts = Vec::new();
    std::future::poll_fn(|cx| {
        running.retain_mut(|reply| match reply.as_mut().poll(cx) {
            Poll::Ready(reply) => {
                texts.push(reply.text());
                false
            }
            Poll::Pending => true,
        });
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    texts
}

#[tokio::test]
async fn a_form_with_a_file_goes_through_with_the_upstreams_name_of_its_model() {
    let (gateway, server) = over_all(|_| Play::json(200, r#"{"text":"hi"}"#)).await;
    let form = |model: &str| {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\0\x01\r\n\
             --x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--x--\r\n"
        )
    };
    let kind = ("content-type", "multipart/form-data; boundary=x");
    let path = "/v1/audio/transcriptions";
    let reply = ask(&gateway, "POST", path, &[kind], &form("words")).await;
    assert_eq!((reply.status(), reply.text().as_str()), (200, r#"{"text":"hi"}"#));
    let seen = server.received().remove(0);
    assert_eq!(String::from_utf8_lossy(&seen.body), form("up"));
    assert_eq!(seen.head.header("content-type"), Some(kind.1));

    let unknown = ask(&gateway, "POST", path, &[kind], &form("other")).await;
    assert_eq!(unknown.status(), 404, "{}", unknown.text());
    let nowhere = ask(&gateway, "POST", "/v1/chat/completions", &[kind], &form("words")).await;
    assert_eq!(nowhere.status(), 415, "{}", nowhere.text());
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_browsers_page_cannot_send_a_form_without_a_key() {
    let server = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let (gateway, _server) =
        (Gateway::with(&upstream("openai-compat", &host(&server), "words"), []).await, &server);
    let body = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwords\r\n--x--\r\n";
    let headers = [("origin", "https://evil.example"), ("content-type", "multipart/form-data; boundary=x")];
    let target = format!("/v1/images/edits?key={CALLER_KEY}");
    let request = client::request("POST", &target, &headers, body.as_bytes());
    let reply = client::exchange(gateway.address(), &request).await;
    assert_eq!(reply.status(), 415, "{}", reply.text());
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_gemini_stream_has_the_form_that_its_caller_asked_for_and_falls_back_before_its_first_word() {
    let chunk = |text: &str, finish: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}],"role":"model"}}{finish},"index":0}}],"modelVersion":"up"}}"#
        )
    };
    let chunks = [chunk("he", ""), chunk("llo", r#","finishReason":"STOP""#)];
    let events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect();
    let array = format!("[{},\r\n{}]", chunks[0], chunks[1]);
    let failed = Play::json(
        503,
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
    );
    let forms = [
        ("?alt=sse", Play::sse(&events), events.concat()),
        ("", Play::chunked_head(200, "application/json").chunk(&array).end(), array),
    ];
    for (query, play, expected) in forms {
        let server = ScriptedUpstream::start(in_turn([failed.clone(), play])).await;
        let table = upstream("gemini", &host(&server), "words").replacen(
            "[[upstream.model]]",
            "[[upstream.credential]]\nid = \"gemini-2\"\nkey = \"another-key\"\n[[upstream.model]]",
            1,
        );
        let gateway = Gateway::with(&table, []).await;
        let path = format!("/v1beta/models/words:streamGenerateContent{query}");
        let reply = ask(&gateway, "POST", &path, &[JSON], ROUTES[7].body).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_eq!(reply.text(), expected.replace("\"up\"", "\"words\""));
        let targets: Vec<_> = server.received().iter().map(|request| request.target().to_owned()).collect();
        let target = format!("/v1beta/models/up:streamGenerateContent{query}");
        assert_eq!(targets, [target.as_str(), target.as_str()]);
    }
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_whoever_asks() {
    let (gateway, _server) = over_all(|_| Play::json(200, "{}")).await;
    let list = async |path: &str, headers: &[(&str, &str)]| -> Value {
        serde_json::from_slice(&ask(&gateway, "GET", path, headers, "").await.body).unwrap()
    };
    let openai = list("/v1/models", &[]).await;
    assert_eq!((&openai["object"], &openai["data"][0]["id"]), (&json!("list"), &json!("words")));
    let anthropic = list("/v1/models?limit=1000", &[("anthropic-version", "2023-06-01")]).await;
    assert_eq!((&anthropic["data"][0]["type"], &anthropic["has_more"]), (&json!("model"), &json!(false)));
    for (path, headers) in [("/v1beta/models", &[][..]), ("/v1/models", &[("x-goog-api-key", "x")][..])] {
        assert_eq!(list(path, headers).await["models"][0]["name"], "models/words", "{path}");
    }
    assert_eq!(list("/v1/models/words", &[]).await["id"], "words");
    assert_eq!(list("/v1beta/models/words", &[]).await["name"], "models/words");
}

#[tokio::test]
async fn an_agent_that_looks_for_a_websocket_or_for_anybody_is_answered_before_its_key_is_asked_for() {
    let (gateway, server) = over_all(|_| Play::json(200, "{}")).await;
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")];
    let began = standin_testkit::now();
    let socket =
        client::exchange(gateway.address(), &client::request("GET", "/v1/responses", &upgrade, b"")).await;
    assert_eq!(socket.status(), 426, "{}", socket.text());
    let presence = client::stream(gateway.address(), &client::request("HEAD", "/", &[], b"")).await;
    assert_eq!(presence.head.status(), 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(server.received().is_empty());
}
