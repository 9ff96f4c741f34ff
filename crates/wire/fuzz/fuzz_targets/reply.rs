//! Whatever an upstream answers in one piece: it is read without a panic, and what is renamed is still JSON.
#![no_main]

#[path = "../checks/reply.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::holds(input));
