//! Whatever an upstream answers in one piece: it is read without a panic, and what is renamed is still JSON.

use standin_core::{Dialect, Operation};
use standin_wire::{WholeReply, read_reply, splice_model};

const ROUTES: [(Dialect, Operation); 4] = [
    (Dialect::OpenaiChat, Operation::ChatCompletions),
    (Dialect::OpenaiResponses, Operation::Responses),
    (Dialect::AnthropicMessages, Operation::Messages),
    (Dialect::Gemini, Operation::GenerateContent),
];

/// Panics if it does not hold.
pub(crate) fn holds(input: &[u8]) {
    let [choice, body @ ..] = input else { return };
    let (dialect, operation) = ROUTES[usize::from(choice & 3)];
    if let WholeReply::Complete { model_span: Some(span), .. } = read_reply(dialect, operation, body) {
        let renamed = splice_model(&bytes::Bytes::copy_from_slice(body), &span, "shown");
        assert!(renamed.windows(7).any(|window| window == b"\"shown\""));
    }
}
