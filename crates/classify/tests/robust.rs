//! Whatever an upstream sends, a verdict comes out; what means nothing changes nothing.

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use standin_classify::{Classifier, Observed, looks_like_error};
use standin_core::{ErrorClass, Verdict};

fn classify(status: u16, body: &[u8]) -> Verdict {
    Classifier::builtin().classify(&Observed { status, body, ..Observed::new(UNIX_EPOCH) })
}

/// Pieces that errors are made of, in any order and broken anywhere.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"{\"error\":".to_vec()),
        Just(b"{\"message\":\"".to_vec()),
        Just(b"model_not_found".to_vec()),
        Just(b"try again in 9999999999999999999h".to_vec()),
        Just(b"\\\"".to_vec()),
        Just(b"[[[[".to_vec()),
        Just(b"<html>".to_vec()),
        Just("模型不存在".as_bytes().to_vec()),
        Just(b"\xff\xfe".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_body_makes_it_panic_or_say_more_than_it_may(status in 0_u16..1000, body in broken()) {
        let verdict = classify(status, &body);
        prop_assert!(verdict.matched.len() <= 200);
        prop_assert!(verdict.error.message.len() <= 2048);
        let _ = looks_like_error(&body);
    }

    #[test]
    fn unknown_fields_and_the_order_of_fields_mean_nothing(
        names in proptest::collection::vec("x_[a-z]{3,8}", 0..4),
        is_first in any::<bool>(),
    ) {
        let known = [
            ("message", json!("The model `gpt-9` does not exist or you do not have access to it.")),
            ("type", json!("invalid_request_error")),
            ("param", json!("model")),
            ("code", json!("model_not_found")),
        ];
        let unknown = names.iter().map(|name| (name.as_str(), json!({"deep": [1, 2]})));
        let mut fields: Vec<(&str, Value)> = known.to_vec();
        if is_first { fields.reverse(); }
        fields.extend(unknown);
        if !is_first { fields.reverse(); }
        // Written by hand, because a map would bring its own order.
        let text: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let verdict = classify(404, format!("{{\"error\":{{{}}}}}", text.join(",")).as_bytes());
        prop_assert_eq!(verdict.class, ErrorClass::ModelUnsupported);
    }
}

#[test]
fn what_the_fuzzer_starts_from_gives_verdicts() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/classify");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let input = fs::read(entry.unwrap().path()).unwrap();
        let (head, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap() + 1);
        let status = String::from_utf8_lossy(head).split_whitespace().next().unwrap().parse().unwrap();
        assert!(classify(status, body).matched.len() <= 200);
        count += 1;
    }
    assert!(count > 20, "only {count} inputs");
}

/// What a careless reader would take quadratic time for, so many bytes of it.
fn traps(bytes: usize) -> [Vec<u8>; 7] {
    let fill = |piece: &str| piece.repeat(bytes / piece.len()).into_bytes();
    [
        fill("["),
        fill("\""),
        fill("model not found "),
        fill("try again in "),
        fill("{\"error\":{\"message\":\"{"),
        fill("<script>"),
        fill("请求模型"),
    ]
}

/// How often two readings are compared before what else runs on this machine is no excuse any more.
const COMPARISONS_MAX: usize = 300;

/// Whether reading `long` ever takes less than `times` as long as reading `short`, both at their best.
#[expect(clippy::disallowed_methods, reason = "what a clock shows is what is measured here")]
fn stays_within(times: u32, short: &[u8], long: &[u8]) -> bool {
    let read = |body: &[u8]| {
        let start = std::time::Instant::now();
        let _ = classify(400, body);
        start.elapsed()
    };
    let mut best = (Duration::MAX, Duration::MAX);
    (0..COMPARISONS_MAX).any(|_| {
        best = (best.0.min(read(short)), best.1.min(read(long)));
        // A floor keeps what takes next to nothing out of it.
        best.1 < best.0.max(Duration::from_micros(200)) * times
    })
}

#[test]
fn a_body_twice_as_long_takes_about_twice_as_long() {
    // Small enough for a thread to keep its buffers.
    const HALF: usize = standin_classify::BODY_BYTES_MAX / 4;
    for (half, whole) in traps(HALF).iter().zip(&traps(2 * HALF)) {
        // Four times would be quadratic.
        assert!(stays_within(3, half, whole), "{:?}", String::from_utf8_lossy(&half[..20]));
    }
}

#[test]
fn what_lies_behind_the_first_64_kib_costs_nothing() {
    for (whole, endless) in traps(standin_classify::BODY_BYTES_MAX).iter().zip(&traps(8 << 20)) {
        assert!(stays_within(3, whole, endless), "{:?}", String::from_utf8_lossy(&whole[..20]));
    }
}

#[test]
fn no_recorded_answer_looks_like_an_error() {
    let Some(root) = standin_testkit::shared("fixtures") else { return };
    let mut wrong = Vec::new();
    for dialect in ["openai-chat", "openai-responses", "anthropic-messages", "gemini"] {
        for entry in fs::read_dir(root.join(dialect)).unwrap() {
            let folder = entry.unwrap().path();
            let meta: Map<String, Value> =
                serde_json::from_slice(&fs::read(folder.join("meta.json")).unwrap()).unwrap();
            let is_answer = meta["error_class"].is_null() && meta["kind"] == "exchange";
            if let Ok(body) = fs::read(folder.join("response.json"))
                && is_answer
                && looks_like_error(&body)
            {
                wrong.push(folder.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
