//! Any status and body: `cargo +nightly fuzz run classify -- -max_total_time=60`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use standin_classify::{Classifier, Observed, Transport, looks_like_error};

fuzz_target!(|data: &[u8]| {
    let Some((head, body)) = data.split_at_checked(2) else { return };
    let status = u16::from_be_bytes([head[0], head[1]]) % 1000;
    let transport = if head[0] & 0x80 == 0 { Transport::Http } else { Transport::Sse };
    let seen = Observed { status, body, transport, ..Observed::new(std::time::UNIX_EPOCH) };
    let verdict = Classifier::builtin().classify(&seen);
    assert!(verdict.matched.len() <= 200);
    let _ = looks_like_error(body);
});
