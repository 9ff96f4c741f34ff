//! Load with faults for a while, and the five figures: faults injected, requests lost, possible duplicates, wasted
//! attempts, leaks. Ten seconds in the suite; `STANDIN_SOAK` says how many seconds the long form takes.
//!
//! The long form also says what grows. What is bounded and fills up slowly is filled before anything is measured, by
//! the same kind of requests: after that, whatever grows has no bound.

mod book;
mod growth;

use std::{
    env, fmt, fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use standin_testkit::{ScriptedUpstream, client, now};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};

use self::{
    book::Book,
    growth::{Growth, Sample},
};
use crate::{
    faults::MODEL,
    gateway::{Gateway, Upstream, post},
};

const ROUTE: &str = "/v1/chat/completions";
const TOKEN: &str = "token-of-the-operator-of-the-soak";
const KEYS: [&str; 6] = ["key-a1", "key-a2", "key-b1", "key-b2", "key-c1", "key-c2"];
/// One caller in so many leaves before its answer.
const LEAVES_EVERY: u64 = 50;
/// How long what has ended may take to be gone, on a busy machine.
const SETTLED: Duration = Duration::from_secs(1);
/// Requests before the load are numbered from here.
const BEFORE: u64 = 1_000_000_000;
/// From so many seconds on, what grows is a finding.
const GROWTH_SECONDS: u64 = 120;
/// From so many seconds on, it is one by the hour; before, the noise of an hour's worth would be larger than the bound.
const HOURLY_SECONDS: u64 = 1800;
/// How much more there may be: MiB, descriptors, tasks.
const GROWTH_MAX: [f64; 3] = [1.0, 5.0, 5.0];
/// Samples of one run.
const SAMPLES: u64 = 120;
/// Callers at once, and requests between two looks, while what is bounded is filled.
const FILLING_CALLERS: u64 = 16;
const FILLING_REQUESTS: u64 = 4_000;

/// How often we feel how busy the machine is.
const TURN_EVERY: Duration = Duration::from_millis(10);

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

fn request(number: u64) -> Vec<u8> {
    let stream = number.is_multiple_of(2);
    let body = format!(
        r#"{{"model":"words","stream":{stream},"messages":[{{"role":"user","content":"number {number}"}}]}}"#
    );
    post(ROUTE, body.as_bytes())
}

/// One caller; whether it was served, or `None` if it left.
async fn call(address: SocketAddr, number: u64) -> Option<bool> {
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

/// A number of the process's health, its own question included.
async fn health(gateway: &Gateway, name: &str) -> i64 {
    let bearer = format!("Bearer {TOKEN}");
    let bytes = client::request("GET", "/admin/health", &[("authorization", &bearer)], b"");
    let health: Value = serde_json::from_slice(&client::exchange(gateway.desk(), &bytes).await.body).unwrap();
    health[name].as_i64().unwrap_or_else(|| panic!("health tells {name}"))
}

/// Three upstreams with two credentials each, and the gateway before them.
async fn stage(book: &Arc<Mutex<Book>>) -> (Arc<Gateway>, Vec<ScriptedUpstream>) {
    let mut upstreams = Vec::new();
    for _ in 0..KEYS.len() / 2 {
        let book = book.clone();
        upstreams.push(ScriptedUpstream::forgetful(move |request| book.lock().unwrap().play(request)).await);
    }
    let tables = ["a", "b", "c"].iter().zip(&upstreams).enumerate().map(|(at, (name, upstream))| {
        let table = Upstream::new(name, &upstream.base_url()).model(MODEL, "words");
        table.credential(KEYS[2 * at], KEYS[2 * at]).credential(KEYS[2 * at + 1], KEYS[2 * at + 1])
    });
    let admin = format!("[admin]\nlisten = \"127.0.0.1:0\"\ntoken = {TOKEN:?}");
    (Arc::new(Gateway::logging("error,standin_assembly=info", "json", &admin, tables).await), upstreams)
}

/// Sends requests as fast as they are answered until what is remembered of conversations becomes less for the first
/// time: then it has been full. Everything else that is bounded is smaller, and full long before.
async fn fill(gateway: &Gateway, book: &Mutex<Book>) {
    let (began, before) = (now(), gateway.memory().now);
    let (mut most, mut sent) = (0, 0);
    loop {
        let mut callers = JoinSet::new();
        for caller in 0..FILLING_CALLERS {
            let address = gateway.address();
            callers.spawn(async move {
                for number in 0..FILLING_REQUESTS / FILLING_CALLERS {
                    call(address, BEFORE + sent + number * FILLING_CALLERS + caller).await;
                }
            });
        }
        callers.join_all().await;
        sent += FILLING_REQUESTS;
        *book.lock().unwrap() = Book::default();
        let known = health(gateway, "conversations").await;
        if known < most {
            break;
        }
        most = known;
    }
    let more = gateway.memory().now.saturating_sub(before) >> 10;
    println!("filled by {sent} requests in {:?}: {most} conversations, {more} KiB", began.elapsed());
}

/// The load itself: so many requests per second, whatever becomes of them.
async fn load(gateway: &Gateway, book: &Mutex<Book>, seconds: u64, rate: u64) -> Figures {
    let mut figures = Figures::default();
    let mut calls = JoinSet::new();
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
        if figures.requests % (100 * rate) == 0 {
            book.lock().unwrap().forget_before(figures.requests - 100 * rate);
        }
    }
    while let Some(done) = calls.join_next().await {
        figures.lost += u64::from(done.unwrap() == Some(false));
    }
    figures
}

/// Samples from now on, until the task is ended.
async fn watch(gateway: Arc<Gateway>, samples: Arc<Mutex<Vec<Sample>>>, seconds: u64) {
    let began: Instant = now();
    let mut looks = interval(Duration::from_secs(seconds.div_ceil(SAMPLES)));
    loop {
        looks.tick().await;
        let sample = Sample::of(&gateway, began).await;
        samples.lock().unwrap().push(sample);
    }
}

/// Tells the book how long everything waits for its turn here.
async fn feel(book: Arc<Mutex<Book>>) {
    loop {
        let since = now();
        sleep(TURN_EVERY).await;
        book.lock().unwrap().turn_took(since.elapsed().saturating_sub(TURN_EVERY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d8_under_load_with_faults_nothing_is_lost_nothing_leaks_and_nothing_grows() {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, rate) = (number("STANDIN_SOAK").unwrap_or(10), number("STANDIN_SOAK_RATE").unwrap_or(100));
    let book = Arc::new(Mutex::new(Book::default()));
    let (gateway, _upstreams) = stage(&book).await;
    // The first request makes whatever is made once.
    assert_eq!(call(gateway.address(), BEFORE - 1).await, Some(true));
    if seconds >= GROWTH_SECONDS {
        fill(&gateway, &book).await;
    }
    sleep(SETTLED).await;
    let before = health(&gateway, "tasks").await;

    let samples = Arc::new(Mutex::new(Vec::new()));
    let watching = tokio::spawn(watch(gateway.clone(), samples.clone(), seconds));
    let feeling = tokio::spawn(feel(book.clone()));
    let mut figures = load(&gateway, &book, seconds, rate).await;
    feeling.abort();
    watching.abort();
    let settling = now();
    loop {
        figures.leaks = health(&gateway, "tasks").await - before;
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
    println!("{figures}");
    // The end of a run shows them, beside what was left out.
    if let Some(skips) = env::var_os("STANDIN_SKIPS") {
        fs::write(Path::new(&skips).with_file_name("figures.txt"), format!("{figures}\n")).unwrap();
    }
    assert!(figures.injected > 0 && figures.lost == 0 && figures.duplicates == 0, "{figures}");
    assert!(figures.leaks <= 0, "{figures}");
    assert!(figures.wasted * 25 <= figures.requests, "at most forty of a thousand: {figures}");
    let samples = samples.lock().unwrap();
    assert_flat(&samples, seconds, rate);
}

/// What the process has is no more at the end than it was.
fn assert_flat(samples: &[Sample], seconds: u64, rate: u64) {
    // In the first third the pools find the size that the load needs.
    let growth = Growth::of(&samples[samples.len() / 3..]);
    let [memory, descriptors, tasks] = growth.per_hour;
    println!(
        "{seconds} s at {rate} per second; per hour {memory:+.2} MiB, {descriptors:+.1} descriptors, \
         {tasks:+.1} tasks (standard errors {:.2?}); at the end {:?}",
        growth.error,
        samples.last()
    );
    if seconds >= GROWTH_SECONDS {
        let hours = if seconds >= HOURLY_SECONDS { 1.0 } else { growth.hours };
        let grown = growth.within(hours);
        let is_flat = grown.iter().zip(GROWTH_MAX).all(|(grown, most)| *grown < most);
        assert!(is_flat, "something grows: {grown:?} in {hours:.2} hours, at most {GROWTH_MAX:?}");
    }
}
