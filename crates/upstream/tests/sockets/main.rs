//! The client on real sockets: what goes out, what comes back, what is closed and when.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that fails is a test that fails")]

mod cancel;
mod kit;
mod limits;
mod pool;
mod proxies;
mod refusals;
mod replies;
mod tls;
