//! What goes on to the caller obeys the grammar of its dialect, whole or ended by us after any event.

use standin_core::Dialect;
use standin_testkit::{Recording, grammar, grammar::Ending};
use standin_wire::{CallerError, ErrorKind, Mark, StreamForm, StreamTail, error_frame, keep_alive};

use crate::{SHOWN, form, joined, read, streams};

/// Streams that somebody wrote by hand and that break a rule by themselves: they are passed on as they are.
const BROKEN_BY_HAND: [&str; 2] = ["anthropic-duplicate-message-start-stream", "openai-refusal-stream"];

fn obedient() -> impl Iterator<Item = Recording> {
    streams().into_iter().filter(|case| !BROKEN_BY_HAND.contains(&&*case.name))
}

#[test]
fn a_sound_stream_obeys_its_grammar_with_the_end_that_it_is_given() {
    for case in obedient().filter(Recording::is_sound) {
        for form in [form(&case), StreamForm::asked(case.dialect, None)] {
            let (reader, frames) = read(case.dialect, form, Some(SHOWN), [case.response.as_deref().unwrap()]);
            let all = [joined(&frames), reader.trailer().unwrap_or_default().to_vec()].concat();
            let seen = grammar::check(case.dialect, &all).unwrap_or_else(|fault| {
                panic!("{} {}: {fault}", case.dialect, case.name);
            });
            assert_eq!(seen.0, Ending::Complete, "{}", case.name);
        }
    }
}

#[test]
fn c2_a_stream_that_ends_before_its_end_gets_one_error_that_its_clients_understand() {
    let error = CallerError::new(ErrorKind::UpstreamFailed, "the stream ended without its terminal event");
    for case in obedient() {
        let body = case.response.as_deref().unwrap();
        let form = form(&case);
        let (_, whole) = read(case.dialect, form, Some(SHOWN), [body]);
        let ended = whole.iter().position(|frame| matches!(frame.mark, Mark::Terminal | Mark::Error));
        // After each of the first events; later ones are more of the same.
        for kept in 0..=ended.unwrap_or(whole.len()).min(30) {
            let mut out = std::collections::VecDeque::new();
            let mut reader = standin_wire::StreamReader::new(case.dialect, form, None);
            reader.push(joined(&whole[..kept]).into(), &mut out);
            let sent: Vec<_> = out.into_iter().filter(|frame| frame.mark != Mark::Error).collect();
            let alive = keep_alive(case.dialect);
            let last = error_frame(case.dialect, &error, "req_1", &reader.tail());
            let stream = [&joined(&sent)[..], &alive, &last].concat();
            let seen = grammar::check(case.dialect, &stream).unwrap_or_else(|fault| {
                panic!("{} {} after {kept} events: {fault}", case.dialect, case.name);
            });
            assert_eq!(seen.0, Ending::Failed, "{} after {kept} events", case.name);
        }
    }
}

#[test]
fn an_error_before_anything_else_is_a_stream_of_its_own_in_every_dialect_and_form() {
    let error = CallerError::new(ErrorKind::NoPath, "nothing could serve");
    for dialect in Dialect::ALL {
        for query in [None, Some("alt=sse")] {
            let tail = StreamTail::unsent(StreamForm::asked(dialect, query));
            let stream = [keep_alive(dialect), error_frame(dialect, &error, "req_1", &tail)].concat();
            let seen = grammar::check(dialect, &stream).unwrap_or_else(|fault| panic!("{dialect}: {fault}"));
            assert_eq!(seen.0, Ending::Failed, "{dialect}");
        }
    }
}
