//! The inputs that fuzzing begins with, by the checks that fuzzing runs: what `just fuzz` needs is built with every test.

use standin_testkit::each_seed;

#[path = "../fuzz/checks/classify.rs"]
mod classify;
#[path = "../fuzz/checks/delay.rs"]
mod delay;

#[test]
fn classify_holds_for_every_seed() {
    each_seed(env!("CARGO_MANIFEST_DIR"), "classify", classify::holds);
}

#[test]
fn delay_holds_for_every_seed() {
    each_seed(env!("CARGO_MANIFEST_DIR"), "delay", |seed| delay::holds(&String::from_utf8_lossy(seed)));
}
