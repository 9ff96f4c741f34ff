//! The inputs that fuzzing begins with, by the checks that fuzzing runs: what `just fuzz` needs is built with every test.

use std::{fs, io, path::Path};

#[path = "../fuzz/checks/classify.rs"]
mod classify;
#[path = "../fuzz/checks/delay.rs"]
mod delay;

fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds: io::Result<Vec<_>> = fs::read_dir(&folder)?.map(|entry| fs::read(entry?.path())).collect();
    assert!(seeds.as_ref().is_ok_and(|seeds| !seeds.is_empty()), "{} holds none", folder.display());
    seeds
}

#[test]
fn classify_holds_for_every_seed() -> io::Result<()> {
    for input in seeds("classify")? {
        classify::holds(&input);
    }
    Ok(())
}

#[test]
fn delay_holds_for_every_seed() -> io::Result<()> {
    for input in seeds("delay")? {
        delay::holds(&String::from_utf8_lossy(&input));
    }
    Ok(())
}
