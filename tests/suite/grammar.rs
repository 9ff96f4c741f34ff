//! What every chat stream that leaves the gateway must look like, written down once more and without the product's help.

use std::collections::BTreeMap;

use serde_json::Value;
use standin_testkit::sse;

/// How a stream is supposed to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every choice that began has a reason for its end, then `[DONE]`, then nothing.
    Complete,
    /// One error frame, then nothing; no `[DONE]`.
    Failed,
}

/// Asserts that a stream obeys the grammar of Chat Completions, and returns the words of its first choice.
pub(crate) fn check(stream: &[u8], ending: Ending) -> String {
    let text = std::str::from_utf8(stream).expect("a stream is UTF-8");
    assert!(text.ends_with("\n\n"), "the last event is not finished: {text:?}");
    let data = sse::data(stream);
    let last = data.last().expect("a stream has events");
    let chunks = &data[..data.len() - 1];
    match ending {
        Ending::Complete => assert_eq!(last, "[DONE]", "{text}"),
        Ending::Failed => check_error(last),
    }
    let (mut finished, mut words) = (BTreeMap::new(), String::new());
    for chunk in chunks {
        assert_ne!(chunk, "[DONE]", "something follows the end: {text}");
        let chunk: Value = serde_json::from_str(chunk).unwrap_or_else(|error| panic!("{error}: {chunk}"));
        assert!(chunk.get("error").is_none(), "an error in the middle: {text}");
        for choice in chunk["choices"].as_array().expect("a chunk has choices") {
            let index = choice["index"].as_u64().expect("a choice has an index");
            let is_over = finished.entry(index).or_insert(false);
            assert!(!*is_over, "choice {index} goes on after its end: {text}");
            *is_over = !choice["finish_reason"].is_null();
            if index == 0 {
                words.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            }
        }
    }
    if ending == Ending::Complete {
        assert!(
            !finished.is_empty() && finished.values().all(|is_over| *is_over),
            "a choice has no end: {text}"
        );
    }
    words
}

/// The frame that ends a broken stream: the object that the client libraries raise as an error, with all four keys.
fn check_error(data: &str) {
    let error: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
    for key in ["message", "type", "param", "code"] {
        assert!(error["error"].get(key).is_some(), "the error frame has no {key}: {data}");
    }
    assert!(error["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{data}");
}
