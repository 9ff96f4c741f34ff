//! A caller that is gone: its upstream connection is closed, at every phase.

use std::time::Duration;

use standin_testkit::{Play, ScriptedUpstream, now};
use tokio::time::timeout;

use crate::kit::{Client, next};

/// How long an upstream may go on working for nobody.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Lets the test do something with a running request, then asserts that the upstream saw the close in time.
async fn gone_after(play: Play, act: impl AsyncFnOnce(Client)) {
    let upstream = ScriptedUpstream::always(play).await;
    act(Client::new(&upstream.base_url())).await;
    let left = now();
    let received = upstream.wait_until(|all| all.iter().any(|one| one.gone_at.is_some())).await;
    let took = received[0].gone_at.unwrap().saturating_duration_since(left);
    assert!(took <= AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn d1_leaving_before_the_head_closes_the_upstream_at_once() {
    gone_after(Play::silence(), async |client| {
        assert!(timeout(Duration::from_millis(50), client.post("{}")).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn d1_leaving_in_mid_stream_closes_the_upstream_at_once() {
    gone_after(Play::sse_head().chunk("one").hang(), async |client| {
        let mut body = client.post("{}").await.unwrap().into_body();
        next(&mut body).await.unwrap().unwrap();
        assert!(timeout(Duration::from_millis(20), next(&mut body)).await.is_err());
        drop(body);
        assert_eq!(client.transport.idle_connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn d9_a_reply_that_is_never_polled_closes_the_upstream_at_once_when_dropped() {
    gone_after(Play::sse_head().chunk("one").hang(), async |client| {
        drop(client.post("{}").await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn d1_leaving_while_a_reply_is_collected_closes_the_upstream_at_once() {
    gone_after(Play::chunked_head(200, "application/json").chunk("{").hang(), async |client| {
        assert!(timeout(Duration::from_millis(50), client.whole()).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn d1_leaving_aborts_a_request_that_another_task_drives() {
    gone_after(Play::silence(), async |client| {
        let running = tokio::spawn(async move { client.whole().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_has_a_task_of_its_own_that_could_leak() {
    let upstream = ScriptedUpstream::always(Play::sse_head().chunk("one").hang()).await;
    // What runs here is the client's alone: the upstream has the other runtime.
    let base_url = upstream.base_url();
    let tasks = tokio::task::spawn_blocking(move || {
        let client_runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        client_runtime.block_on(async {
            let client = Client::new(&base_url);
            let mut open = Vec::new();
            for _ in 0..50 {
                open.push(client.post("{}").await.unwrap());
            }
            let while_open = tokio::runtime::Handle::current().metrics().num_alive_tasks();
            drop(open);
            (while_open, tokio::runtime::Handle::current().metrics().num_alive_tasks())
        })
    });
    assert_eq!(tasks.await.unwrap(), (0, 0));
    upstream.wait_until(|all| all.iter().filter(|one| one.gone_at.is_some()).count() == 50).await;
}
