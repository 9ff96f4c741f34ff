//! The seam between deciding and remembering: what a decision may read, and what it may ask to be remembered.
//!
//! The rules live in the policy and the state in a store; neither knows the other. Everything here is dense numbers
//! of one [`crate::Layout`], except what is written, which is keyed by ids so that it survives a reload.

use serde::{Deserialize, Serialize};

use crate::{Candidate, CredentialId, ErrorClass, Moment, Operation, ScopeKey, Slot, Suspension};

/// Everything a decision needs to know about one scope, in one word: when it is due, and how it is out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gate(u64);

impl Gate {
    /// Nothing is remembered against this scope.
    pub const CLEAN: Self = Self(0);
    const SOFT: u64 = 1;
    const STRICT: u64 = 2;
    const OPEN: u64 = 4;
    const PROBING: u64 = 8;
    const SOFT_BEHIND: u64 = 16;
    const FLAGS: u64 = 31;

    /// A scope that may be looked at again at `due` (to 32 ns) and is out until then.
    #[must_use]
    pub const fn shut(due: Moment, manner: Manner) -> Self {
        let flags = match manner {
            Manner::Soft => Self::SOFT,
            Manner::Hard => 0,
            Manner::Strict => Self::STRICT,
        };
        // A due moment of zero must not read as clean.
        let nanos = due.as_nanos() & !Self::FLAGS;
        Self(if nanos == 0 { Self::FLAGS + 1 } else { nanos } | flags)
    }

    /// The same, but a probe has already shown content: nothing is held back any more.
    #[must_use]
    pub const fn opened(self) -> Self {
        Self(self.0 | Self::OPEN)
    }

    /// The same, while one request is trying it.
    #[must_use]
    pub const fn probing(self) -> Self {
        Self(self.0 | Self::PROBING)
    }

    /// The same, and when it is due something soft still orders its paths last, until [`Blame::soft_due`].
    #[must_use]
    pub const fn with_soft_behind(self) -> Self {
        Self(self.0 | Self::SOFT_BEHIND)
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub const fn is_clean(self) -> bool {
        self.0 == 0
    }

    /// Whether it holds nobody back: clean, or opened by a probe.
    #[must_use]
    pub const fn is_open(self) -> bool {
        self.0 == 0 || self.0 & Self::OPEN != 0
    }

    /// Whether it only orders its paths last.
    #[must_use]
    pub const fn is_soft(self) -> bool {
        self.0 & Self::SOFT != 0
    }

    /// Whether something soft keeps its paths last for longer than it takes them out.
    #[must_use]
    pub const fn has_soft_behind(self) -> bool {
        self.0 & Self::SOFT_BEHIND != 0
    }

    /// Whether even counting must respect it: the credential is rejected or unpaid.
    #[must_use]
    pub const fn is_strict(self) -> bool {
        self.0 & Self::STRICT != 0
    }

    /// Whether one request is trying it at this moment.
    #[must_use]
    pub const fn is_probing(self) -> bool {
        self.0 & Self::PROBING != 0
    }

    /// From when on one request may try it.
    #[must_use]
    pub const fn due(self) -> Moment {
        Moment::from_nanos(self.0 & !Self::FLAGS)
    }

    /// The word itself, for an atomic.
    #[must_use]
    pub const fn to_word(self) -> u64 {
        self.0
    }

    /// From the word of [`Gate::to_word`].
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }
}

/// How a suspension keeps requests away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Orders the path last.
    Soft,
    /// Takes it out, for inference.
    Hard,
    /// Takes it out for everything, counting too.
    Strict,
}

impl Manner {
    /// How suspensions of this class work.
    #[must_use]
    pub const fn of(class: ErrorClass) -> Self {
        match class {
            ErrorClass::AuthFailed | ErrorClass::Billing => Self::Strict,
            soft if soft.is_soft() => Self::Soft,
            _ => Self::Hard,
        }
    }
}

/// What lies behind a shut gate; read only where the gate alone does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blame {
    /// The class of the suspension that keeps it out longest.
    pub class: ErrorClass,
    /// Until when it is out.
    pub until: Moment,
    /// When it was last tried, or failed.
    pub probed_at: Moment,
    /// Until when what is soft among them orders the scope's paths last; zero if nothing is.
    pub soft_due: Moment,
    /// How often in a row it failed, at least.
    pub strikes: u32,
    /// Whether the upstream itself said when it will be over.
    pub is_hinted: bool,
}

/// Names a conversation: a digest of an explicit session key, or of a first turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AffinityKey(pub u128);

/// What a decision may read. Nothing here blocks, and the answers may be a moment old: what must hold exactly is
/// checked again by [`Memory::admit`].
pub trait View {
    /// How one scope stands.
    fn gate(&self, slot: Slot) -> Gate;
    /// What is behind a shut gate, `None` once it is clean.
    fn blame(&self, slot: Slot) -> Option<Blame>;
    /// Whether the credential may carry one more request.
    fn has_room(&self, credential: u32) -> bool;
    /// When the credential last failed hard or was last tried although suspended.
    fn probed_at(&self, credential: u32) -> Moment;
    /// Position after the last picked one, plus one for each seat before it; 0 before the first pick.
    fn cursor(&self, ring: u32) -> u32;
    /// Virtual time a seat of a weighted ring has used up.
    fn pass(&self, ring: u32, seat: u32) -> u64;
    /// Virtual time of a weighted ring: a seat that was away starts from here.
    fn ring_time(&self, ring: u32) -> u64;
    /// Whether the upstream's retry budget has a token.
    fn has_token(&self, upstream: u32, now: Moment) -> bool;
    /// Where a conversation lives.
    fn binding(&self, key: AffinityKey, now: Moment) -> Option<Candidate>;
}

/// One step of a rotation, which holds only if nobody else took it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Move a cursor.
    Cursor {
        /// Which ring.
        ring: u32,
        /// The cursor the decision saw.
        from: u32,
        /// The cursor afterwards.
        to: u32,
    },
    /// Charge a seat of a weighted ring.
    Pass {
        /// Which ring.
        ring: u32,
        /// Which seat.
        seat: u32,
        /// What the decision saw there.
        from: u64,
        /// Virtual time at which the seat was picked.
        start: u64,
        /// What the seat has used up afterwards.
        to: u64,
    },
}

/// On what footing an attempt enters a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Nothing keeps it out.
    Free,
    /// It is half-open, and this is the one request that tries it.
    Probe,
    /// Only softly suspended paths are left, and it is the one that is due soonest.
    SoftLast,
    /// Only hard suspensions are left, and this is the path whose last probe is oldest.
    LastResort,
}

/// What an attempt must take, all of it or nothing, before it may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Which candidate.
    pub candidate: u32,
    /// What it is asked to do.
    pub operation: Operation,
    /// On what footing.
    pub entry: Entry,
    /// Whether it costs a token of the upstream's retry budget.
    pub takes_token: bool,
    /// Whether it is a request's first attempt, which feeds that budget.
    pub feeds_budget: bool,
    /// The step of the ring of credentials.
    pub turn: Option<Turn>,
    /// The step of the ring of this credential's members.
    pub member_turn: Option<Turn>,
}

/// Why a claim was lost: the world moved between the reading and the claiming. Ask again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// Another request took this turn of a rotation.
    Moved,
    /// The credential carries all it may.
    NoRoom,
    /// Another request is the probe, or a probe has just failed.
    Probed,
    /// The retry budget is used up.
    NoToken,
}

/// How much a success proves about the path it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Healing {
    /// First content: the path is open to all again, its ladder stays.
    Opened,
    /// A verified end: whatever blames the path is forgotten.
    Proven,
    /// Counting worked: only what blames counting is forgotten.
    Counted,
}

/// What remembers. All writes are atomic per key and keyed by ids.
pub trait Memory: View {
    /// Holds what an attempt has claimed, and gives it back when dropped.
    type Admission;

    /// Takes everything `claim` asks for.
    ///
    /// # Errors
    /// With nothing taken, why the attempt may not begin.
    fn admit(&self, claim: &Claim, now: Moment) -> Result<Self::Admission, Refusal>;

    /// Replaces the entry of (`key`, `class`) with what `change` makes of it, and answers with the new one.
    fn observe(
        &self,
        key: &ScopeKey,
        class: ErrorClass,
        change: impl Fn(Option<&Suspension>) -> Suspension,
    ) -> Suspension;

    /// Takes back an entry whose last failure is the one at `since`: it was the request, not the path.
    fn withdraw(&self, key: &ScopeKey, class: ErrorClass, since: Moment);

    /// Lifts what blames the candidate's path and was seen before `started`.
    fn heal(&self, candidate: u32, operation: Operation, started: Moment, healing: Healing);

    /// Notes that `credential` was refused by what `key` names until `until`; answers whether another credential
    /// was refused in the same window.
    fn witness(&self, key: &ScopeKey, credential: &CredentialId, until: Moment, now: Moment) -> bool;

    /// Binds a conversation, unless a success of a later attempt already has.
    fn bind(&self, key: AffinityKey, candidate: Candidate, started: Moment, now: Moment);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_tells_its_due_moment_and_manner_apart_and_is_never_clean() {
        for due in [Moment::ZERO, Moment::from_nanos(31), Moment::from_secs(3)] {
            for manner in [Manner::Soft, Manner::Hard, Manner::Strict] {
                let gate = Gate::shut(due, manner);
                assert!(!gate.is_clean() && !gate.is_open() && !gate.is_probing());
                assert_eq!(
                    (gate.is_soft(), gate.is_strict()),
                    (manner == Manner::Soft, manner == Manner::Strict)
                );
                assert!(gate.opened().is_open() && gate.probing().is_probing());
                assert!(gate.with_soft_behind().has_soft_behind() && !gate.has_soft_behind());
                assert_eq!(gate.probing().opened().with_soft_behind().due(), gate.due());
                assert_eq!(Gate::from_word(gate.to_word()), gate);
            }
        }
        assert_eq!(Gate::shut(Moment::from_secs(3), Manner::Hard).due(), Moment::from_secs(3));
    }

    #[test]
    fn only_rejected_and_unpaid_credentials_are_out_for_counting_too() {
        let strict: Vec<_> =
            ErrorClass::ALL.into_iter().filter(|class| Manner::of(*class) == Manner::Strict).collect();
        assert_eq!(strict, [ErrorClass::AuthFailed, ErrorClass::Billing]);
    }
}
