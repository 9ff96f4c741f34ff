//! The operator's listener of the real binary: what is out and why, how a request was decided, forgetting, and strangers.

use std::net::SocketAddr;

use serde_json::{Value, json};
use standin_testkit::{Play, Received, ScriptedUpstream, client};

use crate::{
    faults::{MODEL, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, chat},
};

const TOKEN: &str = "token-of-the-operator-0123456789";
const DEAD: &str = "key-of-a-dead-account";
const GOOD: &str = "key-of-a-good-account";
const ROUTE: &str = "/v1/chat/completions";

/// A gateway whose first credential is rejected, its operator's address, and its upstream.
async fn stage() -> (Gateway, SocketAddr, ScriptedUpstream) {
    let script = |request: &Received| match request.key() {
        DEAD => Play::json(
            401,
            r#"{"error":{"message":"Incorrect API key provided: key-of-a-dead-account.","code":"invalid_api_key"}}"#,
        ),
        _ => whole_answer(),
    };
    let upstream = ScriptedUpstream::start(script).await;
    let table = Upstream::new("only", &upstream.base_url()).key(DEAD).key(GOOD).model(MODEL, "words");
    let admin = format!("[admin]\nlisten = \"127.0.0.1:0\"\ntoken = {TOKEN:?}");
    let gateway = Gateway::with(&admin, [table]).await;
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("the operator's listener is open")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let address = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    (gateway, address, upstream)
}

async fn ask(desk: SocketAddr, method: &str, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    if body.is_some() {
        headers.push(("content-type", "application/json"));
    }
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let reply = client::exchange(desk, &client::request(method, path, &headers, body.as_bytes())).await;
    (reply.status(), serde_json::from_slice(&reply.body).unwrap())
}

async fn get(desk: SocketAddr, path: &str) -> Value {
    let (status, body) = ask(desk, "GET", path, TOKEN, None).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

#[tokio::test]
async fn s120_an_operator_sees_what_is_out_and_why_and_how_a_request_was_decided() {
    let (gateway, desk, _upstream) = stage().await;
    assert_eq!(get(desk, "/admin/suspensions").await["suspensions"], json!([]));
    let reply = gateway.post(ROUTE, &chat("words", false)).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());

    let shown = get(desk, "/admin/suspensions").await;
    let entry = &shown["suspensions"][0];
    assert_eq!(entry["scope"], "credential", "{shown}");
    assert_eq!(
        (&entry["credential"], &entry["class"]),
        (&json!(format!("only-{DEAD}")), &json!("auth_failed"))
    );
    assert_eq!((&entry["level"], &entry["last_error"]["status"]), (&json!(1), &json!(401)));
    assert!((1790..=1800).contains(&entry["seconds_left"].as_u64().unwrap()), "{shown}");
    for field in ["since", "until", "probe_at", "last_probe", "rule"] {
        assert!(entry[field].is_string(), "{field}: {shown}");
    }

    let id = reply.head.header("x-request-id").unwrap();
    let story = get(desk, &format!("/admin/requests/{id}")).await;
    let told = story.to_string();
    assert_eq!((&story["model"], &story["ending"]), (&json!("words"), &json!("served")), "{told}");
    for word in ["auth_failed", "\"attempt\":1", "\"attempt\":2", "T"] {
        assert!(told.contains(word), "{word} is missing: {told}");
    }
    assert_eq!(ask(desk, "GET", "/admin/requests/req_none", TOKEN, None).await.0, 404);

    let health = get(desk, "/admin/health").await;
    assert_eq!((&health["status"], &health["suspensions"]), (&json!("ok"), &json!(1)));
}

#[tokio::test]
async fn s121_an_operator_clears_one_candidate_one_credential_or_everything_and_the_next_request_knows() {
    let (gateway, desk, upstream) = stage().await;
    let dead = format!("only-{DEAD}");
    let suspend = async || {
        while upstream.calls(DEAD) == 0 || get(desk, "/admin/suspensions").await["suspensions"] == json!([]) {
            assert_eq!(gateway.post(ROUTE, &chat("words", false)).await.status(), 200);
        }
    };
    let cleared = async |what: Value| ask(desk, "POST", "/admin/clear", TOKEN, Some(what)).await;
    suspend().await;
    let first = get(desk, "/admin/health").await["suspensions"].clone();
    assert_eq!(first, 1);
    // What blames the whole credential is not lifted with one of its models.
    assert_eq!(cleared(json!({"credential": dead, "model": MODEL})).await, (200, json!({"cleared": 0})));
    assert_eq!(cleared(json!({"credential": dead})).await, (200, json!({"cleared": 1})));
    let calls = upstream.calls(DEAD);
    suspend().await;
    assert_eq!(upstream.calls(DEAD), calls + 1, "a cleared credential is tried again");
    assert_eq!(cleared(json!({"all": true})).await, (200, json!({"cleared": 1})));
    for (what, status) in [
        (json!({}), 400),
        (json!({"all": true, "credential": dead}), 400),
        (json!({"everything": true}), 400),
        (json!({"credential": "nobody"}), 404),
        (json!({"credential": dead, "model": "none"}), 404),
    ] {
        assert_eq!(cleared(what.clone()).await.0, status, "{what}");
    }
}

#[tokio::test]
async fn a_dry_run_says_where_a_request_would_go_and_costs_no_call() {
    let (_gateway, desk, upstream) = stage().await;
    let (status, told) = ask(desk, "POST", "/admin/route", TOKEN, Some(json!({"model": "words"}))).await;
    assert_eq!((status, &told["first"][0]["model"]), (200, &json!(MODEL)), "{told}");
    assert_eq!(ask(desk, "POST", "/admin/route", TOKEN, Some(json!({"model": "prose"}))).await.0, 404);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn k6_a_stranger_is_refused_then_slowed_and_nobody_reads_a_secret_there() {
    let (gateway, desk, _upstream) = stage().await;
    gateway.post(ROUTE, &chat("words", false)).await;
    let id = gateway.post(ROUTE, &chat("words", false)).await.head.header("x-request-id").unwrap().to_owned();
    let paths = ["/admin/health", "/admin/suspensions", &format!("/admin/requests/{id}"), "/admin/none"];
    for path in paths {
        let (_, told) = ask(desk, "GET", path, TOKEN, None).await;
        // Ids of credentials are the operator's own words; the suite's hold the key, so they are taken out first.
        let told = told.to_string().replace(&format!("only-{DEAD}"), "").replace(&format!("only-{GOOD}"), "");
        for secret in [DEAD, GOOD, CALLER_KEY, TOKEN] {
            assert!(!told.contains(secret), "{path} tells {secret}: {told}");
        }
    }
    let mut statuses = Vec::new();
    for path in paths.iter().cycle().take(25) {
        statuses.push(ask(desk, "GET", path, "not-the-token-of-the-operator", None).await.0);
    }
    assert_eq!(statuses[..20], [401; 20]);
    assert_eq!(statuses[20..], [429; 5]);
    assert_eq!(
        ask(desk, "GET", "/admin/health", TOKEN, None).await.0,
        200,
        "the operator is never locked out"
    );
    // The callers' own door has no such paths, and a caller's key opens nothing here.
    assert_eq!(
        client::exchange(gateway.address(), &crate::gateway::post("/admin/clear", b"{}")).await.status(),
        404
    );
    assert_eq!(ask(desk, "GET", "/admin/health", CALLER_KEY, None).await.0, 429);
}

#[tokio::test]
async fn k5_a_web_page_gets_nothing_from_the_operators_listener_even_with_the_token() {
    let (_gateway, desk, _upstream) = stage().await;
    let bearer = format!("Bearer {TOKEN}");
    let ask = async |headers: &[(&str, &str)], method: &str| {
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        client::exchange(desk, &client::request(method, "/admin/clear", &all, br#"{"all":true}"#)).await
    };
    let page = ask(&[("origin", "https://evil.example"), ("content-type", "application/json")], "POST").await;
    assert_eq!(page.status(), 403);
    assert_eq!(ask(&[("content-type", "text/plain")], "POST").await.status(), 415);
    assert_eq!(ask(&[], "POST").await.status(), 415);
    for reply in [page, ask(&[], "OPTIONS").await] {
        let cors =
            reply.head.headers.iter().any(|(name, _)| name.to_lowercase().starts_with("access-control"));
        assert!(!cors, "{:?}", reply.head);
    }
}
