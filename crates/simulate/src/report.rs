//! Several policies side by side, for a person.

use std::{fmt, ops::Range, time::Duration};

use crate::Figures;

/// What came out of one world.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the world is called.
    pub world: String,
    /// The seeds, each one day of its own.
    pub seeds: Range<u64>,
    /// Policy by policy.
    pub rows: Vec<Row>,
    /// The command that comes to the same figures.
    pub once_more: String,
}

/// One policy's figures.
#[derive(Debug, Clone)]
pub struct Row {
    /// What the policy is called.
    pub name: String,
    /// What was counted over all seeds.
    pub figures: Figures,
    /// Time it took to simulate.
    pub took: Duration,
}

impl Row {
    /// Requests simulated per second.
    #[must_use]
    pub fn speed(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
        let requests = self.figures.requests as f64;
        requests / self.took.as_secs_f64().max(1e-9)
    }

    fn cells(&self) -> [String; 11] {
        let Self { name, figures, .. } = self;
        [
            name.clone(),
            figures.served.to_string(),
            figures.hopeless.to_string(),
            format!("{:.2}", figures.lost_per_1000()),
            format!("{:.1}", figures.wasted_per_1000()),
            figures.possible_duplicates.to_string(),
            figures.false_suspension_seconds.to_string(),
            format!("{:.3}", figures.attempts_per_request()),
            format!("{:.2}", figures.attempts_per_caller_fault()),
            format!("{:.0}ms", figures.wait_per_request().as_secs_f64() * 1000.0),
            format!("{:.2}M/s", self.speed() / 1e6),
        ]
    }
}

const HEAD: [&str; 11] = [
    "policy",
    "served",
    "unservable",
    "lost/1000",
    "wasted/1000",
    "possible duplicates",
    "false suspension s",
    "attempts/request",
    "per caller fault",
    "wait",
    "speed",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { world, seeds, rows, once_more } = self;
        let requests = rows.first().map_or(0, |row| row.figures.requests);
        match seeds.end.saturating_sub(1) {
            last if last > seeds.start => write!(f, "world {world}, seeds {} to {last}", seeds.start)?,
            _ => write!(f, "world {world}, seed {}", seeds.start)?,
        }
        writeln!(f, ": {requests} requests\n")?;
        let lines: Vec<[String; 11]> =
            std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: [usize; 11] = std::array::from_fn(width);
        for line in &lines {
            write!(f, "{:<1$}", line[0], widths[0])?;
            for (cell, width) in line.iter().zip(widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        write!(f, "\nonce more: {once_more}")
    }
}
