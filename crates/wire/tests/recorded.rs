//! Recorded answers of real providers, read as they are: success is complete and says something, errors are found,
//! and however a stream is split, the caller gets its bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{collections::VecDeque, fs, path::PathBuf};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;
use standin_core::{Dialect, Operation};
use standin_wire::{Frame, Mark, StreamForm, StreamReader, WholeReply, read_reply};

struct Case {
    name: String,
    meta: Value,
    body: Vec<u8>,
    is_stream: bool,
}

impl Case {
    fn has(&self, feature: &str) -> bool {
        self.meta["features"].as_array().unwrap().iter().any(|one| one == feature)
    }

    fn is_success(&self) -> bool {
        self.meta["error_class"].is_null()
            && (matches!(self.meta["kind"].as_str(), Some("exchange" | "response-only"))
                || self.has("no-done-sentinel"))
    }

    fn operation(&self) -> Operation {
        match self.meta["path"].as_str().unwrap_or_default() {
            path if path.ends_with("/embeddings") => Operation::Embeddings,
            path if path.ends_with("/completions") && !path.ends_with("/chat/completions") => {
                Operation::Completions
            }
            _ => Operation::ChatCompletions,
        }
    }
}

/// Every recorded OpenAI Chat case that has an answer.
fn cases() -> Vec<Case> {
    let Some(root) = standin_testkit::shared("fixtures") else { return Vec::new() };
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root.join("openai-chat")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut cases = Vec::new();
    for folder in folders {
        let meta: Value = serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
        for (file, is_stream) in [("response.json", false), ("response.sse", true)] {
            if let Ok(body) = fs::read(folder.join(file)) {
                let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                cases.push(Case { name, meta: meta.clone(), body, is_stream });
            }
        }
    }
    cases
}

fn read(pieces: &[&[u8]]) -> (StreamReader, Vec<Frame>) {
    let mut reader = StreamReader::new(Dialect::OpenaiChat, StreamForm::Events, None);
    let mut frames = VecDeque::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece), &mut frames);
    }
    reader.finish(&mut frames);
    (reader, frames.into())
}

fn joined(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect()
}

#[test]
fn whole_answers_are_complete_and_errors_are_found() {
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| !case.is_stream) {
        let seen = read_reply(Dialect::OpenaiChat, case.operation(), &case.body);
        let is_fit = match &seen {
            WholeReply::Complete { .. } => case.is_success() || case.has("models-list"),
            WholeReply::Empty => case.has("empty-content"),
            WholeReply::ErrorInside => !case.meta["error_class"].is_null() || case.has("error-in-200"),
            WholeReply::NotTheDialect(_) => {
                !case.meta["error_class"].is_null()
                    || matches!(case.meta["kind"].as_str(), Some("models-list"))
            }
        };
        if !is_fit {
            wrong.push(format!("{}: {seen:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn streams_are_complete_and_come_out_byte_for_byte_and_broken_ones_never_look_complete() {
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| case.is_stream) {
        let (reader, frames) = read(&[&case.body]);
        let has_error = frames.iter().any(|frame| frame.mark == Mark::Error);
        if case.is_success() && !case.has("truncated-stream") {
            let is_whole = joined(&frames) == case.body || !case.body.ends_with(b"\n\n");
            if !reader.is_complete()
                || has_error
                || !is_whole
                || (reader.is_empty() && !case.has("empty-content"))
            {
                wrong.push(format!(
                    "{}: complete {}, empty {}, error {has_error}, whole {is_whole}",
                    case.name,
                    reader.is_complete(),
                    reader.is_empty()
                ));
            }
        } else if reader.is_complete() && !has_error {
            wrong.push(format!("{}: a broken stream looks complete", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn c1_a_split_at_any_byte_changes_nothing() {
    for case in cases().iter().filter(|case| case.is_stream && case.body.len() < 3_000) {
        let (_, whole) = read(&[&case.body]);
        for at in 0..case.body.len() {
            let (first, second) = case.body.split_at(at);
            let (_, frames) = read(&[first, second]);
            assert_eq!(frames, whole, "{} split at {at}", case.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_in_any_pieces_never_panic_and_give_the_same_frames(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), Just(b'{'), Just(b'"'), any::<u8>()
        ], 0..400),
        cut in 0_usize..400,
    ) {
        let case = Case { name: String::new(), meta: serde_json::json!({"path": "", "features": []}), body: bytes, is_stream: true };
        let (first, second) = case.body.split_at(cut.min(case.body.len()));
        let (_, whole) = read(&[&case.body]);
        let (_, split) = read(&[first, second]);
        prop_assert_eq!(whole, split);
    }
}
