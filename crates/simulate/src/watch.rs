//! The invariants of the policy, asserted on every step of every simulation (`docs/simulation.md`).
//!
//! They are checked from outside: by what a request was seen to do, and by a memory that looks at everything that is
//! read from it and written to it.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    error, fmt,
    sync::Arc,
};

use standin_core::{
    AffinityKey, Blame, Candidate, Claim, CredentialId, Entry, ErrorClass, Gate, Healing, Layout, Memory,
    Moment, Operation, Outcome, Refusal, ScopeKey, Slot, Suspension, View,
};
use standin_policy::{Attempt, How, Params, Report, Stop, forgotten_at, merge};
use standin_store::{Admission, Session};

/// Observations of one entry that are joined again in another order.
const HISTORY_MAX: usize = 16;

/// An invariant does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    what: String,
    at: Moment,
    request: Option<u64>,
}

impl Violation {
    pub(crate) fn new(what: impl Into<String>, at: Moment) -> Self {
        Self { what: what.into(), at, request: None }
    }

    pub(crate) fn of(self, request: u64) -> Self {
        Self { request: Some(request), ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.what, self.at)?;
        self.request.map_or(Ok(()), |request| write!(f, ", request {request}"))
    }
}

impl error::Error for Violation {}

/// What one request was seen to do.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    attempts: u32,
    tried: Vec<(u32, u32)>,
    has_callers_fault: bool,
}

impl Witness {
    /// Another request comes in the place of this one.
    pub(crate) fn begin_again(&mut self) {
        let Self { attempts, tried, has_callers_fault } = self;
        (*attempts, *has_callers_fault) = (0, false);
        tried.clear();
    }

    /// No candidate twice in a round, nothing after a caller's fault, never more attempts than allowed.
    pub(crate) fn attempt(&mut self, attempt: &Attempt, params: &Params) -> Result<(), Violation> {
        let refuse = |what: &str| Err(Violation::new(what, attempt.started));
        self.attempts += 1;
        let place = (attempt.round, attempt.candidate());
        if self.tried.contains(&place) && attempt.how != How::Renewed {
            return refuse("a candidate is used twice in a round");
        }
        self.tried.push(place);
        if self.has_callers_fault {
            return refuse("a caller's fault costs more than one attempt");
        }
        if self.attempts > params.attempts_max {
            return refuse("a request makes more attempts than attempts_max");
        }
        if attempt.round > params.rounds {
            return refuse("a request opens more rounds than it may");
        }
        Ok(())
    }

    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        self.has_callers_fault |= matches!(
            outcome,
            Outcome::Failure(failure) if failure.class() == ErrorClass::InvalidRequest
        );
    }

    /// An error only if no path could serve, given what had been learnt, or the budget forbade the attempt.
    pub(crate) fn ended(&self, report: &Report, memory: &Watched, now: Moment) -> Result<(), Violation> {
        let is_open = |candidate: &u32| {
            !self.tried.iter().any(|(_, tried)| tried == candidate)
                && memory.is_clean(*candidate)
                && memory.has_room(memory.layout.row(*candidate).credential)
        };
        let left = || (0..memory.layout.candidate_count()).find(is_open);
        match (report.stop, left()) {
            (Stop::Exhausted, Some(candidate)) => {
                let candidate = memory.layout.candidate(candidate);
                Err(Violation::new(format!("an error although {candidate} was left untried"), now))
            }
            _ => Ok(()),
        }
    }
}

/// The store's session, watched.
pub(crate) struct Watched {
    session: Session,
    pub(crate) layout: Arc<Layout>,
    /// Every state of an entry since it was last lifted, oldest first.
    history: RefCell<HashMap<(ScopeKey, ErrorClass), VecDeque<Suspension>>>,
    complaint: RefCell<Option<Violation>>,
}

impl Watched {
    pub(crate) fn new(session: Session, layout: Arc<Layout>) -> Self {
        Self { session, layout, history: RefCell::default(), complaint: RefCell::default() }
    }

    /// The first thing that was seen to be wrong.
    pub(crate) fn complaint(&self) -> Result<(), Violation> {
        // Asked after every step, and next to never is there one.
        if self.complaint.borrow().is_none() {
            return Ok(());
        }
        self.complaint.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn complain(&self, what: &str, at: Moment) {
        self.complaint.borrow_mut().get_or_insert_with(|| Violation::new(what, at));
    }

    pub(crate) fn is_clean(&self, candidate: u32) -> bool {
        let path = self.layout.path(candidate, Operation::ChatCompletions);
        path.into_iter().all(|slot| self.session.gate(slot).is_clean())
    }

    /// Whether something that is not due yet keeps requests away from the candidate.
    pub(crate) fn avoids(&self, candidate: u32, operation: Operation, now: Moment) -> bool {
        let path = self.layout.path(candidate, operation);
        let gates = path.into_iter().map(|slot| self.session.gate(slot));
        gates.into_iter().any(|gate| !gate.is_open() && gate.due() > now)
    }

    /// Nobody uses a suspended path, unless as the one probe.
    fn check_entry(&self, claim: &Claim, before: [Gate; 6], now: Moment) {
        let mut shut = before.into_iter().filter(|gate| !gate.is_open());
        match claim.entry {
            Entry::Free if shut.next().is_some() => {
                self.complain("a suspended path is used as a free one", now)
            }
            Entry::SoftLast if shut.clone().any(|gate| !gate.is_soft()) => {
                self.complain("a hard suspension is passed over as if it were soft", now);
            }
            Entry::Probe | Entry::LastResort if shut.clone().any(Gate::is_probing) => {
                self.complain("two requests probe one path", now);
            }
            Entry::Probe if shut.any(|gate| !gate.is_soft() && gate.due() > now) => {
                self.complain("a path is probed before it is due", now);
            }
            _ => {}
        }
    }

    /// Entries only grow, a repetition changes nothing, and the order in which they are joined does not matter.
    fn check_lattice(&self, key: &ScopeKey, old: Option<&Suspension>, new: &Suspension, again: &Suspension) {
        // A ladder that nobody climbed for long enough is forgotten: what comes then begins anew.
        let old = old.filter(|old| new.since < forgotten_at(old));
        if new != again {
            self.complain("the same observation twice is not the same as once", new.since);
        }
        if old.is_some_and(|old| old.until > new.until || old.strikes > new.strikes) {
            self.complain("a later failure moves a deadline closer", new.since);
        }
        let mut history = self.history.borrow_mut();
        let states = history.entry((key.clone(), new.class)).or_default();
        if states.back() != old {
            states.clear();
            states.extend(old.cloned());
        }
        // Joined from the oldest on it came to the newest at each step before this one. So what is left to see is that
        // this step does, that a repetition of any changes nothing, and with that, that backwards comes to the same.
        let is_next = states.back().is_none_or(|last| merge(last.clone(), new.clone()) == *new);
        let is_last = states.iter().chain([new]).all(|state| merge(new.clone(), state.clone()) == *new);
        if !is_next || !is_last {
            self.complain("the order in which failures are learnt changes what is known", new.since);
        }
        if states.len() == HISTORY_MAX {
            states.pop_front();
        }
        states.push_back(new.clone());
    }
}

impl View for Watched {
    fn gate(&self, slot: Slot) -> Gate {
        self.session.gate(slot)
    }

    fn blame(&self, slot: Slot) -> Option<Blame> {
        self.session.blame(slot)
    }

    fn has_room(&self, credential: u32) -> bool {
        self.session.has_room(credential)
    }

    fn probed_at(&self, credential: u32) -> Moment {
        self.session.probed_at(credential)
    }

    fn cursor(&self, ring: u32) -> u32 {
        self.session.cursor(ring)
    }

    fn pass(&self, ring: u32, seat: u32) -> u64 {
        self.session.pass(ring, seat)
    }

    fn ring_time(&self, ring: u32) -> u64 {
        self.session.ring_time(ring)
    }

    fn has_token(&self, upstream: u32, now: Moment) -> bool {
        self.session.has_token(upstream, now)
    }

    fn binding(&self, key: AffinityKey, now: Moment) -> Option<Candidate> {
        self.session.binding(key, now)
    }
}

impl Memory for Watched {
    type Admission = Admission;

    fn admit(&self, claim: &Claim, now: Moment) -> Result<Admission, Refusal> {
        let path = self.layout.path(claim.candidate, claim.operation);
        let is_open = path.iter().all(|slot| self.session.gate(*slot).is_open());
        // What is open to all may be entered on any footing; nearly always all of it is.
        let before = (!is_open).then(|| path.map(|slot| self.session.gate(slot)));
        let admission = self.session.admit(claim, now)?;
        before.into_iter().for_each(|before| self.check_entry(claim, before, now));
        Ok(admission)
    }

    fn observe(
        &self,
        key: &ScopeKey,
        class: ErrorClass,
        change: impl Fn(Option<&Suspension>) -> Suspension,
    ) -> Suspension {
        let old = RefCell::new(None);
        let new = self.session.observe(key, class, |known| {
            *old.borrow_mut() = known.cloned();
            change(known)
        });
        self.check_lattice(key, old.borrow().as_ref(), &new, &change(Some(&new)));
        new
    }

    fn withdraw(&self, key: &ScopeKey, class: ErrorClass, since: Moment) {
        self.session.withdraw(key, class, since);
    }

    fn heal(&self, candidate: u32, operation: Operation, started: Moment, healing: Healing) {
        self.session.heal(candidate, operation, started, healing);
    }

    fn witness(&self, key: &ScopeKey, credential: &CredentialId, until: Moment, now: Moment) -> bool {
        self.session.witness(key, credential, until, now)
    }

    fn bind(&self, key: AffinityKey, candidate: Candidate, started: Moment, now: Moment) {
        self.session.bind(key, candidate, started, now);
    }
}

#[cfg(test)]
mod tests {
    use standin_core::Manner;
    use standin_policy::{Credential, Declarations, Model, Routing, Upstream};
    use standin_store::Store;

    use super::*;

    const NOW: Moment = Moment::from_secs(1000);

    fn attempt(round: u32, candidate: u32, how: How) -> Attempt {
        let claim = Claim {
            candidate,
            operation: Operation::ChatCompletions,
            entry: Entry::Free,
            takes_token: false,
            feeds_budget: false,
            turn: None,
            member_turn: None,
        };
        Attempt { number: 1, round, started: NOW, how, renews: how == How::Renewed, claim }
    }

    #[test]
    fn an_attempt_that_breaks_a_rule_is_noticed() {
        let params = Params { attempts_max: 4, rounds: 1, ..Params::default() };
        let broken = |attempts: &[Attempt]| {
            let mut witness = Witness::default();
            attempts.iter().find_map(|one| witness.attempt(one, &params).err()).map(|found| found.what)
        };
        let turn = |round, candidate| attempt(round, candidate, How::Turn);
        assert_eq!(broken(&[turn(0, 1), attempt(0, 1, How::Renewed), turn(0, 2), turn(1, 1)]), None);
        let twice = broken(&[turn(0, 1), turn(0, 2), turn(0, 1)]);
        assert_eq!(twice.as_deref(), Some("a candidate is used twice in a round"));
        let many = broken(&[turn(0, 1), turn(0, 2), turn(0, 3), turn(0, 4), turn(0, 5)]);
        assert_eq!(many.as_deref(), Some("a request makes more attempts than attempts_max"));
        let rounds = broken(&[turn(0, 1), turn(1, 1), turn(2, 1)]);
        assert_eq!(rounds.as_deref(), Some("a request opens more rounds than it may"));
    }

    #[test]
    fn an_entry_that_its_path_does_not_allow_is_noticed() {
        let declared = Declarations {
            upstreams: vec![Upstream::new("up")],
            credentials: vec![Credential::new("c1", "up")],
            models: vec![Model::new("up", "m1")],
            routes: vec![],
        };
        let layout = Arc::clone(Routing::build(&declared).unwrap().layout());
        let session = Store::new(Params::default().limits()).adopt(Arc::clone(&layout), |_| true);
        let watched = Watched::new(session, layout);
        let (due, later) = (NOW, Moment::from_secs(1001));
        let shut = Gate::shut;
        for (entry, gate, complaint) in [
            (Entry::Free, shut(later, Manner::Hard).opened(), None),
            (Entry::Free, shut(due, Manner::Hard), Some("a suspended path is used as a free one")),
            (Entry::SoftLast, shut(later, Manner::Soft), None),
            (
                Entry::SoftLast,
                shut(later, Manner::Hard),
                Some("a hard suspension is passed over as if it were soft"),
            ),
            (Entry::Probe, shut(due, Manner::Hard), None),
            (Entry::Probe, shut(later, Manner::Soft), None),
            (Entry::Probe, shut(later, Manner::Hard), Some("a path is probed before it is due")),
            (Entry::Probe, shut(due, Manner::Hard).probing(), Some("two requests probe one path")),
            (Entry::LastResort, shut(later, Manner::Hard), None),
            (Entry::LastResort, shut(later, Manner::Hard).probing(), Some("two requests probe one path")),
        ] {
            let mut before = [Gate::CLEAN; 6];
            before[3] = gate;
            watched.check_entry(&Claim { entry, ..attempt(0, 0, How::Turn).claim }, before, NOW);
            let found = watched.complaint().err().map(|found| found.what);
            assert_eq!(found.as_deref(), complaint, "{entry:?}, {gate:?}");
        }
    }
}
