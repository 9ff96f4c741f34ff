//! Whatever an upstream sends, a verdict comes out; what means nothing changes nothing.

use std::{fs, time::UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use standin_classify::{Classifier, Observed, Packs, looks_like_error};
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

#[test]
fn a_body_of_any_size_and_depth_takes_no_time() {
    for body in [vec![b'['; 4 << 20], vec![b'"'; 4 << 20], b"model not found ".repeat(200_000)] {
        let _ = classify(400, &body);
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

#[test]
fn the_recorded_errors_are_read_as_they_are_labelled() {
    let Some(root) = standin_testkit::shared("corpus") else { return };
    let text = fs::read_to_string(root.join("upstream-errors.jsonl")).unwrap();
    for (packs, wanted) in [(Packs::All, 0.99), (Packs::Generic, 0.80)] {
        let options = standin_classify::report::Options {
            format: standin_classify::report::Format::Lines,
            detail: standin_classify::report::Detail::Verdicts,
            packs,
            now: UNIX_EPOCH,
        };
        let mut out = Vec::new();
        standin_classify::report::classify_input(Classifier::builtin(), text.as_bytes(), &mut out, &options)
            .unwrap();
        let verdicts = String::from_utf8(out).unwrap();
        let is_right = |(row, verdict): &(&str, &str)| {
            let (row, verdict): (Value, Value) =
                (serde_json::from_str(row).unwrap(), serde_json::from_str(verdict).unwrap());
            row["class"] == verdict["class"] || row["also"].as_array().unwrap().contains(&verdict["class"])
        };
        let (mut right, mut all) = (0_u32, 0_u32);
        for pair in text.lines().zip(verdicts.lines()) {
            all += 1;
            right += u32::from(is_right(&pair));
        }
        let share = f64::from(right) / f64::from(all);
        assert!(share >= wanted, "{right} of {all}, packs: {packs:?}");
    }
}
