//! Runs every row against the real binary, counts, and writes the table that the README shows.

use std::{fmt::Write, net::TcpListener as StdListener, time::Duration};

use standin_core::Dialect;
use standin_testkit::{
    Play, Received, ScriptedUpstream,
    grammar::{self, Ending},
};
use tokio::{task::JoinSet, time::sleep};

use super::rows::{FIRST_BYTE, Failing, MODEL, Row, Wanted, streamed_answer, table, whole_answer};
use crate::{
    gateway::{Gateway, Upstream, chat},
    readme,
};

/// Requests per row, one after the other.
const REQUESTS: usize = 12;
/// The keys of the failing and of the working credential.
const A: &str = "key-of-account-a";
const B: &str = "key-of-account-b";

/// What was counted for one row and one kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    /// Requests whose caller did not get what the row wants.
    failed: usize,
    /// Calls that reached A.
    calls_a: usize,
    /// Calls that reached either.
    calls: usize,
}

/// One row before one gateway.
struct Scene {
    row: Row,
    alias: String,
    is_streaming: bool,
    upstream: ScriptedUpstream,
    /// Where A is, if that is another address.
    elsewhere: Option<ScriptedUpstream>,
}

impl Scene {
    async fn set(number: usize, row: Row, is_streaming: bool) -> Option<Self> {
        let elsewhere = match row.failing.clone() {
            Failing::Breaks(play) => Some(ScriptedUpstream::always(play).await),
            _ => None,
        };
        let broken = match row.failing.clone() {
            Failing::Answers(play) | Failing::Breaks(play) => play,
            Failing::Both(_, play) | Failing::Streams(play) if is_streaming => play,
            Failing::Both(play, _) => play,
            Failing::Streams(_) => return None,
            Failing::Refuses => Play::silence(),
        };
        let both_fail = row.wanted == Wanted::ToldOnce;
        let script = move |request: &Received| match (request.key(), request.is_streaming()) {
            (A, _) => broken.clone(),
            _ if both_fail => broken.clone(),
            (_, true) => streamed_answer(),
            (_, false) => whole_answer(),
        };
        let upstream = ScriptedUpstream::start(script).await;
        let kind = if is_streaming { "stream" } else { "plain" };
        Some(Self { row, alias: format!("row-{number}-{kind}"), is_streaming, upstream, elsewhere })
    }

    /// The part of the configuration that this row needs.
    fn upstreams(&self) -> Vec<Upstream> {
        let new =
            |name: &str, url: &str| Upstream::new(name, url).first_byte(FIRST_BYTE).model(MODEL, &self.alias);
        let (name, url) = (self.alias.as_str(), self.upstream.base_url());
        let address_of_a = match (&self.row.failing, &self.elsewhere) {
            (Failing::Refuses, _) => nobody(),
            (_, Some(elsewhere)) => elsewhere.base_url(),
            _ => return vec![new(name, &url).key(A).key(B)],
        };
        vec![new(&format!("{name}-a"), &address_of_a).key(A), new(&format!("{name}-b"), &url).key(B)]
    }

    /// Calls to A; where nobody listens, the attempts that the gateway itself reports.
    fn calls_a(&self, gateway: &Gateway) -> usize {
        match (&self.row.failing, &self.elsewhere) {
            (Failing::Refuses, _) => gateway.failed_attempts(&format!("{}-a-{A}", self.alias)),
            (_, Some(elsewhere)) => elsewhere.calls(A),
            _ => self.upstream.calls(A),
        }
    }

    async fn play(self, gateway: &Gateway, apart: Duration) -> (Self, Count) {
        let mut failed = 0;
        for number in 0..REQUESTS {
            if number > 0 {
                sleep(apart).await;
            }
            failed += usize::from(!self.is_as_wanted(gateway).await);
        }
        let count = Count { failed, calls_a: self.calls_a(gateway), calls: self.upstream.received().len() };
        (self, count)
    }

    async fn is_as_wanted(&self, gateway: &Gateway) -> bool {
        let reply = gateway.post("/v1/chat/completions", &chat(&self.alias, self.is_streaming)).await;
        match self.row.wanted {
            Wanted::ToldOnce => reply.status() == 400 && reply.text().contains("messages[0].content"),
            Wanted::StandIn if self.is_streaming => {
                let is_stream =
                    reply.status() == 200 && reply.is_complete && reply.text().starts_with("data: {\"id");
                is_stream
                    && grammar::words(Dialect::OpenaiChat, &reply.body, Ending::Complete)
                        == "Here are the words."
            }
            Wanted::StandIn => reply.status() == 200 && reply.text().contains("Here are the words."),
        }
    }
}

impl Count {
    fn is_perfect(self, wanted: Wanted) -> bool {
        let calls = match wanted {
            Wanted::StandIn => self.calls_a == 1,
            Wanted::ToldOnce => self.calls == REQUESTS,
        };
        self.failed == 0 && calls
    }

    fn cell(self, wanted: Wanted) -> String {
        match wanted {
            Wanted::ToldOnce => format!("{} / {} to both", self.failed, self.calls),
            Wanted::StandIn => format!("{} / {}", self.failed, self.calls_a),
        }
    }
}

/// The URL of a port that was free a moment ago.
fn nobody() -> String {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

/// Plays all rows side by side before one gateway, `apart` from request to request.
async fn measure(apart: Duration) -> Vec<(Row, [Option<Count>; 2])> {
    let mut scenes = Vec::new();
    for (number, row) in table().into_iter().enumerate() {
        for is_streaming in [false, true] {
            scenes.extend(Scene::set(number, row.clone(), is_streaming).await.map(|scene| (number, scene)));
        }
    }
    let upstreams = scenes.iter().flat_map(|(_, scene)| scene.upstreams());
    let gateway = std::sync::Arc::new(Gateway::over(upstreams).await);
    let mut plays = JoinSet::new();
    for (number, scene) in scenes {
        let gateway = gateway.clone();
        plays.spawn(async move { (number, scene.play(&gateway, apart).await) });
    }
    let mut counts: Vec<(Row, [Option<Count>; 2])> =
        table().into_iter().map(|row| (row, [None, None])).collect();
    while let Some(played) = plays.join_next().await {
        let (number, (scene, count)) = played.unwrap();
        counts[number].1[usize::from(scene.is_streaming)] = Some(count);
    }
    counts
}

fn markdown(counts: &[(Row, [Option<Count>; 2])]) -> String {
    let mut text = String::from(
        "| fault of credential A | plain: failures at the caller / calls to A | stream: the same |\n|---|---|---|\n",
    );
    for (row, cells) in counts {
        let [plain, stream] =
            cells.map(|count| count.map_or_else(String::new, |count| count.cell(row.wanted)));
        writeln!(text, "| {} | {plain} | {stream} |", row.fault).unwrap();
    }
    text
}

fn judge(name: &str, counts: &[(Row, [Option<Count>; 2])]) -> String {
    let text = markdown(counts);
    println!("failures at the caller / calls to A, {REQUESTS} requests, {name}\n\n{text}");
    let cells = counts.iter().flat_map(|(row, cells)| cells.iter().flatten().map(move |count| (row, *count)));
    let imperfect: Vec<_> = cells
        .filter(|(row, count)| !count.is_perfect(row.wanted))
        .map(|(row, count)| (row.fault, count))
        .collect();
    assert!(imperfect.is_empty(), "{name}: {imperfect:#?}\n{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_credential_is_asked_once_and_its_caller_never_notices() {
    let text = judge("back to back", &measure(Duration::ZERO).await);
    readme::holds("faults", &text, str::to_owned);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fault_table_holds_six_seconds_apart() {
    // Real time, because the clock of a real binary cannot be moved; all rows wait together.
    judge("6 s apart", &measure(Duration::from_secs(6)).await);
}
