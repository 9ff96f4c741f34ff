//! What a caller sees of a stream, through the real binary: piece by piece, one ending, and nothing left open.

use std::time::Duration;

use standin_core::Dialect;
use standin_testkit::{
    Play, Received, ScriptedUpstream,
    client::Streaming,
    grammar::{self, Ending},
    now, sse,
};

use crate::{
    faults::{MODEL, content, finish, role, streamed_answer},
    gateway::{Gateway, Upstream, chat},
};

const ROUTE: &str = "/v1/chat/completions";
const KEY: &str = "key-of-the-only-account";

/// A gateway over one credential whose streams are played like this.
async fn stage(script: impl Fn(&Received) -> Play + Send + Sync + 'static) -> (Gateway, ScriptedUpstream) {
    let upstream = ScriptedUpstream::start(script).await;
    let gateway =
        Gateway::over([Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words")]).await;
    (gateway, upstream)
}

/// Reads until `text` has come, and returns all that came so far.
async fn read_until(stream: &mut Streaming, text: &str) -> Vec<u8> {
    let mut seen = Vec::new();
    while let Some((_, piece)) = stream.next().await {
        seen.extend_from_slice(&piece);
        if String::from_utf8_lossy(&seen).contains(text) {
            return seen;
        }
    }
    panic!("the stream ended before {text:?} came: {}", String::from_utf8_lossy(&seen));
}

#[tokio::test]
async fn a_whole_stream_comes_through_with_the_name_the_caller_used_and_one_end() {
    let (gateway, _upstream) = stage(|_| streamed_answer()).await;
    let reply = gateway.post(ROUTE, &chat("words", true)).await;
    let head = |name: &str| reply.head.header(name).unwrap_or_default().to_owned();
    assert!(head("content-type").starts_with("text/event-stream"), "{:?}", reply.head);
    assert_eq!((head("cache-control").as_str(), head("x-accel-buffering").as_str()), ("no-cache", "no"));
    assert!(!head("x-request-id").is_empty());
    assert_eq!(grammar::words(Dialect::OpenaiChat, &reply.body, Ending::Complete), "Here are the words.");
    let data = sse::data(&reply.body);
    let chunks = &data[..data.len() - 1];
    assert!(chunks.iter().all(|chunk| chunk.contains(r#""model":"words""#)), "{chunks:#?}");
    assert!(reply.is_complete);
}

#[tokio::test]
async fn a_stream_cut_after_content_ends_with_one_error_frame_and_no_done() {
    let begun = || Play::sse_head().chunk(role()).chunk(content("Half"));
    let endings = [
        ("closed", begun().cut()),
        ("reset", begun().pause(Duration::from_millis(50)).reset()),
        ("ended without a finish", begun().end()),
        ("said [DONE] without a finish", begun().chunk(sse::event("[DONE]")).end()),
        ("error frame", begun().chunk(sse::event(r#"{"error":{"message":"no","code":500}}"#)).end()),
    ];
    for (ending, play) in endings {
        let (gateway, upstream) = stage(move |_| play.clone()).await;
        let reply = gateway.post(ROUTE, &chat("words", true)).await;
        assert_eq!(reply.status(), 200, "{ending}");
        assert_eq!(grammar::words(Dialect::OpenaiChat, &reply.body, Ending::Failed), "Half", "{ending}");
        let data = sse::data(&reply.body);
        let errors = data.iter().filter(|data| data.contains(r#""error":"#)).count();
        assert_eq!(errors, 1, "{ending}: {data:#?}");
        assert!(data.last().unwrap().contains(r#""error":"#), "{ending}: the error is the end: {data:#?}");
        assert!(!data.contains(&"[DONE]".to_owned()), "{ending}: {data:#?}");
        assert_eq!(upstream.received().len(), 1, "{ending}: nothing is tried again after content");
    }
}

#[tokio::test]
async fn each_chunk_is_with_the_caller_before_the_next_one_is_sent() {
    const APART: Duration = Duration::from_millis(150);
    let words = ["one ", "two ", "three ", "four "];
    let play = words
        .iter()
        .fold(Play::sse_head().chunk(role()), |play, word| play.chunk(content(word)).pause(APART));
    let play = play.chunk(finish()).chunk(sse::event("[DONE]")).end();
    let (gateway, _upstream) = stage(move |_| play.clone()).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    let mut times = Vec::new();
    for word in words {
        read_until(&mut stream, word).await;
        times.push(now());
    }
    // Half a pause is plenty for a busy machine, and far less than what a buffer would add up.
    let together = times.windows(2).find(|pair| pair[1] - pair[0] < APART / 2);
    assert_eq!(together, None, "two chunks came together: {times:?}");
    assert!(!stream.rest().await.is_empty() && stream.is_complete());
}

#[tokio::test]
async fn s093_events_reach_the_caller_whole_however_the_upstream_cut_them() {
    let whole: String =
        [role(), content("für alle 🌍 "), content("Grüße"), finish(), sse::event("[DONE]")].concat();
    for size in [1, 3, 7, 64] {
        let play = Play::sse_head().chunks_of(size, &whole).end();
        let (gateway, _upstream) = stage(move |_| play.clone()).await;
        let reply = gateway.post(ROUTE, &chat("words", true)).await;
        let words = grammar::words(Dialect::OpenaiChat, &reply.body, Ending::Complete);
        assert_eq!(words, "für alle 🌍 Grüße", "cut every {size} bytes");
    }
}

/// Callers who leave, one after the other.
const LEAVERS: usize = 15;
/// How long an upstream may go on for somebody who has left: half of the callers show that it holds.
const NOTICED_MAX: Duration = Duration::from_millis(100);
/// A busy machine may keep one of three processes waiting for longer than that.
const NOTICED_LATE_MAX: Duration = Duration::from_secs(1);

#[tokio::test]
async fn d1_a_caller_who_leaves_takes_the_upstream_call_along_and_leaves_no_trace() {
    let phases = [
        ("before the head", Play::silence(), None),
        ("while the role is held", Play::sse_head().chunk(role()).hang(), None),
        ("after content", Play::sse_head().chunk(role()).chunk(content("Half")).hang(), Some("Half")),
    ];
    for (phase, play, wait_for) in phases {
        let (gateway, upstream) = stage(move |_| play.clone()).await;
        let mut noticed = Vec::new();
        for call in 0..LEAVERS {
            noticed.push(leave(&gateway, &upstream, call, wait_for).await);
        }
        noticed.sort();
        let (median, last) = (noticed[LEAVERS / 2], noticed[LEAVERS - 1]);
        println!("left {phase}: the upstream knows after {median:?}, and after {last:?} at the latest");
        assert!(median <= NOTICED_MAX, "{phase}: upstream calls outlive their callers by {noticed:?}");
        assert!(last <= NOTICED_LATE_MAX, "{phase}: upstream calls outlive their callers by {noticed:?}");
        assert_eq!(upstream.received().len(), LEAVERS, "{phase}: one call each and no other");
        assert!(!gateway.log().contains("\"WARN\""), "{phase}: nobody is blamed:\n{}", gateway.log());
    }
}

/// Sends a request, waits for a text if there will be one, goes away, and tells how soon the upstream noticed.
async fn leave(
    gateway: &Gateway,
    upstream: &ScriptedUpstream,
    call: usize,
    wait_for: Option<&str>,
) -> Duration {
    let left = if let Some(text) = wait_for {
        let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
        read_until(&mut stream, text).await;
        now()
    } else {
        let mut connection = standin_testkit::client::Connection::open(gateway.address()).await;
        connection.send(&crate::gateway::post(ROUTE, &chat("words", true))).await;
        upstream.wait_until(|all| all.len() > call).await;
        // The upstream's first bytes shall be with the gateway before we go.
        tokio::time::sleep(Duration::from_millis(50)).await;
        now()
    };
    let gone = upstream.wait_until(|all| all[call].gone_at.is_some()).await;
    gone[call].gone_at.unwrap() - left
}

#[tokio::test]
async fn a_chunk_without_the_model_or_with_more_in_it_is_passed_on_byte_for_byte() {
    let odd = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}],  \"extra\" : [1.50, 1e3]}\n\n";
    let play = Play::sse([role(), odd.to_owned(), finish(), sse::event("[DONE]")]);
    let (gateway, _upstream) = stage(move |_| play.clone()).await;
    let reply = gateway.post(ROUTE, &chat("words", true)).await;
    assert!(reply.text().contains(odd), "{}", reply.text());
}
