//! What the server hands over: one caller's request, authenticated, limited and read.

use std::{sync::Arc, time::Duration};

use standin_core::{ClientId, CredentialId};
use standin_upstream::CallerRequest;

/// One request of one caller.
#[derive(Debug, Clone)]
pub struct Request {
    /// What all attempts share: dialect, operation, body, headers, the model asked for.
    pub call: Arc<CallerRequest>,
    /// Whose key it came with; `None` where no keys are configured.
    pub client: Option<ClientId>,
    /// The caller's own limit (`x-standin-timeout`): then 504, and nobody is blamed.
    pub timeout: Option<Duration>,
    /// Only this credential, or a clear error (`x-standin-credential`).
    pub pin: Option<CredentialId>,
    /// Digest of the caller's explicit session key, if it sent one.
    pub session: Option<u64>,
    /// Digest of client, model, system and first user message: names a conversation that has no session key.
    pub opening: u64,
    /// Whether the conversation holds an assistant turn, so that it must have begun somewhere.
    pub has_assistant_turn: bool,
}
