//! The door to recorded data, which is other people's and therefore never part of the repository.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Where recorded data stands; without it, the folder `shared` beside the repository.
const SHARED_VARIABLE: &str = "STANDIN_SHARED";
/// A file to which every skipped part is appended, so that a suite can show them together at its end.
const SKIPS_VARIABLE: &str = "STANDIN_SKIPS";

/// The folder `part` of the recorded data, or `None` where there is none, which is said on standard error.
///
/// # Panics
/// With `CI` set, when the data is missing: a run that counts may not leave anything out.
#[must_use]
pub fn shared(part: &str) -> Option<PathBuf> {
    let root = env::var_os(SHARED_VARIABLE).map_or_else(beside_the_repository, PathBuf::from);
    let folder = root.join(part);
    if folder.exists() {
        return Some(folder);
    }
    skip(&format!("what needs recorded data ({part})"), &format!("no such folder; set {SHARED_VARIABLE}"));
    None
}

/// Says that `what` is left out and why, and notes it for the summary of the suite.
///
/// # Panics
/// With `CI` set: a run that counts may not leave anything out.
pub fn skip(what: &str, reason: &str) {
    eprintln!("skipped: {what}: {reason}");
    if let Some(path) = env::var_os(SKIPS_VARIABLE) {
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(path).expect("open the list of skips");
        writeln!(file, "{what}: {reason}").expect("note a skipped part");
    }
    assert!(
        env::var_os("CI").is_none(),
        "CI is set, so nothing may be skipped, but {what} would be: {reason}"
    );
}

fn beside_the_repository() -> PathBuf {
    // This crate stands two folders below the root of the repository.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}
