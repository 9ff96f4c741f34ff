//! What a target costs without being asked: memory idle, memory of an open stream, size, time to start.

use std::{path::Path, time::Duration};

use serde::Serialize;

use crate::{
    load::{self, Streams},
    process::Start,
    row::SMALL_BYTES,
    stats,
    target::{Kind, Place, Target},
    traffic::{self, Wanted},
};

/// Credentials of the product while its memory is measured.
pub(crate) const CREDENTIALS: usize = 100;
/// Time between two events of a stream that only stands open.
const SLOW_CHUNK_EVERY: Duration = Duration::from_secs(1);
/// Calls before the streams are opened, so that what is allocated once is there.
const WARMING_CALLS: u64 = 200;
/// Open connections a request through a target needs in the process with the most of them, and some to spare.
const FILES_SPARE: usize = 200;
/// Bytes of the bodies after which memory is looked at again.
const LARGE_BYTES: usize = 1024 * 1024;

/// What was found of one target.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Standing {
    pub(crate) kind: Kind,
    /// Resident memory right after the start.
    pub(crate) idle_kib: u64,
    /// What each open stream adds.
    pub(crate) stream_kib: f64,
    /// Streams that were open.
    pub(crate) streams: usize,
    /// Resident memory with all of them open.
    pub(crate) open_kib: u64,
    /// Resident memory after many bodies of one mebibyte.
    pub(crate) after_large_kib: Option<u64>,
    /// From the start of the process to the first answer that it is ready, at best.
    pub(crate) ready_ms: f64,
}

/// How much of it is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) streams: usize,
    pub(crate) starts: usize,
    /// How long bodies of one mebibyte are sent; zero for not at all.
    pub(crate) large: Duration,
}

/// Measures `kind` in a process of its own.
pub(crate) async fn measure(
    kind: Kind,
    place: &Place,
    start: &Start,
    effort: Effort,
) -> anyhow::Result<Standing> {
    let mut ready = Vec::new();
    for _ in 1..effort.starts {
        let target = Target::start(kind, place, start)?;
        ready.push(target.ready);
        target.process.stop()?;
    }
    let target = Target::start(kind, place, start)?;
    ready.push(target.ready);
    let idle_kib = target.process.rss_kib()?;
    load::in_turn(
        target.address,
        &target.ask(Wanted::Whole { bytes: SMALL_BYTES }, SMALL_BYTES),
        WARMING_CALLS,
    )
    .await?;
    let warm_kib = target.process.rss_kib()?;
    let streams =
        Streams::open(target.address, &target.ask(slow_stream(), SMALL_BYTES), effort.streams).await?;
    let open_kib = target.process.rss_kib()?;
    drop(streams);
    let after_large_kib = if effort.large.is_zero() {
        None
    } else {
        let ask = target.ask(Wanted::Whole { bytes: SMALL_BYTES }, LARGE_BYTES);
        load::saturate(target.address, Some(&target.process), &ask, effort.large).await?;
        Some(target.process.rss_kib()?)
    };
    let added = stats::float(open_kib.saturating_sub(warm_kib));
    let ready_ms = stats::best(ready.iter().map(|ready| ready.as_secs_f64() * 1_000.0)).unwrap_or(0.0);
    Ok(Standing {
        kind,
        idle_kib,
        stream_kib: added / stats::float(effort.streams as u64),
        streams: effort.streams,
        open_kib,
        after_large_kib,
        ready_ms,
    })
}

/// The stream that only stands open.
pub(crate) fn slow_stream() -> Wanted {
    Wanted::Stream { chunks: traffic::ENDLESS, period: SLOW_CHUNK_EVERY }
}

/// As many of `wanted` streams as this machine lets one process hold, with a connection on each side.
pub(crate) fn streams_possible(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let files = files.and_then(|rest| rest.split_whitespace().next()).and_then(|soft| soft.parse().ok());
    wanted.min(files.unwrap_or(1024usize).saturating_sub(FILES_SPARE) / 2)
}

/// Bytes of the binary as it was built.
pub(crate) fn binary_bytes(proxy: &Path) -> anyhow::Result<u64> {
    Ok(std::fs::metadata(proxy)?.len())
}
