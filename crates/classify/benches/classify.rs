//! What one verdict costs: bodies of every usual size, one full of matches, a page, and the cheap test that every 200
//! passes. `cargo bench -p standin-classify` ends with a table of medians and 99th percentiles.

use std::{
    hint::black_box,
    time::{Duration, UNIX_EPOCH},
};

use criterion::{Criterion, criterion_group};
use standin_classify::{Classifier, Observed, looks_like_error};

/// How often each body is read for the table.
const READINGS: usize = 20_000;

/// An error in OpenAI's shape whose message has so many bytes of `words`.
fn error(words: &str, bytes: usize) -> Vec<u8> {
    let text = words.repeat(bytes / words.len() + 1);
    let fields = r#""type":"invalid_request_error","param":null,"code":null"#;
    format!("{{\"error\":{{\"message\":\"{}\",{fields}}}}}", &text[..bytes]).into()
}

fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let matches = "The request was looked at and the requested model is not supported in this region. ";
    let prose = "Upstream said that something in the body could not be understood by its parser at this place, so it gave up. ";
    vec![
        (
            "160 B, a missing model",
            br#"{"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#.to_vec(),
        ),
        ("300 B", error(prose, 230)),
        ("2 KiB", error(prose, 1970)),
        ("2 KiB full of matches", error(matches, 1970)),
        ("2 KiB page", b"<html><h1>502 Bad Gateway</h1></html>\n".repeat(54)),
        ("64 KiB full of matches", error(matches, 64 * 1024)),
    ]
}

fn read(body: &[u8]) {
    let models = ["gpt-9", "best"];
    let seen = Observed { status: 400, body, models: &models, ..Observed::new(UNIX_EPOCH) };
    black_box(Classifier::builtin().classify(black_box(&seen)));
}

fn verdicts(c: &mut Criterion) {
    for (name, body) in bodies() {
        c.bench_function(name, |bench| bench.iter(|| read(&body)));
    }
    let answer = br#"{"id":"x","object":"chat.completion","choices":[{"message":{"role":"assistant","content":"hello"}}]}"#;
    c.bench_function("an answer is none", |bench| bench.iter(|| looks_like_error(black_box(answer))));
}

/// Criterion tells no percentiles.
#[expect(clippy::disallowed_methods, reason = "what a clock shows is what is measured here")]
#[expect(clippy::print_stdout, reason = "the table is for whoever runs the bench")]
fn percentiles() {
    println!("{:26} {:>10} {:>10}", "one verdict", "median", "p99");
    for (name, body) in bodies() {
        let mut all: Vec<Duration> = (0..READINGS)
            .map(|_| {
                let start = std::time::Instant::now();
                read(&body);
                start.elapsed()
            })
            .collect();
        all.sort_unstable();
        let at = |share: usize| all[READINGS * share / 100].as_secs_f64() * 1e6;
        println!("{name:26} {:7.1} us {:7.1} us", at(50), at(99));
    }
}

criterion_group!(benches, verdicts);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    percentiles();
}
