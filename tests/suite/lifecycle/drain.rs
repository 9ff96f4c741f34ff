//! What becomes of those who are still there when the binary is told to stop.

use std::time::Duration;

use standin_core::Dialect;
use standin_testkit::{
    Gate, Play, Received, ScriptedUpstream, client,
    grammar::{self, Ending},
    now, sse,
};
use tokio::net::TcpStream;

use super::{KEY, ROUTE, only};
use crate::{
    faults::{MODEL, content, finish, role, whole_answer},
    gateway::{Gateway, Upstream, chat},
};

const GRACE: Duration = Duration::from_secs(2);

fn graceful() -> String {
    format!("[limits]\ngrace = \"{}s\"\n", GRACE.as_secs())
}

#[tokio::test]
async fn l1_told_to_stop_it_finishes_what_it_began_and_begins_nothing_more() {
    let play = Play::sse_head().chunk(role()).chunk(content("Half ")).pause(Duration::from_millis(600));
    let play = play.chunk(content("and half.")).chunk(finish()).chunk(sse::event("[DONE]")).end();
    let upstream = ScriptedUpstream::always(play).await;
    let mut gateway = Gateway::over(only(&upstream, "words")).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    let (_, first) = stream.next().await.unwrap();
    gateway.signal("TERM");
    gateway.says("told to stop").await;
    let rest = stream.rest().await;
    let words = grammar::words(Dialect::OpenaiChat, &[first, rest].concat(), Ending::Complete);
    assert_eq!((words.as_str(), stream.is_complete()), ("Half and half.", true));
    assert!(gateway.ended().await.success(), "a drained gateway ends well");
    assert!(TcpStream::connect(gateway.address()).await.is_err(), "nobody listens any more");
}

/// There the runtime is one of another kind.
#[tokio::test]
async fn l1_one_processor_serves_its_callers_side_by_side_and_finishes_what_it_began() {
    let gate = Gate::default();
    let half = Play::sse_head().chunk(role()).chunk(content("Half ")).wait_for(&gate);
    let half = half.chunk(content("and half.")).chunk(finish()).chunk(sse::event("[DONE]")).end();
    let script = move |request: &Received| if request.is_streaming() { half.clone() } else { whole_answer() };
    let upstream = ScriptedUpstream::start(script).await;
    let mut gateway = Gateway::on_one_processor(only(&upstream, "words")).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    let (_, first) = stream.next().await.unwrap();
    for _ in 0..20 {
        assert_eq!(gateway.post(ROUTE, &chat("words", false)).await.status(), 200);
    }
    gateway.signal("TERM");
    gateway.says("told to stop").await;
    gate.open();
    let rest = stream.rest().await;
    let words = grammar::words(Dialect::OpenaiChat, &[first, rest].concat(), Ending::Complete);
    assert_eq!((words.as_str(), stream.is_complete()), ("Half and half.", true));
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn l2_a_second_signal_ends_it_at_once() {
    let upstream =
        ScriptedUpstream::always(Play::sse_head().chunk(role()).chunk(content("Half")).hang()).await;
    let mut gateway = Gateway::over(only(&upstream, "words")).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    stream.next().await.unwrap();
    gateway.signal("TERM");
    gateway.says("told to stop").await;
    gateway.signal("TERM");
    let since = now();
    assert_eq!(gateway.ended().await.code(), Some(1), "what was cut short is no success");
    assert!(now().duration_since(since) < Duration::from_secs(1));
}

#[tokio::test]
async fn l1_a_drain_keeps_its_time_and_leaves_nobody_without_a_word() {
    // Every other stream ends in time, the rest would go on for ever.
    let script = |request: &Received| {
        let play = Play::sse_head().chunk(role()).chunk(content("Half "));
        match request.number % 2 {
            0 => play
                .pause(Duration::from_millis(500))
                .chunk(content("and half."))
                .chunk(finish())
                .chunk(sse::event("[DONE]"))
                .end(),
            _ => play.hang(),
        }
    };
    let upstream = ScriptedUpstream::start(script).await;
    let mut gateway = Gateway::with(&graceful(), only(&upstream, "words")).await;
    let mut idle = Vec::new();
    for _ in 0..50 {
        let mut connection = client::Connection::open(gateway.address()).await;
        let health = client::request("GET", "/healthz", &[], b"");
        assert_eq!(connection.exchange(&health).await.status(), 200);
        idle.push(connection);
    }
    let mut active = Vec::new();
    for _ in 0..50 {
        let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
        let (_, first) = stream.next().await.unwrap();
        active.push((stream, first));
    }
    // A request that waits for its answer, and one that has not said all of its head.
    let silent = ScriptedUpstream::always(Play::silence()).await;
    gateway.rewrite([
        only(&upstream, "words").into_iter().next().unwrap(),
        Upstream::new("silent", &silent.base_url()).key("key-of-the-silent-account").model(MODEL, "silence"),
    ]);
    gateway.signal("HUP");
    gateway.says("configuration reloaded").await;
    let mut waiting = client::Connection::open(gateway.address()).await;
    waiting.send(&crate::gateway::post(ROUTE, &chat("silence", false))).await;
    silent.wait_until(|received| !received.is_empty()).await;
    let mut asking = client::Connection::open(gateway.address()).await;
    asking.send(b"GET /readyz HTTP/1.1\r\n").await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    gateway.signal("TERM");
    let since = now();
    gateway.says("told to stop").await;
    for connection in idle {
        assert!(connection.until_closed().await.is_empty(), "an idle connection closes without a word");
    }
    assert!(now().duration_since(since) < GRACE, "idle connections are not kept");
    assert!(TcpStream::connect(gateway.address()).await.is_err(), "nobody listens any more");
    asking.send(b"host: gateway.test\r\n\r\n").await;
    let ready = asking.reply().await.unwrap();
    assert_eq!((ready.status(), ready.text().as_str()), (503, "draining\n"), "l6: not ready while draining");

    let (mut complete, mut failed) = (0, 0);
    for (stream, first) in &mut active {
        let text = [first.clone(), stream.rest().await].concat();
        assert!(stream.is_complete(), "every stream ends well framed: {}", text.escape_ascii());
        match grammar::check(Dialect::OpenaiChat, &text).unwrap() {
            (Ending::Complete, words) => {
                assert_eq!(words, "Half and half.");
                complete += 1;
            }
            (Ending::Failed, _) => {
                assert!(String::from_utf8_lossy(&text).contains("stopping"), "{}", text.escape_ascii());
                failed += 1;
            }
        }
    }
    let refused = waiting.reply().await.expect("who waits for an answer gets one");
    assert_eq!(refused.status(), 503, "{}", refused.text());
    assert_eq!((complete, failed), (25, 25));
    let status = gateway.ended().await;
    let took = now().duration_since(since);
    println!("50 idle, 50 active, grace {GRACE:?}: {complete} ended, {failed} told, gone after {took:?}");
    assert!(took <= GRACE + Duration::from_secs(1), "{took:?}");
    assert_eq!(status.code(), Some(0), "a drain that kept its time is a success");
}

#[tokio::test]
async fn l6_it_is_ready_only_when_it_can_serve() {
    let slow = |request: &Received| match request.target() {
        "/v1/models" => Play::new()
            .pause(Duration::from_millis(700))
            .then(standin_testkit::Act::Send(model_list().into())),
        _ => Play::silence(),
    };
    let upstream = ScriptedUpstream::start(slow).await;
    // Without a model of its own it asks for the list, and is not ready before it has one.
    let starting = Gateway::over([Upstream::new("only", &upstream.base_url()).key(KEY)]);
    let asked = upstream.wait_until(|received| !received.is_empty());
    let (gateway, asked) = tokio::join!(starting, asked);
    let took = now().duration_since(asked[0].at);
    assert!(took >= Duration::from_millis(600), "ready {took:?} after it asked");
    let ready = client::request("GET", "/readyz", &[], b"");
    assert_eq!(client::exchange(gateway.address(), &ready).await.status(), 200);
    assert!(gateway.log().contains("\"models\":1"), "{}", gateway.log());
}

fn model_list() -> String {
    let list = r#"{"object":"list","data":[{"id":"tiny-1","object":"model"}]}"#;
    let length = list.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{list}")
}
