//! Whatever a stream brings, in any dialect and however it is cut: the same frames, at most one error, nothing after it.
#![no_main]

#[path = "../checks/stream.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::holds(input));
