//! Time limits of each phase, in real time because the other end is a real socket.

use std::time::Duration;

use standin_core::{ErrorClass::*, Progress::*};
use standin_testkit::{Play, ScriptedUpstream};

use crate::kit::{Client, SHORT, assert_failed, next};

async fn short(play: Play) -> (ScriptedUpstream, Client) {
    let upstream = ScriptedUpstream::always(play).await;
    let client = Client::new(&upstream.base_url()).limits(SHORT);
    (upstream, client)
}

#[tokio::test]
async fn c4_no_head_within_the_first_byte_limit_is_a_timeout() {
    let (_upstream, client) = short(Play::silence()).await;
    assert_failed(client.whole().await, Timeout, Sent, "first byte");
}

#[tokio::test]
async fn c4_a_head_without_a_body_is_a_timeout_within_the_same_limit() {
    let late_head = Play::new()
        .pause(SHORT.first_byte / 2)
        .send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .hang();
    let (_upstream, client) = short(late_head).await;
    let began = standin_testkit::now();
    let mut body = client.post("{}").await.unwrap().into_body();
    assert_failed(next(&mut body).await.unwrap(), Timeout, Sent, "first byte");
    assert!(began.elapsed() < SHORT.first_byte * 2, "the head does not start the limit again");
    assert!(next(&mut body).await.is_none(), "after an error nothing more comes");
}

#[tokio::test]
async fn c4_silence_in_mid_stream_is_a_timeout() {
    let (upstream, client) = short(Play::sse_head().chunk("one").hang()).await;
    let mut body = client.post("{}").await.unwrap().into_body();
    next(&mut body).await.unwrap().unwrap();
    assert_failed(next(&mut body).await.unwrap(), Timeout, Sent, "silence");
    upstream.wait_until(|all| all[0].gone_at.is_some()).await;
}

#[tokio::test]
async fn c4_a_long_stream_with_short_pauses_is_no_timeout() {
    let pings =
        (0..12).fold(Play::sse_head(), |play, _| play.pause(Duration::from_millis(50)).chunk(": ping\n\n"));
    let (_upstream, client) = short(pings.end()).await;
    assert_eq!(client.whole().await.unwrap().2.len(), 12 * 8);
}

#[tokio::test]
async fn an_error_body_that_never_ends_is_not_waited_for_beyond_its_limits() {
    let (_upstream, client) = short(Play::chunked_head(503, "text/plain").chunk("busy").hang()).await;
    let reply = client.post("{}").await.unwrap();
    assert_eq!(standin_upstream::collect_error(reply.into_body()).await, "busy");
}
