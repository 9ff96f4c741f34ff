//! Reading allocates nothing but the texts that the verdict owns, once a thread is warm.
//!
//! A binary of its own: it counts every allocation of the process.

use std::time::UNIX_EPOCH;

use standin_classify::{Classifier, Observed};
use standin_core::Verdict;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// How many texts a verdict owns.
fn texts(verdict: &Verdict) -> u64 {
    let error = &verdict.error;
    let told = [
        Some(&verdict.matched),
        Some(&error.message),
        error.code.as_ref(),
        error.kind.as_ref(),
        error.param.as_ref(),
    ];
    told.into_iter().flatten().filter(|text| text.capacity() > 0).count() as u64
}

#[test]
fn a_warm_thread_allocates_only_what_the_verdict_owns() {
    let long = "Upstream said that the requested model is not supported here, try again in 5s. ".repeat(24);
    let bodies = [
        r#"{"error":{"message":"The model `x-1` does not exist","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#.to_owned(),
        r#"{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"51s"}]}}"#.to_owned(),
        r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"no such model\"}}"}}}"#.to_owned(),
        "data: {\"error\":{\"message\":\"Overloaded\"}}\n\ndata: [DONE]\n\n".to_owned(),
        "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>".to_owned(),
        format!("{{\"error\":{{\"message\":\"{long}\",\"type\":\"invalid_request_error\"}}}}"),
    ];
    let _profiler = dhat::Profiler::builder().testing().build();
    for body in &bodies {
        let seen = Observed {
            status: 400,
            body: body.as_bytes(),
            models: &["x-1", "best"],
            ..Observed::new(UNIX_EPOCH)
        };
        for _ in 0..3 {
            let _ = Classifier::builtin().classify(&seen);
        }
        let before = dhat::HeapStats::get().total_blocks;
        let verdict = Classifier::builtin().classify(&seen);
        let made = dhat::HeapStats::get().total_blocks - before;
        assert_eq!(made, texts(&verdict), "{body}: {verdict:?}");
    }
}
