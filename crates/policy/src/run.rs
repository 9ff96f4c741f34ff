//! One request from its first candidate to its ending: what to do next.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use standin_core::{Candidate, Claim, CredentialId, Entry, Moment, Refusal, UpstreamModel, View};

use crate::{
    ask::Ask,
    ending::{Cause, Ending, Family, Report, Stop},
    jitter::jitter,
    params::Params,
    routing::{Place, RouteIndex, Routing},
    select::{Pick, Sight},
    state::State,
    survey::{Outlook, Verdict},
    trail::{How, Note, Trail, Wake},
};

/// How often a request looks again while it waits for a probe or for room; nobody can know when those end.
pub(crate) const POLL: Duration = Duration::from_millis(100);
/// Most that a wait for a deadline is stretched, so that waiting requests do not wake as one.
pub(crate) const JITTER_MAX: Duration = Duration::from_millis(500);
/// Claims lost in a row after which a rotation is not followed exactly any more: fairness yields to progress.
pub(crate) const REFUSALS_FAIR: u32 = 8;
/// Claims lost in a row after which a request waits before it tries again.
pub(crate) const REFUSALS_MAX: u32 = 64;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Claim what it needs, and call this candidate.
    Attempt(Attempt),
    /// Ask again then, or earlier if what it waits for happens.
    Wait {
        /// Until when at the latest.
        until: Moment,
        /// For what.
        wake: Wake,
    },
    /// Answer the caller.
    Finish(Ending),
}

/// One upstream call to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number within the request, from 1.
    pub number: u32,
    /// The round it belongs to, from 0.
    pub round: u32,
    /// When it was decided; a success heals only what was seen before this.
    pub started: Moment,
    /// Why this candidate.
    pub how: How,
    /// Whether the credential has to be renewed first.
    pub renews: bool,
    /// What it has to take before it may begin.
    pub claim: Claim,
}

impl Attempt {
    /// The candidate's number in the layout.
    #[must_use]
    pub const fn candidate(&self) -> u32 {
        self.claim.candidate
    }
}

/// The state machine of one request. It keeps the routing and the parameters it began with.
#[derive(Debug)]
pub struct Run {
    pub(crate) routing: Arc<Routing>,
    pub(crate) params: Arc<Params>,
    pub(crate) route: RouteIndex,
    pub(crate) ask: Ask,
    pub(crate) state: State,
    pub(crate) outstanding: Option<(Attempt, Place)>,
    pub(crate) ended: Option<Ending>,
    pub(crate) trail: Trail,
}

impl Run {
    /// Begins a request for a name that [`Routing::resolve`] knows.
    #[must_use]
    pub fn new(routing: Arc<Routing>, params: Arc<Params>, route: RouteIndex, ask: Ask) -> Self {
        let trail = Trail::new(Arc::clone(routing.layout()));
        Self { routing, params, route, ask, state: State::default(), outstanding: None, ended: None, trail }
    }

    /// Begins another request for the same name with the same routing and parameters. What was reserved for this one
    /// serves it too, so that whoever lives through millions asks for memory once.
    pub fn begin_again(&mut self, ask: Ask) {
        self.ask = ask;
        self.state.begin_again();
        (self.outstanding, self.ended) = (None, None);
        self.trail.begin_again();
    }

    /// What to do now. Until an outcome is recorded or the claim was refused, the answer stays the same attempt.
    pub fn next<V: View>(&mut self, now: Moment, view: &V) -> Step {
        if let Some(ending) = &self.ended {
            return Step::Finish(ending.clone());
        }
        if let Some((attempt, _)) = self.outstanding {
            return Step::Attempt(attempt);
        }
        if let Some(since) = self.state.waiting_since.take() {
            self.state.waited = self.state.waited.saturating_add(now.since(since));
        }
        if self.ask.deadline.is_some_and(|deadline| deadline <= now) {
            return self.fail(now, view, Stop::Deadline);
        }
        if let Some(stop) = self.forbidden() {
            return self.fail(now, view, stop);
        }
        if self.state.refusals >= REFUSALS_MAX {
            self.state.refusals = 0;
            return self.wait(now, view, now + POLL, Wake::Probe);
        }
        self.choose(now, view)
    }

    /// Whether an attempt after the last failure is out of the question.
    fn forbidden(&self) -> Option<Stop> {
        let state = &self.state;
        if state.stop.is_some() {
            return state.stop;
        }
        if state.attempts >= self.params.attempts_max {
            return Some(Stop::AttemptsSpent);
        }
        let is_soft_spent = state.follows_soft() && state.soft_retries >= self.params.soft_retries_max;
        is_soft_spent.then_some(Stop::SoftRetriesSpent)
    }

    fn choose<V: View>(&mut self, now: Moment, view: &V) -> Step {
        if self.state.limits.renew_next
            && let Some(last) = self.state.last
        {
            let (turn, member_turn, entry, how) = (None, None, Entry::Free, How::Renewed);
            let pick = Pick { candidate: last.candidate, place: last.place, entry, how, turn, member_turn };
            return self.attempt(now, pick);
        }
        loop {
            let Self { routing, route, params, ask, state, trail, .. } = self;
            let sight = Sight { view, now, routing, route: routing.route(*route), params, ask, state };
            if let Some(pick) = sight.pick(trail) {
                return self.attempt(now, pick);
            }
            let outlook = sight.survey();
            if let Some((_, pick)) = outlook.soft {
                return self.attempt(now, pick);
            }
            if self.may_open_round() && outlook.earliest.is_some_and(|earliest| earliest <= now) {
                self.state.round += 1;
                self.state.round_is_due = false;
                continue;
            }
            return self.without_choice(now, view, &outlook);
        }
    }

    fn may_open_round(&self) -> bool {
        self.state.round < self.params.rounds && self.state.last.is_some_and(|last| last.is_passing())
    }

    /// Nothing can be tried at this moment: wait, try the last resort, or answer.
    fn without_choice<V: View>(&mut self, now: Moment, view: &V, outlook: &Outlook) -> Step {
        let left = self.params.wait_max.saturating_sub(self.state.waited);
        let mut until = None;
        if (outlook.is_probed || outlook.is_full) && !left.is_zero() {
            let wake = if outlook.is_probed { Wake::Probe } else { Wake::Room };
            until = Some((now + POLL + self.jitter(POLL), wake));
        }
        if let Some(earliest) = outlook.earliest
            && self.may_open_round()
            && earliest <= now + left
            && until.is_none_or(|(poll, _)| earliest < poll)
        {
            self.state.round_is_due = true;
            until = Some((earliest + self.jitter(JITTER_MAX.min(earliest.since(now))), Wake::Due));
        }
        if let Some((until, wake)) = until
            && self.ask.deadline.is_none_or(|deadline| deadline > until)
        {
            return self.wait(now, view, until, wake);
        }
        let is_hard_only = !outlook.is_probed && !outlook.is_full && !outlook.lacks_token;
        let Self { routing, route, params, ask, state, .. } = self;
        let sight = Sight { view, now, routing, route: routing.route(*route), params, ask, state };
        if is_hard_only && let Some(pick) = sight.last_resort() {
            return self.attempt(now, pick);
        }
        let poll = now + POLL + self.jitter(POLL);
        if is_hard_only
            && outlook.is_tried
            && !left.is_zero()
            && self.ask.deadline.is_none_or(|deadline| deadline > poll)
        {
            return self.wait(now, view, poll, Wake::Probe);
        }
        let stop = if outlook.lacks_token { Stop::BudgetSpent } else { Stop::Exhausted };
        self.fail(now, view, stop)
    }

    fn jitter(&self, most: Duration) -> Duration {
        let turn = u64::try_from(self.state.waited.as_nanos()).unwrap_or(u64::MAX);
        jitter(self.ask.seed, turn ^ u64::from(self.state.attempts), most)
    }

    fn wait<V: View>(&mut self, now: Moment, view: &V, until: Moment, wake: Wake) -> Step {
        let left = self.params.wait_max.saturating_sub(self.state.waited);
        if left.is_zero() {
            return self.fail(now, view, Stop::Exhausted);
        }
        let until = until.min(now + left);
        self.state.waiting_since = Some(now);
        self.trail.note(Note::Waiting { at: now, until, wake });
        Step::Wait { until, wake }
    }

    fn attempt(&mut self, now: Moment, pick: Pick) -> Step {
        let state = &mut self.state;
        state.called = Some(pick.candidate);
        if std::mem::take(&mut state.round_is_due) {
            state.round += 1;
        }
        let is_fair = state.refusals < REFUSALS_FAIR;
        let attempt = Attempt {
            number: state.attempts + 1,
            round: state.round,
            started: now,
            how: pick.how,
            renews: pick.how == How::Renewed,
            claim: Claim {
                candidate: pick.candidate,
                operation: self.ask.operation,
                entry: pick.entry,
                takes_token: state.follows_soft(),
                feeds_budget: state.attempts == 0,
                turn: pick.turn.filter(|_| is_fair),
                member_turn: pick.member_turn.filter(|_| is_fair),
            },
        };
        self.trail.note(Note::Chosen {
            at: now,
            candidate: pick.candidate,
            attempt: attempt.number,
            round: attempt.round,
            how: pick.how,
            entry: pick.entry,
        });
        self.outstanding = Some((attempt, pick.place));
        Step::Attempt(attempt)
    }

    /// The claim of the current attempt was lost before it began: it does not count.
    pub fn refused(&mut self, why: Refusal) {
        if self.outstanding.take().is_some() {
            self.state.refusals += 1;
            self.trail.note(Note::Refused { why });
        }
    }

    pub(crate) fn fail<V: View>(&mut self, now: Moment, view: &V, stop: Stop) -> Step {
        let Self { routing, route, params, ask, state, .. } = self;
        let sight = Sight { view, now, routing, route: routing.route(*route), params, ask, state };
        // Waiting cures nothing that is wrong with the request itself: nobody has to look for how long.
        let is_callers = state.best.as_ref().is_some_and(|best| best.family == Family::Caller);
        let verdict = if is_callers && stop != Stop::Deadline { Verdict::default() } else { sight.verdict() };
        let cause = match (&state.best, &verdict.cause) {
            _ if stop == Stop::Deadline => Cause::CallerDeadline,
            (Some(best), _) => Cause::Upstream(best.failure.class()),
            _ if !verdict.has_candidates && ask.pin.is_some() => Cause::PinUnknown,
            _ if !verdict.has_candidates => Cause::NoCandidate,
            (None, Some((class, _))) => Cause::Suspended(*class),
            (None, None) => Cause::AtCapacity,
        };
        let (failure, candidate) = match state.best.take() {
            Some(best) => (Some(best.failure), Some(routing.layout.candidate(best.candidate))),
            None => (None, None),
        };
        let report = Report {
            cause,
            stop,
            failure,
            candidate,
            suspended: verdict.cause.map(|(_, key)| key).filter(|_| matches!(cause, Cause::Suspended(_))),
            deadline: verdict.deadline,
            model: routing.route(*route).alias.clone(),
            attempts: state.attempts,
        };
        self.trail.note(Note::Ended { at: now, cause, stop });
        let ending = Ending::Failed(Box::new(report));
        self.ended = Some(ending.clone());
        Step::Finish(ending)
    }

    /// The attempt that was decided and not yet recorded.
    #[must_use]
    pub fn current(&self) -> Option<&Attempt> {
        self.outstanding.as_ref().map(|(attempt, _)| attempt)
    }

    /// The names behind an attempt.
    #[must_use]
    pub fn candidate(&self, attempt: &Attempt) -> Candidate {
        self.routing.layout.candidate(attempt.claim.candidate)
    }

    /// How many attempts are over.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.state.attempts
    }

    /// How many of them followed one that may have been executed although no complete reply came.
    #[must_use]
    pub const fn possible_duplicates(&self) -> u32 {
        self.state.possible_duplicates
    }

    /// How long the request has waited of its own accord.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.state.waited
    }

    /// The candidate that was called last.
    #[must_use]
    pub fn last_candidate(&self) -> Option<Candidate> {
        self.state.called.map(|candidate| self.routing.layout.candidate(candidate))
    }

    /// Its names where they stand.
    #[must_use]
    pub fn last_names(&self) -> Option<(&CredentialId, &UpstreamModel)> {
        self.state.called.map(|candidate| self.routing.layout.names(candidate))
    }

    /// The snapshot this request keeps.
    #[must_use]
    pub const fn routing(&self) -> &Arc<Routing> {
        &self.routing
    }

    /// The parameters this request keeps.
    #[must_use]
    pub const fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// The story so far.
    #[must_use]
    pub const fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The story, when the request is over; what is left has none.
    #[must_use]
    pub fn take_trail(&mut self) -> Trail {
        self.trail.take()
    }
}
