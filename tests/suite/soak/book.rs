//! What the upstreams of the soak do, and what they have seen.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use standin_testkit::{Play, Received, now, sse};

use crate::faults::{finish, role, streamed_answer, whole_answer};

/// One call in so many goes wrong.
const FAULT_EVERY: u64 = 20;
/// How long a credential is out that says so.
const LIMITED: Duration = Duration::from_secs(2);
/// What was on its way when a limit was told is not wasted.
const IN_THE_AIR: Duration = Duration::from_millis(500);
/// Turns that a call waits for on its way through this process: it is accepted, read, written down.
const TURNS: u32 = 4;

/// What became of one call, as far as the upstream knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Executed,
    Refused,
    Unknown,
}

/// What the upstreams have seen.
#[derive(Default)]
pub(super) struct Book {
    calls: u64,
    pub(super) injected: u64,
    pub(super) wasted: u64,
    pub(super) duplicates: u64,
    pub(super) possible_duplicates: u64,
    /// By the number of the request: what became of its calls so far.
    fates: HashMap<u64, Fate>,
    /// By key: when it said that it is out.
    limited: HashMap<String, Instant>,
    /// How long a turn takes in this process: the longest of the last moments, and when that was.
    turn: Option<(Duration, Instant)>,
}

impl Book {
    /// What an upstream does with a call: mostly it serves, and every so often it fails in one of many ways.
    pub(super) fn play(&mut self, request: &Received) -> Play {
        self.calls += 1;
        let number = number(&request.body);
        let key = request.key().to_owned();
        let in_the_air = IN_THE_AIR + TURNS * self.turn.map(|(longest, _)| longest).unwrap_or_default();
        if self.limited.get(&key).is_some_and(|since| (in_the_air..LIMITED).contains(&since.elapsed())) {
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

    /// Notes how long a turn took just now: on a busy machine a call is seen long after it was sent.
    pub(super) fn turn_took(&mut self, time: Duration) {
        if self.turn.is_none_or(|(longest, at)| time > longest || at.elapsed() > LIMITED) {
            self.turn = Some((time, now()));
        }
    }

    /// Forgets what became of requests that ended long ago.
    pub(super) fn forget_before(&mut self, number: u64) {
        self.fates.retain(|known, _| *known >= number);
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
