//! What repeats within one per cent: instructions and system calls, the committed baseline, and the check against it.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// Growth over the baseline that is not noise any more.
pub(crate) const GROWTH_MAX: f64 = 0.03;
/// System calls differ by a few wake-ups between runs; growth below this is no growth.
const SYSCALLS_NOISE: f64 = 0.1;

/// What one call or chunk needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// User instructions, where callgrind is installed.
    pub(crate) instructions: Option<f64>,
    /// System calls, where strace is installed.
    pub(crate) syscalls: Option<f64>,
}

/// By row.
pub(crate) type Baseline = BTreeMap<String, Counted>;

/// Reads a baseline; `None` if there is none yet.
pub(crate) fn read(file: &Path) -> anyhow::Result<Option<Baseline>> {
    match fs::read(file) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).context("read the baseline")?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("read the baseline"),
    }
}

/// What grew beyond its baseline, in sentences.
pub(crate) fn grown(baseline: &Baseline, now: &Baseline) -> Vec<String> {
    let mut grown = Vec::new();
    for (row, before) in baseline {
        let after = now.get(row).copied().unwrap_or_default();
        let pairs = [
            ("instructions", before.instructions, after.instructions, 0.0),
            ("syscalls", before.syscalls, after.syscalls, SYSCALLS_NOISE),
        ];
        for (what, before, after, noise) in pairs {
            let Some((before, after)) = before.zip(after) else { continue };
            if after > before * (1.0 + GROWTH_MAX) + noise {
                let percent = (after / before - 1.0) * 100.0;
                grown.push(format!("{row}: {what} grew from {before:.1} to {after:.1} ({percent:+.1} %)"));
            }
        }
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(instructions: f64, syscalls: f64) -> Baseline {
        let counted = Counted { instructions: Some(instructions), syscalls: Some(syscalls) };
        BTreeMap::from([("call_1k".to_owned(), counted)])
    }

    #[test]
    fn growth_over_three_per_cent_is_told() {
        let before = one(40_000.0, 6.0);
        assert_eq!(grown(&before, &one(41_100.0, 6.2)), Vec::<String>::new());
        assert_eq!(grown(&before, &one(41_300.0, 6.0)).len(), 1);
        assert_eq!(grown(&before, &one(41_300.0, 7.0)).len(), 2);
    }

    #[test]
    fn what_cannot_be_measured_here_is_not_growth() {
        let nothing = BTreeMap::from([("call_1k".to_owned(), Counted::default())]);
        assert_eq!(grown(&one(40_000.0, 6.0), &nothing), Vec::<String>::new());
    }
}
