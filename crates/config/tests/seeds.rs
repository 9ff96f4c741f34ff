//! The inputs that fuzzing begins with, by the checks that fuzzing runs: what `just fuzz` needs is built with every test.

use standin_testkit::each_seed;

#[path = "../fuzz/checks/config.rs"]
mod config;

#[test]
fn config_holds_for_every_seed() {
    each_seed(env!("CARGO_MANIFEST_DIR"), "config", |seed| config::holds(&String::from_utf8_lossy(seed)));
}
