//! What the gateway remembers between requests: suspensions, rotations, permits, retry budgets and conversations.
//!
//! Reading is a few atomic loads in flat arrays, numbered by a [`standin_core::Layout`]; writing goes through one
//! lock, is keyed by ids, and is shown on those arrays before the lock is given back. The store deliberately knows no
//! rule: how long a failure counts, and what a second one means, arrives as a function ([`standin_core::Limits`],
//! and the closures of [`standin_core::Memory`]).

mod bindings;
mod board;
mod gcra;
mod ledger;
mod rings;
mod rooms;
mod session;
mod store;
mod sync;

pub use ledger::Shown;
pub use session::{Admission, Session};
pub use store::Store;
