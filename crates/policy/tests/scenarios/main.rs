//! The scenarios that the policy alone decides. A test's name is its number and its rule.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper of tests fails by panicking"
)]

mod arithmetic;
mod choices;
mod classes;
mod counting;
mod crowds;
mod errors;
mod faults;
mod ladders;
// These two try at random what the stories hold one by one.
#[cfg(not(mutants))]
mod model;
mod pools;
mod reloads;
#[cfg(not(mutants))]
mod replay;
mod resorts;
mod rounds;
mod selection;
mod transcript;
mod waits;
