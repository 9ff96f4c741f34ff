//! From a configuration to a running gateway.
//!
//! Here rooms are put together: executors, routing, rules and callers' keys are built from plain values, the door is
//! opened, a changed file is taken up, a signal drains. What happens to a request is decided elsewhere.

mod ask;
mod client_key;
mod door;
mod executors;
mod ground;
mod parts;
mod serve;
mod watch;

pub use ask::{check, preview, show};
pub use client_key::seed;
pub use door::limits;
pub use ground::Ground;
pub use parts::{assemble, params};
pub use serve::{load, run, site};
