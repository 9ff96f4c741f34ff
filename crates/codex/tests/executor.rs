//! Logins against a scripted backend and a scripted token office, both on one server.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use standin_codex::{API, ChatGpt, Login, Office};
use standin_core::{Dialect, ErrorClass, Operation, Progress};
use standin_testkit::{
    Play, Received, ScriptedUpstream, TestClock,
    executor::{call, headers, settings, whole},
};
use standin_upstream::{CallerRequest, Executor, Keyed, Limits, Reply, SendError};

const BODY: &str = r#"{"model":"coder","input":"hi","temperature":1}"#;
const EVENTS: [&str; 2] = [
    "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\"}]}}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"model\":\"gpt-x\",\"output\":[]}}\n\n",
];

/// A token that ends at this time, in seconds since 1970.
fn token(name: &str, ends: u64) -> String {
    let claims = json!({"exp": ends, "aud": ["app_ours"], "name": name});
    format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn good(name: &str) -> String {
    token(name, 4_000_000_000)
}

/// A server, a login in a file, and the executor over both.
struct World {
    upstream: ScriptedUpstream,
    folder: tempfile::TempDir,
    login: Arc<Login>,
    executor: Arc<ChatGpt>,
}

impl World {
    async fn new(access: &str, office: impl Fn(usize, &Received) -> Play + Send + Sync + 'static) -> Self {
        let asked = AtomicUsize::new(0);
        let upstream = ScriptedUpstream::start(move |request| match request.target() {
            "/oauth/token" => office(asked.fetch_add(1, Ordering::SeqCst), request),
            _ if request.key() == good("new") => Play::sse(EVENTS),
            _ => Play::json(401, r#"{"error":{"message":"token expired","code":"token_expired"}}"#),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        fs::write(&path, file(access, "refresh-1")).unwrap();
        let host = format!("http://{}", upstream.address());
        let settings = settings(&format!("{host}/backend-api/codex"), "");
        let transport = Arc::clone(&settings.transport);
        let office = Office::new(&format!("{host}/oauth/token"), None, transport, Limits::default()).unwrap();
        let login = Login::open(&path, office, Arc::new(TestClock::default())).unwrap();
        let executor = Arc::new(ChatGpt::new(settings, Arc::clone(&login)).unwrap());
        Self { upstream, folder, login, executor }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("auth.json")
    }

    fn renewals(&self) -> usize {
        self.upstream.received().iter().filter(|request| request.target() == "/oauth/token").count()
    }

    async fn send(&self, call: &CallerRequest) -> Result<Reply, SendError> {
        self.executor.send(call, &"gpt-x".into()).await
    }

    /// As the conductor does it: once more after a 401, with a renewed secret.
    async fn send_and_renew(&self) -> Result<u16, SendError> {
        let call = responses(BODY);
        let epoch = self.executor.epoch();
        let reply = self.send(&call).await?;
        if reply.status != 401 {
            return Ok(reply.status.as_u16());
        }
        self.executor.renew(epoch).await?;
        Ok(self.send(&call).await?.status.as_u16())
    }
}

fn file(access: &str, refresh: &str) -> String {
    json!({"auth_mode": "chatgpt", "OPENAI_API_KEY": null, "last_refresh": "2025-01-01T00:00:00Z", "own": [1],
        "tokens": {"id_token": token("id", 1), "access_token": access, "refresh_token": refresh, "account_id": "acc-1"}})
    .to_string()
}

fn responses(body: &str) -> CallerRequest {
    call(Dialect::OpenaiResponses, Operation::Responses, body)
}

fn grant(_: usize, _: &Received) -> Play {
    Play::json(200, json!({"access_token": good("new"), "refresh_token": "refresh-2"}).to_string())
}

#[tokio::test]
async fn what_the_backend_wants_is_put_in_and_a_whole_answer_is_made_of_its_stream() {
    let world = World::new(&good("new"), grant).await;
    let mut call = responses(BODY);
    call.headers = headers(&[
        ("session-id", "s-1"),
        ("thread-id", "t-1"),
        ("x-codex-turn-metadata", "{}"),
        ("originator", "codex_exec"),
        ("user-agent", "codex_exec/0.1"),
        ("version", "0.1"),
        ("authorization", "Bearer theirs"),
        ("chatgpt-account-id", "theirs"),
        ("openai-organization", "theirs"),
    ]);
    let (status, body) = whole(world.send(&call).await.unwrap());
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["output"][0]["content"][0]["text"]), (200, &json!("hi")));

    let seen = world.upstream.received().remove(0);
    assert_eq!(seen.target(), "/backend-api/codex/responses");
    let sent: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        (&sent["store"], &sent["stream"], &sent["model"]),
        (&json!(false), &json!(true), &json!("gpt-x"))
    );
    assert!(sent.get("temperature").is_none() && sent["input"].is_array(), "{sent}");
    assert_eq!(
        seen.header_names(),
        [
            "accept",
            "accept-encoding",
            "authorization",
            "chatgpt-account-id",
            "content-length",
            "content-type",
            "host",
            "session-id",
            "thread-id",
            "user-agent",
            "x-codex-turn-metadata",
            "x-standin-hops"
        ]
    );
    assert_eq!(seen.head.header("chatgpt-account-id"), Some("acc-1"));
    assert!(seen.head.header("user-agent").unwrap().starts_with("standin/"));
}

#[tokio::test]
async fn a_key_gets_the_body_as_it_came() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let executor = Keyed::new(&API, settings(&upstream.base_url(), "sk-ours")).unwrap();
    executor.send(&responses(BODY), &"gpt-x".into()).await.unwrap();
    let seen = upstream.received().remove(0);
    assert_eq!((seen.target(), seen.key()), ("/v1/responses", "sk-ours"));
    assert_eq!(seen.body, BODY.replace("coder", "gpt-x"));
}

#[tokio::test]
async fn b3_s126_many_401s_at_once_renew_once_and_everybody_goes_on_with_the_new_token() {
    let world =
        World::new(&good("old"), |number, request| grant(number, request).delayed(Duration::from_millis(50)))
            .await;
    let all = (0..16).map(|_| world.send_and_renew());
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|status| *status == Ok(200)), "{all:?}");
    assert_eq!(world.renewals(), 1);

    let asked =
        world.upstream.received().into_iter().find(|request| request.target() == "/oauth/token").unwrap();
    let asked: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        asked,
        json!({"client_id": "app_ours", "grant_type": "refresh_token", "refresh_token": "refresh-1"}),
        "the client is the one that the token was given to"
    );
    world.login.settle().await;
    let kept: Value = serde_json::from_slice(&fs::read(world.path()).unwrap()).unwrap();
    assert_eq!(kept["tokens"]["refresh_token"], "refresh-2");
    assert_eq!((&kept["own"], &kept["tokens"]["account_id"]), (&json!([1]), &json!("acc-1")));
    assert_ne!(kept["last_refresh"], "2025-01-01T00:00:00Z");
}

#[tokio::test]
async fn d10_a_renewal_goes_on_when_the_one_who_asked_for_it_leaves() {
    let world = World::new(&good("old"), |number, request| {
        grant(number, request).delayed(Duration::from_millis(100))
    })
    .await;
    let left = tokio::time::timeout(Duration::from_millis(20), world.executor.renew(1)).await;
    assert!(left.is_err(), "it takes longer than its requester stays");
    assert_eq!(world.executor.renew(1).await, Ok(()));
    assert_eq!((world.renewals(), world.executor.epoch()), (1, 2));
}

#[tokio::test]
async fn s125_a_refused_login_asks_nobody_until_somebody_logs_in_again() {
    let world = World::new(&good("old"), |_, _| {
        Play::json(400, r#"{"error":"invalid_grant","error_description":"revoked: refresh-1"}"#)
    })
    .await;
    let error = world.send_and_renew().await.unwrap_err();
    assert_eq!((error.class, error.progress), (ErrorClass::AuthFailed, Progress::NotSent));
    assert!(!error.message.contains("refresh-1"), "{error}");
    let before = world.upstream.received().len();
    for _ in 0..3 {
        assert_eq!(world.send_and_renew().await.unwrap_err().class, ErrorClass::AuthFailed);
    }
    assert_eq!(world.upstream.received().len(), before, "nobody was asked");

    fs::write(world.path(), file(&good("new"), "refresh-9 of a new login")).unwrap();
    let epoch = world.executor.epoch();
    world.login.look();
    assert!(world.executor.epoch() > epoch);
    assert_eq!(world.send_and_renew().await, Ok(200));
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_renewed_before_it_is_used() {
    let world = World::new(&token("old", 1), grant).await;
    assert_eq!(whole(world.send(&responses(BODY)).await.unwrap()).0, 200);
    let targets: Vec<_> =
        world.upstream.received().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(targets, ["/oauth/token", "/backend-api/codex/responses"]);
}

#[tokio::test]
async fn an_office_that_is_down_fails_the_attempt_and_refuses_nothing() {
    let world = World::new(&good("old"), |number, request| match number {
        0 => Play::html(503, "<h1>later</h1>"),
        _ => grant(number, request),
    })
    .await;
    let error = world.send_and_renew().await.unwrap_err();
    assert_eq!((error.class, error.progress), (ErrorClass::ServerError, Progress::NotSent));
    assert_eq!(world.send_and_renew().await, Ok(200));
}

#[tokio::test]
async fn a_login_that_another_program_has_renewed_is_taken_over_instead_of_using_its_token_up() {
    let world = World::new(&good("old"), grant).await;
    fs::write(world.path(), file(&good("new"), "refresh-of-the-other")).unwrap();
    assert_eq!(world.send_and_renew().await, Ok(200));
    assert_eq!(world.renewals(), 0);
}

#[tokio::test]
async fn p3_a_disk_that_takes_nothing_leaves_the_new_token_in_memory() {
    let world = World::new(&good("old"), grant).await;
    fs::create_dir(world.folder.path().join(format!(".auth.json.{}.new", std::process::id()))).unwrap();
    assert_eq!(world.send_and_renew().await, Ok(200));
    world.login.settle().await;
    // The file still holds the old one: that must not win over what is known to be newer.
    world.login.look();
    assert_eq!(world.executor.renew(1).await, Ok(()));
    assert_eq!(world.send_and_renew().await, Ok(200));
    assert_eq!(world.renewals(), 1);
}

#[tokio::test]
async fn a_login_is_renewed_through_its_credentials_own_way_out() {
    let proxy = ScriptedUpstream::always(Play::reply(200, &[], "")).await;
    let world = World::new(&good("old"), grant).await;
    let settings = settings("http://unused.example", "");
    let way_out = format!("http://{}", proxy.address());
    let url = "http://office.example/oauth/token";
    world.login.move_to(Office::new(url, Some(&way_out), settings.transport, Limits::default()).unwrap());
    let error = world.executor.renew(1).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::ServerError, "this proxy lets nothing through");
    assert!(
        proxy.received()[0].head.line.starts_with("CONNECT office.example:80 "),
        "{:?}",
        proxy.received()[0]
    );
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_no_answer() {
    let upstream = ScriptedUpstream::always(Play::sse([EVENTS[0]])).await;
    let world = World::new(&good("new"), grant).await;
    let settings = settings(&format!("http://{}", upstream.address()), "");
    let executor = ChatGpt::new(settings, world.login).unwrap();
    let error = executor.send(&responses(BODY), &"gpt-x".into()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Malformed);
}
