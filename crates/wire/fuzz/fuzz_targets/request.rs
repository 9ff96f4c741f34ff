//! Whatever a caller sends: what is accepted is JSON by a parser of another hand, and its model stands where it is said to.
#![no_main]

#[path = "../checks/request.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| check::holds(input));
