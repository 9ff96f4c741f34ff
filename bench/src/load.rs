//! The load: calls back to back, calls on a schedule, and many streams at once.
//!
//! A call on a schedule counts from the moment it was due, whether or not the target was free for it: what waits behind
//! a slow answer is slow too.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use crate::{clock, line::Line, process::Process, stats, traffic::Ask};

/// Kept connections of a saturated target.
const SATURATED_LINES: usize = 16;
/// Most calls on a schedule that may be open at once; a target that is further behind is broken.
const OPEN_CALLS_MAX: usize = 256;
/// Streams are opened by so many at a time.
const OPENING_STREAMS: usize = 32;
/// Longest until every opened stream has shown its first event.
const FIRST_EVENTS_MAX: Duration = Duration::from_secs(20);
/// Transit times kept for one sample.
const TRANSITS_MAX: usize = 1_000_000;

/// What one target did in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Calls or chunks.
    pub(crate) count: u64,
    /// CPU time of the target for each, in microseconds; none where nobody stood between.
    pub(crate) cpu_us: Option<f64>,
    /// Median time of a call, or of a chunk from its making to its arrival, in microseconds.
    pub(crate) p50_us: f64,
    /// The ninety-ninth percentile of the same.
    pub(crate) p99_us: f64,
}

/// Reads what the target has used, before and after.
struct Meter<'a> {
    process: Option<&'a Process>,
    before: u64,
}

impl<'a> Meter<'a> {
    fn start(process: Option<&'a Process>) -> anyhow::Result<Self> {
        Ok(Self { process, before: process.map_or(Ok(0), Process::cpu_nanos)? })
    }

    fn sample(&self, count: u64, mut nanos: Vec<u64>) -> anyhow::Result<Sample> {
        ensure!(count > 0, "nothing came back");
        let used = self.process.map(Process::cpu_nanos).transpose()?;
        let cpu_us = used.map(|after| stats::micros(after - self.before) / stats::float(count));
        let (p50_us, p99_us) = stats::percentiles(&mut nanos);
        Ok(Sample { count, cpu_us, p50_us, p99_us })
    }
}

/// One call after the other on each of a few connections, for as long as told.
pub(crate) async fn saturate(
    address: SocketAddr,
    process: Option<&Process>,
    ask: &Ask,
    time: Duration,
) -> anyhow::Result<Sample> {
    let mut lines = Vec::new();
    for _ in 0..SATURATED_LINES {
        let mut line = Line::open(address).await?;
        line.call(ask).await?;
        lines.push(line);
    }
    let meter = Meter::start(process)?;
    let start = clock::now();
    let mut tasks = JoinSet::new();
    for mut line in lines {
        let ask = ask.clone();
        tasks.spawn(async move {
            let mut nanos = Vec::new();
            while clock::now().duration_since(start) < time {
                let begun = clock::now();
                line.call(&ask).await?;
                nanos.push(clock::nanos_since(begun));
            }
            anyhow::Ok(nanos)
        });
    }
    let mut nanos = Vec::new();
    while let Some(done) = tasks.join_next().await {
        nanos.extend(done??);
    }
    meter.sample(nanos.len() as u64, nanos)
}

/// `calls` calls, one each `period`, whatever the target does meanwhile.
pub(crate) async fn pace(
    address: SocketAddr,
    process: Option<&Process>,
    ask: &Ask,
    period: Duration,
    calls: u64,
) -> anyhow::Result<Sample> {
    let mut first = Line::open(address).await?;
    first.call(ask).await?;
    let idle = Arc::new(Mutex::new(vec![first]));
    let meter = Meter::start(process)?;
    let mut tasks: JoinSet<anyhow::Result<u64>> = JoinSet::new();
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut nanos = Vec::new();
    for _ in 0..calls {
        // The timer's own coarseness is not the target's; what waits for a free connection is, and counts from here.
        ticks.tick().await;
        let due = clock::now();
        let (idle, ask) = (Arc::clone(&idle), ask.clone());
        while let Some(done) = tasks.try_join_next() {
            nanos.push(done??);
        }
        ensure!(tasks.len() < OPEN_CALLS_MAX, "{OPEN_CALLS_MAX} calls wait: the target is far behind");
        tasks.spawn(async move {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut line = match kept {
                Some(line) => line,
                None => Line::open(address).await?,
            };
            line.call(&ask).await?;
            let took = clock::nanos_since(due);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            Ok(took)
        });
    }
    while let Some(done) = tasks.join_next().await {
        nanos.push(done??);
    }
    meter.sample(calls, nanos)
}

/// `calls` calls on one connection, one after the other.
pub(crate) async fn in_turn(address: SocketAddr, ask: &Ask, calls: u64) -> anyhow::Result<()> {
    let mut line = Line::open(address).await?;
    for _ in 0..calls {
        line.call(ask).await?;
    }
    Ok(())
}

/// `streams` streams on one connection, one after the other, each read to its end.
pub(crate) async fn streams_in_turn(address: SocketAddr, ask: &Ask, streams: u64) -> anyhow::Result<()> {
    let mut line = Line::open(address).await?;
    for _ in 0..streams {
        line.read_stream(ask).await?;
    }
    Ok(())
}

/// One stream, read to its end.
pub(crate) async fn one_stream(address: SocketAddr, ask: &Ask, chunks: u64) -> anyhow::Result<()> {
    let mut line = Line::open(address).await?;
    line.start(ask).await?;
    let mut count = 0;
    while line.stamps(|_| count += 1).await? {}
    ensure!(count == chunks, "{count} chunks of {chunks} came");
    Ok(())
}

/// Many open streams; they close with this value.
pub(crate) struct Streams {
    tasks: JoinSet<anyhow::Result<()>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    chunks: AtomicU64,
    is_measuring: AtomicBool,
    transits: Mutex<Vec<u64>>,
}

impl Streams {
    /// Opens `streams` streams and returns when each has shown an event.
    pub(crate) async fn open(address: SocketAddr, ask: &Ask, streams: usize) -> anyhow::Result<Self> {
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        let begun = Arc::new(AtomicU64::new(0));
        let gate = Arc::new(tokio::sync::Semaphore::new(OPENING_STREAMS));
        for _ in 0..streams {
            let (ask, counts, begun) = (ask.clone(), Arc::clone(&counts), Arc::clone(&begun));
            let permit = Arc::clone(&gate).acquire_owned().await?;
            tasks.spawn(async move {
                let mut line = Line::open(address).await?;
                line.start(&ask).await.context("open a stream")?;
                drop(permit);
                let mut own = 0u64;
                loop {
                    let mut seen = 0;
                    let is_open = line
                        .stamps(|stamp| {
                            seen += 1;
                            counts.see(stamp);
                        })
                        .await?;
                    if own == 0 && seen > 0 {
                        begun.fetch_add(1, Ordering::Relaxed);
                    }
                    own += seen;
                    ensure!(is_open, "a stream ended early");
                }
            });
        }
        let start = clock::now();
        while begun.load(Ordering::Relaxed) < streams as u64 {
            if let Some(ended) = tasks.try_join_next() {
                ended??;
            }
            ensure!(
                clock::now().duration_since(start) < FIRST_EVENTS_MAX,
                "streams stay without a first event"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { tasks, counts })
    }

    /// What the chunks of the next `time` cost.
    pub(crate) async fn measure(
        &mut self,
        process: Option<&Process>,
        time: Duration,
    ) -> anyhow::Result<Sample> {
        let meter = Meter::start(process)?;
        let before = self.counts.chunks.load(Ordering::Relaxed);
        self.counts.is_measuring.store(true, Ordering::Relaxed);
        tokio::time::sleep(time).await;
        let count = self.counts.chunks.load(Ordering::Relaxed) - before;
        self.counts.is_measuring.store(false, Ordering::Relaxed);
        if let Some(ended) = self.tasks.try_join_next() {
            ended??;
        }
        let transits =
            std::mem::take(&mut *self.counts.transits.lock().unwrap_or_else(PoisonError::into_inner));
        meter.sample(count, transits)
    }
}

impl Counts {
    fn see(&self, stamp: u64) {
        self.chunks.fetch_add(1, Ordering::Relaxed);
        if self.is_measuring.load(Ordering::Relaxed) {
            let mut transits = self.transits.lock().unwrap_or_else(PoisonError::into_inner);
            if transits.len() < TRANSITS_MAX {
                transits.push(clock::wall_nanos().saturating_sub(stamp));
            }
        }
    }
}
