//! Callers who leave at any await point: a seeded wrapper drops the request there, thousands of times, and every time
//! the books must balance.

use std::{future::Future, pin::Pin, task::Poll, time::Duration};

use http_body_util::BodyExt;
use standin_conductor::Request;
use standin_policy::Ending;
use standin_store::Shown;

use crate::stage::{Act, Beat, CALLERS_FAULT, SERVED, Stage, UNSUPPORTED};

/// Requests that are dropped, or stay; `STANDIN_LONG` asks for ten times as many.
const RUNS: u64 = 10_000;
/// Requests over one stage before it is replaced: suspensions shall neither pile up nor always be new.
const PER_STAGE: u64 = 50;

/// How long a caller stays that is told nothing.
const PATIENCE: Duration = Duration::from_secs(600);

const BUSY: &str =
    r#"{"error":{"message":"Overloaded","type":"server_error","code":"server_is_overloaded"}}"#;
const LIMITED: &str = r#"{"error":{"message":"Rate limit reached. Please try again in 2s.","type":"requests","code":"rate_limit_exceeded"}}"#;

fn runs() -> u64 {
    if std::env::var_os("STANDIN_LONG").is_some() { 10 * RUNS } else { RUNS }
}

/// Chance from a seed, so that a failing run is found again by its number.
struct Dice(u64);

impl Dice {
    /// A number below `sides` (splitmix64).
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()].clone()
    }

    fn act(&mut self) -> Act {
        let after = self.roll(3_000);
        match self.roll(9) {
            0 => Act::Late(after, 200, SERVED),
            1 => Act::Late(after, 503, BUSY),
            2 => Act::Late(after, 429, LIMITED),
            3 => Act::Late(after, 404, UNSUPPORTED),
            4 => Act::Late(after, 400, CALLERS_FAULT),
            5 => Act::Refused,
            6 => Act::Silence,
            7 => Act::Stream(vec![(after, Beat::Lifecycle), (after, Beat::Error(BUSY))]),
            _ => {
                let end = self.pick(&[Beat::Finish, Beat::Break, Beat::Error(BUSY)]);
                let long = 1 + self.roll(40) * 1_000;
                Act::Stream(vec![
                    (after, Beat::Lifecycle),
                    (long, Beat::Content("a")),
                    (after, Beat::Content("b")),
                    (1, end),
                ])
            }
        }
    }

    fn stage(&mut self) -> Stage {
        let mut script = || (0..1 + self.roll(4)).map(|_| self.act()).collect();
        Stage::new(vec![script(), script(), script()])
    }
}

/// What one run came to.
#[derive(Debug, PartialEq, Eq)]
enum Run {
    /// The caller stayed to the last byte.
    Stayed,
    /// It left; what was remembered just before and just after.
    Left(Vec<Shown>, Vec<Shown>),
}

/// A whole life of a request: the answer, then its body, or an answer that nobody reads.
fn life<'a>(stage: &'a Stage, request: Request, reads: bool) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
    Box::pin(async move {
        let mut answer = stage.conductor.run(request).await;
        if !reads {
            return std::future::pending().await;
        }
        while let Some(frame) = answer.body.frame().await {
            let _ = frame.unwrap();
        }
    })
}

/// Polls a life until it is over or has been pending `polls` times; then the caller leaves.
async fn leave_after(stage: &Stage, mut life: Pin<Box<dyn Future<Output = ()> + '_>>, polls: u64) -> Run {
    let mut left = polls;
    let living = std::future::poll_fn(|cx| match left {
        0 => Poll::Ready(false),
        _ => {
            left -= 1;
            life.as_mut().poll(cx).map(|()| true)
        }
    });
    // Where nothing more happens, nobody is polled: then the caller leaves by the clock.
    let is_over = tokio::time::timeout(PATIENCE, living).await.unwrap_or(false);
    if is_over {
        return Run::Stayed;
    }
    let before = stage.conductor.store().export();
    drop(life);
    Run::Left(before, stage.conductor.store().export())
}

fn assert_balanced(stage: &Stage, run: u64) {
    assert_eq!(stage.open(), 0, "run {run}: an upstream call outlived its caller");
    let session = stage.conductor.snapshot().session().clone();
    for credential in 0..3 {
        assert_eq!(
            session.in_flight(credential),
            0,
            "run {run}: a place on credential {credential} was lost"
        );
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert_eq!(tasks, 0, "run {run}: a task outlived its caller");
}

#[tokio::test(start_paused = true)]
async fn d1_d7_a_request_dropped_at_any_await_point_leaks_nothing_and_records_nothing() {
    let (mut left, mut stayed) = (0, 0);
    let mut stage = Dice(0).stage();
    for run in 0..runs() {
        let mut dice = Dice(run);
        if run % PER_STAGE == 0 {
            stage = dice.stage();
        }
        let mut request = stage.request(dice.roll(2) == 0);
        if dice.roll(4) == 0 {
            request.timeout = Some(Duration::from_millis(1 + dice.roll(5_000)));
        }
        let id = request.call.request_id;
        let (reads, polls) = (dice.roll(5) > 0, dice.roll(12));
        match leave_after(&stage, life(&stage, request, reads), polls).await {
            Run::Stayed => stayed += 1,
            Run::Left(before, after) => {
                left += 1;
                assert_eq!(before, after, "run {run}: leaving was recorded");
                if let Some(story) = stage.conductor.story(&id).filter(|_| reads) {
                    let is_told = matches!(story.ending, Ending::CallerLeft | Ending::Failed(_));
                    assert!(is_told, "run {run}: {:?}", story.ending);
                }
            }
        }
        assert_balanced(&stage, run);
    }
    assert!(left > runs() / 3 && stayed > runs() / 20, "{left} left, {stayed} stayed");
}

#[tokio::test(start_paused = true)]
async fn d6_d7_many_callers_over_one_pool_leave_or_meet_a_panic_and_the_books_balance() {
    use futures_util::{FutureExt, future::join_all};
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut panics = 0;
    for run in 0..runs() / 100 {
        let mut dice = Dice(run);
        let stage = dice.stage();
        // One of the three executors is broken itself, at once or in mid-stream.
        let broken = [Act::Panic, Act::Stream(vec![(1, Beat::Content("a")), (1, Beat::Panic)])];
        *stage.scripts[0].acts.lock().unwrap() = [dice.pick(&broken)].into();
        let crowd: Vec<_> = (0..20).map(|_| (dice.roll(2) == 0, dice.roll(5) > 0, dice.roll(30))).collect();
        let lives = crowd.into_iter().map(|(is_streaming, reads, polls)| {
            let life = life(&stage, stage.request(is_streaming), reads);
            std::panic::AssertUnwindSafe(leave_after(&stage, life, polls)).catch_unwind()
        });
        panics += join_all(lives).await.iter().filter(|life| life.is_err()).count();
        assert_balanced(&stage, run);
        // Nothing is poisoned: the next request goes its way.
        *stage.scripts[0].acts.lock().unwrap() = [Act::Reply(200, SERVED)].into();
        let mut request = stage.request(false);
        request.timeout = Some(PATIENCE);
        let status = stage.conductor.run(request).await.status;
        assert!(status.is_success() || status.is_client_error() || status.is_server_error(), "run {run}");
    }
    std::panic::set_hook(silent);
    assert!(panics > 100, "{panics} panics");
}
