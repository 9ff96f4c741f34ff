//! Which connections are used again, and which are not.

use std::time::Duration;

use standin_core::{ErrorClass::*, Progress::*};
use standin_testkit::{Play, ScriptedUpstream};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::kit::{Client, assert_failed, next, say_hello};

fn connections(upstream: &ScriptedUpstream) -> Vec<usize> {
    upstream.received().iter().map(|seen| seen.connection).collect()
}

#[tokio::test]
async fn a_connection_whose_reply_has_ended_serves_the_next_request() {
    for play in
        [Play::json(200, "{}"), Play::json(500, "{}"), Play::reply(204, &[], ""), Play::sse(["one", "two"])]
    {
        let upstream = ScriptedUpstream::always(play).await;
        let client = Client::new(&upstream.base_url());
        for _ in 0..3 {
            client.whole().await.unwrap();
        }
        assert_eq!(connections(&upstream), [0, 0, 0]);
        assert_eq!(client.transport.idle_connections(), 1);
    }
}

#[tokio::test]
async fn the_connection_used_last_is_used_first() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let client = Client::new(&upstream.base_url());
    let (first, second) = (client.post("{}").await.unwrap(), client.post("{}").await.unwrap());
    for reply in [first, second] {
        standin_upstream::collect(reply.into_body()).await.unwrap();
    }
    client.whole().await.unwrap();
    assert_eq!(connections(&upstream), [0, 1, 1]);
}

#[tokio::test]
async fn a_reader_that_stops_at_the_last_event_does_not_cost_the_connection() {
    let end_in_one_write = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n[DONE]\r\n0\r\n\r\n";
    let upstream = ScriptedUpstream::always(Play::new().send(end_in_one_write)).await;
    let client = Client::new(&upstream.base_url());
    for _ in 0..2 {
        let mut body = client.post("{}").await.unwrap().into_body();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "[DONE]");
    }
    assert_eq!(connections(&upstream), [0, 0]);
}

#[tokio::test]
async fn c9_bytes_after_the_end_of_a_reply_cost_the_connection_and_not_the_next_request() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}").send("HTTP/1.1 200 OK\r\n\r\n")).await;
    let client = Client::new(&upstream.base_url());
    for _ in 0..2 {
        assert_eq!(client.whole().await.unwrap().2, "{}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert_eq!(connections(&upstream), [0, 1]);
}

#[tokio::test]
async fn an_upstream_that_says_close_is_believed() {
    let upstream = ScriptedUpstream::always(Play::reply(200, &[("connection", "close")], "{}")).await;
    let client = Client::new(&upstream.base_url());
    client.whole().await.unwrap();
    assert_eq!(client.transport.idle_connections(), 0);
}

#[tokio::test]
async fn b10_a_pooled_connection_that_died_costs_no_attempt() {
    for play in [Play::json(200, "{}").cut(), Play::json(200, "{}").pause(Duration::from_millis(5)).reset()] {
        let upstream = ScriptedUpstream::always(play).await;
        let client = Client::new(&upstream.base_url());
        for _ in 0..5 {
            client.whole().await.unwrap();
            // Until the close has come, nobody can know of it; a busy machine takes its time to send one.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        assert_eq!(connections(&upstream), [0, 1, 2, 3, 4], "each request was received exactly once");
    }
}

#[tokio::test]
async fn b10_a_pooled_connection_that_takes_a_request_and_closes_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        say_hello(&mut stream).await;
        // The second request has come, at least in part, when the upstream decides to leave.
        stream.read_u8().await.unwrap();
        drop(stream);
        tokio::time::timeout(Duration::from_millis(200), listener.accept()).await.is_err()
    });
    client.whole().await.unwrap();
    assert_failed(client.whole().await, Connect, Sent, "before the reply");
    assert!(upstream.await.unwrap(), "no second connection was opened");
}

#[tokio::test]
async fn an_upstream_that_closes_every_connection_unheard_fails_as_not_sent_or_lost_but_never_hangs() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    for _ in 0..20 {
        let error = client.whole().await.unwrap_err();
        assert_eq!(error.class, Connect, "{error}");
    }
}

#[tokio::test]
async fn many_requests_at_once_have_no_cap_and_come_home_to_a_bounded_shelf() {
    let play = Play::sse_head().pause(Duration::from_millis(300)).chunk("one").end();
    let upstream = ScriptedUpstream::always(play).await;
    let client = std::sync::Arc::new(Client::new(&upstream.base_url()));
    let running: Vec<_> = (0..400)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.whole().await.unwrap().2 })
        })
        .collect();
    for request in running {
        assert_eq!(request.await.unwrap(), "one");
    }
    assert_eq!(client.transport.idle_connections(), 256);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_minute_and_not_before() {
    let upstream = ScriptedUpstream::always(Play::json(200, "{}")).await;
    let client = Client::new(&upstream.base_url());
    client.whole().await.unwrap();
    // Paused only now: while sockets are at work, a paused clock would run ahead of them.
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(58)).await;
    assert_eq!(client.transport.idle_connections(), 1);
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(client.transport.idle_connections(), 0);
}
