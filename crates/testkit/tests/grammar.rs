//! The grammars take every stream that is well formed, and refuse it as soon as one thing about it is wrong.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};
use standin_core::Dialect;
use standin_testkit::grammar::{Ending, check};

/// One event of a stream that can still be changed.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    name: Option<String>,
    data: String,
}

type Stream = Vec<Event>;

fn named(value: Value) -> Event {
    Event { name: value["type"].as_str().map(str::to_owned), data: value.to_string() }
}

fn plain(value: &Value) -> Event {
    Event { name: None, data: value.to_string() }
}

fn written(stream: &[Event]) -> String {
    let write = |event: &Event| {
        let name = event.name.as_ref().map_or(String::new(), |name| format!("event: {name}\n"));
        format!("{name}data: {}\n\n", event.data)
    };
    stream.iter().map(write).collect()
}

fn seen(dialect: Dialect, stream: &[Event]) -> Result<(Ending, String), String> {
    check(dialect, written(stream).as_bytes()).map_err(|fault| fault.0)
}

/// The words of each block, item or choice.
fn plan() -> impl Strategy<Value = Vec<Vec<String>>> {
    let words = proptest::collection::vec("[a-z \u{e9}\u{1f600}\"\\\\]{1,6}", 1..4);
    proptest::collection::vec(words, 1..4)
}

fn chat(plan: &[Vec<String>]) -> Stream {
    let chunk = |index: usize, delta: Value, finish: Value| {
        plain(&json!({"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}))
    };
    let mut stream = vec![chunk(0, json!({"role": "assistant", "content": ""}), Value::Null)];
    for (index, words) in plan.iter().enumerate() {
        stream.extend(words.iter().map(|word| chunk(index, json!({"content": word}), Value::Null)));
    }
    stream.extend((0..plan.len()).map(|index| chunk(index, json!({}), json!("stop"))));
    stream.push(Event { name: None, data: "[DONE]".to_owned() });
    stream
}

fn messages(plan: &[Vec<String>]) -> Stream {
    let message = json!({"id": "m", "model": "x", "usage": {"input_tokens": 1}});
    let mut stream = vec![named(json!({"type": "message_start", "message": message}))];
    for (index, words) in plan.iter().enumerate() {
        let block = json!({"type": "text", "text": ""});
        stream.push(named(json!({"type": "content_block_start", "index": index, "content_block": block})));
        stream.extend(words.iter().map(|word| {
            let delta = json!({"type": "text_delta", "text": word});
            named(json!({"type": "content_block_delta", "index": index, "delta": delta}))
        }));
        stream.push(named(json!({"type": "content_block_stop", "index": index})));
    }
    let delta = json!({"stop_reason": "end_turn"});
    stream.push(named(json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}})));
    stream.push(named(json!({"type": "message_stop"})));
    stream
}

fn responses(plan: &[Vec<String>]) -> Stream {
    let response = |status: &str| json!({"id": "r", "status": status});
    let mut events = vec![
        json!({"type": "response.created", "response": response("in_progress")}),
        json!({"type": "response.in_progress", "response": response("in_progress")}),
    ];
    for (index, words) in plan.iter().enumerate() {
        let item = json!({"type": "message"});
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": item}));
        events.extend(
            words.iter().map(
                |word| json!({"type": "response.output_text.delta", "output_index": index, "delta": word}),
            ),
        );
        events.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }
    events.push(json!({"type": "response.completed", "response": response("completed")}));
    let number = |(number, mut event): (usize, Value)| {
        event["sequence_number"] = json!(number);
        named(event)
    };
    events.into_iter().enumerate().map(number).collect()
}

fn gemini(plan: &[Vec<String>]) -> Stream {
    let mut stream = Vec::new();
    for (index, words) in plan.iter().enumerate() {
        for (nth, word) in words.iter().enumerate() {
            let content = json!({"role": "model", "parts": [{"text": word}]});
            let mut candidate = json!({"index": index, "content": content});
            if nth + 1 == words.len() {
                candidate["finishReason"] = json!("STOP");
            }
            stream.push(plain(&json!({"candidates": [candidate], "responseId": "g"})));
        }
    }
    stream
}

fn stream(dialect: Dialect, plan: &[Vec<String>]) -> Stream {
    match dialect {
        Dialect::OpenaiChat => chat(plan),
        Dialect::OpenaiResponses => responses(plan),
        Dialect::AnthropicMessages => messages(plan),
        Dialect::Gemini => gemini(plan),
    }
}

/// The error that ends a stream in place of what would have come.
fn error(dialect: Dialect, number: usize) -> Event {
    match dialect {
        Dialect::OpenaiChat => {
            plain(&json!({"error": {"message": "no", "type": "server_error", "param": null, "code": null}}))
        }
        Dialect::OpenaiResponses => {
            let response =
                json!({"id": "r", "status": "failed", "error": {"code": "server_error", "message": "no"}});
            named(json!({"type": "response.failed", "sequence_number": number, "response": response}))
        }
        Dialect::AnthropicMessages => {
            named(json!({"type": "error", "error": {"type": "api_error", "message": "no"}}))
        }
        Dialect::Gemini => plain(&json!({"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}})),
    }
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(Dialect::ALL.to_vec())
}

proptest! {
    #[test]
    fn a_well_formed_stream_is_complete_however_it_comes(
        dialect in dialect(), plan in plan(), cut in any::<Index>()
    ) {
        let stream = stream(dialect, &plan);
        let (ending, words) = seen(dialect, &stream).map_err(TestCaseError::fail)?;
        prop_assert_eq!(ending, Ending::Complete);
        let all = plan.concat().concat();
        let first = plan[0].concat();
        let is_by_block = dialect == Dialect::AnthropicMessages;
        prop_assert_eq!(words, if is_by_block { all } else { first });
        let text = written(&stream).into_bytes();
        let (start, rest) = text.split_at(cut.index(text.len()));
        let mut grammar = standin_testkit::grammar::Grammar::new(dialect);
        prop_assert_eq!(grammar.push(start).and_then(|()| grammar.push(rest)), Ok(()));
        prop_assert!(grammar.finish().is_ok());
    }

    #[test]
    fn an_error_may_end_a_stream_anywhere_and_nothing_may_follow_it(
        dialect in dialect(), plan in plan(), at in any::<Index>()
    ) {
        let whole = stream(dialect, &plan);
        let kept = at.index(whole.len());
        let mut cut = whole[..kept].to_vec();
        cut.push(error(dialect, kept));
        prop_assert_eq!(seen(dialect, &cut).map(|(ending, _)| ending), Ok(Ending::Failed));
        for after in [error(dialect, kept + 1), whole[kept].clone(), Event { name: None, data: "[DONE]".to_owned() }] {
            let longer = [cut.clone(), vec![after]].concat();
            prop_assert!(seen(dialect, &longer).is_err(), "{longer:?}");
        }
    }

    #[test]
    fn a_stream_that_just_stops_is_refused(dialect in dialect(), plan in plan(), at in any::<Index>()) {
        let whole = stream(dialect, &plan);
        let kept = at.index(whole.len());
        // A candidate that has ended may be the only one; only then is a shorter stream whole.
        let ends_a_candidate = |event: &Event| event.data.contains("finishReason");
        let is_whole = dialect == Dialect::Gemini && whole[..kept].last().is_some_and(ends_a_candidate);
        prop_assert_eq!(seen(dialect, &whole[..kept]).is_ok(), is_whole);
    }

    #[test]
    fn an_event_with_a_wrong_name_is_refused(dialect in dialect(), plan in plan(), at in any::<Index>()) {
        let mut stream = stream(dialect, &plan);
        let at = at.index(stream.len());
        stream[at].name = Some("message_begin".to_owned());
        prop_assert!(seen(dialect, &stream).is_err());
    }

    #[test]
    fn what_comes_after_the_end_is_refused(dialect in dialect(), plan in plan(), at in any::<Index>()) {
        prop_assume!(dialect != Dialect::Gemini);
        let mut stream = stream(dialect, &plan);
        let again = stream[at.index(stream.len() - 1)].clone();
        stream.push(again);
        prop_assert!(seen(dialect, &stream).is_err());
    }

    #[test]
    fn blocks_and_items_are_numbered_without_a_gap_and_one_is_open_at_a_time(
        is_messages in any::<bool>(), plan in plan(), at in any::<Index>()
    ) {
        let (dialect, opening, closing, index) = if is_messages {
            (Dialect::AnthropicMessages, "content_block_start", "content_block_stop", "index")
        } else {
            (Dialect::OpenaiResponses, "response.output_item.added", "response.output_item.done", "output_index")
        };
        let whole = stream(dialect, &plan);
        let positions = |name: &str| -> Vec<usize> {
            (0..whole.len()).filter(|at| whole[*at].name.as_deref() == Some(name)).collect()
        };
        for edge in [positions(opening), positions(closing)] {
            let at = edge[at.index(edge.len())];
            let mut missing = whole.clone();
            missing.remove(at);
            prop_assert!(seen(dialect, &missing).is_err(), "without {at}");
            let mut shifted = whole.clone();
            let mut event: Value = serde_json::from_str(&shifted[at].data).unwrap_or_default();
            event[index] = json!(event[index].as_u64().unwrap_or_default() + 1);
            shifted[at].data = event.to_string();
            prop_assert!(seen(dialect, &shifted).is_err(), "{at} shifted");
        }
    }

    #[test]
    fn numbers_that_stand_still_or_go_back_are_refused(plan in plan(), at in any::<Index>(), back in 1_u64..5) {
        let mut stream = responses(&plan);
        let at = 1 + at.index(stream.len() - 1);
        let mut event: Value = serde_json::from_str(&stream[at].data).unwrap_or_default();
        let number = event["sequence_number"].as_u64().unwrap_or_default();
        event["sequence_number"] = json!(number.saturating_sub(back));
        stream[at].data = event.to_string();
        prop_assert!(seen(Dialect::OpenaiResponses, &stream).is_err());
    }

    #[test]
    fn a_choice_that_goes_on_after_its_end_is_refused(plan in plan(), at in any::<Index>()) {
        let mut stream = chat(&plan);
        let at = 1 + at.index(stream.len() - 1 - plan.len() - 1);
        let late = stream[at].clone();
        stream.insert(stream.len() - 1, late);
        prop_assert!(seen(Dialect::OpenaiChat, &stream).is_err());
    }

    #[test]
    fn gemini_carries_data_and_nothing_else(plan in plan(), at in any::<Index>()) {
        let stream = gemini(&plan);
        let events: Vec<String> = stream.iter().map(|event| written(std::slice::from_ref(event))).collect();
        for odd in [": keep-alive\n\n", "event: error\n", "id: 1\n", "data: [DONE]\n\n", "data: {}\n\n", "data: {\"a\":\n\n"] {
            let mut text = events.clone();
            text.insert(at.index(text.len() + 1), odd.to_owned());
            prop_assert!(check(Dialect::Gemini, text.concat().as_bytes()).is_err(), "{odd:?}");
        }
        let blank = format!("\n{}\n", events.join("\n"));
        prop_assert!(check(Dialect::Gemini, blank.as_bytes()).is_ok(), "blank lines mean nothing");
        let elements: Vec<&str> = stream.iter().map(|event| event.data.as_str()).collect();
        let array = format!(" \n[{}\n]\n", elements.join(",\r\n"));
        prop_assert_eq!(check(Dialect::Gemini, array.as_bytes()).map(|(ending, _)| ending), Ok(Ending::Complete));
        prop_assert!(check(Dialect::Gemini, array.replace(']', "").as_bytes()).is_err(), "an array has an end");
    }
}

#[test]
fn an_error_that_clients_do_not_understand_is_refused() {
    let cases = [
        (Dialect::OpenaiChat, "data: {\"error\":\"no\"}\n\n"),
        (Dialect::OpenaiChat, "data: {\"error\":{\"message\":\"no\"}}\n\n"),
        (
            Dialect::OpenaiChat,
            "event: error\ndata: {\"error\":{\"message\":\"no\",\"type\":\"x\",\"param\":null,\"code\":null}}\n\n",
        ),
        (
            Dialect::OpenaiResponses,
            "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"no\",\"sequence_number\":0}\n\n",
        ),
        (
            Dialect::AnthropicMessages,
            "data: {\"type\":\"error\",\"error\":{\"type\":\"x\",\"message\":\"no\"}}\n\n",
        ),
        (
            Dialect::Gemini,
            "data: {\"error\":{\"code\":\"503\",\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
        (
            Dialect::Gemini,
            "data: {\"a\":1,\"error\":{\"code\":503,\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
        (
            Dialect::Gemini,
            "event: error\ndata: {\"error\":{\"code\":503,\"message\":\"no\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
    ];
    for (dialect, stream) in cases {
        assert!(check(dialect, stream.as_bytes()).is_err(), "{stream}");
    }
}
