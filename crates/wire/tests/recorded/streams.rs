//! Streams: complete ones are complete and come out byte for byte, broken ones never look complete.

use serde_json::Value;
use standin_core::Dialect;
use standin_testkit::Recording;
use standin_wire::{Mark, error_payload};

use crate::{SHOWN, form, joined, read, streams, text};

/// Streams that end well without a word, a call or a token: an answer to nobody.
const SAYS_NOTHING: [&str; 1] = ["gemini-empty-parts-stream"];

#[test]
fn a_sound_stream_is_complete_and_says_something_and_a_broken_one_never_looks_complete() {
    let mut wrong = Vec::new();
    for case in streams() {
        let body = case.response.as_deref().unwrap();
        let (mut reader, frames) = read(case.dialect, form(&case), Some(SHOWN), [body]);
        if case.has("truncated-stream") {
            reader.lost();
        }
        let errors = frames.iter().filter(|frame| frame.mark == Mark::Error).count();
        let seen = (reader.is_complete(), reader.is_empty(), errors);
        let is_fit = match (case.is_sound(), seen) {
            (true, (is_complete, is_empty, errors)) => {
                is_complete && is_empty == SAYS_NOTHING.contains(&&*case.name) && errors == 0
            }
            (false, (is_complete, _, errors)) => !is_complete && (errors == 1 || !has_error(&case)),
        };
        if !is_fit {
            wrong.push(format!("{} {}: complete, empty, errors: {seen:?}", case.dialect, case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn has_error(case: &Recording) -> bool {
    case.error_class.is_some() || case.has("error-object")
}

#[test]
fn what_an_error_frame_says_is_json_that_tells_it() {
    for case in streams().iter().filter(|case| has_error(case)) {
        let (_, frames) = read(case.dialect, form(case), None, [case.response.as_deref().unwrap()]);
        let error = frames.last().unwrap();
        assert_eq!(error.mark, Mark::Error, "{}", case.name);
        let payload = error_payload(error);
        let json: Value = serde_json::from_slice(&payload).unwrap_or_else(|error| {
            panic!("{}: {error}: {}", case.name, text(&payload));
        });
        assert!(json.to_string().contains("error"), "{}: {json}", case.name);
    }
}

#[test]
fn a_sound_stream_comes_out_byte_for_byte_but_for_the_name_of_the_model() {
    let mut wrong = Vec::new();
    for case in streams().iter().filter(|case| case.is_sound()) {
        let body = case.response.as_deref().unwrap();
        let (_, as_it_is) = read(case.dialect, form(case), None, [body]);
        // An event that lacks its blank line gets it, and a blank line more at the end means nothing.
        if joined(&as_it_is).trim_ascii_end() != body.trim_ascii_end() {
            wrong.push(format!("{} {}", case.dialect, case.name));
        }
        let (_, renamed) = read(case.dialect, form(case), Some(SHOWN), [body]);
        let marks =
            |frames: &[standin_wire::Frame]| frames.iter().map(|frame| frame.mark).collect::<Vec<_>>();
        assert_eq!(marks(&as_it_is), marks(&renamed), "{}", case.name);
        let expected = case.answered_as(SHOWN);
        assert_eq!(text(&joined(&renamed)).trim_end(), expected.trim_end(), "{}", case.name);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_array_can_be_told_as_events_and_events_as_an_array() {
    use standin_wire::StreamForm::{Array, Events};
    let gemini = streams().into_iter().filter(|case| case.dialect == Dialect::Gemini && case.is_sound());
    for case in gemini {
        let body = case.response.as_deref().unwrap();
        let values = |text: &str| -> Vec<Value> {
            let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
            serde_json::from_str(text).unwrap_or_else(|_| lines.map(|line| line.parse().unwrap()).collect())
        };
        let expected = values(&text(body));
        for form in [Array, Events] {
            let (reader, frames) = read(case.dialect, form, None, [body]);
            let closing = reader.trailer().unwrap_or_default();
            let told = text(&joined(&frames)) + &text(&closing);
            assert_eq!(told.starts_with('['), form == Array, "{}: {told}", case.name);
            assert_eq!(values(&told), expected, "{}: {told}", case.name);
        }
    }
}

#[test]
fn streams_cut_at_any_event_are_never_complete() {
    for case in streams().iter().filter(|case| case.is_sound() && case.dialect != Dialect::Gemini) {
        let body = case.response.as_deref().unwrap();
        let (_, frames) = read(case.dialect, form(case), None, [body]);
        let ended = frames.iter().position(|frame| frame.mark == Mark::Terminal).unwrap();
        for kept in 0..ended {
            let (reader, _) = read(case.dialect, form(case), None, [&joined(&frames[..kept])[..]]);
            assert!(!reader.is_complete(), "{} after {kept} events", case.name);
        }
    }
}
