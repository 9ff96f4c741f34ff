//! What one request has learnt so far.

use std::{sync::Arc, time::Duration};

use standin_core::{CredentialId, ErrorClass, Failure, Moment, Scope, UpstreamModel};

use crate::{
    effect::Withdraw,
    ending::{Family, Stop},
    routing::Place,
    standing::Fresh,
};

/// The mutable part of a run. Bounded by `attempts_max`, never by the number of credentials.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) attempts: u32,
    pub(crate) soft_retries: u32,
    /// An attempt may have been executed although no complete reply came.
    pub(crate) has_unknown_fate: bool,
    /// Attempts after such a one.
    pub(crate) possible_duplicates: u32,
    pub(crate) round: u32,
    pub(crate) tried: Vec<Tried>,
    pub(crate) last: Option<Last>,
    /// The candidate of the latest attempt.
    pub(crate) called: Option<u32>,
    pub(crate) best: Option<Best>,
    pub(crate) waited: Duration,
    pub(crate) waiting_since: Option<Moment>,
    /// A wait for a suspension to end begins the next round.
    pub(crate) round_is_due: bool,
    /// Claims lost in a row.
    pub(crate) refusals: u32,
    /// Why nothing more may be attempted.
    pub(crate) stop: Option<Stop>,
    pub(crate) limits: Limits,
}

/// What the answers so far say about where this request can still go.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Models that cannot do what the request asks.
    pub(crate) incapable: Vec<UpstreamModel>,
    /// Only models with a larger declared context are left.
    pub(crate) context_above: Option<u64>,
    /// The upstream that found the request too large.
    pub(crate) too_large_for: Option<u32>,
    /// Only this credential can help: it owns the state that the request refers to.
    pub(crate) owner: Option<CredentialId>,
    /// The credential that was renewed and may be tried once more.
    pub(crate) renewed: Option<CredentialId>,
    /// The next attempt repeats the last candidate with a renewed credential.
    pub(crate) renew_next: bool,
}

impl Limits {
    fn begin_again(&mut self) {
        let Self { incapable, context_above, too_large_for, owner, renewed, renew_next } = self;
        incapable.clear();
        (*context_above, *too_large_for, *owner, *renewed, *renew_next) = (None, None, None, None, false);
    }
}

/// One attempt that is over.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) candidate: u32,
    pub(crate) credential: u32,
    pub(crate) round: u32,
    /// Not again before this, whatever the memory says.
    pub(crate) due: Moment,
    /// What it has earned for as long.
    pub(crate) fresh: Option<Fresh>,
    /// Status and digest of a 5xx whose words nobody knows.
    pub(crate) unknown_fault: Option<(u16, u64)>,
    /// How to take its suspension back.
    pub(crate) withdraw: Option<Withdraw>,
}

/// The failure that the next choice answers to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    pub(crate) candidate: u32,
    pub(crate) place: Place,
    pub(crate) class: ErrorClass,
    pub(crate) scope: Scope,
}

impl Last {
    /// Whether a further round may follow.
    pub(crate) const fn is_passing(&self) -> bool {
        self.class.is_soft() || matches!(self.class, ErrorClass::RateLimited)
    }
}

/// The failure to report if nothing serves.
#[derive(Debug)]
pub(crate) struct Best {
    pub(crate) family: Family,
    pub(crate) candidate: u32,
    pub(crate) failure: Arc<Failure>,
}

impl State {
    /// Nothing is learnt yet; what has been reserved for attempts stays.
    pub(crate) fn begin_again(&mut self) {
        // By name, so that no field can be left behind.
        let Self {
            attempts,
            soft_retries,
            has_unknown_fate,
            possible_duplicates,
            round,
            tried,
            last,
            called,
            best,
            waited,
            waiting_since,
            round_is_due,
            refusals,
            stop,
            limits,
        } = self;
        (*attempts, *soft_retries, *possible_duplicates, *round, *refusals) = (0, 0, 0, 0, 0);
        (*has_unknown_fate, *round_is_due, *waited) = (false, false, Duration::ZERO);
        (*last, *called, *best, *waiting_since, *stop) = (None, None, None, None, None);
        tried.clear();
        limits.begin_again();
    }

    pub(crate) fn was_tried_in_round(&self, candidate: u32) -> bool {
        self.tried.iter().any(|tried| tried.round == self.round && tried.candidate == candidate)
    }

    /// Whether `credential` would be one more than `most` in this round.
    pub(crate) fn is_one_too_many(&self, credential: u32, most: u32) -> bool {
        if most == 0 {
            return false;
        }
        let mut distinct = 0;
        for (at, tried) in self.tried.iter().enumerate().filter(|(_, tried)| tried.round == self.round) {
            if tried.credential == credential {
                return false;
            }
            let earlier = &self.tried[..at];
            let is_first = !earlier
                .iter()
                .any(|other| other.round == self.round && other.credential == tried.credential);
            distinct += u32::from(is_first);
        }
        distinct >= most
    }

    /// From when on the request itself may try `candidate` again.
    pub(crate) fn own_due(&self, candidate: u32) -> Moment {
        let own = self.tried.iter().filter(|tried| tried.candidate == candidate);
        own.map(|tried| tried.due).max().unwrap_or(Moment::ZERO)
    }

    /// Whether the next attempt answers to a soft failure, and so costs a token.
    pub(crate) fn follows_soft(&self) -> bool {
        self.last.is_some_and(|last| last.class.is_soft())
    }

    pub(crate) fn keep_best(&mut self, candidate: u32, failure: Arc<Failure>) {
        // State that a fallback left behind is no fault of the caller, and not what went wrong either.
        if failure.class() == ErrorClass::StateMismatch && self.best.is_some() {
            return;
        }
        let family = Family::of(failure.class());
        if self.best.as_ref().is_none_or(|best| family <= best.family) {
            self.best = Some(Best { family, candidate, failure });
        }
    }
}
