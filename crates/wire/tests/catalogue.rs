//! What the catalogue of faults (`docs/faults.md`) asks of readers: counts of tokens, text that is cut anywhere.

use std::collections::VecDeque;

use bytes::Bytes;
use proptest::prelude::*;
use standin_core::Dialect;
use standin_wire::{Frame, Mark, StreamForm, StreamReader, Usage};

fn chunk(content: &str, usage: &str) -> String {
    format!(
        "data: {{\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"finish_reason\":null}}]{usage}}}\n\n"
    )
}

const FINISH: &str =
    "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn usage(tokens: u64) -> String {
    format!(
        "\"usage\":{{\"prompt_tokens\":{tokens},\"completion_tokens\":{},\"total_tokens\":{}}}",
        tokens + 1,
        2 * tokens + 1
    )
}

/// Reads a chat stream that comes in these pieces.
fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (StreamReader, Vec<Frame>) {
    let mut reader = StreamReader::new(Dialect::OpenaiChat, StreamForm::Events, Some("shown"));
    let mut frames = VecDeque::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece), &mut frames);
    }
    reader.finish(&mut frames);
    (reader, frames.into())
}

fn used(stream: &str) -> Usage {
    let (reader, _) = read([stream.as_bytes()]);
    assert!(reader.is_complete(), "{stream}");
    reader.usage()
}

#[test]
fn c7_a_count_that_comes_last_is_exact_one_that_comes_twice_is_the_last_and_none_is_unknown() {
    let last = format!("data: {{\"model\":\"m\",\"choices\":[],{}}}\n\n", usage(7));
    let seen = used(&[&chunk("a", ""), FINISH, &last, DONE].concat());
    assert_eq!((seen.input_tokens, seen.output_tokens, seen.total_tokens), (Some(7), Some(8), Some(15)));

    let early = chunk("a", &format!(",{}", usage(3)));
    let seen = used(&[&early, FINISH, &last, DONE].concat());
    assert_eq!((seen.input_tokens, seen.output_tokens), (Some(7), Some(8)), "the last one counts");

    assert_eq!(used(&[&chunk("a", ""), FINISH, DONE].concat()), Usage::default(), "unknown is not zero");
    let null = chunk("a", ",\"usage\":null");
    assert_eq!(used(&[&null, FINISH, DONE].concat()), Usage::default());
}

#[test]
fn c10_text_cut_within_a_character_arrives_whole_however_the_model_is_renamed() {
    let words = "für alle 🌍 — 日本語 \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
    let stream = [&chunk(words, ""), FINISH, DONE].concat();
    for size in 1..=7 {
        let (reader, frames) = read(stream.as_bytes().chunks(size));
        let out: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect();
        let out = String::from_utf8(out).expect("still text");
        assert!(reader.is_complete() && out.contains(words) && !out.contains('\u{fffd}'), "{size}: {out}");
        assert!(out.contains("\"model\":\"shown\""), "{out}");
    }
}

#[test]
fn c1_every_kind_of_line_end_and_every_oddity_is_one_event() {
    let data = r#"{"model":"m","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
    let big = "x".repeat(1 << 20);
    let events = [
        format!("data: {data}\n\n"),
        format!("data: {data}\r\n\r\n"),
        format!("data: {data}\r\r"),
        format!("\u{feff}data: {data}\n\n"),
        format!(": a comment\ndata: {data}\n\n"),
        format!("event: message\nid: 7\nretry: 10\ndata:{data}\n\n"),
        format!("data: {}\n\n", data.replace("\"a\"", &format!("\"{big}\""))),
        // Several lines of data are joined by line ends, which JSON does not mind between its fields.
        format!("data: {}\n\n", data.replace(",\"choices\"", ",\ndata: \"choices\"")),
    ];
    for event in events {
        let (_, frames) = read([event.as_bytes()]);
        let contents = frames.iter().filter(|frame| frame.mark == Mark::Content).count();
        assert_eq!((contents, frames.len()), (1, 1), "{event:.120}");
        // Without its blank line it still counts at the end.
        let (_, frames) = read([event.trim_end().as_bytes()]);
        assert_eq!(frames.iter().filter(|frame| frame.mark == Mark::Content).count(), 1, "{event:.120}");
    }
    let (_, frames) = read([b"data: \0\n\n".as_slice()]);
    assert!(frames.iter().all(|frame| frame.mark != Mark::Content), "NUL is no content: {frames:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn c1_ten_thousand_random_splits_give_the_same_events(cuts in proptest::collection::vec(0_usize..600, 0..12)) {
        let stream = [": hi\r\n\r\n", &chunk("für 🌍", ""), &chunk("b", "").replace('\n', "\r\n"), FINISH, DONE].concat();
        let (_, whole) = read([stream.as_bytes()]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let (_, split) = read(cuts.windows(2).map(|pair| &stream.as_bytes()[pair[0]..pair[1]]));
        prop_assert_eq!(whole, split);
    }
}
