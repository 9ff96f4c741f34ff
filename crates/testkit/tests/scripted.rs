//! A scripted upstream does on the wire what its script says.

use std::time::Duration;

use standin_testkit::{Gate, Play, ScriptedUpstream, Tap, by_key, client, in_turn, now, sse};

fn post(key: &str) -> Vec<u8> {
    let authorization = format!("Bearer {key}");
    client::request("POST", "/v1/x?y=1", &[("authorization", &authorization)], br#"{"stream":true}"#)
}

#[tokio::test]
async fn requests_are_recorded_byte_for_byte_and_counted_by_key() {
    let script = by_key([("a", Play::json(200, "{}")), ("b", Play::html(502, "<html>"))]);
    let upstream = ScriptedUpstream::start(script).await;
    let mut connection = client::Connection::open(upstream.address()).await;
    for (key, status) in [("a", 200), ("b", 502), ("a", 200), ("c", 401)] {
        assert_eq!(connection.exchange(&post(key)).await.status(), status, "key {key}");
    }
    let received = upstream.received();
    assert_eq!(received[1].target(), "/v1/x?y=1");
    assert_eq!(&received[1].body[..], br#"{"stream":true}"#);
    assert!(received[1].is_streaming());
    assert!(received.iter().all(|request| request.connection == 0 && request.gone_at.is_none()));
    assert_eq!((upstream.calls("a"), upstream.calls("b"), upstream.calls("d")), (2, 1, 0));
}

#[tokio::test]
async fn plays_come_in_turn_and_the_last_one_stays() {
    let upstream =
        ScriptedUpstream::start(in_turn([Play::json(500, ""), Play::json(503, ""), Play::json(200, "{}")]))
            .await;
    for status in [500, 503, 200, 200] {
        assert_eq!(client::exchange(upstream.address(), &post("a")).await.status(), status);
    }
}

#[tokio::test]
async fn chunks_keep_their_bounds_and_their_pauses() {
    let play =
        Play::sse_head().chunk(sse::event("1")).pause(Duration::from_millis(60)).chunk(sse::event("2")).end();
    let upstream = ScriptedUpstream::always(play).await;
    let mut stream = client::stream(upstream.address(), &post("a")).await;
    assert_eq!(stream.head.header("content-type"), Some("text/event-stream"));
    let (first, one) = stream.next().await.unwrap();
    let (second, two) = stream.next().await.unwrap();
    assert_eq!((&one[..], &two[..]), (&b"data: 1\n\n"[..], &b"data: 2\n\n"[..]));
    assert!(second - first >= Duration::from_millis(40), "{:?}", second - first);
    assert!(stream.next().await.is_none() && stream.is_complete());
}

#[tokio::test]
async fn a_cut_and_a_reset_leave_the_body_incomplete() {
    for play in [Play::sse_head().chunk("data: 1\n\n").cut(), Play::sse_head().chunk("data: 1\n\n").reset()] {
        let upstream = ScriptedUpstream::always(play).await;
        let reply = client::exchange(upstream.address(), &post("a")).await;
        assert!(!reply.is_complete);
    }
    for play in [Play::close_before_head(), Play::reset_before_head()] {
        let upstream = ScriptedUpstream::always(play).await;
        let mut connection = client::Connection::open(upstream.address()).await;
        connection.send(&post("a")).await;
        assert!(connection.head().await.is_none());
    }
}

#[tokio::test]
async fn a_caller_that_leaves_is_noticed_at_once() {
    let upstream = ScriptedUpstream::always(Play::sse_head().chunk("data: 1\n\n").hang()).await;
    let mut stream = client::stream(upstream.address(), &post("a")).await;
    stream.next().await.unwrap();
    assert!(upstream.received()[0].gone_at.is_none());
    let left = now();
    drop(stream);
    let received = upstream.wait_until(|all| all[0].gone_at.is_some()).await;
    assert!(received[0].gone_at.unwrap() - left < Duration::from_secs(1));
}

#[tokio::test]
async fn a_gate_holds_a_play_up_until_it_is_opened() {
    let gate = Gate::new();
    let play = Play::sse_head().chunk("one").wait_for(&gate).chunk("two").end();
    let upstream = ScriptedUpstream::always(play).await;
    let mut stream = client::stream(upstream.address(), &post("a")).await;
    assert_eq!(stream.next().await.unwrap().1, "one");
    let early = tokio::time::timeout(Duration::from_millis(50), stream.next()).await;
    assert!(early.is_err(), "the gate is closed, but {early:?} came");
    gate.open();
    assert_eq!(stream.rest().await, "two");
    assert!(stream.is_complete());
}

#[tokio::test]
async fn a_tap_passes_everything_on_and_remembers_what_it_was() {
    let broken = Play::sse_head().chunk("half").cut();
    let upstream = ScriptedUpstream::start(in_turn([Play::json(201, "{}"), broken])).await;
    let tap = Tap::before(upstream.address()).await;
    let mut connection = client::Connection::open(tap.address()).await;
    assert_eq!(connection.exchange(&post("a")).await.status(), 201);
    assert!(!connection.exchange(&post("b")).await.is_complete);
    let seen = tap.exchanges();
    let told: Vec<_> = seen
        .iter()
        .map(|one| (one.head.header("authorization"), one.reply.as_ref().unwrap()))
        .map(|(key, reply)| (key, reply.text(), reply.is_complete))
        .collect();
    assert_eq!(
        told,
        [(Some("Bearer a"), "{}".to_owned(), true), (Some("Bearer b"), "half".to_owned(), false)]
    );
    assert!(seen.iter().all(|one| one.body == r#"{"stream":true}"#));
}
