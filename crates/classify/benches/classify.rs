//! What one verdict costs: bodies of every usual size, one that says the same again and again, one that says something
//! else in every sentence, a page, and the cheap test that every 200
//! passes. `cargo bench -p standin-classify` ends with a table of medians and 99th percentiles. With `-p proxy --bench
//! classify` the crate is built as it is for the gateway, and the compiler's profile fits it.

use std::{
    hint::black_box,
    time::{Duration, UNIX_EPOCH},
};

use criterion::{Criterion, criterion_group};
use standin_classify::{Classifier, Observed, looks_like_error};

/// Much of what upstreams complain of, each of it once: as many matches as a body of that size may have, and no repetition
/// that would spare any of them.
const COMPLAINTS: &str = "The requested model is not supported in this region. You do not have access to it, please contact your administrator. \
Rate limit reached for requests per minute, try again in 20s. Your account balance is too low to access this service, please go to billing to add credits. \
This model's maximum context length is 8192 tokens, however you requested 9000 tokens. Invalid API key provided, it may have been revoked or expired. \
The server is currently overloaded with other requests, please retry your request after a brief wait. Unknown parameter: 'reasoning'. \
Function calling is not enabled for this model. Your request was rejected as a result of our safety system. The deployment for this resource does not exist. \
You exceeded your current quota, please check your plan and billing details. An internal error occurred while processing your request. \
Unsupported value: temperature does not support 0.2 with this model, only the default is supported. Missing required field: messages. \
Previous response was not found or belongs to another organization. Image input is not supported by the selected endpoint. Country, region, or territory not supported. \
Model has been deprecated and is no longer available, learn more in the docs. Too many concurrent requests for this tier. Permission denied on the resource project. \
Upstream connect error, reset reason: connection timeout. The response was filtered because the prompt triggered the content management policy. \
Request payload is too large, the limit is 20 megabytes. The engine is loading, please wait for a minute. Insufficient permissions for this operation. \
Invalid value for 'max_tokens': must be at most 4096. Your subscription plan does not include this feature, upgrade to continue. Operation was cancelled by the client. \
The weekly usage limit of your organization is used up and resets in 3 days. Tool choice requires at least one tool to be declared. ";

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
        ("2 KiB of many complaints", error(COMPLAINTS, 1900)),
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
