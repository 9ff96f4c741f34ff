//! The command line of the real binary as a shell meets it: how it ends when its reader leaves or its input is not there.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::{gateway::binary, repository::root};

/// More verdicts than a pipe holds while nobody reads.
const ROWS: usize = 2_000;

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows.jsonl");
    let row = r#"{"id":"r","status":404,"body":{"error":{"message":"The model gpt-x does not exist"}}}"#;
    std::fs::write(&rows, format!("{row}\n").repeat(ROWS)).unwrap();
    let mut reading = Command::new(binary())
        .args(["classify", "--explain"])
        .arg(&rows)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(reading.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    assert!(first.contains("model_unsupported"), "{first}");
    drop(out);
    let ended = reading.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn what_cannot_be_read_is_a_failure_and_a_wrong_configuration_is_another() {
    for (args, code) in [
        (vec!["classify", "there-is-no-such-file"], 1),
        (vec!["classify", "."], 1),
        (vec!["check", "--config", "there-is-no-such-file"], 78),
    ] {
        let ended = Command::new(binary()).args(&args).current_dir(root()).output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{args:?}");
        assert!(ended.stderr.starts_with(b"error: "), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}
