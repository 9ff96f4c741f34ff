//! Odd but real shapes of streams, written down by hand.

#![expect(clippy::panic, reason = "a test that cannot go on says where")]

use std::collections::VecDeque;

use standin_core::Dialect;
use standin_testkit::grammar::{self, Ending};
use standin_wire::{Frame, Mark, StreamForm, StreamReader};

fn read(dialect: Dialect, form: StreamForm, stream: &str) -> (StreamReader, Vec<Frame>) {
    let mut reader = StreamReader::new(dialect, form, Some("shown"));
    let mut frames = VecDeque::new();
    reader.push(stream.to_owned().into(), &mut frames);
    reader.finish(&mut frames);
    (reader, frames.into())
}

fn text(frames: &[Frame]) -> String {
    frames.iter().map(|frame| String::from_utf8_lossy(&frame.bytes).into_owned()).collect()
}

/// Reads a stream that has to be complete, and gives what goes on to the caller.
fn complete(dialect: Dialect, form: StreamForm, stream: &str) -> String {
    let (reader, frames) = read(dialect, form, stream);
    assert!(reader.is_complete() && !reader.is_empty(), "{stream}");
    let trailer = reader.trailer().unwrap_or_default();
    let told = text(&frames) + &String::from_utf8_lossy(&trailer);
    match grammar::check(dialect, told.as_bytes()) {
        Ok((Ending::Complete, _)) => told,
        other => panic!("{other:?}: {told}"),
    }
}

const SAID: &str = r#"{"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}], "modelVersion": "up"}"#;

#[test]
fn a_gemini_server_that_knows_no_streams_is_told_as_one() {
    let pretty = SAID.replace(", ", ",\n  ");
    let events = complete(Dialect::Gemini, StreamForm::Events, &pretty);
    assert!(events.starts_with("data: {") && events.contains(r#""shown""#), "{events}");
    let array = complete(Dialect::Gemini, StreamForm::Array, &pretty);
    assert!(array.starts_with("[{") && array.trim_end().ends_with(']'), "{array}");
}

#[test]
fn what_gemini_clients_take_for_broken_json_is_left_out() {
    let stream = format!(": OPENROUTER\n\nevent: chunk\nid: 7\ndata: {SAID}\n\n\n\ndata: [DONE]\n\n");
    let told = complete(Dialect::Gemini, StreamForm::Events, &stream);
    assert_eq!(told, format!("data: {}\n\n", SAID.replace("up", "shown")));
}

#[test]
fn a_message_whose_events_have_no_names_gets_them() {
    let stream = [
        r#"{"type":"message_start","message":{"id":"m","model":"up","usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let stream: String = stream.iter().map(|data| format!("data: {data}\n\n")).collect();
    let told = complete(Dialect::AnthropicMessages, StreamForm::Events, &stream);
    assert!(told.starts_with("event: message_start\ndata: {"), "{told}");
}

#[test]
fn a_byte_order_mark_and_data_on_several_lines_are_read() {
    let chunk = "data: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"a\"},\ndata: \"finish_reason\":\"stop\"}],\ndata: \"model\":\"up\"}\n\n";
    let told = complete(Dialect::OpenaiChat, StreamForm::Events, &format!("\u{feff}{chunk}"));
    assert!(told.contains(r#""model":"shown""#), "{told}");
}

#[test]
fn a_chunk_that_is_cut_off_after_content_is_an_error() {
    let chat = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
    let responses = r#"{"type":"response.output_text.delta","delta":"a"}"#;
    let messages = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#;
    let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#;
    for (dialect, chunk) in Dialect::ALL.into_iter().zip([chat, responses, messages, gemini]) {
        let broken = &chunk[..chunk.len() - 6];
        let stream = format!("data: {chunk}\n\ndata: {chunk}\n\ndata: {broken}\n\ndata: {chunk}\n\n");
        let (reader, frames) = read(dialect, StreamForm::Events, &stream);
        let marks: Vec<Mark> = frames.iter().map(|frame| frame.mark).collect();
        assert_eq!(marks, [Mark::Content, Mark::Content, Mark::Error], "{dialect}");
        assert!(!reader.is_complete());
    }
}

#[test]
fn an_error_is_found_in_every_framing_and_nothing_comes_after_it() {
    let error = r#"{"error":{"message":"no","code":500,"status":"INTERNAL"}}"#;
    let streams = [
        format!("data: {error}\n\n"),
        format!("event: error\ndata: {error}\n\n"),
        "event: error\ndata: {\"message\":\"no\"}\n\n".to_owned(),
        format!("{error}\n\n"),
        error.to_owned(),
    ];
    for dialect in Dialect::ALL {
        for stream in &streams {
            let stream = format!("{stream}\n\ndata: [DONE]\n\n");
            let (reader, frames) = read(dialect, StreamForm::Events, &stream);
            let errors: Vec<&Frame> = frames.iter().filter(|frame| frame.mark == Mark::Error).collect();
            assert_eq!(errors.len(), 1, "{dialect}: {stream}");
            assert_eq!(frames.last().map(|frame| frame.mark), Some(Mark::Error), "{dialect}: {stream}");
            assert!(!reader.is_complete(), "{dialect}: {stream}");
        }
    }
}

#[test]
fn an_error_behind_the_end_takes_nothing_from_the_caller() {
    let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let late = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n";
    let (reader, frames) = read(Dialect::AnthropicMessages, StreamForm::Events, &format!("{end}{late}"));
    assert!(reader.is_complete());
    assert_eq!(text(&frames), end);
}

#[test]
fn an_azure_chunk_about_the_prompt_and_unknown_events_are_not_the_answer() {
    let azure = r#"data: {"choices":[],"id":"","model":"","prompt_filter_results":[{"prompt_index":0}]}"#;
    let limits = "event: codex.rate_limits\ndata: {\"type\":\"codex.rate_limits\",\"plan\":\"x\"}";
    for (dialect, event) in [(Dialect::OpenaiChat, azure), (Dialect::OpenaiResponses, limits)] {
        let (_, frames) = read(dialect, StreamForm::Events, &format!("{event}\n\n"));
        assert_eq!(frames.iter().map(|frame| frame.mark).collect::<Vec<_>>(), [Mark::Lifecycle], "{event}");
    }
}

#[test]
fn fields_of_another_shape_do_not_break_a_stream() {
    let chat = r#"{"choices":[{"index":"0","delta":{"content":"a"}}],"usage":"none"}"#;
    let strange = r#"{"choices":"soon","error":null}"#;
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"choices":[]}"#;
    let stream = [chat, strange, chat, end].map(|data| format!("data: {data}\n\n")).concat();
    let (_, frames) = read(Dialect::OpenaiChat, StreamForm::Events, &stream);
    assert!(frames.iter().all(|frame| frame.mark == Mark::Content), "{frames:?}");
    let told = r#"data: {"choices":"soon","error":{"message":"no"}}"#.to_owned() + "\n\n";
    for broken in [&told, "data: nothing\n\n", "data: [1]\n\n", "data: {\"a\":\n\n"] {
        let (_, frames) = read(Dialect::OpenaiChat, StreamForm::Events, broken);
        assert_eq!(frames[0].mark, Mark::Error, "{broken}");
    }
}
