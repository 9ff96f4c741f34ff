//! What one request asks for, as far as the policy needs to know.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use standin_core::{AffinityKey, CredentialId, Moment, Operation};

/// One request, before its first attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// What is asked for.
    pub operation: Operation,
    /// Decides the jitter of its waits; any number, printed with the trail.
    pub seed: u64,
    /// The caller's own deadline.
    pub deadline: Option<Moment>,
    /// The only credential the caller accepts.
    pub pin: Option<CredentialId>,
    /// The credential that owns state the request refers to, if known; else that is where its conversation lives.
    pub owner: Option<CredentialId>,
    /// The conversation it belongs to.
    pub affinity: Option<Affinity>,
    /// By credential number of the layout, whether it speaks the caller's dialect; `None` if all of them do.
    pub speaking: Option<Arc<[bool]>>,
}

impl Ask {
    /// A request without conversation, deadline or pin.
    #[must_use]
    pub const fn new(operation: Operation, seed: u64) -> Self {
        Self { operation, seed, deadline: None, pin: None, owner: None, affinity: None, speaking: None }
    }
}

/// A conversation, and how this request may use its binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affinity {
    /// Which conversation.
    pub key: AffinityKey,
    /// Whether the key says where to go, or is only written down for later turns.
    pub turn: ConversationTurn,
}

/// Which part of a conversation a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationTurn {
    /// The first turn under a derived key: balanced normally, so that repeated single questions are; then bound.
    First,
    /// A later turn, or any turn under an explicit key: goes where the conversation lives.
    Later,
}
