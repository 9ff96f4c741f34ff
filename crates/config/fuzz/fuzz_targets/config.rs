//! Whatever stands in a file: a configuration or a list of mistakes with places, and rules that can be used or cannot.
#![no_main]

#[path = "../checks/config.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &str| check::holds(input));
