//! The work from which the compiler's profile of the product is taken (`just profile`): the rows of the table, none of
//! them so often that it drowns the others, and what coding agents ask in other dialects.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;

use crate::{
    dialect::Dialect,
    load::{self, Streams},
    mock::Mock,
    process::Start,
    rounds,
    row::{self, Drive, ROWS, SMALL_BYTES},
    target::{self, Kind, Place, Target},
    traffic::Wanted,
};

/// Calls of one row with a small body.
const SMALL_CALLS: usize = 6_000;
/// Bytes that the callers of a row with large bodies send: the loops over a large body are hot after a few of them, and
/// must not make everything that happens once a call look rare.
const LARGE_BYTES: usize = 2 * 1024 * 1024;
/// How long streams are read.
const STREAMING: Duration = Duration::from_secs(3);
/// Whole answers that an agent asks for, small ones and those with a prompt of [`PROMPT_BYTES`], and streams of it.
const AGENT_CALLS: [u64; 3] = [2_000, 64, 200];
/// Bytes of an agent's prompt.
const PROMPT_BYTES: usize = 32 * 1024;
/// A stream that an agent reads to its end.
const ANSWER: Wanted = Wanted::Stream { chunks: 20, period: Duration::from_millis(1) };

/// Puts `proxy` to every kind of work and lets it end in good order, for that is when it writes its profile down.
pub(crate) async fn run(proxy: PathBuf) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mock = Mock::start(folder.path())?;
    let mut models = row::models();
    models.push(ANSWER.model());
    let place = Place { dialects: &Dialect::AGENTS, ..Place::new(folder.path(), proxy, &mock, models) };
    // One worker and several are runtimes of different code.
    for kind in [Kind::Standin, Kind::Pair] {
        let target = Target::start(kind, &place, &Start::default())?;
        work(&target).await.with_context(|| format!("work of {kind}"))?;
        for dialect in Dialect::AGENTS {
            agent(&target, dialect).await.with_context(|| format!("{dialect:?} through {kind}"))?;
        }
        target.process.stop()?;
    }
    Ok(())
}

async fn work(target: &Target) -> anyhow::Result<()> {
    rounds::warm(target).await?;
    for row in ROWS.iter().filter(|row| row.is_for(Kind::Standin)) {
        let ask = target::ask(target.kind, target.address, row.path, row.wanted(), row.body_bytes);
        match row.drive {
            Drive::Streams(streams) => {
                Streams::open(target.address, &ask, streams).await?.measure(None, STREAMING).await?;
            }
            Drive::Saturated | Drive::Paced(_) => {
                let is_small = row.body_bytes <= SMALL_BYTES;
                let calls = if is_small { SMALL_CALLS } else { LARGE_BYTES / row.body_bytes };
                load::in_turn(target.address, &ask, u64::try_from(calls)?)
                    .await
                    .with_context(|| row.title)?;
            }
        }
    }
    Ok(())
}

/// What an agent does that speaks `dialect`.
async fn agent(target: &Target, dialect: Dialect) -> anyhow::Result<()> {
    let whole = Wanted::Whole { bytes: SMALL_BYTES };
    let ask = |wanted: Wanted, bytes| {
        let (alias, is_stream) = (target::agents_alias(dialect, &wanted.model()), wanted == ANSWER);
        dialect.ask(target.address, &alias, is_stream, bytes)
    };
    let [small, large, streams] = AGENT_CALLS;
    load::in_turn(target.address, &ask(whole, SMALL_BYTES), small).await?;
    load::in_turn(target.address, &ask(whole, PROMPT_BYTES), large).await?;
    load::streams_in_turn(target.address, &ask(ANSWER, SMALL_BYTES), streams).await
}
