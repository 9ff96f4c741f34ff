//! Classifies recorded errors from standard input: `cargo run --example classify -- [--report] [--explain] [--generic-only | --held-out]`.

use std::{env, io, time::UNIX_EPOCH};

use standin_classify::{
    Classifier, Packs,
    report::{self, Detail, Format, Options},
};

fn main() -> io::Result<()> {
    let has = |flag: &str| env::args().any(|arg| arg == flag);
    let detail = match (has("--report"), has("--explain")) {
        (true, _) => Detail::Score,
        (_, true) => Detail::Explain,
        _ => Detail::Verdicts,
    };
    // An example has no clock of its own: absolute dates count from the epoch.
    let packs = match (has("--generic-only"), has("--held-out")) {
        (true, _) => Packs::Generic,
        (_, true) => Packs::HeldOut,
        _ => Packs::All,
    };
    let options = Options { format: Format::Lines, detail, packs, now: UNIX_EPOCH };
    report::classify_input(Classifier::builtin(), io::stdin().lock(), &mut io::stdout().lock(), &options)?;
    Ok(())
}
