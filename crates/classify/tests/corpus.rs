//! The recorded errors are read as they are labelled, and as well as was promised; so are strangers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{fs, time::UNIX_EPOCH};

use standin_classify::{
    Classifier, Packs,
    report::{Detail, Format, Options, Score, Share, classify_input},
};
use standin_core::ErrorClass;

/// The score over all recorded errors, or `None` where they are not at hand.
fn score(packs: Packs) -> Option<Score> {
    let root = standin_testkit::shared("corpus")?;
    let rows = fs::read(root.join("upstream-errors.jsonl")).unwrap();
    let options = Options { format: Format::Lines, detail: Detail::Verdicts, packs, now: UNIX_EPOCH };
    let mut verdicts = Vec::new();
    Some(classify_input(Classifier::builtin(), rows.as_slice(), &mut verdicts, &options).unwrap())
}

#[track_caller]
fn at_least(what: &str, share: Share, wanted: f64, score: &Score) {
    assert!(share.ratio() >= wanted, "{what}: {} of {}\n{:#?}", share.right, share.all, score.wrong);
}

#[test]
fn recorded_errors_are_read_as_they_are_labelled() {
    let Some(score) = score(Packs::All) else { return };
    at_least("classes", score.classes, 0.99, &score);
    at_least("precision of missing models", score.precision(ErrorClass::ModelUnsupported), 0.99, &score);
    at_least("recall of missing models", score.recall(ErrorClass::ModelUnsupported), 0.98, &score);
    at_least("delays", score.delays, 0.98, &score);
    assert_eq!(score.bad_lines, 0);
}

#[test]
fn what_should_fall_back_does_and_what_should_stop_stops() {
    let Some(score) = score(Packs::All) else { return };
    at_least("falls back", score.falls_back, 0.97, &score);
    at_least("stops", score.stops, 0.97, &score);
    at_least("falls back, under 400, 413 and 422", score.falls_back_on_4xx, 0.92, &score);
    at_least("stops, under 400, 413 and 422", score.stops_on_4xx, 0.97, &score);
}

#[test]
fn the_callers_own_faults_suspend_nothing() {
    let Some(score) = score(Packs::All) else { return };
    at_least("faults of callers", score.caller_faults, 0.99, &score);
}

#[test]
fn providers_that_nobody_has_met_are_read_too() {
    for packs in [Packs::HeldOut, Packs::Generic] {
        let Some(score) = score(packs) else { return };
        at_least("classes", score.classes, 0.95, &score);
        at_least("falls back", score.falls_back, 0.97, &score);
        at_least("stops", score.stops, 0.97, &score);
    }
}
