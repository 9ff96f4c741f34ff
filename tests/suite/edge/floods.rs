//! HTTP/2 as it should be, and as it is when somebody wants to do harm.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use standin_testkit::{Play, ScriptedUpstream, client, now};

use super::{
    KEY, ROUTE, bearer,
    http2::{
        CONTINUATION, DATA, END_STREAM, Frame, GOAWAY, HEADERS, INITIAL_WINDOW, PING, PRIORITY, Peer,
        RST_STREAM, SETTINGS, UNKNOWN, WINDOW_UPDATE, block, frame, request,
    },
    stage,
};
use crate::{
    faults::{MODEL, content, role},
    gateway::{Gateway, Upstream, chat},
};

/// Processor time that a flood may cost, all of its frames together; the suite runs a slow build.
const PROCESSOR_MAX: Duration = Duration::from_secs(1);

/// How long others may wait for an answer while there is a flood, on a busy machine.
const OTHERS_WAIT_MAX: Duration = Duration::from_secs(1);

/// Sends a request with a body and reads the answer.
async fn ask(
    peer: &mut Peer<tokio::net::TcpStream>,
    stream: u32,
    body: &[u8],
) -> Result<(u16, Vec<u8>), u32> {
    let bearer = bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let head = request(stream, "POST", ROUTE, &headers, 0);
    peer.send(&[head, frame(DATA, END_STREAM, stream, body)].concat()).await.unwrap();
    peer.answer(stream).await
}

#[tokio::test]
async fn requests_go_side_by_side_on_one_connection() {
    let (gateway, upstream) = stage("").await;
    let mut peer = Peer::open(gateway.address(), &[]).await;
    for (number, is_streaming) in [(1, false), (3, true)] {
        let (status, body) = ask(&mut peer, number, &chat("words", is_streaming)).await.unwrap();
        let text = String::from_utf8(body).unwrap();
        assert_eq!((status, text.contains("[DONE]")), (200, is_streaming), "{text}");
    }
    let (status, body) = ask(&mut peer, 5, &chat("prose", false)).await.unwrap();
    assert_eq!(status, 404, "{}", body.escape_ascii());
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn l1_streams_side_by_side_are_told_that_the_server_stops() {
    let upstream =
        ScriptedUpstream::always(Play::sse_head().chunk(role()).chunk(content("Half")).hang()).await;
    let only = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    let mut gateway = Gateway::with("[limits]\ngrace = \"1s\"\n", [only]).await;
    let mut peer = Peer::open(gateway.address(), &[]).await;
    let bearer = bearer();
    for stream in [1, 3] {
        let head = request(stream, "POST", ROUTE, &[("authorization", &bearer)], 0);
        peer.send(&[head, frame(DATA, END_STREAM, stream, &chat("words", true))].concat()).await.unwrap();
    }
    upstream.wait_until(|received| received.len() == 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    gateway.signal("TERM");
    let since = now();
    let frames = peer.rest().await;
    for stream in [1, 3] {
        let of_it = |frame: &&Frame| frame.kind == DATA && frame.stream == stream;
        let text: Vec<u8> = frames.iter().filter(of_it).flat_map(|frame| frame.payload.to_vec()).collect();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("Half") && text.contains("stopping") && !text.contains("[DONE]"), "{text}");
        assert!(frames.iter().any(|frame| frame.stream == stream && frame.flags & END_STREAM != 0));
    }
    assert!(gateway.ended().await.success());
    assert!(now().duration_since(since) < Duration::from_secs(2));
}

/// Somebody else, who asks all the while and must be answered in time every time. Ends only by failing.
async fn others(address: std::net::SocketAddr) {
    let healthy = client::request("GET", "/healthz", &[], b"");
    let mut connection = client::Connection::open(address).await;
    loop {
        let reply = tokio::time::timeout(OTHERS_WAIT_MAX, connection.exchange(&healthy)).await;
        assert_eq!(reply.expect("others do not wait for a flood").status(), 200);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a flood did: the frames that came back until the end of the connection, and whether there was one.
async fn flood(
    gateway: &Gateway,
    settings: &[(u16, u32)],
    wave: impl Fn(u32) -> Vec<u8>,
    waves: u32,
) -> Vec<Frame> {
    let (cpu, memory) = (gateway.processor_time(), gateway.memory().now);
    let others = tokio::spawn(others(gateway.address()));
    let mut peer = Peer::open(gateway.address(), settings).await;
    let mut sent = 0;
    for number in 0..waves {
        if peer.send(&wave(number)).await.is_err() {
            break;
        }
        sent = number + 1;
    }
    // Who is still there after all that has been borne with; it may leave by itself.
    let frames = tokio::time::timeout(Duration::from_secs(2), peer.rest()).await.unwrap_or_default();
    let (cpu, memory) = (gateway.processor_time() - cpu, gateway.memory().now.saturating_sub(memory));
    println!(
        "{sent} of {waves} waves, {} frames back, {cpu:?} of the processor, {} KiB",
        frames.len(),
        memory >> 10
    );
    others.abort();
    let were_served = others.await.is_err_and(|ended| ended.is_cancelled());
    assert!(were_served, "others are served all the while");
    assert!(cpu < PROCESSOR_MAX, "{cpu:?}");
    assert!(memory < 8 << 20, "{} KiB", memory >> 10);
    let healthy = client::request("GET", "/healthz", &[], b"");
    assert_eq!(client::exchange(gateway.address(), &healthy).await.status(), 200, "others are served");
    frames
}

fn goes_away(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| frame.kind == GOAWAY)
}

#[tokio::test]
async fn a8_ten_thousand_requests_that_are_taken_back_at_once_end_their_connection() {
    let (gateway, upstream) = stage("").await;
    let reset = |number: u32| {
        let stream = 2 * number + 1;
        let head = request(stream, "GET", "/v1/models", &[], END_STREAM);
        [head, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
    };
    let frames = flood(&gateway, &[], reset, 10_000).await;
    assert!(goes_away(&frames) || frames.is_empty(), "{:?}", frames.last());
    assert_eq!(upstream.received().len(), 0);
}

#[tokio::test]
async fn a8_requests_that_reach_an_upstream_before_they_are_taken_back_end_their_connection_too() {
    let upstream = ScriptedUpstream::always(Play::silence()).await;
    let only = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    let gateway = Gateway::with("", [only]).await;
    let mut peer = Peer::open(gateway.address(), &[]).await;
    let bearer = bearer();
    let mut taken_back = 0;
    for number in 0..1000_u32 {
        let stream = 2 * number + 1;
        let head = request(stream, "POST", ROUTE, &[("authorization", &bearer)], 0);
        let body = frame(DATA, END_STREAM, stream, &chat("words", false));
        if peer.send(&[head, body].concat()).await.is_err() {
            break;
        }
        // Slowly enough that each of them begins.
        tokio::time::sleep(Duration::from_millis(2)).await;
        if peer.send(&frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())).await.is_err() {
            break;
        }
        taken_back = number + 1;
    }
    println!("{taken_back} requests taken back, {} reached the upstream", upstream.received().len());
    assert!((100..600).contains(&taken_back), "{taken_back}");
    gateway.says("takes back most of what it asks for").await;
}

#[tokio::test]
async fn a8_headers_without_an_end_end_their_connection() {
    let (gateway, _upstream) = stage("").await;
    let first =
        frame(HEADERS, 0, 1, &block(&[(":method", "GET"), (":scheme", "http"), (":path", "/healthz")]));
    let more = block(&[("x-note", &"a".repeat(100))]).repeat(100);
    let wave = |number: u32| match number {
        0 => first.clone(),
        _ => frame(CONTINUATION, 0, 1, &more),
    };
    let frames = flood(&gateway, &[], wave, 2_000).await;
    assert!(goes_away(&frames) || frames.is_empty(), "{:?}", frames.last());
}

#[tokio::test]
async fn a8_resets_that_we_are_made_to_send_end_their_connection() {
    let (gateway, _upstream) = stage("").await;
    let wave = |number: u32| {
        let stream = 2 * number + 1;
        // A window that grows beyond all bounds is a mistake that costs its stream.
        let head = request(stream, "GET", "/v1/models", &[], 0);
        [head, frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes())].concat()
    };
    let frames = flood(&gateway, &[], wave, 10_000).await;
    assert!(goes_away(&frames) || frames.is_empty(), "{:?}", frames.last());
}

#[tokio::test]
async fn a8_frames_that_ask_for_nothing_end_their_connection_before_they_cost_much() {
    let (gateway, _upstream) = stage("").await;
    let priority = [0, 0, 0, 0, 16];
    for burst in [
        frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]),
        frame(PING, 0, 0, &[7; 8]),
        frame(PRIORITY, 0, 1, &priority),
        frame(UNKNOWN, 0, 0, b""),
        frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
    ] {
        let hundred = burst.repeat(100);
        let waves = AtomicU32::new(0);
        let wave = |number: u32| {
            waves.store(number, Ordering::Relaxed);
            hundred.clone()
        };
        flood(&gateway, &[], wave, 100_000).await;
        let sent = waves.load(Ordering::Relaxed);
        assert!((100..100_000 - 1).contains(&sent), "kind {}: {sent} waves", burst[3]);
    }
    gateway.says("frames that ask for nothing").await;
}

#[tokio::test]
async fn many_pings_beside_requests_are_no_flood() {
    let (gateway, upstream) = stage("").await;
    let mut peer = Peer::open(gateway.address(), &[]).await;
    for number in 0..100 {
        peer.send(&frame(PING, 0, 0, &[7; 8]).repeat(110)).await.unwrap();
        let (status, _) = ask(&mut peer, 2 * number + 1, &chat("words", false)).await.unwrap();
        assert_eq!(status, 200);
    }
    assert_eq!(upstream.received().len(), 100);
}

#[tokio::test]
async fn a8_who_makes_no_room_for_an_answer_loses_its_stream_and_one_byte_at_a_time_is_enough() {
    let (gateway, upstream) = stage("[limits]\nstall_max = \"1s\"\n").await;
    let mut peer = Peer::open(gateway.address(), &[(INITIAL_WINDOW, 0)]).await;
    let since = now();
    let reset = ask(&mut peer, 1, &chat("words", false)).await;
    let took = now().duration_since(since);
    assert!(reset.is_err(), "{reset:?}");
    assert!((900..4000).contains(&took.as_millis()), "{took:?}");

    let mut peer = Peer::open(gateway.address(), &[(INITIAL_WINDOW, 1)]).await;
    let head = request(1, "POST", ROUTE, &[("authorization", &bearer())], 0);
    peer.send(&[head, frame(DATA, END_STREAM, 1, &chat("words", false))].concat()).await.unwrap();
    let mut body = Vec::new();
    while let Some(Frame { kind, flags, payload, .. }) = peer.next().await {
        if kind == DATA {
            body.extend_from_slice(&payload);
            if flags & END_STREAM != 0 {
                break;
            }
            peer.send(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes())).await.unwrap();
        }
    }
    assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok(), "{}", body.escape_ascii());
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn a8_a_body_of_nothing_but_empty_frames_ends_its_connection() {
    let (gateway, upstream) = stage("").await;
    let wave = |number: u32| match number {
        0 => request(1, "POST", ROUTE, &[("authorization", &bearer())], 0),
        _ => frame(DATA, 0, 1, b"").repeat(50),
    };
    assert!(goes_away(&flood(&gateway, &[], wave, 1000).await));
    assert_eq!(upstream.received().len(), 0);
}

#[tokio::test]
async fn s6_a_line_end_in_a_header_costs_its_stream() {
    let (gateway, upstream) = stage("").await;
    for value in ["a\r\nb: c", "a\nb", "a\0b"] {
        let mut peer = Peer::open(gateway.address(), &[]).await;
        let headers = [("authorization", &*bearer()), ("openai-beta", value)];
        let head = request(1, "POST", ROUTE, &headers, 0);
        let _ = peer.send(&[head, frame(DATA, END_STREAM, 1, &chat("words", false))].concat()).await;
        let answer = peer.answer(1).await;
        assert!(answer.as_ref().map_or(true, |(status, _)| *status == 400), "{value:?}: {answer:?}");
    }
    assert_eq!(upstream.received().len(), 0);
}
