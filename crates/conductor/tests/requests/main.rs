//! Whole requests through the real conductor: scripted executors, a clock that follows tokio's paused time.

mod abandoned;
mod errors;
mod plain;
mod stage;
mod streams;
