//! `proxy classify`: files and dumps in, verdicts out; the work is the classifier's.

use std::{fs::File, io, process::ExitCode};

use anyhow::Context;
use standin_classify::{
    Classifier, Packs,
    report::{Detail, Format, Options, Reply, classify_input, classify_reply},
};
use standin_conductor::SystemClock;
use standin_core::Clock;

use crate::cli::Classify;

pub(crate) fn run(asked: Classify) -> anyhow::Result<ExitCode> {
    let options = Options {
        format: if asked.table { Format::Table } else { Format::Lines },
        detail: match (asked.report, asked.explain) {
            (true, _) => Detail::Score,
            (false, true) => Detail::Explain,
            (false, false) => Detail::Verdicts,
        },
        packs: match (asked.generic_only, asked.held_out) {
            (true, _) => Packs::Generic,
            (false, true) => Packs::HeldOut,
            (false, false) => Packs::All,
        },
        now: SystemClock::new().wall(),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let classifier = Classifier::builtin();
    if let Some(status) = asked.status {
        let pair = |header: &String| {
            let (name, value) = header.split_once(':').context("a header is written NAME: VALUE")?;
            anyhow::Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = asked.header.iter().map(pair).collect::<Result<_, _>>()?;
        let reply = Reply {
            status,
            headers,
            body: asked.body.unwrap_or_default().into_bytes(),
            provider: asked.provider,
        };
        classify_reply(classifier, &reply, &mut out, &options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let score = match asked.file {
        Some(path) if path.as_os_str() != "-" => {
            let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
            classify_input(classifier, file, &mut out, &options)?
        }
        _ => classify_input(classifier, io::stdin().lock(), &mut out, &options)?,
    };
    // Some lines that could not be read are a failure, though all the others were.
    Ok(if score.bad_lines > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
