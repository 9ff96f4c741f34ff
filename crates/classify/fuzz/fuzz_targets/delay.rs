//! Whatever stands where a wait is told: no panic, and never more than a hint may say.
#![no_main]

#[path = "../checks/delay.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &str| check::holds(input));
