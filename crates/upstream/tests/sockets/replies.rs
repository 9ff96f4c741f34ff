//! Replies that are whole, and replies that are not.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    time::Duration,
};

use standin_core::{ErrorClass::*, Progress::*};
use standin_testkit::{Play, ScriptedUpstream};
use tokio::io::AsyncWriteExt;

use crate::kit::{Client, assert_failed, next, read_head, serve};

#[tokio::test]
async fn a_reply_comes_back_as_it_was_sent() {
    let upstream = ScriptedUpstream::always(Play::reply(418, &[("x-note", "tea")], "short and stout")).await;
    let (status, headers, text) = Client::new(&upstream.base_url()).whole().await.unwrap();
    assert_eq!((status, headers["x-note"].to_str().unwrap(), text.as_str()), (418, "tea", "short and stout"));
    let received = upstream.received();
    assert_eq!(received[0].head.line, "POST /v1/test HTTP/1.1");
    assert_eq!(received[0].head.header("content-length"), Some("2"));
    assert_eq!(&received[0].body[..], b"{}");
}

#[tokio::test]
async fn a_big_body_goes_out_and_comes_back_whole() {
    let upstream = ScriptedUpstream::start(|seen| Play::reply(200, &[], &seen.body)).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_be_bytes()[3]).collect();
    let reply = Client::new(&upstream.base_url()).post(sent.clone()).await.unwrap();
    assert!(standin_upstream::collect(reply.into_body()).await.unwrap() == sent);
}

#[tokio::test]
async fn a_stream_is_handed_on_chunk_by_chunk_while_it_runs() {
    let play = Play::sse_head().chunk("one").pause(Duration::from_millis(30)).chunk("two").end();
    let upstream = ScriptedUpstream::always(play).await;
    let mut body = Client::new(&upstream.base_url()).post("{}").await.unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "one");
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "two");
    assert!(next(&mut body).await.is_none());
}

#[tokio::test]
async fn b10_a_close_before_the_head_is_a_lost_connection_and_counts_as_sent() {
    for play in [Play::close_before_head(), Play::reset_before_head()] {
        let upstream = ScriptedUpstream::always(play).await;
        assert_failed(Client::new(&upstream.base_url()).whole().await, Connect, Sent, "before the reply");
        assert_eq!(upstream.received().len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn b10_a_close_after_the_head_is_a_reply_cut_short() {
    let half = || Play::new().send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    for play in [half().cut(), half().reset(), Play::sse_head().chunk("half").cut(), Play::sse_head().cut()] {
        let upstream = ScriptedUpstream::always(play).await;
        assert_failed(Client::new(&upstream.base_url()).whole().await, Malformed, Sent, "cut short");
    }
}

#[tokio::test]
async fn b10_a_close_within_the_head_is_a_lost_connection() {
    let upstream = ScriptedUpstream::always(Play::new().send("HTTP/1.1 200 OK\r\ncontent-le").cut()).await;
    assert_failed(Client::new(&upstream.base_url()).whole().await, Connect, Sent, "before the reply");
}

#[tokio::test]
async fn b8_what_is_no_http_is_malformed() {
    let upstream = ScriptedUpstream::always(Play::new().send("SSH-2.0-OpenSSH_9.9\r\n\r\n").cut()).await;
    assert_failed(Client::new(&upstream.base_url()).whole().await, Malformed, Sent, "not HTTP");
}

#[tokio::test]
async fn a_head_over_its_limit_is_malformed() {
    let endless = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n", "x".repeat(standin_upstream::HEAD_BYTES_MAX));
    let upstream = ScriptedUpstream::always(Play::new().send(endless).hang()).await;
    assert_failed(Client::new(&upstream.base_url()).whole().await, Malformed, Sent, "not HTTP");
}

#[tokio::test]
async fn an_upgrade_nobody_asked_for_is_malformed() {
    let port = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    let client = Client::new(&format!("http://127.0.0.1:{}", port.await));
    assert_failed(client.whole().await, Malformed, Sent, "101");
}

#[tokio::test]
async fn an_early_answer_to_a_body_that_is_never_read_is_still_an_answer() {
    let port = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig").await.unwrap();
        std::future::pending::<()>().await;
    });
    let client = Client::new(&format!("http://127.0.0.1:{}", port.await));
    let reply = client.post(vec![b'x'; 16 * 1024 * 1024]).await.unwrap();
    assert_eq!(reply.status(), 413);
    assert_eq!(standin_upstream::collect(reply.into_body()).await.unwrap(), "big");
    assert_eq!(client.transport.idle_connections(), 0, "half a request is still in it");
}

#[tokio::test]
async fn a_reply_longer_than_its_limit_is_not_collected() {
    let announced = standin_upstream::REPLY_BYTES_MAX + 1;
    let port = serve(move |mut stream| async move {
        read_head(&mut stream).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {announced}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let block = vec![b'x'; 1024 * 1024];
        while stream.write_all(&block).await.is_ok() {}
    });
    let client = Client::new(&format!("http://127.0.0.1:{}", port.await));
    assert_failed(client.whole().await, Malformed, Sent, "longer than");
}

#[tokio::test]
async fn an_error_body_is_cut_off_at_its_limit_and_never_fails() {
    let long = "x".repeat(standin_upstream::ERROR_BYTES_MAX + 10);
    for (play, length) in [
        (Play::json(500, &long), standin_upstream::ERROR_BYTES_MAX),
        (Play::chunked_head(500, "text/plain").chunk("half").cut(), 4),
        (Play::chunked_head(500, "text/plain").cut(), 0),
    ] {
        let upstream = ScriptedUpstream::always(play).await;
        let reply = Client::new(&upstream.base_url()).post("{}").await.unwrap();
        assert_eq!(standin_upstream::collect_error(reply.into_body()).await.len(), length);
    }
}

/// Passes wakes on and counts them.
struct Counting {
    to: Waker,
    wakes: AtomicUsize,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
        self.to.wake_by_ref();
    }
}

#[tokio::test]
async fn a_chunk_wakes_its_reader_once() {
    const CHUNKS: usize = 20;
    let play = (0..CHUNKS)
        .fold(Play::sse_head(), |play, _| play.pause(Duration::from_millis(10)).chunk("data: x\n\n"));
    let upstream = ScriptedUpstream::always(play.end()).await;
    let mut body = Client::new(&upstream.base_url()).post("{}").await.unwrap().into_body();
    let mut counting: Option<Arc<Counting>> = None;
    let mut chunks = 0;
    while let Some(frame) = poll_fn(|cx| {
        let to = || Arc::new(Counting { to: cx.waker().clone(), wakes: AtomicUsize::new(0) });
        let waker = Waker::from(counting.get_or_insert_with(to).clone());
        body.as_mut().poll_frame(&mut Context::from_waker(&waker))
    })
    .await
    {
        chunks += frame.unwrap().into_data().unwrap().len() / 9;
    }
    let wakes = counting.unwrap().wakes.load(Ordering::Relaxed);
    assert_eq!(chunks, CHUNKS);
    // The end of the body may come by itself.
    assert!(wakes <= CHUNKS + 1, "{wakes} wakes for {chunks} chunks");
}
