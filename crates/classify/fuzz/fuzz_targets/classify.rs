//! Any answer: `just fuzz 60 classify`. The first line of an input is `STATUS [PROVIDER [RETRY-AFTER]]`, the rest the body.
#![no_main]

#[path = "../checks/classify.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::holds(input));
