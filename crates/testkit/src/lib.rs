//! Helpers for tests: [`ScriptedUpstream`] (a server on real sockets that answers by script, also below HTTP), [`client`]
//! (a raw client that sees bytes and their times), [`Tap`] (what passed between two others), [`TestClock`], and [`shared`], the door to recorded data.
//!
//! It deliberately speaks HTTP/1.1 by hand: a client and a server that share no code with the product cannot share
//! its mistakes. It knows no dialect, no provider and no policy.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test kit reports trouble by failing the test that uses it"
)]

pub mod client;
mod clock;
mod connection;
pub mod executor;
mod gate;
pub mod grammar;
mod http;
mod play;
mod received;
mod recorded;
mod seeds;
mod shared;
pub mod sse;
mod tap;
mod upstream;

pub use clock::{TestClock, now};
pub use gate::Gate;
pub use http::Head;
pub use play::{Act, Play};
pub use received::Received;
pub use recorded::{Recording, recordings};
pub use seeds::each_seed;
pub use shared::{shared, skip};
pub use tap::{Exchange, Tap};
pub use upstream::{ScriptedUpstream, by_key, in_turn};
