//! The words of Standin: what every room means by *candidate*, *error class*, *scope*, *outcome* and *suspension*.
//!
//! This crate deliberately knows no provider, no wire format, no policy and no IO: it only names things, so that
//! two rooms can never mean different things by the same word. The taxonomy is that of `docs/errors.md`.

mod class;
mod clock;
mod id;
mod layout;
mod limits;
mod memory;
mod operation;
mod outcome;
mod request_id;
mod scope;
mod secret;
mod suspension;
mod verdict;

pub use class::{ErrorClass, UnknownClass};
pub use clock::{Clock, Moment};
pub use id::{Candidate, ClientId, CredentialId, EndpointId, ModelAlias, UpstreamId, UpstreamModel};
pub use layout::{CandidateRow, CredentialRow, Layout, ModelRow, Ring, RingKey, Rows, Slot};
pub use limits::{BudgetRate, Limits};
pub use memory::{AffinityKey, Blame, Claim, Entry, Gate, Healing, Manner, Memory, Refusal, Turn, View};
pub use operation::{Dialect, Operation};
pub use outcome::{CUT_SHORT, Evidence, Failure, Outcome, Progress};
pub use request_id::RequestId;
pub use scope::{Scope, ScopeKey};
pub use secret::Secret;
pub use suspension::Suspension;
pub use verdict::{Certainty, Layer, UpstreamError, Verdict};
