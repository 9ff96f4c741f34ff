//! The inputs that fuzzing begins with, by the checks that fuzzing runs: what `just fuzz` needs is built with every test.

#![expect(clippy::expect_used, reason = "a check that fails says so by a panic")]

use standin_testkit::each_seed;

#[path = "../fuzz/checks/reply.rs"]
mod reply;
#[path = "../fuzz/checks/request.rs"]
mod request;
#[path = "../fuzz/checks/stream.rs"]
mod stream;

#[test]
fn request_holds_for_every_seed() {
    each_seed(env!("CARGO_MANIFEST_DIR"), "request", request::holds);
}

#[test]
fn reply_holds_for_every_seed() {
    each_seed(env!("CARGO_MANIFEST_DIR"), "reply", reply::holds);
}

#[test]
fn stream_holds_for_every_seed() {
    each_seed(env!("CARGO_MANIFEST_DIR"), "stream", stream::holds);
}
