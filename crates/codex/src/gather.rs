//! A whole answer out of a stream: the backend only streams, and not every caller wants that.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

/// Of an event only what an answer is made of.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(default)]
    output_index: u64,
}

/// The answer that a whole stream comes to: the response of its last event, with the items that were told before it
/// where it does not repeat them; or the error that it tells. `None` for a stream that breaks off.
pub(crate) fn gathered(stream: &[u8]) -> Option<Bytes> {
    let mut items = BTreeMap::new();
    for data in events(stream) {
        let Ok(event) = serde_json::from_slice::<Event<'_>>(&data) else { continue };
        match (event.kind, event.response, event.item) {
            ("response.output_item.done", _, Some(item)) => {
                items.insert(event.output_index, serde_json::from_str::<Value>(item.get()).ok()?);
            }
            (
                "response.completed" | "response.incomplete" | "response.failed" | "response.done",
                Some(response),
                _,
            ) => {
                return whole(response, items);
            }
            ("error", ..) => return Some(Bytes::copy_from_slice(&data)),
            _ => {}
        }
    }
    None
}

fn whole(response: &RawValue, items: BTreeMap<u64, Value>) -> Option<Bytes> {
    let mut response: Map<String, Value> = serde_json::from_str(response.get()).ok()?;
    let is_told = response.get("output").and_then(Value::as_array).is_some_and(|output| !output.is_empty());
    if !is_told {
        response.insert("output".to_owned(), items.into_values().collect());
    }
    serde_json::to_vec(&response).ok().map(Bytes::from)
}

/// The data of every event.
fn events(stream: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut lines = stream.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut has_ended = false;
    std::iter::from_fn(move || {
        let mut data = Vec::new();
        while !has_ended {
            match lines.next() {
                None => has_ended = true,
                Some(b"") if data.is_empty() => {}
                Some(b"") => break,
                Some(line) => {
                    if let Some(rest) = line.strip_prefix(b"data:") {
                        data.extend_from_slice(rest.strip_prefix(b" ").unwrap_or(rest));
                    }
                }
            }
        }
        (!data.is_empty()).then_some(data)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(stream: &str) -> Option<Value> {
        gathered(stream.as_bytes()).map(|bytes| serde_json::from_slice(&bytes).unwrap())
    }

    const ITEMS: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n\
        data: {\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"id\":\"b\"}}\r\n\r\n\
        data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"id\":\"a\"}}\n\n";

    #[test]
    fn items_that_the_last_event_does_not_repeat_are_put_into_it_in_their_order() {
        let end = "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[],\"usage\":{\"input_tokens\":1}}}\n\n";
        let whole = gather(&format!("{ITEMS}{end}")).unwrap();
        assert_eq!(whole["output"], serde_json::json!([{"id": "a"}, {"id": "b"}]));
        assert_eq!(whole["usage"]["input_tokens"], 1);
        let told = "data: {\"type\":\"response.completed\",\"response\":{\"output\":[{\"id\":\"x\"}]}}\n\n";
        assert_eq!(gather(&format!("{ITEMS}{told}")).unwrap()["output"][0]["id"], "x");
    }

    #[test]
    fn a_stream_that_breaks_off_comes_to_nothing_and_one_that_fails_to_its_error() {
        assert_eq!(gather(ITEMS), None);
        assert_eq!(gather(""), None);
        let failed = "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"x\"}}}\n\n";
        assert_eq!(gather(failed).unwrap()["error"]["code"], "x");
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"m\"}}\n\n";
        assert_eq!(gather(error).unwrap()["error"]["message"], "m");
    }
}
