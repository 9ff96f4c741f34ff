//! However a stream is split, its frames are the same.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use standin_core::Dialect;
use standin_testkit::Recording;
use standin_wire::{Frame, StreamForm, StreamReader};

use crate::{SHOWN, form, read, streams};

/// One stream for each feature: the shortest that has it.
fn one_for_each_feature() -> Vec<Recording> {
    let mut cases = streams();
    cases.sort_by_key(|case| case.response.as_ref().map(Vec::len));
    let mut seen = HashSet::new();
    cases.retain(|case| {
        let features: Vec<_> = case.reply_features().map(|one| (case.dialect, one.to_owned())).collect();
        features.into_iter().filter(|feature| seen.insert(feature.clone())).count() > 0
    });
    cases
}

fn push(reader: &mut StreamReader, bytes: &[u8]) -> Vec<Frame> {
    let mut frames = VecDeque::new();
    reader.push(Bytes::copy_from_slice(bytes), &mut frames);
    frames.into()
}

/// The positions at which the reader has given out all that came, and the frames between them.
fn events(case: &Recording) -> Vec<(usize, Vec<Frame>)> {
    let body = case.response.as_deref().unwrap();
    let mut reader = StreamReader::new(case.dialect, form(case), Some(SHOWN));
    let mut events = Vec::new();
    for at in 0..body.len() {
        let frames = push(&mut reader, &body[at..=at]);
        // A lone CR is given out with what follows it.
        if !frames.is_empty() {
            events.push((at + 1, frames));
        }
    }
    events
}

/// Bytes of an event that are many enough to read it only by itself, once for each of them.
const LONG_EVENT: usize = 600;

#[test]
fn c1_a_split_at_any_byte_changes_nothing() {
    let mut splits = 0;
    for case in one_for_each_feature() {
        let body = case.response.as_deref().unwrap();
        let events = events(&case);
        let (_, whole) = read(case.dialect, form(&case), Some(SHOWN), [body]);
        let one_by_one: Vec<Frame> = events.iter().flat_map(|(_, frames)| frames.clone()).collect();
        assert_eq!(one_by_one[..], whole[..one_by_one.len()], "{} byte by byte", case.name);
        let mut before = StreamReader::new(case.dialect, form(&case), Some(SHOWN));
        let mut start = 0;
        for (nth, (end, _)) in events.iter().enumerate() {
            // What a split could upset beyond its own event shows at the next one.
            let beyond = usize::from(end - start < LONG_EVENT);
            let window = &events[nth..=(nth + beyond).min(events.len() - 1)];
            let expected: Vec<Frame> = window.iter().flat_map(|(_, frames)| frames.clone()).collect();
            let until = window[window.len() - 1].0;
            for at in start..*end {
                let mut reader = before.clone();
                let mut frames = push(&mut reader, &body[start..at]);
                frames.extend(push(&mut reader, &body[at..until]));
                assert_eq!(frames, expected, "{} split at {at}", case.name);
                splits += 1;
            }
            push(&mut before, &body[start..*end]);
            start = *end;
        }
    }
    assert!(splits == 0 || splits > 100_000, "only {splits} splits");
}

#[test]
fn c1_a_thousand_random_ways_to_split_change_nothing() {
    let cases = streams();
    if cases.is_empty() {
        return;
    }
    let ways = (0..cases.len(), proptest::collection::vec(any::<prop::sample::Index>(), 1..30));
    let mut runner = TestRunner::new(Config::with_cases(1_000));
    let outcome = runner.run(&ways, |(nth, cuts)| {
        let case = &cases[nth];
        let body = case.response.as_deref().unwrap();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        cuts.sort_unstable();
        let ends = cuts.iter().copied().chain([body.len()]);
        let pieces = std::iter::once(0).chain(cuts.iter().copied()).zip(ends);
        let pieces = pieces.map(|(start, end)| &body[start..end]);
        let (_, frames) = read(case.dialect, form(case), Some(SHOWN), pieces);
        let (_, whole) = read(case.dialect, form(case), Some(SHOWN), [body]);
        prop_assert!(frames == whole, "{}", case.name);
        Ok(())
    });
    outcome.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_in_any_pieces_never_panic_and_give_the_same_frames(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'd'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'),
            Just(b'"'), Just(b'\\'), any::<u8>()
        ], 0..400),
        cut in 0_usize..400,
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        form in prop::sample::select(vec![StreamForm::Events, StreamForm::Array]),
    ) {
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let (_, whole) = read(dialect, form, Some("shown"), [&bytes[..]]);
        let (_, split) = read(dialect, form, Some("shown"), [first, second]);
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn any_lines_in_any_pieces_give_the_same_frames(
        lines in proptest::collection::vec(prop::sample::select(LINES.to_vec()), 0..12),
        cut in any::<prop::sample::Index>(),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let bytes = lines.join(end).into_bytes();
        let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
        let (_, whole) = read(dialect, StreamForm::Events, Some("shown"), [&bytes[..]]);
        let (_, split) = read(dialect, StreamForm::Events, Some("shown"), [first, second]);
        prop_assert_eq!(whole, split);
    }
}

const LINES: [&str; 14] = [
    "",
    "",
    "\u{feff}",
    ": comment",
    "event: error",
    "event: message_start",
    "data: [DONE]",
    r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}],"model":"m"}"#,
    r#"data: {"choices":[{"index":0,"delta":{"content":"b"}}],"model":"m"}"#,
    r#"data:{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"model":"m"}"#,
    r#"data: {"type":"response.created","response":{"id":"r","model":"m"},"#,
    r#"data: "x":1}"#,
    r#"data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"modelVersion":"m"}"#,
    r#"{"error":{"code":500}}"#,
];
