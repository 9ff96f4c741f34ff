//! Whatever an upstream answers in one piece: it is read without a panic, and what is renamed is still JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_core::{Dialect, Operation};
use standin_wire::{WholeReply, read_reply, splice_model};

const ROUTES: [(Dialect, Operation); 4] = [
    (Dialect::OpenaiChat, Operation::ChatCompletions),
    (Dialect::OpenaiResponses, Operation::Responses),
    (Dialect::AnthropicMessages, Operation::Messages),
    (Dialect::Gemini, Operation::GenerateContent),
];

fuzz_target!(|input: &[u8]| {
    let [choice, body @ ..] = input else { return };
    let (dialect, operation) = ROUTES[usize::from(choice & 3)];
    if let WholeReply::Complete { model_span: Some(span), .. } = read_reply(dialect, operation, body) {
        let renamed = splice_model(&bytes::Bytes::copy_from_slice(body), &span, "shown");
        assert!(renamed.windows(7).any(|window| window == b"\"shown\""));
    }
});
