//! What never leaves the gateway: who its upstreams are, and by which keys they are asked.

use std::process::Command;

use serde_json::Value;
use standin_testkit::{Play, ScriptedUpstream, client};

use crate::{
    faults::{MODEL, content, role, streamed_answer, table, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, binary, chat, post},
};

const KEY: &str = "canary-of-the-upstream-account";
const NAME: &str = "canary-upstream";

/// Words of a configuration that nobody but its operator may read.
fn secrets(address: &str) -> [&str; 4] {
    [KEY, NAME, CALLER_KEY, address]
}

#[tokio::test]
async fn no_answer_tells_who_the_upstream_is_or_by_which_key_it_was_asked() {
    let broken = Play::sse_head().chunk(role()).chunk(content("Half")).reset();
    let plays = table().into_iter().filter_map(|row| row.failing.play()).chain([broken]);
    for play in plays {
        let upstream = ScriptedUpstream::always(play.clone()).await;
        let address = upstream.address().to_string();
        let table =
            Upstream::new(NAME, &upstream.base_url()).key(KEY).model(MODEL, "words").first_byte("100ms");
        // Without waiting for a second chance the error is here at once.
        let gateway = Gateway::with("policy = { rounds = 0 }", [table]).await;
        for is_streaming in [false, true] {
            let reply = gateway.post("/v1/chat/completions", &chat("words", is_streaming)).await;
            assert_private(&reply, &address, &format!("{play:?}"));
        }
    }
}

#[tokio::test]
async fn an_upstream_that_nobody_can_reach_is_not_named_either() {
    // Port 1 is for a service that nobody runs.
    let gateway = Gateway::with(
        "policy = { rounds = 0 }",
        [Upstream::new(NAME, "http://127.0.0.1:1/v1").key(KEY).model(MODEL, "words")],
    )
    .await;
    let reply = gateway.post("/v1/chat/completions", &chat("words", false)).await;
    assert!(matches!(reply.status(), 502 | 503), "{}", reply.text());
    assert_private(&reply, "127.0.0.1:1", "nobody listens");
}

fn assert_private(reply: &client::Reply, address: &str, story: &str) {
    let said = format!("{:?}\n{}", reply.head, reply.text());
    let told: Vec<&str> = secrets(address).into_iter().filter(|secret| said.contains(secret)).collect();
    assert!(told.is_empty(), "{story}: {told:?} stands in {said}");
}

/// Words that stand in one secret place each.
mod canary {
    pub(crate) const UPSTREAM: &str = "canary-upstream-key-83b1";
    pub(crate) const FAILING: &str = "canary-failing-key-11d7";
    pub(crate) const OPERATOR: &str = "canary-operator-token-5c20";
    pub(crate) const HEADER: &str = "canary-operator-header-0e4f";
    pub(crate) const GUESS: &str = "canary-wrong-caller-key-77aa";
    pub(crate) const COOKIE: &str = "canary-cookie-9d13";
    pub(crate) const PROXY: &str = "canary-proxy-password-2b6c";
    pub(crate) const PROMPT: &str = "canary-prompt-f00d";
    pub(crate) const ANSWER: &str = "Here are the words.";
}

/// Everything that must stand nowhere: keys and tokens, and what callers and models say to each other.
const CANARIES: [&str; 10] = [
    CALLER_KEY,
    canary::UPSTREAM,
    canary::FAILING,
    canary::OPERATOR,
    canary::HEADER,
    canary::GUESS,
    canary::COOKIE,
    canary::PROXY,
    canary::PROMPT,
    canary::ANSWER,
];

/// A request whose every part that could be logged is marked.
fn marked(model: &str, is_streaming: bool, key: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"{model}","stream":{is_streaming},"user":"{0}","messages":[{{"role":"user","content":"{0}"}}]}}"#,
        canary::PROMPT
    );
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("cookie", canary::COOKIE),
    ];
    client::request("POST", "/v1/chat/completions", &headers, body.as_bytes())
}

#[tokio::test]
async fn k8_no_secret_and_no_prompt_stands_in_any_log_error_or_dump_at_the_finest_level() {
    let plays: Vec<Play> = table().into_iter().filter_map(|row| row.failing.play()).collect();
    let failing = ScriptedUpstream::start(standin_testkit::in_turn(plays.clone())).await;
    let script = |request: &standin_testkit::Received| {
        if request.is_streaming() { streamed_answer() } else { whole_answer() }
    };
    let working = ScriptedUpstream::start(script).await;
    let headers = format!("headers = {{ \"x-operator\" = {:?} }}\n", canary::HEADER);
    let proxy = format!("proxy = \"http://user:{}@127.0.0.1:1\"\n", canary::PROXY);
    let new = |name: &str, url: &str| Upstream::new(name, url).first_byte("100ms").model(MODEL, "words");
    let upstreams = [
        new("failing", &failing.base_url()).credential("one", canary::FAILING).line(&headers),
        new("working", &working.base_url()).credential("two", canary::UPSTREAM).line(&headers),
        new("proxied", "http://127.0.0.1:1/v1").credential("three", "k-3").line(&proxy),
    ];
    let more = format!(
        "policy = {{ rounds = 0, suspend = false }}\n[admin]\nlisten = \"127.0.0.1:0\"\ntoken = {:?}",
        canary::OPERATOR
    );
    let gateway = Gateway::logging("trace", "json", &more, upstreams).await;

    let mut said = String::new();
    let mut hear = |reply: &client::Reply| said += &format!("{:?}\n{}\n", reply.head, reply.text());
    for _ in &plays {
        for is_streaming in [false, true] {
            client::exchange(gateway.address(), &marked("words", is_streaming, CALLER_KEY)).await;
            hear(
                &client::exchange(gateway.address(), &marked("failing/tiny-1", is_streaming, CALLER_KEY))
                    .await,
            );
        }
    }
    hear(&client::exchange(gateway.address(), &marked("proxied/tiny-1", false, CALLER_KEY)).await);
    hear(&client::exchange(gateway.address(), &marked("nobody", false, CALLER_KEY)).await);
    hear(&client::exchange(gateway.address(), &marked("words", false, canary::GUESS)).await);
    let broken = format!("{{\"model\":\"words\",\"messages\":[\"{}\"", canary::PROMPT);
    hear(&client::exchange(gateway.address(), &post("/v1/chat/completions", broken.as_bytes())).await);
    let query = format!("/v1/models?key={}", canary::GUESS);
    hear(&client::exchange(gateway.address(), &client::request("GET", &query, &[], b"")).await);
    said += &over_http2(&gateway).await;
    let mut hear = |reply: &client::Reply| said += &format!("{:?}\n{}\n", reply.head, reply.text());
    hear(&operator(&gateway).await);
    let _abandoned = gateway.open("/v1/chat/completions", &chat("words", true)).await;

    for arguments in [&["config", "show"][..], &["check"]] {
        let done = Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(gateway.file("proxy.toml"))
            .output()
            .unwrap();
        said += &String::from_utf8_lossy(&[done.stdout, done.stderr].concat());
    }
    let log = gateway.log();
    assert!(log.contains("\"WARN\"") && log.contains("request served"), "the log was written");
    assert!(said.lines().count() > 200, "everything was heard");
    for canary in CANARIES {
        for (place, text) in [("the log", &log), ("an answer or a dump", &said)] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary} stands in {place}");
        }
    }
}

/// The same marks in requests side by side on one connection: served, failing, unknown, and one that is taken back.
async fn over_http2(gateway: &Gateway) -> String {
    use crate::edge::http2::{DATA, END_STREAM, Peer, RST_STREAM, frame, request};
    let mut peer = Peer::open(gateway.address(), &[]).await;
    let (known, guessed) = (format!("Bearer {CALLER_KEY}"), format!("Bearer {}", canary::GUESS));
    let body = |model: &str| {
        let prompt = canary::PROMPT;
        format!(
            r#"{{"model":"{model}","stream":true,"user":"{prompt}","messages":[{{"role":"user","content":"{prompt}"}}]}}"#
        )
    };
    let mut said = String::new();
    for (at, (model, bearer)) in
        [("working/tiny-1", &known), ("failing/tiny-1", &known), ("nobody", &known), ("words", &guessed)]
            .iter()
            .enumerate()
    {
        let stream = u32::try_from(2 * at + 1).unwrap();
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("cookie", canary::COOKIE),
        ];
        let head = request(stream, "POST", "/v1/chat/completions", &headers, 0);
        peer.send(&[head, frame(DATA, END_STREAM, stream, body(model).as_bytes())].concat()).await.unwrap();
        let (status, answer) = peer.answer(stream).await.unwrap();
        let wanted = match *model {
            "working/tiny-1" => Some(200),
            "nobody" => Some(404),
            "words" => Some(401),
            _ => None,
        };
        assert!(wanted.is_none_or(|wanted| wanted == status), "{model}: {status}");
        // What was asked for is in the caller's own answer, and may be.
        said += &String::from_utf8_lossy(&answer).replace(canary::ANSWER, "");
    }
    let head = request(
        99,
        "POST",
        "/v1/chat/completions",
        &[("authorization", &known), ("cookie", canary::COOKIE)],
        0,
    );
    let piece = frame(DATA, 0, 99, &body("words").as_bytes()[..80]);
    peer.send(&[head, piece, frame(RST_STREAM, 0, 99, &8_u32.to_be_bytes())].concat()).await.unwrap();
    said + "\n"
}

/// What the operator's listener says about the last requests.
async fn operator(gateway: &Gateway) -> client::Reply {
    let log = gateway.log();
    let line = log.lines().find(|line| line.contains("the operator's listener is open")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let desk = line["fields"]["address"].as_str().unwrap().parse().unwrap();
    let bearer = format!("Bearer {}", canary::OPERATOR);
    let id = log.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|line| {
        let fields = &line["fields"];
        (fields["outcome"] == "failed").then(|| fields["request"].as_str().unwrap().to_owned())
    });
    let path = format!("/admin/requests/{}", id.unwrap());
    let reply =
        client::exchange(desk, &client::request("GET", &path, &[("authorization", &bearer)], b"")).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply
}
