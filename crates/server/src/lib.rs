//! The front door: connections, routes, callers' keys, limits and drain.
//!
//! The route fixes the dialect before anything else happens, so that every failure, our own included, has the shape
//! its caller reads. This room deliberately knows no provider and decides no retry.

mod accept;
mod admin;
mod body;
mod connection;
mod doorbell;
mod escape;
mod found;
mod frames;
mod framing;
mod guard;
mod handle;
mod idle;
mod ids;
mod inflate;
mod keys;
mod limits;
mod listing;
mod multiplex;
mod opening;
mod parting;
mod patience;
mod refusal;
mod routes;
mod seen;
mod site;
mod streams;
mod talk;
mod tls;
mod unheard;
mod wishes;

pub use accept::{Drained, serve};
pub use admin::{Desk, serve_admin};
pub use ids::RequestIds;
pub use keys::{Client, Keyring};
pub use limits::Limits;
pub use routes::{Action, Route, route};
pub use site::Site;
pub use tls::{Tls, TlsError};
