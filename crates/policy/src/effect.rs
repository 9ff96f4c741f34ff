//! What a decision asks to be remembered, as values.

use serde::{Deserialize, Serialize};
use standin_core::{
    AffinityKey, Candidate, CredentialId, ErrorClass, Healing, Memory, Moment, Operation, ScopeKey,
};

use crate::{
    params::Params,
    suspend::{Observation, observe},
};

/// The effects of one recorded outcome. At most one of each kind, so that nothing is allocated for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Suspend something, or push a suspension further out.
    pub suspend: Option<Suspend>,
    /// Take an earlier suspension back.
    pub withdraw: Option<Withdraw>,
    /// Lift what blames a path.
    pub heal: Option<Heal>,
    /// Remember where a conversation lives.
    pub bind: Option<Bind>,
}

/// Suspend `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspend {
    /// What is to blame.
    pub key: ScopeKey,
    /// For what.
    pub seen: Observation,
    /// Whose attempt it was.
    pub credential: CredentialId,
    /// Suspended as well once a second credential fails the same way within the window.
    pub shared: Option<ScopeKey>,
}

/// It was the request and not the path: take back what was said about `key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdraw {
    /// What had been blamed.
    pub key: ScopeKey,
    /// For what.
    pub class: ErrorClass,
    /// When: an entry that somebody else renewed since stays.
    pub since: Moment,
}

/// Lift what blames a path and was seen before `started`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heal {
    /// Which candidate served.
    pub candidate: u32,
    /// What it did.
    pub operation: Operation,
    /// When its attempt began.
    pub started: Moment,
    /// How much that proves.
    pub healing: Healing,
}

/// Remember where a conversation lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// The conversation.
    pub key: AffinityKey,
    /// Its home.
    pub candidate: Candidate,
    /// When the attempt that says so began: a later one is not overwritten.
    pub started: Moment,
}

impl Effects {
    /// Carries the effects out.
    pub fn apply<M: Memory>(&self, memory: &M, params: &Params, now: Moment) {
        if let Some(suspend) = &self.suspend {
            suspend.apply(memory, params, now);
        }
        if let Some(withdraw) = &self.withdraw {
            memory.withdraw(&withdraw.key, withdraw.class, withdraw.since);
        }
        if let Some(heal) = &self.heal {
            memory.heal(heal.candidate, heal.operation, heal.started, heal.healing);
        }
        if let Some(bind) = &self.bind {
            memory.bind(bind.key, bind.candidate.clone(), bind.started, now);
        }
    }
}

impl Suspend {
    fn apply<M: Memory>(&self, memory: &M, params: &Params, now: Moment) {
        let renew = |key: &ScopeKey| {
            memory.observe(key, self.seen.class, |old| observe(old, &self.seen, params.probe_max))
        };
        let entry = renew(&self.key);
        if let Some(shared) = &self.shared
            && memory.witness(shared, &self.credential, entry.until, now)
        {
            renew(shared);
        }
    }
}
