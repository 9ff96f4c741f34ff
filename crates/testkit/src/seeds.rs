//! The inputs that fuzzing begins with.

use std::{fs, path::Path};

/// Puts every input that fuzzing of `target` begins with to `check`, which panics if one is no good. `package` is the
/// folder of the crate, whose `fuzz/corpus/TARGET` holds at least one.
pub fn each_seed(package: &str, target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(package).join("fuzz/corpus").join(target);
    let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!seeds.is_empty(), "{} holds none", folder.display());
    for seed in seeds {
        check(&fs::read(seed).unwrap());
    }
}
