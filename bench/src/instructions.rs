//! Counts user instructions with callgrind and system calls with strace.
//!
//! Both watch a whole run, start and end included, so every figure is the difference of two runs of different lengths.

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::{Context, ensure};

use crate::{
    counted::{self, Baseline, Counted},
    load,
    mock::Mock,
    out,
    process::{self, Start},
    row::SMALL_BYTES,
    say, stats,
    target::{self, Kind, Place, Target},
    traffic::Wanted,
};

/// Time between two chunks; long enough for a watched process, so that each chunk is a read of its own.
const CHUNK_EVERY: Duration = Duration::from_millis(4);
/// The committed figures.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json");

/// One thing that is counted.
#[derive(Debug, Clone, Copy)]
struct Case {
    key: &'static str,
    body_bytes: usize,
    is_stream: bool,
    /// Calls or chunks of the short and of the long run.
    lengths: (u64, u64),
    bars: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        key: "call_1k",
        body_bytes: SMALL_BYTES,
        is_stream: false,
        lengths: (300, 2_300),
        bars: "bar 55 000 and 6.2, stretch 42 000 and 6.0",
    },
    Case {
        key: "call_32k",
        body_bytes: 32 * 1024,
        is_stream: false,
        lengths: (200, 1_200),
        bars: "bar 190 000 beyond the 1 KB call, stretch 60 000",
    },
    Case {
        key: "chunk",
        body_bytes: SMALL_BYTES,
        is_stream: true,
        lengths: (200, 1_200),
        bars: "bar 8 500, stretch 6 500",
    },
];

/// Who watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watcher {
    Callgrind,
    Strace,
}

/// Counts, prints, writes, and holds the product against its baseline.
pub(crate) async fn run(is_quick: bool, update: bool, proxy: PathBuf) -> anyhow::Result<()> {
    let (mut kinds, mut skipped) = target::kinds(&proxy)?;
    if is_quick {
        kinds = vec![Kind::Standin];
    }
    let mut watchers = Vec::new();
    for (program, watcher) in [("valgrind", Watcher::Callgrind), ("strace", Watcher::Strace)] {
        match process::find(program) {
            Some(_) => watchers.push(watcher),
            None => skipped.push(format!("{program} is not installed: nothing is counted with it")),
        }
    }
    let folder = tempfile::tempdir()?;
    let mock = Mock::start(folder.path())?;
    let place = Place::new(folder.path(), proxy, &mock, models());
    let mut found: BTreeMap<Kind, Baseline> = BTreeMap::new();
    say(&format!("{:<10}{:<10}{:>14}{:>10}", "", "", "instructions", "syscalls"));
    for case in CASES {
        for kind in &kinds {
            let counted = count(case, *kind, &place, &watchers)
                .await
                .with_context(|| format!("count `{}` through {kind}", case.key))?;
            let instructions = counted.instructions.map_or_else(|| "–".to_owned(), |n| format!("{n:.0}"));
            let syscalls = counted.syscalls.map_or_else(|| "–".to_owned(), |n| format!("{n:.2}"));
            let bars = if *kind == Kind::Standin { case.bars } else { "" };
            say(&format!(
                "{:<10}{:<10}{instructions:>14}{syscalls:>10}   {bars}",
                case.key,
                kind.to_string()
            ));
            found.entry(*kind).or_default().insert(case.key.to_owned(), counted);
        }
    }
    for skipped in &skipped {
        say(&format!("left out: {skipped}"));
    }
    fs::create_dir_all(out()?)?;
    fs::write(out()?.join("instructions.json"), serde_json::to_vec_pretty(&found)?)?;
    judge(found.get(&Kind::Standin).context("the product was counted")?, update)
}

fn judge(now: &Baseline, update: bool) -> anyhow::Result<()> {
    if update {
        fs::write(BASELINE, serde_json::to_string_pretty(now)? + "\n").context("write the baseline")?;
        say("this is the new baseline");
        return Ok(());
    }
    let Some(baseline) = counted::read(BASELINE.as_ref())? else {
        say("left out: there is no baseline to hold this against");
        return Ok(());
    };
    let grown = counted::grown(&baseline, now);
    ensure!(
        grown.is_empty(),
        "more than {:.0} % over the baseline:\n{}",
        counted::GROWTH_MAX * 100.0,
        grown.join("\n")
    );
    say("within the baseline");
    Ok(())
}

async fn count(case: Case, kind: Kind, place: &Place, watchers: &[Watcher]) -> anyhow::Result<Counted> {
    let mut counted = Counted::default();
    for watcher in watchers {
        let (short, long) = case.lengths;
        let difference = watch(*watcher, case, kind, place, long)
            .await?
            .checked_sub(watch(*watcher, case, kind, place, short).await?)
            .context("a longer run needs more")?;
        let each = Some(stats::float(difference) / stats::float(long - short));
        match watcher {
            Watcher::Callgrind => counted.instructions = each,
            Watcher::Strace => counted.syscalls = each,
        }
    }
    Ok(counted)
}

/// What one watched run of `length` calls or chunks needs as a whole.
async fn watch(watcher: Watcher, case: Case, kind: Kind, place: &Place, length: u64) -> anyhow::Result<u64> {
    let file = place.folder.join("counted");
    let words = match watcher {
        Watcher::Callgrind => {
            format!("valgrind --tool=callgrind --callgrind-out-file={}", file.display())
        }
        Watcher::Strace => format!("strace -f -c -o {}", file.display()),
    };
    let start = Start { watcher: words.split(' ').map(str::to_owned).collect(), ..Start::default() };
    let target = Target::start(kind, place, &start)?;
    let ask = target.ask(wanted(case, length), case.body_bytes);
    if case.is_stream {
        load::one_stream(target.address, &ask, length).await?;
    } else {
        load::in_turn(target.address, &ask, length).await?;
    }
    target.process.stop()?;
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    match watcher {
        Watcher::Callgrind => callgrind_total(&text).context("find callgrind's total"),
        Watcher::Strace => strace_total(&text).context("find strace's total"),
    }
}

fn wanted(case: Case, length: u64) -> Wanted {
    if case.is_stream {
        Wanted::Stream { chunks: length, period: CHUNK_EVERY }
    } else {
        Wanted::Whole { bytes: SMALL_BYTES }
    }
}

fn models() -> Vec<String> {
    let cases =
        CASES.into_iter().flat_map(|case| [wanted(case, case.lengths.0), wanted(case, case.lengths.1)]);
    let mut models: Vec<String> = cases.map(Wanted::model).collect();
    models.sort();
    models.dedup();
    models
}

fn callgrind_total(text: &str) -> Option<u64> {
    let totals =
        text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")))?;
    totals.split_whitespace().next()?.parse().ok()
}

/// The line of totals has its calls in the fourth column.
fn strace_total(text: &str) -> Option<u64> {
    let total = text.lines().rfind(|line| line.trim_end().ends_with(" total"))?;
    total.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_read_as_the_tools_write_them() {
        assert_eq!(callgrind_total("events: Ir\nfn=(1)\ntotals: 8123456\n"), Some(8_123_456));
        let strace = "% time     seconds  usecs/call     calls    errors syscall\n\
                      100.00    0.000123           1      4567        34 total\n";
        assert_eq!(strace_total(strace), Some(4_567));
    }
}
