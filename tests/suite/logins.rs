//! Credentials that change: logins that are renewed, refused or replaced, and keys that an operator exchanges.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use standin_testkit::{Play, ScriptedUpstream, client};

use crate::gateway::{Gateway, chat, configuration, post};

const COMPACTED: &str =
    r#"{"id":"r","object":"response.compaction","output":[{"type":"compaction","encrypted_content":"x"}]}"#;

/// An upstream with one login, whose tokens are renewed at the same server.
fn table(server: &ScriptedUpstream, login: &Path) -> String {
    let host = server.address();
    format!(
        "[[upstream]]\nname = \"chatgpt\"\nkind = \"codex\"\nbase_url = \"http://{host}/codex\"\n\
         token_url = \"http://{host}/oauth/token\"\n[[upstream.credential]]\nid = \"login-1\"\nlogin = {login:?}\n\
         [[upstream.model]]\nname = \"up\"\nalias = [\"words\"]\n"
    )
}

async fn responses(gateway: &Gateway, path: &str, body: &str) -> client::Reply {
    client::exchange(gateway.address(), &post(path, body.as_bytes())).await
}

#[tokio::test]
async fn s096_a_login_that_is_refused_is_renewed_once_and_its_caller_notices_nothing() {
    let stream = [
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":0,\"output_index\":0,\"item\":{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\",\"annotations\":[]}]}}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":1,\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"model\":\"up\",\"output\":[]}}\n\n",
    ];
    let first_event = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"code\":\"token_expired\",\"message\":\"Provided authentication token is expired.\"},\"status\":401}\n\n";
    let refusals = [
        Play::json(
            401,
            r#"{"error":{"message":"Your token has expired.","type":"invalid_request_error","code":"token_expired"}}"#,
        ),
        Play::sse([first_event]),
    ];
    for refusal in refusals {
        let server = ScriptedUpstream::start(move |request| match (request.target(), request.key()) {
            ("/oauth/token", _) => {
                Play::json(200, r#"{"access_token":"new-access","refresh_token":"new-refresh"}"#)
            }
            (_, "new-access") => Play::sse(stream),
            _ => refusal.clone(),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("codex-1.json");
        let login = json!({"tokens": {"access_token": "old-access", "refresh_token": "old-refresh"}});
        fs::write(&file, login.to_string()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let table = table(&server, &file);
        let gateway = Gateway::with(&table, []).await;
        let body = r#"{"model":"words","input":"hi","stream":true}"#;
        let reply = responses(&gateway, "/v1/responses", body).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert!(reply.text().ends_with(&stream[1].replace("\"up\"", "\"words\"")), "{}", reply.text());
        let targets: Vec<_> = server.received().iter().map(|request| request.target().to_owned()).collect();
        assert_eq!(targets, ["/codex/responses", "/oauth/token", "/codex/responses"]);

        let whole = responses(&gateway, "/v1/responses", r#"{"model":"words","input":"hi"}"#).await;
        let whole: Value = serde_json::from_slice(&whole.body).unwrap();
        assert_eq!(
            (&whole["model"], &whole["output"][0]["content"][0]["text"]),
            (&json!("words"), &json!("hi"))
        );
        let kept = fs::read_to_string(&file).unwrap();
        assert!(kept.contains("new-refresh"), "{kept}");
        for secret in ["old-access", "new-access", "old-refresh", "new-refresh"] {
            assert!(!gateway.log().contains(secret), "{}", gateway.log());
        }
    }
}

#[tokio::test]
async fn s125_a_refused_login_waits_for_a_new_one_and_is_back_a_moment_after_it() {
    let server = ScriptedUpstream::start(|request| match (request.target(), request.key()) {
        ("/oauth/token", _) => Play::json(401, r#"{"error":{"code":"refresh_token_expired"}}"#),
        (_, "fresh-access") => Play::json(200, COMPACTED),
        _ => Play::json(401, r#"{"error":{"message":"expired","code":"token_expired"}}"#),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("codex-1.json");
    let write = |access: &str| {
        let login =
            json!({"tokens": {"access_token": access, "refresh_token": format!("refresh-of-{access}")}});
        fs::write(&file, login.to_string()).unwrap();
    };
    write("old-access");
    let table = table(&server, &file);
    let gateway = Gateway::with(&table, []).await;
    gateway.says("chmod 600").await;
    let compact = || responses(&gateway, "/v1/responses/compact", r#"{"model":"words","input":[]}"#);
    let refused = compact().await;
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert!(refused.text().contains("upstream_credentials_rejected"), "{}", refused.text());
    let asked = server.received().len();
    assert_eq!((compact().await.status(), server.received().len()), (403, asked), "nobody is asked any more");

    write("fresh-access");
    gateway.says("forgot what was held against its old secret").await;
    let served = compact().await;
    assert_eq!(served.status(), 200, "{}", served.text());
}

#[tokio::test]
async fn l4_a_login_that_another_program_writes_into_its_file_is_used_from_then_on() {
    let server = ScriptedUpstream::always(Play::json(200, COMPACTED)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("codex-1.json");
    let write = |access: &str| {
        let tokens = json!({"access_token": access, "refresh_token": format!("refresh-of-{access}")});
        fs::write(&file, json!({"tokens": tokens}).to_string()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    };
    write("first-access");
    let gateway = Gateway::with(&table(&server, &file), []).await;
    let compact = async || {
        let reply = responses(&gateway, "/v1/responses/compact", r#"{"model":"words","input":[]}"#).await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        server.received().pop().unwrap().key().to_owned()
    };
    assert_eq!(compact().await, "first-access");
    write("second-access");
    gateway.says("took over a login that was renewed elsewhere").await;
    assert_eq!(compact().await, "second-access");

    // Half of a file, or none, changes nothing: what is held is good as long as the process lives.
    fs::write(&file, "{\"tokens\": {\"acc").unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(compact().await, "second-access");
    fs::remove_file(&file).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(compact().await, "second-access");
    write("third-access");
    gateway.says("took over a login").await;
    let since = standin_testkit::now();
    while compact().await != "third-access" {
        assert!(since.elapsed() < std::time::Duration::from_secs(5));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(server.received().iter().all(|request| request.target() == "/codex/responses/compact"));
}

#[tokio::test]
async fn a_login_that_is_under_way_is_not_lost_when_the_gateway_stops() {
    let server = ScriptedUpstream::start(|request| match (request.target(), request.key()) {
        ("/oauth/token", _) => {
            let grant = r#"{"access_token":"new-access","refresh_token":"new-refresh"}"#;
            Play::json(200, grant).delayed(std::time::Duration::from_millis(700))
        }
        (_, "new-access") => Play::json(200, COMPACTED),
        _ => Play::json(401, r#"{"error":{"message":"expired","code":"token_expired"}}"#),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("codex-1.json");
    let login = json!({"tokens": {"access_token": "old-access", "refresh_token": "old-refresh"}});
    fs::write(&file, login.to_string()).unwrap();
    let mut gateway = Gateway::with(&table(&server, &file), []).await;
    let request = post("/v1/responses/compact", br#"{"model":"words","input":[]}"#);
    let asking = tokio::spawn({
        let address = gateway.address();
        async move { client::stream(address, &request).await.head.status() }
    });
    server.wait_until(|all| all.iter().any(|request| request.target() == "/oauth/token")).await;
    // Its only requester leaves, and the gateway is told to stop.
    asking.abort();
    gateway.signal("TERM");
    assert!(gateway.ended().await.success());
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("new-refresh"), "the old token is used up, so this file is all there is: {kept}");
}

#[tokio::test]
async fn an_exchanged_key_is_tried_at_once_and_only_what_was_said_about_the_old_one_is_forgotten() {
    let server = ScriptedUpstream::start(|request| match request.key() {
        "key-that-is-good" => crate::faults::whole_answer(),
        _ => {
            Play::json(401, r#"{"error":{"message":"Incorrect API key provided.","code":"invalid_api_key"}}"#)
        }
    })
    .await;
    let tables = |key: &str| {
        format!(
            "[[upstream]]\nname = \"only\"\nkind = \"openai-compat\"\nbase_url = \"{}\"\n\
             [[upstream.credential]]\nid = \"one\"\nkey = {key:?}\n[[upstream.model]]\nname = \"up\"\nalias = [\"words\"]\n",
            server.base_url()
        )
    };
    let gateway = Gateway::with(&tables("key-that-was-revoked"), []).await;
    assert_eq!(gateway.post("/v1/chat/completions", &chat("words", false)).await.status(), 403);
    assert_eq!(gateway.post("/v1/chat/completions", &chat("words", false)).await.status(), 403);
    assert_eq!(server.received().len(), 1, "a dead key is asked once");
    fs::write(gateway.file("proxy.toml"), configuration(&tables("key-that-is-good"), [])).unwrap();
    gateway.says("configuration reloaded").await;
    assert_eq!(gateway.post("/v1/chat/completions", &chat("words", false)).await.status(), 200);
}
