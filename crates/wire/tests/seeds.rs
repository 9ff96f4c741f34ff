//! The inputs that fuzzing begins with, by the checks that fuzzing runs: what `just fuzz` needs is built with every test.

#![expect(clippy::expect_used, reason = "a check that fails says so by a panic")]

use std::{fs, io, path::Path};

#[path = "../fuzz/checks/reply.rs"]
mod reply;
#[path = "../fuzz/checks/request.rs"]
mod request;
#[path = "../fuzz/checks/stream.rs"]
mod stream;

fn seeds(target: &str) -> io::Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds: io::Result<Vec<_>> = fs::read_dir(&folder)?.map(|entry| fs::read(entry?.path())).collect();
    assert!(seeds.as_ref().is_ok_and(|seeds| !seeds.is_empty()), "{} holds none", folder.display());
    seeds
}

#[test]
fn request_holds_for_every_seed() -> io::Result<()> {
    for input in seeds("request")? {
        request::holds(&input);
    }
    Ok(())
}

#[test]
fn reply_holds_for_every_seed() -> io::Result<()> {
    for input in seeds("reply")? {
        reply::holds(&input);
    }
    Ok(())
}

#[test]
fn stream_holds_for_every_seed() -> io::Result<()> {
    for input in seeds("stream")? {
        stream::holds(&input);
    }
    Ok(())
}
