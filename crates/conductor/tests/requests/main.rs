//! Whole requests through the real conductor: scripted executors, a clock that follows tokio's paused time.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

mod abandoned;
mod answers;
mod dropped;
mod errors;
mod faults;
mod logs;
mod members;
mod plain;
mod stage;
mod streams;
