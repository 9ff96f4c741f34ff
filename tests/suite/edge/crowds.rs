//! Callers by the hundred who are slow, silent, stalled or simply there. Each test has a form that takes minutes, for
//! `just long`, and a shorter one with the same bounds per caller.

use std::time::{Duration, Instant};

use bytes::Bytes;
use standin_testkit::{Act, Play, Received, ScriptedUpstream, client, now};
use tokio::task::JoinSet;

use super::{KEY, ROUTE, stage};
use crate::{
    faults::{MODEL, content, role, whole_answer},
    gateway::{Gateway, Upstream, chat, post},
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// How a slow caller is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    Silent,
    Head,
    Body,
}

/// One slow caller: how long it was borne with.
async fn dawdle(gateway: std::net::SocketAddr, how: Slow, step: Duration) -> Duration {
    let mut connection = client::Connection::open(gateway).await;
    let since = now();
    let request = post(ROUTE, &chat("words", false));
    let body_at = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let sent_at_once = if how == Slow::Body { body_at } else { 0 };
    let _ = connection.try_send(&request[..sent_at_once]).await;
    let dripping = async {
        for byte in &request[sent_at_once..] {
            if how == Slow::Silent || connection.try_send(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(step).await;
        }
    };
    // A request's body is shorter than the drip is patient: who is slow is never done.
    dripping.await;
    connection.until_closed().await;
    now().duration_since(since)
}

/// Healthy requests of one round: many rounds find a quiet moment on a busy machine, long ones say more of a p99.
const ROUND_REQUESTS: usize = 100;

/// Times of healthy requests, one after the other.
async fn healthy(gateway: &Gateway, requests: usize) -> Vec<Duration> {
    let mut connection = client::Connection::open(gateway.address()).await;
    let request = post(ROUTE, &chat("words", false));
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let since = now();
        assert_eq!(connection.exchange(&request).await.status(), 200);
        times.push(now().duration_since(since));
    }
    times.sort();
    times
}

fn p99(times: &[Duration]) -> Duration {
    times[times.len() * 99 / 100]
}

/// `each` slow callers of each kind before one of two gateways; all have to be gone after `gone_max`, and callers who
/// are not slow must hardly tell the two gateways apart.
async fn slow_callers(limits: &str, each: u32, step: Duration, gone_max: Duration, slack: Duration) {
    let ((crowded, _upstream), (quiet, _other)) = (stage(limits).await, stage(limits).await);
    for gateway in [&crowded, &quiet] {
        healthy(gateway, ROUND_REQUESTS).await;
    }
    let mut slow = JoinSet::new();
    for number in 0..each {
        for how in [Slow::Silent, Slow::Head, Slow::Body] {
            let address = crowded.address();
            slow.spawn(async move {
                // People do not move in step: a thousand bytes in the same instant would be a burst, not slowness.
                tokio::time::sleep(step * number / each).await;
                dawdle(address, how, step).await
            });
        }
    }
    tokio::time::sleep(step).await;
    // Taken in turns, so that whatever else the machine does meets both; the best of each is what the gateways can do.
    let (mut beside, mut alone, mut rounds) = (Duration::MAX, Duration::MAX, 0);
    let mut longest = loop {
        beside = beside.min(p99(&healthy(&crowded, ROUND_REQUESTS).await));
        alone = alone.min(p99(&healthy(&quiet, ROUND_REQUESTS).await));
        rounds += 1;
        if let Some(first) = slow.try_join_next() {
            break first.unwrap();
        }
    };
    longest = slow.join_all().await.into_iter().max().unwrap().max(longest);
    println!(
        "{} slow callers, the last gone after {longest:?}; healthy p99 {alone:?} without them and {beside:?} beside \
         them, a ratio of {:.2} (best of {rounds} rounds)",
        3 * each,
        beside.as_secs_f64() / alone.as_secs_f64()
    );
    assert!(longest <= gone_max, "{longest:?}");
    assert!(beside <= alone.mul_f64(1.2) + slack, "{beside:?} beside them, {alone:?} without them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_a_thousand_slow_callers_are_let_go_and_nobody_else_notices() {
    let limits = "[limits]\nfirst_byte_max = \"2s\"\nhead_max = \"2s\"\nbody_idle_max = \"2s\"\nbody_slow_after = \"2s\"\n";
    // The suite shares its machine: what one busy neighbour takes away is no finding.
    let slack = Duration::from_millis(30);
    slow_callers(limits, 334, Duration::from_millis(500), Duration::from_secs(8), slack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: `just long`"]
async fn a7_a_thousand_slow_callers_of_each_kind_under_the_limits_of_every_day() {
    slow_callers("", 1000, Duration::from_secs(1), Duration::from_secs(40), Duration::from_micros(50)).await;
}

/// Connections that have served once and are kept.
async fn idle_connections(count: usize, each_max: usize) {
    let (gateway, _upstream) = stage(&format!("[limits]\nconnections_max = {}\n", count + 100)).await;
    let health = client::request("GET", "/healthz", &[], b"");
    let before = gateway.memory().now;
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = client::Connection::open(gateway.address()).await;
        assert_eq!(connection.exchange(&health).await.status(), 200);
        connections.push(connection);
    }
    let each = gateway.memory().now.saturating_sub(before) / count;
    println!("{count} idle connections: {each} bytes each");
    assert!(each <= each_max, "{each} bytes");
    assert_eq!(gateway.post(ROUTE, &chat("words", false)).await.status(), 200);
    assert_eq!(connections[0].exchange(&health).await.status(), 200, "they are still there");
}

#[tokio::test]
async fn a9_idle_connections_cost_little() {
    idle_connections(1500, 20 * KIB).await;
}

#[tokio::test]
#[ignore = "wants twenty thousand descriptors: `just long`"]
async fn a9_ten_thousand_idle_connections_cost_little() {
    idle_connections(10_000, 20 * KIB).await;
}

#[tokio::test]
async fn a9_without_descriptors_it_rests_and_recovers() {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let only = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    let gateway = Gateway::with_descriptors(48, [only]).await;
    let cpu = gateway.processor_time();
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(client::Connection::open(gateway.address()).await);
    }
    gateway.says("could not accept connections").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spent = gateway.processor_time() - cpu;
    let told = gateway.log().matches("could not accept connections").count();
    println!("a second without descriptors: told {told} times, {spent:?} of the processor");
    assert!(told <= 3 && spent < Duration::from_millis(500), "{told} lines, {spent:?}");
    drop(crowd);
    let since = now();
    assert_eq!(gateway.post(ROUTE, &chat("words", false)).await.status(), 200);
    assert!(now().duration_since(since) < Duration::from_secs(5));
}

#[tokio::test]
async fn a9_beyond_the_most_connections_callers_wait_for_a_place() {
    let (gateway, _upstream) = stage("[limits]\nconnections_max = 2\n").await;
    let health = client::request("GET", "/healthz", &[], b"");
    let mut first = client::Connection::open(gateway.address()).await;
    let mut second = client::Connection::open(gateway.address()).await;
    assert_eq!(first.exchange(&health).await.status(), 200);
    assert_eq!(second.exchange(&health).await.status(), 200);
    let mut third = client::Connection::open(gateway.address()).await;
    third.send(&health).await;
    let early = tokio::time::timeout(Duration::from_millis(300), third.reply()).await;
    assert!(early.is_err(), "there is no third place");
    drop(first);
    assert_eq!(third.reply().await.map(|reply| reply.status()), Some(200));
}

/// An upstream whose streams do not end: more than anybody's buffers hold.
async fn endless() -> ScriptedUpstream {
    let piece = content(&"words ".repeat(2500));
    let chunk = Bytes::from(format!("{:x}\r\n{piece}\r\n", piece.len()));
    let play = Play::sse_head().chunk(role());
    ScriptedUpstream::always((0..8000).fold(play, |play, _| play.then(Act::Send(chunk.clone())))).await
}

async fn stalled_readers(count: usize, watched: Duration) {
    let upstream = endless().await;
    let only = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    let stall_max = 3 + watched.as_secs();
    let gateway = Gateway::with(&format!("[limits]\nstall_max = \"{stall_max}s\"\n"), [only]).await;
    let before = gateway.memory().now;
    let mut stalled = Vec::new();
    for _ in 0..count {
        stalled.push(gateway.open(ROUTE, &chat("words", true)).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let filled = gateway.memory().now;
    tokio::time::sleep(watched).await;
    let later = gateway.memory().now;
    let each = filled.saturating_sub(before) / count;
    let grown = later.saturating_sub(filled);
    println!("{count} stalled readers: {} KiB each, {} KiB more after {watched:?}", each / KIB, grown / KIB);
    assert!(each <= MIB, "{each} bytes each");
    assert!(grown <= MIB, "{grown} bytes more");
    // Whoever takes nothing for long is let go, and the upstream with it.
    let since = now();
    upstream.wait_until(|received| received.iter().all(|one: &Received| one.gone_at.is_some())).await;
    println!("all of them let go after {:?} more", now().duration_since(since));
}

#[tokio::test]
async fn d3_stalled_readers_hold_little_and_not_for_ever() {
    stalled_readers(50, Duration::from_secs(2)).await;
}

#[tokio::test]
#[ignore = "takes a minute: `just long`"]
async fn d3_two_hundred_stalled_readers_hold_little_for_a_minute() {
    stalled_readers(200, Duration::from_secs(60)).await;
}

/// Requests with a body of a MiB, several at a time.
async fn large_bodies(requests: usize) {
    let (gateway, _upstream) = stage("").await;
    let mut body = chat("words", false);
    body.resize(MIB, b' ');
    let request = post(ROUTE, &body);
    healthy(&gateway, 100).await;
    let idle = gateway.memory().now;
    let began: Instant = now();
    let callers = 8;
    let mut all = JoinSet::new();
    for _ in 0..callers {
        let (request, address) = (request.clone(), gateway.address());
        all.spawn(async move {
            let mut connection = client::Connection::open(address).await;
            for _ in 0..requests / callers {
                assert_eq!(connection.exchange(&request).await.status(), 200);
            }
        });
    }
    all.join_all().await;
    let took = now().duration_since(began);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = gateway.memory();
    println!(
        "{requests} bodies of a MiB in {took:?}: {} KiB before, {} KiB after, {} KiB at the peak",
        idle / KIB,
        after.now / KIB,
        after.peak / KIB
    );
    assert!(after.now <= 2 * idle, "{} KiB after, {} KiB before", after.now / KIB, idle / KIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_memory_of_large_bodies_comes_back() {
    large_bodies(120).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `just long`"]
async fn d4_memory_of_ten_thousand_large_bodies_comes_back() {
    large_bodies(10_000).await;
}
