//! The interleaved rounds: every row through every target, again and again, so that a noisy minute hits all of them.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};

use crate::{
    load::{self, Sample, Streams},
    mock::Mock,
    process::Process,
    row::{Drive, Path, ROWS, Row},
    say,
    target::{self, Kind, Target},
};

/// Pause between two samples, in which what was left open closes.
const PAUSE: Duration = Duration::from_millis(60);
/// Calls that bring the product to suspend what fails.
const SUSPENDING_CALLS: u64 = 8;
/// Calls with which every target is warm.
const WARMING_CALLS: u64 = 200;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) rounds: usize,
    pub(crate) sample: Duration,
}

/// All samples, by row and target, in the order of the rounds.
pub(crate) type Samples = BTreeMap<(&'static str, Kind), Vec<Sample>>;

/// Runs all rounds.
pub(crate) async fn run(targets: &[Target], mock: &Mock, pace: Pace) -> anyhow::Result<Samples> {
    let mut samples = Samples::new();
    for target in targets {
        warm(target).await.with_context(|| format!("warm {}", target.kind))?;
    }
    for round in 0..pace.rounds {
        say(&format!("round {} of {}", round + 1, pace.rounds));
        for row in &ROWS {
            let direct = (Kind::Direct, mock.address, None);
            let through = targets.iter().map(|target| (target.kind, target.address, Some(&target.process)));
            for (kind, address, process) in std::iter::once(direct).chain(through) {
                if !row.is_for(kind) {
                    continue;
                }
                let sample = sample(row, kind, address, process, mock, pace.sample)
                    .await
                    .with_context(|| format!("measure `{}` through {kind}", row.title))?;
                samples.entry((row.key, kind)).or_default().push(sample);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    Ok(samples)
}

/// Makes a target ready to be measured: connections are there, and what the product has to suspend is suspended.
pub(crate) async fn warm(target: &Target) -> anyhow::Result<()> {
    let ask = target.ask(ROWS[0].wanted(), ROWS[0].body_bytes);
    load::in_turn(target.address, &ask, WARMING_CALLS).await?;
    if target.kind.is_product() {
        load::in_turn(target.address, &target.ask_refused(ROWS[0].body_bytes), SUSPENDING_CALLS).await?;
    }
    Ok(())
}

async fn sample(
    row: &Row,
    kind: Kind,
    address: SocketAddr,
    process: Option<&Process>,
    mock: &Mock,
    time: Duration,
) -> anyhow::Result<Sample> {
    let ask = target::ask(kind, address, row.path, row.wanted(), row.body_bytes);
    let before = mock.counts().await?;
    let sample = match row.drive {
        Drive::Saturated => load::saturate(address, process, &ask, time).await?,
        Drive::Paced(period) => {
            let calls = u64::try_from(time.as_nanos() / period.as_nanos())?;
            load::pace(address, process, &ask, period, calls).await?
        }
        Drive::Streams(streams) => {
            Streams::open(address, &ask, streams).await?.measure(process, time).await?
        }
    };
    let after = mock.counts().await?;
    let (requests, refused) = (after.requests - before.requests, after.refused - before.refused);
    match row.path {
        Path::Plain => ensure!(refused == 0, "{refused} of {requests} requests were refused upstream"),
        Path::Fallback => {
            ensure!(
                refused >= sample.count && requests >= 2 * sample.count,
                "{} calls caused {requests} attempts, {refused} of them refused",
                sample.count
            );
        }
        // A path that was suspended may be tried again at its time, which is not now.
        Path::Refused => ensure!(
            requests * 100 <= sample.count,
            "{} refused calls caused {requests} attempts",
            sample.count
        ),
    }
    Ok(sample)
}
