//! The rows of the table: what is asked, how, and what the answer may cost. It measures nothing itself.

use std::time::Duration;

use crate::{
    target::Kind,
    traffic::{self, Wanted},
};

/// Bytes of the smallest request and reply.
pub(crate) const SMALL_BYTES: usize = 1024;
/// Streams open at once while a chunk's cost is measured.
const STREAMS: usize = 400;
/// Time between two chunks of one stream.
pub(crate) const CHUNK_EVERY: Duration = Duration::from_millis(25);
/// Time between two calls of light traffic.
const CALL_EVERY: Duration = Duration::from_millis(2);

/// How a row is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drive {
    /// Back to back on a few connections.
    Saturated,
    /// One call each period.
    Paced(Duration),
    /// So many open streams.
    Streams(usize),
}

/// What the requests of a row meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// A candidate that answers.
    Plain,
    /// A candidate that refuses the model, then one that answers.
    Fallback,
    /// Only suspended candidates.
    Refused,
}

/// What a row is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// The same row through nginx.
    Nginx,
    /// The product's own plain call.
    PlainCall,
    /// The same row through one worker of the product that may use the same cores.
    OneWorker,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) drive: Drive,
    pub(crate) path: Path,
    /// The product as this row asks for it.
    pub(crate) product: Kind,
    pub(crate) body_bytes: usize,
    pub(crate) against: Against,
    /// The highest ratio that is good enough.
    pub(crate) bar: f64,
    /// The ratio to aim for.
    pub(crate) stretch: f64,
}

/// The key of the row that a fallback and a refusal are held against.
pub(crate) const PLAIN_CALL: &str = "call_1k";

const PLAIN: Row = Row {
    key: PLAIN_CALL,
    title: "1 KB call, saturated",
    drive: Drive::Saturated,
    path: Path::Plain,
    product: Kind::Standin,
    body_bytes: SMALL_BYTES,
    against: Against::Nginx,
    bar: 1.20,
    stretch: 1.05,
};

/// All rows, in the order of the table.
pub(crate) const ROWS: [Row; 8] = [
    PLAIN,
    Row {
        key: "call_1k_light",
        title: "1 KB call at 500/s",
        drive: Drive::Paced(CALL_EVERY),
        bar: 1.50,
        stretch: 1.30,
        ..PLAIN
    },
    Row { key: "call_32k", title: "32 KB call", body_bytes: 32 * 1024, bar: 1.50, stretch: 1.20, ..PLAIN },
    Row { key: "call_512k", title: "512 KB call", body_bytes: 512 * 1024, bar: 2.5, stretch: 1.7, ..PLAIN },
    Row {
        key: "chunk",
        title: "SSE chunk, same dialect",
        drive: Drive::Streams(STREAMS),
        bar: 1.20,
        stretch: 1.00,
        ..PLAIN
    },
    Row {
        key: "fallback",
        title: "400, then 200 / plain call",
        path: Path::Fallback,
        against: Against::PlainCall,
        bar: 2.0,
        stretch: 1.8,
        ..PLAIN
    },
    Row {
        key: "refused",
        title: "all suspended / plain call",
        path: Path::Refused,
        against: Against::PlainCall,
        bar: 0.5,
        stretch: 0.4,
        ..PLAIN
    },
    // Two workers do 1.8 times the work of one as long as a call takes no more than 2 / 1.8 of its time. Both may use the
    // same cores, since the load's core costs a call more than one of its own.
    Row {
        key: "pair",
        title: "two workers / one",
        product: Kind::Pair,
        against: Against::OneWorker,
        bar: 1.11,
        stretch: 1.0,
        ..PLAIN
    },
];

/// Every model that a row asks for, once.
pub(crate) fn models() -> Vec<String> {
    let mut models: Vec<String> = ROWS.iter().map(|row| row.wanted().model()).collect();
    models.sort();
    models.dedup();
    models
}

impl Row {
    /// What its requests want from the mock.
    pub(crate) fn wanted(&self) -> Wanted {
        match self.drive {
            Drive::Streams(_) => Wanted::Stream { chunks: traffic::ENDLESS, period: CHUNK_EVERY },
            Drive::Saturated | Drive::Paced(_) => Wanted::Whole { bytes: SMALL_BYTES },
        }
    }

    /// Whether it is measured for `kind`: only the product falls back, refuses or has two workers, and without anybody
    /// between there is only time to measure.
    pub(crate) fn is_for(&self, kind: Kind) -> bool {
        match kind {
            Kind::Standin | Kind::Pair => kind == self.product,
            Kind::Loose => self.against == Against::OneWorker,
            Kind::Direct => self.path == Path::Plain && self.drive != Drive::Saturated,
            Kind::Floor | Kind::Nginx => self.path == Path::Plain && self.product == Kind::Standin,
        }
    }
}
