//! What the process has at one moment, and how fast that grows.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::health;
use crate::gateway::Gateway;

/// A count is the least of so many looks, so that what comes and goes with every request is left out.
const LOOKS: u32 = 5;
const LOOK_EVERY: Duration = Duration::from_millis(30);
const MIB: f64 = 1024.0 * 1024.0;

/// What of the process could leak, at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Seconds since the load began.
    at: f64,
    /// MiB that are really there.
    memory: f64,
    descriptors: f64,
    tasks: f64,
}

impl Sample {
    pub(super) async fn of(gateway: &Gateway, began: Instant) -> Self {
        let mut least = Self::look(gateway, began).await;
        for _ in 1..LOOKS {
            sleep(LOOK_EVERY).await;
            let next = Self::look(gateway, began).await;
            least = Self {
                at: next.at,
                memory: least.memory.min(next.memory),
                descriptors: least.descriptors.min(next.descriptors),
                tasks: least.tasks.min(next.tasks),
            };
        }
        least
    }

    async fn look(gateway: &Gateway, began: Instant) -> Self {
        Self {
            at: began.elapsed().as_secs_f64(),
            memory: gateway.memory().now as f64 / MIB,
            descriptors: gateway.descriptors() as f64,
            tasks: health(gateway, "tasks").await as f64,
        }
    }
}

/// How much of each is more after an hour, and after the time that was looked at.
#[derive(Debug)]
pub(super) struct Growth {
    pub(super) hours: f64,
    /// MiB, descriptors, tasks per hour.
    pub(super) per_hour: [f64; 3],
    /// How sure that is: the standard error of each.
    pub(super) error: [f64; 3],
}

impl Growth {
    /// Of three samples or more.
    pub(super) fn of(samples: &[Sample]) -> Self {
        let lines = [
            Line::through(samples, |one| one.memory),
            Line::through(samples, |one| one.descriptors),
            Line::through(samples, |one| one.tasks),
        ];
        let seconds = samples[samples.len() - 1].at - samples[0].at;
        Self {
            hours: seconds / 3600.0,
            per_hour: lines.each_ref().map(|line| line.slope * 3600.0),
            error: lines.each_ref().map(|line| line.error * 3600.0),
        }
    }

    /// The same for so many hours.
    pub(super) fn within(&self, hours: f64) -> [f64; 3] {
        self.per_hour.map(|growth| growth * hours)
    }
}

/// The line that is closest to some points by least squares.
struct Line {
    slope: f64,
    error: f64,
}

impl Line {
    fn through(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> Self {
        let count = samples.len() as f64;
        let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
        let (at, value) = (mean(&|one| one.at), mean(&of));
        let spread = samples.iter().map(|one| (one.at - at).powi(2)).sum::<f64>();
        let slope = samples.iter().map(|one| (one.at - at) * (of(one) - value)).sum::<f64>() / spread;
        let off = |one: &Sample| (of(one) - value - slope * (one.at - at)).powi(2);
        let error = (samples.iter().map(off).sum::<f64>() / (count - 2.0) / spread).sqrt();
        Self { slope, error }
    }
}

#[test]
fn d8_what_grows_by_more_than_the_noise_is_seen() {
    // A thirtieth of a MiB of noise, which is far more than there is.
    let sample = |at: f64, grown: f64| Sample {
        at,
        memory: 18.0 + grown * at / 3600.0 + (at * 7.0).sin() / 30.0,
        descriptors: 26.0,
        tasks: 5.0 + grown * at / 3600.0,
    };
    let run =
        |grown: f64| Growth::of(&(40..120).map(|n| sample(30.0 * f64::from(n), grown)).collect::<Vec<_>>());
    for grown in [0.0, 2.0, 50.0] {
        let [memory, descriptors, tasks] = run(grown).per_hour;
        assert!((memory - grown).abs() < 0.1 && (tasks - grown).abs() < 0.01, "{memory} {tasks}");
        assert!(descriptors.abs() < 0.01, "{descriptors}");
    }
}
