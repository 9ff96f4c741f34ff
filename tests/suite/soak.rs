//! Load with faults for a while, and the five figures: faults injected, requests lost, possible duplicates, wasted
//! attempts, leaks. Ten seconds in the suite; `STANDIN_SOAK` says how many seconds the long form takes.

use std::{
    collections::HashMap,
    env, fmt, fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use standin_testkit::{Play, Received, ScriptedUpstream, client, now, sse};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    faults::{MODEL, finish, role, streamed_answer, whole_answer},
    gateway::{Gateway, Upstream, post},
};

const ROUTE: &str = "/v1/chat/completions";
const TOKEN: &str = "token-of-the-operator-of-the-soak";
const KEYS: [&str; 6] = ["key-a1", "key-a2", "key-b1", "key-b2", "key-c1", "key-c2"];
/// One call in so many goes wrong.
const FAULT_EVERY: u64 = 20;
/// One caller in so many leaves before its answer.
const LEAVES_EVERY: u64 = 50;
/// How long a credential is out that says so.
const LIMITED: Duration = Duration::from_secs(2);
/// How long what has ended may take to be gone, on a busy machine.
const SETTLED: Duration = Duration::from_secs(1);
/// The number of the request before all others.
const FIRST: u64 = 1_000_000_001;
/// What was on its way when a limit was told is not wasted.
const IN_THE_AIR: Duration = Duration::from_millis(500);

/// What became of one call, as far as the upstream knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Executed,
    Refused,
    Unknown,
}

/// What the upstreams have seen.
#[derive(Default)]
struct Book {
    calls: u64,
    injected: u64,
    wasted: u64,
    duplicates: u64,
    possible_duplicates: u64,
    /// By the number of the request: what became of its calls so far.
    fates: HashMap<u64, Fate>,
    /// By key: when it said that it is out.
    limited: HashMap<String, Instant>,
}

/// The five figures of a run.
#[derive(Debug, Default)]
struct Figures {
    requests: u64,
    injected: u64,
    lost: u64,
    duplicates: u64,
    possible_duplicates: u64,
    wasted: u64,
    leaks: i64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, injected, lost, duplicates, possible_duplicates, wasted, leaks } = self;
        write!(
            f,
            "{requests} requests: {injected} faults injected, {lost} lost, {duplicates} duplicates and \
             {possible_duplicates} possible ones, {wasted} wasted attempts, {leaks} leaks"
        )
    }
}

impl Book {
    /// What an upstream does with a call: mostly it serves, and every so often it fails in one of many ways.
    fn play(&mut self, request: &Received) -> Play {
        self.calls += 1;
        let number = number(&request.body);
        let key = request.key().to_owned();
        if self.limited.get(&key).is_some_and(|since| (IN_THE_AIR..LIMITED).contains(&since.elapsed())) {
            self.wasted += 1;
        }
        match self.fates.get(&number) {
            Some(Fate::Executed) => self.duplicates += 1,
            Some(Fate::Unknown) => self.possible_duplicates += 1,
            _ => {}
        }
        let (play, fate) = match self.calls % FAULT_EVERY {
            0 => {
                self.injected += 1;
                self.fault(&key, request.is_streaming())
            }
            _ if request.is_streaming() => (streamed_answer(), Fate::Executed),
            _ => (whole_answer(), Fate::Executed),
        };
        self.fates.insert(number, fate);
        play
    }

    fn fault(&mut self, key: &str, is_streaming: bool) -> (Play, Fate) {
        let busy = r#"{"error":{"message":"Overloaded","type":"overloaded_error","code":null}}"#;
        let limit =
            r#"{"error":{"message":"Rate limit reached.","type":"requests","code":"rate_limit_exceeded"}}"#;
        match self.injected % 8 {
            0 => (
                Play::json(500, r#"{"error":{"message":"The server had an error","type":"server_error"}}"#),
                Fate::Refused,
            ),
            1 => (Play::json(503, busy), Fate::Refused),
            2 => {
                self.limited.insert(key.to_owned(), now());
                let after = LIMITED.as_secs().to_string();
                let headers = [("content-type", "application/json"), ("retry-after", after.as_str())];
                (Play::reply(429, &headers, limit), Fate::Refused)
            }
            3 => (Play::close_before_head(), Fate::Unknown),
            4 => (Play::reset_before_head(), Fate::Unknown),
            5 if is_streaming => (Play::sse_head().chunk(role()).cut(), Fate::Unknown),
            6 if is_streaming => (Play::sse([role(), sse::event(busy)]), Fate::Refused),
            7 if is_streaming => (Play::sse([role(), finish(), sse::event("[DONE]")]), Fate::Refused),
            5 | 6 => (Play::json(200, ""), Fate::Refused),
            _ => (Play::html(200, "<html>Sign in</html>"), Fate::Refused),
        }
    }
}

/// The number that a request carries in its text.
fn number(body: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(body);
    let digits = text.split("number ").nth(1).and_then(|rest| rest.split('"').next());
    digits.and_then(|digits| digits.parse().ok()).expect("a request of the soak")
}

fn request(number: u64) -> Vec<u8> {
    let stream = number.is_multiple_of(2);
    let body = format!(
        r#"{{"model":"words","stream":{stream},"messages":[{{"role":"user","content":"number {number}"}}]}}"#
    );
    post(ROUTE, body.as_bytes())
}

/// One caller; whether it was served, or `None` if it left.
async fn call(address: std::net::SocketAddr, number: u64) -> Option<bool> {
    if number.is_multiple_of(LEAVES_EVERY) {
        let mut connection = client::Connection::open(address).await;
        connection.send(&request(number)).await;
        sleep(Duration::from_millis(number % 7)).await;
        return None;
    }
    let reply = client::exchange(address, &request(number)).await;
    let text = reply.text();
    let is_served = reply.status() == 200 && reply.is_complete && text.contains("the words.");
    Some(is_served && (!text.contains("data:") || text.trim_end().ends_with("[DONE]")))
}

/// What of the process could leak, at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: f64,
    memory: f64,
    descriptors: f64,
    tasks: f64,
}

async fn sample(gateway: &Gateway, began: Instant) -> Sample {
    Sample {
        at: began.elapsed().as_secs_f64(),
        memory: gateway.memory().now as f64,
        descriptors: gateway.descriptors() as f64,
        tasks: tasks(gateway).await as f64,
    }
}

/// How many tasks live in the process, those of our own question included.
async fn tasks(gateway: &Gateway) -> i64 {
    let bearer = format!("Bearer {TOKEN}");
    let bytes = client::request("GET", "/admin/health", &[("authorization", &bearer)], b"");
    let health: Value = serde_json::from_slice(&client::exchange(gateway.desk(), &bytes).await.body).unwrap();
    health["tasks"].as_i64().expect("health tells tasks")
}

/// Least squares: how much `of` grows in an hour.
fn per_hour(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let count = samples.len() as f64;
    let (mean_at, mean) =
        (samples.iter().map(|one| one.at).sum::<f64>() / count, samples.iter().map(&of).sum::<f64>() / count);
    let above = samples.iter().map(|one| (one.at - mean_at) * (of(one) - mean)).sum::<f64>();
    let below = samples.iter().map(|one| (one.at - mean_at).powi(2)).sum::<f64>();
    3600.0 * above / below
}

#[tokio::test(flavor = "multi_thread")]
async fn d8_under_load_with_faults_nothing_is_lost_nothing_leaks_and_nothing_grows() {
    let seconds = env::var("STANDIN_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(10_u64);
    let rate = env::var("STANDIN_SOAK_RATE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u64);
    let book = Arc::new(Mutex::new(Book::default()));
    let mut upstreams = Vec::new();
    for _ in 0..3 {
        let book = book.clone();
        upstreams.push(ScriptedUpstream::forgetful(move |request| book.lock().unwrap().play(request)).await);
    }
    let tables = ["a", "b", "c"].iter().zip(&upstreams).enumerate().map(|(at, (name, upstream))| {
        let table = Upstream::new(name, &upstream.base_url()).model(MODEL, "words");
        table.credential(KEYS[2 * at], KEYS[2 * at]).credential(KEYS[2 * at + 1], KEYS[2 * at + 1])
    });
    let admin = format!("[admin]\nlisten = \"127.0.0.1:0\"\ntoken = {TOKEN:?}");
    let gateway = Gateway::logging("error,standin_assembly=info", "json", &admin, tables).await;
    // The first request makes whatever is made once.
    assert_eq!(call(gateway.address(), FIRST).await, Some(true));
    sleep(SETTLED).await;
    let before = tasks(&gateway).await;

    let mut figures = Figures::default();
    let (mut calls, mut samples) = (JoinSet::new(), Vec::new());
    let began = now();
    let mut ticks = interval(Duration::from_micros(1_000_000 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while began.elapsed() < Duration::from_secs(seconds) {
        ticks.tick().await;
        figures.requests += 1;
        let (address, number) = (gateway.address(), figures.requests);
        calls.spawn(async move { call(address, number).await });
        while let Some(done) = calls.try_join_next() {
            figures.lost += u64::from(done.unwrap() == Some(false));
        }
        if figures.requests % (rate * seconds.div_ceil(120)) == 0 {
            samples.push(sample(&gateway, began).await);
            let mut book = book.lock().unwrap();
            let old = figures.requests.saturating_sub(100 * rate);
            book.fates.retain(|number, _| *number > old);
        }
    }
    while let Some(done) = calls.join_next().await {
        figures.lost += u64::from(done.unwrap() == Some(false));
    }
    let settling = now();
    loop {
        figures.leaks = tasks(&gateway).await - before;
        if figures.leaks <= 0 || settling.elapsed() > SETTLED * 5 {
            break;
        }
        sleep(SETTLED / 10).await;
    }
    {
        let book = book.lock().unwrap();
        (figures.injected, figures.wasted) = (book.injected, book.wasted);
        (figures.duplicates, figures.possible_duplicates) = (book.duplicates, book.possible_duplicates);
    }
    // The first third is for pools and caches to fill.
    let steady = &samples[samples.len() / 3..];
    let growth = [
        per_hour(steady, |one| one.memory) / (1024.0 * 1024.0),
        per_hour(steady, |one| one.descriptors),
        per_hour(steady, |one| one.tasks),
    ];
    println!("{figures}");
    // The end of a run shows them, beside what was left out.
    if let Some(skips) = env::var_os("STANDIN_SKIPS") {
        fs::write(Path::new(&skips).with_file_name("figures.txt"), format!("{figures}\n")).unwrap();
    }
    println!(
        "{seconds} s at {rate} per second; per hour: {:+.2} MiB, {:+.1} descriptors, {:+.1} tasks; now {:?}",
        growth[0],
        growth[1],
        growth[2],
        samples.last()
    );
    assert!(figures.injected > 0 && figures.lost == 0 && figures.duplicates == 0, "{figures}");
    assert!(figures.leaks <= 0, "{figures}");
    assert!(figures.wasted * 25 <= figures.requests, "at most forty of a thousand: {figures}");
    if seconds >= 1800 {
        assert!(growth[0] < 1.0 && growth[1] < 5.0 && growth[2] < 5.0, "something grows: {growth:?}");
    }
}
