//! What is remembered about a path that failed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{ErrorClass, Moment};

/// One entry of the memory: why a scope is out, since when, until when, and when it may be looked at again.
///
/// There is one entry, and one ladder of strikes, per ([`crate::ScopeKey`], [`ErrorClass`]). The rules for creating,
/// merging and clearing entries are the policy's; this is only their shape, in memory and on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// What kind of failure suspended it.
    pub class: ErrorClass,
    /// Id of the rule that said so.
    pub rule: Cow<'static, str>,
    /// When the failure that counts last was seen. Only a success of an attempt begun later heals.
    pub since: Moment,
    /// Until when the path is out; never moves closer while the entry lives.
    pub until: Moment,
    /// Until when at least the upstream itself said it would be; zero if it never said.
    pub hinted_until: Moment,
    /// From when on one real request at a time may try it.
    pub probe_at: Moment,
    /// When it was last tried although suspended, or failed.
    pub probed_at: Moment,
    /// Position on the ladder: failures of distinct windows.
    pub strikes: u32,
    /// Status of the failure, 0 if there was none.
    pub status: u16,
    /// First line of what the upstream said, scrubbed, at most 200 bytes.
    pub evidence: String,
}

impl Suspension {
    /// From when on one request at a time may try the path: the probe, or the end if that comes first.
    #[must_use]
    pub fn due(&self) -> Moment {
        self.probe_at.min(self.until)
    }
}
