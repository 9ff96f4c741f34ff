//! From samples to a table for people and a document for programs. It judges nothing but numbers.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use anyhow::Context;
use serde::Serialize;

use crate::{
    load::Sample,
    rounds::Samples,
    row::{Against, Drive, PLAIN_CALL, ROWS, Row},
    standing::{CREDENTIALS, Standing},
    stats,
    target::Kind,
};

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Seconds since 1970.
    pub(crate) unix_seconds: u64,
    pub(crate) is_quick: bool,
    pub(crate) rounds: usize,
    pub(crate) rows: Vec<Line>,
    pub(crate) standing: Vec<Standing>,
    pub(crate) binary_bytes: u64,
    pub(crate) skipped: Vec<String>,
}

/// One row with what each target needed.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    key: &'static str,
    title: &'static str,
    targets: BTreeMap<Kind, Figures>,
    /// The product over the floor.
    to_floor: Option<Ratio>,
    /// The product over what the bar is about.
    to_reference: Option<Ratio>,
    bar: f64,
    stretch: f64,
}

/// Microseconds of one target.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    count: u64,
    cpu_us_best: Option<f64>,
    cpu_us_median: Option<f64>,
    p50_us_best: f64,
    p99_us_best: f64,
}

/// A ratio of CPU times: best over best, and the median of the rounds' own ratios.
#[derive(Debug, Clone, Copy, Serialize)]
struct Ratio {
    best: f64,
    median: f64,
}

/// The lines of all rows.
pub(crate) fn lines(samples: &Samples) -> Vec<Line> {
    ROWS.iter().map(|row| line(row, samples)).collect()
}

fn line(row: &Row, samples: &Samples) -> Line {
    let kinds = [Kind::Direct, Kind::Floor, Kind::Nginx, Kind::Loose, row.product];
    let targets =
        kinds.into_iter().filter_map(|kind| Some((kind, figures(samples.get(&(row.key, kind))?)))).collect();
    let own = samples.get(&(row.key, row.product));
    let reference = match row.against {
        Against::Nginx => samples.get(&(row.key, Kind::Nginx)),
        Against::PlainCall => samples.get(&(PLAIN_CALL, Kind::Standin)),
        Against::OneWorker => samples.get(&(row.key, Kind::Loose)),
    };
    Line {
        key: row.key,
        title: row.title,
        targets,
        to_floor: own.zip(samples.get(&(row.key, Kind::Floor))).and_then(|(own, floor)| ratio(own, floor)),
        to_reference: own.zip(reference).and_then(|(own, reference)| ratio(own, reference)),
        bar: row.bar,
        stretch: row.stretch,
    }
}

fn figures(samples: &[Sample]) -> Figures {
    Figures {
        count: samples.iter().map(|sample| sample.count).sum(),
        cpu_us_best: stats::best(samples.iter().filter_map(|sample| sample.cpu_us)),
        cpu_us_median: stats::median(samples.iter().filter_map(|sample| sample.cpu_us)),
        p50_us_best: stats::best(samples.iter().map(|sample| sample.p50_us)).unwrap_or(0.0),
        p99_us_best: stats::best(samples.iter().map(|sample| sample.p99_us)).unwrap_or(0.0),
    }
}

fn ratio(own: &[Sample], other: &[Sample]) -> Option<Ratio> {
    let best = |samples: &[Sample]| stats::best(samples.iter().filter_map(|sample| sample.cpu_us));
    let pairs = own.iter().zip(other).filter_map(|(own, other)| Some(own.cpu_us? / other.cpu_us?));
    Some(Ratio { best: best(own)? / best(other)?, median: stats::median(pairs)? })
}

impl Report {
    /// The table.
    pub(crate) fn table(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(
            text,
            "\nCPU of the target for each call or chunk, microseconds, best of {} rounds; ratios best/best (median of rounds)\n",
            self.rounds
        )?;
        writeln!(
            text,
            "{:<28}{:>9}{:>9}{:>9}   {:<15}{:<17}{:>5}{:>9}",
            "", "floor", "nginx", "standin", "to floor", "to nginx/plain", "bar", "stretch"
        )?;
        for line in &self.rows {
            let cpu = |kind| line.targets.get(&kind).and_then(|figures| figures.cpu_us_best);
            writeln!(
                text,
                "{:<28}{:>9}{:>9}{:>9}   {:<15}{:<17}{:>5.2}{:>9.2}  {}",
                line.title,
                micros(cpu(Kind::Floor)),
                micros(cpu(Kind::Nginx)),
                micros(cpu(Kind::Standin).or(cpu(Kind::Pair))),
                show(line.to_floor),
                show(line.to_reference),
                line.bar,
                line.stretch,
                verdict(line.to_reference.map(|ratio| ratio.best), line.bar, line.stretch),
            )?;
        }
        self.times(&mut text)?;
        self.standing(&mut text)?;
        for skipped in &self.skipped {
            writeln!(text, "left out: {skipped}")?;
        }
        Ok(text)
    }

    /// What a target adds to the median, where the load was not the limit.
    fn times(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\nadded to the median time, microseconds (best round; in brackets the 99th percentile itself)\n"
        )?;
        let is_timed = |key| ROWS.iter().any(|row| row.key == key && row.drive != Drive::Saturated);
        for line in self.rows.iter().filter(|line| is_timed(line.key)) {
            let Some(direct) = line.targets.get(&Kind::Direct) else { continue };
            write!(text, "{:<28}", line.title)?;
            for (kind, figures) in line.targets.iter().filter(|(kind, _)| **kind != Kind::Direct) {
                let added = figures.p50_us_best - direct.p50_us_best;
                write!(text, "  {kind} {added:.0} ({:.0})", figures.p99_us_best)?;
            }
            writeln!(text, "  direct itself {:.0} ({:.0})", direct.p50_us_best, direct.p99_us_best)?;
        }
        Ok(())
    }

    fn standing(&self, text: &mut String) -> std::fmt::Result {
        let mib = |kib: u64| stats::float(kib) / 1024.0;
        writeln!(text, "\nstanding costs ({CREDENTIALS} credentials in standin)\n")?;
        for one in &self.standing {
            let Standing { kind, idle_kib, stream_kib, streams, open_kib, after_large_kib, ready_ms } = one;
            write!(
                text,
                "{:<9} idle {:>5.1} MiB   each of {streams} open streams {stream_kib:>5.1} KiB (all: {:.1} MiB)   ready after {ready_ms:.1} ms",
                kind.to_string(),
                mib(*idle_kib),
                mib(*open_kib),
            )?;
            match after_large_kib {
                Some(kib) => writeln!(text, "   after 1 MiB bodies {:.1} MiB", mib(*kib))?,
                None => writeln!(text)?,
            }
        }
        writeln!(
            text,
            "bars      idle  12.0 MiB   each open stream  32.0 KiB   ready after 50 ms   binary 15 MiB"
        )?;
        writeln!(text, "binary    {:.1} MiB", stats::float(self.binary_bytes) / 1_048_576.0)
    }

    /// Writes the document.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let folder = file.parent().context("a file stands in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(file, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("write {}", file.display()))
    }
}

fn micros(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

fn show(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{:.2} ({:.2})", ratio.best, ratio.median))
}

fn verdict(ratio: Option<f64>, bar: f64, stretch: f64) -> &'static str {
    match ratio {
        None => "not measured",
        Some(ratio) if ratio <= stretch => "stretch",
        Some(ratio) if ratio <= bar => "good",
        Some(_) => "over the bar",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_us: f64) -> Sample {
        Sample { count: 10, cpu_us: Some(cpu_us), p50_us: 1.0, p99_us: 2.0 }
    }

    #[test]
    fn a_ratio_is_best_over_best_beside_the_median_of_the_rounds() {
        let ratio = ratio(&[20.0, 30.0, 24.0].map(sample), &[10.0, 20.0, 20.0].map(sample)).expect("a ratio");
        assert!((ratio.best - 2.0).abs() < 1e-9);
        assert!((ratio.median - 1.5).abs() < 1e-9);
    }

    #[test]
    fn what_was_not_measured_is_not_good() {
        assert_eq!(verdict(None, 1.2, 1.0), "not measured");
        assert_eq!(verdict(Some(1.2), 1.2, 1.0), "good");
        assert_eq!(verdict(Some(1.21), 1.2, 1.0), "over the bar");
    }
}
