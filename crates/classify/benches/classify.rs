//! What one verdict costs: a 2 KiB body, a short one, a page, and the cheap test that every 200 passes.

use std::{hint::black_box, time::UNIX_EPOCH};

use criterion::{Criterion, criterion_group, criterion_main};
use standin_classify::{Classifier, Observed, looks_like_error};

fn body(bytes: usize) -> Vec<u8> {
    let words = "The request was looked at and the requested model is not supported in this region. ";
    let text = words.repeat(bytes / words.len() + 1);
    format!(
        "{{\"error\":{{\"message\":\"{}\",\"type\":\"invalid_request_error\",\"code\":null}}}}",
        &text[..bytes]
    )
    .into()
}

fn verdicts(c: &mut Criterion) {
    let classifier = Classifier::builtin();
    let models = ["gpt-9", "best"];
    for (name, body) in
        [("2 KiB", body(2048)), ("200 B", body(200)), ("page", b"<html><h1>502</h1></html>".repeat(80))]
    {
        c.bench_function(name, |bench| {
            bench.iter(|| {
                let seen =
                    Observed { status: 400, body: &body, models: &models, ..Observed::new(UNIX_EPOCH) };
                black_box(classifier.classify(black_box(&seen)))
            });
        });
    }
    let answer = br#"{"id":"x","object":"chat.completion","choices":[{"message":{"role":"assistant","content":"hello"}}]}"#;
    c.bench_function("an answer is none", |bench| bench.iter(|| looks_like_error(black_box(answer))));
}

criterion_group!(benches, verdicts);
criterion_main!(benches);
