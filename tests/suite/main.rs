//! One binary for all that crosses rooms; each module is one topic.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers of tests fail by panicking and may say what they do"
)]

mod arrows;
mod captures;
mod catalogue;
mod clients;
mod command;
mod dialects;
mod door;
mod edge;
mod faults;
mod gateway;
mod holding;
mod injection;
mod lifecycle;
mod logins;
mod operator;
mod privacy;
mod profile;
mod python;
mod readme;
mod replay;
mod repository;
mod scenarios;
mod security;
mod sizes;
mod soak;
mod stories;
mod streaming;
mod supply;
mod weather;
