//! Whatever a caller sends: what is accepted is JSON by a parser of another hand, and its model stands where it is said to.

use serde::de::IgnoredAny;
use serde_json::Value;
use standin_core::{Dialect, Operation};
use standin_wire::{MESSAGE_BYTES_MAX, read_request, splice_model};

const ROUTES: [(Dialect, Operation); 8] = [
    (Dialect::OpenaiChat, Operation::ChatCompletions),
    (Dialect::OpenaiChat, Operation::Completions),
    (Dialect::OpenaiChat, Operation::Embeddings),
    (Dialect::OpenaiResponses, Operation::Responses),
    (Dialect::AnthropicMessages, Operation::Messages),
    (Dialect::AnthropicMessages, Operation::CountTokens),
    (Dialect::Gemini, Operation::GenerateContent),
    (Dialect::Gemini, Operation::CountTokens),
];

/// Panics if it does not hold.
pub(crate) fn holds(input: &[u8]) {
    let [choice, body @ ..] = input else { return };
    let (dialect, operation) = ROUTES[usize::from(choice & 7)];
    let head = match read_request(dialect, operation, body) {
        Ok(head) => head,
        Err(bad) => return assert!(bad.message.len() <= MESSAGE_BYTES_MAX),
    };
    serde_json::from_slice::<IgnoredAny>(body).expect("what is accepted is JSON");
    // Numbers beyond a double and halves of surrogates are JSON, too, but no values.
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    assert!(value.is_object(), "accepted, but no object");
    if let (Some(model), Some(span)) = (&head.model, head.model_span) {
        assert_eq!(serde_json::from_slice::<String>(&body[span.clone()]).ok().as_deref(), Some(&**model));
        assert_eq!(value["model"], **model);
        let renamed = splice_model(&bytes::Bytes::copy_from_slice(body), &span, "another \"model\"");
        let renamed: Result<Value, _> = serde_json::from_slice(&renamed);
        assert_eq!(renamed.expect("still JSON")["model"], "another \"model\"");
    }
}
