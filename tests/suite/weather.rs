//! Hard weather before the real binary: upstreams in processes and networks of their own are killed, stopped and cut
//! off. A caller gets an answer, or an error in its dialect, within the configured limits.

use std::{
    net::SocketAddr,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use standin_core::Dialect;
use standin_testkit::{
    client,
    grammar::{self, Ending},
    now, skip,
};
use tokio::time::{sleep, timeout};

use crate::{
    faults::MODEL,
    gateway::{Gateway, Upstream, chat},
    python::Program,
    repository::root,
};

const ROUTE: &str = "/v1/chat/completions";
/// The limits of every upstream here, and how much longer a busy machine may take to show that they hold.
const TIMEOUTS: &str = "timeouts = { connect = \"500ms\", first_byte = \"700ms\", idle = \"1s\" }";
const IDLE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(3);
/// How long anything may take at most: every attempt of two upstreams at its limit.
const ANSWER_MAX: Duration = Duration::from_secs(6);

/// An upstream in a process of its own.
struct Talking {
    program: Program,
    address: SocketAddr,
}

impl Talking {
    fn start(port: u16) -> Self {
        Self::run(&["python3"], "127.0.0.1", port)
    }

    /// Starts it by a command that ends with an interpreter.
    fn run(interpreter: &[&str], address: &str, port: u16) -> Self {
        let mut command = Command::new(interpreter[0]);
        command.args(&interpreter[1..]).arg(root().join("tests/support/talking_upstream.py"));
        let program = Program::run(command.arg(address).arg(port.to_string()));
        let line = program.line().expect("the upstream starts");
        let address = line.strip_prefix("LISTENING ").and_then(|address| address.parse().ok());
        Self { program, address: address.expect("an address") }
    }

    fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    fn signal(&self, name: &str) {
        self.program.signal(name);
    }
}

fn upstream(name: &str, url: &str) -> Upstream {
    Upstream::new(name, url).key(&format!("key-of-{name}")).model(MODEL, "words").limits(TIMEOUTS)
}

/// A plain request, and how long it took.
async fn ask(gateway: &Gateway, model: &str) -> (client::Reply, Duration) {
    let began = now();
    let reply = timeout(ANSWER_MAX, gateway.post(ROUTE, &chat(model, false))).await;
    (reply.expect("a caller gets an answer or an error in time"), began.elapsed())
}

fn assert_is_error(reply: &client::Reply) {
    assert!(matches!(reply.status(), 502..=504), "{}: {}", reply.status(), reply.text());
    let body: Value = serde_json::from_slice(&reply.body).expect("an error in the caller's dialect");
    assert!(body["error"]["message"].is_string() && body["error"]["code"].is_string(), "{body}");
}

/// A stream that has begun to say something.
async fn talking(gateway: &Gateway, model: &str) -> (client::Streaming, Vec<u8>) {
    let mut stream = gateway.open(ROUTE, &chat(model, true)).await;
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("word ") {
        seen.extend_from_slice(&stream.next().await.expect("it says something").1);
    }
    (stream, seen)
}

/// Reads a broken stream to its end, asserts that it ends with one error frame, and says how long after `since`.
async fn ends_with_an_error(
    (mut stream, mut seen): (client::Streaming, Vec<u8>),
    since: Instant,
) -> Duration {
    let rest = timeout(ANSWER_MAX, stream.rest()).await.expect("the stream ends in time");
    seen.extend_from_slice(&rest);
    let _words = grammar::words(Dialect::OpenaiChat, &seen, Ending::Failed);
    assert!(stream.is_complete(), "the connection to the caller is in order");
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_every_upstream_is_killed_and_every_caller_is_told_at_once_and_served_again_when_one_is_back() {
    let (one, two) = (Talking::start(0), Talking::start(0));
    let gateway = Gateway::over([upstream("one", &one.base_url()), upstream("two", &two.base_url())]).await;
    let mut streams = Vec::new();
    for model in ["one/tiny-1", "two/tiny-1"].into_iter().cycle().take(20) {
        streams.push(talking(&gateway, model).await);
    }
    let port = one.address.port();
    let killed = now();
    one.signal("KILL");
    two.signal("KILL");
    for stream in streams {
        let took = ends_with_an_error(stream, killed).await;
        assert!(took < SLACK, "a killed upstream is noticed at once, not after {took:?}");
    }
    for _ in 0..5 {
        let (reply, _) = ask(&gateway, "words").await;
        assert_is_error(&reply);
    }
    let streamed = timeout(ANSWER_MAX, gateway.post(ROUTE, &chat("words", true))).await.unwrap();
    assert_is_error(&streamed);
    let _back = Talking::start(port);
    let began = now();
    while ask(&gateway, "words").await.0.status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(10), "an upstream that is back is used again");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_a_stopped_upstream_costs_its_limit_once_and_serves_again_when_it_goes_on() {
    let (one, two) = (Talking::start(0), Talking::start(0));
    let gateway = Gateway::over([upstream("one", &one.base_url()), upstream("two", &two.base_url())]).await;
    let stream = talking(&gateway, "one/tiny-1").await;
    let stopped = now();
    one.signal("STOP");
    let (mut slow, mut slowest) = (0, Duration::ZERO);
    for _ in 0..10 {
        let (reply, took) = ask(&gateway, "words").await;
        assert_eq!(reply.status(), 200, "the other one serves: {}", reply.text());
        slow += usize::from(took > Duration::from_millis(600));
        slowest = slowest.max(took);
    }
    assert!(slow <= 2 && slowest < ANSWER_MAX, "{slow} of 10 requests waited, {slowest:?} at most");
    let took = ends_with_an_error(stream, stopped).await;
    assert!(took > IDLE / 2 && took < IDLE * 5 / 4 + SLACK, "silence ends at its limit, not after {took:?}");
    let (reply, took) = ask(&gateway, "one/tiny-1").await;
    assert_is_error(&reply);
    assert!(took < ANSWER_MAX, "{took:?}");
    one.signal("CONT");
    let began = now();
    while ask(&gateway, "one/tiny-1").await.0.status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(10), "an upstream that goes on is used again");
        sleep(Duration::from_millis(100)).await;
    }
}

/// A network of its own with one way to it; it goes with this value.
struct Network {
    name: String,
    here: String,
}

impl Network {
    const HERE: &str = "10.213.77.1";
    const THERE: &str = "10.213.77.2";

    /// None, said aloud, where nobody may make one.
    fn new() -> Option<Self> {
        let number = std::process::id();
        let network = Self { name: format!("standin{number}"), here: format!("st{number}a") };
        let there = format!("st{number}b");
        let (name, here) = (&network.name, &network.here);
        let steps = [
            format!("netns add {name}"),
            format!("link add {here} type veth peer name {there} netns {name}"),
            format!("addr add {}/30 dev {here}", Self::HERE),
            format!("link set {here} up"),
            format!("-n {name} addr add {}/30 dev {there}", Self::THERE),
            format!("-n {name} link set {there} up"),
            format!("-n {name} link set lo up"),
        ];
        match steps.iter().try_for_each(|step| ip(step)) {
            Ok(()) => Some(network),
            Err(reason) => {
                skip("an upstream that is cut off in a network of its own", &reason);
                None
            }
        }
    }

    fn inside(&self) -> [&str; 5] {
        ["ip", "netns", "exec", &self.name, "python3"]
    }

    /// The far end of the way: packets still leave here, and nobody ever hears of them.
    fn way(&self, state: &str) {
        ip(&format!("-n {} link set {}b {state}", self.name, self.here.trim_end_matches('a'))).unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = ip(&format!("link del {}", self.here));
        let _ = ip(&format!("netns del {}", self.name));
    }
}

fn ip(words: &str) -> Result<(), String> {
    let done = Command::new("ip").args(words.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("ip {words}: {}", String::from_utf8_lossy(&done.stderr).trim()))
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_b9_a_network_cut_in_mid_stream_ends_at_the_limits_and_heals() {
    let Some(network) = Network::new() else { return };
    let far = Talking::run(&network.inside(), Network::THERE, 8080);
    let near = Talking::start(0);
    let gateway = Gateway::over([upstream("far", &far.base_url()), upstream("near", &near.base_url())]).await;
    let stream = talking(&gateway, "far/tiny-1").await;
    let cut = now();
    network.way("down");
    let took = ends_with_an_error(stream, cut).await;
    assert!(took < IDLE * 5 / 4 + SLACK, "silence ends at its limit, not after {took:?}");
    // A new connection is a black hole: the stand-in serves within the connect limit.
    for _ in 0..4 {
        let (reply, took) = ask(&gateway, "words").await;
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert!(took < Duration::from_millis(700) + SLACK, "{took:?}");
    }
    let (reply, _) = ask(&gateway, "far/tiny-1").await;
    assert_is_error(&reply);
    network.way("up");
    let began = now();
    while ask(&gateway, "far/tiny-1").await.0.status() != 200 {
        assert!(began.elapsed() < Duration::from_secs(15), "a network that is back is used again");
        sleep(Duration::from_millis(200)).await;
    }
}
