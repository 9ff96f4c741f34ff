//! The one place that records outcomes: what an attempt's end means for the rest of the request, and for the memory.

use standin_core::{
    AffinityKey, Blame, Certainty, CredentialId, ErrorClass, Evidence, Failure, Gate, Healing, Layer, Manner,
    Moment, Outcome, Progress, Verdict, View,
};

use crate::{
    ask::ConversationTurn,
    blame::{blamed, blamed_scope, blamed_slot},
    effect::{Bind, Effects, Heal, Suspend, Withdraw},
    ending::{Ending, Stop},
    ladder::sentence,
    params::UnknownFate,
    routing::Place,
    run::{Attempt, Run},
    standing::Fresh,
    state::{Last, Tried},
    suspend::Observation,
    trail::Note,
};

impl Run {
    /// The stream of the current attempt has shown its first content: its path is open to all again.
    #[must_use]
    pub fn opened(&self) -> Effects {
        let heal = self.outstanding.as_ref().and_then(|(attempt, _)| {
            (self.ask.operation.evidence() == Evidence::Inference)
                .then(|| self.heal(attempt, Healing::Opened))
        });
        Effects { heal, ..Effects::default() }
    }

    /// The current attempt is over. Without one, nothing happens.
    pub fn record<V: View>(&mut self, now: Moment, outcome: Outcome, view: &V) -> Effects {
        let Some((attempt, place)) = self.outstanding.take() else { return Effects::default() };
        let state = &mut self.state;
        state.attempts += 1;
        state.soft_retries += u32::from(state.follows_soft());
        state.possible_duplicates += u32::from(state.has_unknown_fate);
        state.refusals = 0;
        state.limits.renew_next = false;
        match outcome {
            Outcome::Success(evidence) => self.succeeded(now, &attempt, evidence, view),
            Outcome::Failure(failure) if failure.class() == ErrorClass::ClientGone => self.abandoned(now),
            Outcome::Failure(failure) => {
                let effects = self.failed(now, &attempt, place, &failure, view);
                self.state.keep_best(attempt.claim.candidate, failure);
                effects
            }
            Outcome::Abandoned => self.abandoned(now),
        }
    }

    /// The caller left, or its own deadline passed: counts neither as success nor as failure.
    fn abandoned(&mut self, now: Moment) -> Effects {
        if self.ask.deadline.is_none_or(|deadline| deadline > now) {
            self.ended = Some(Ending::CallerLeft);
        }
        Effects::default()
    }

    fn succeeded<V: View>(
        &mut self,
        now: Moment,
        attempt: &Attempt,
        evidence: Evidence,
        view: &V,
    ) -> Effects {
        self.trail.note(Note::Succeeded { at: now, evidence });
        self.ended = Some(Ending::Served);
        let healing = match evidence {
            Evidence::Local => return Effects::default(),
            Evidence::RemoteCount => Healing::Counted,
            Evidence::Inference => Healing::Proven,
        };
        let bind = if evidence == Evidence::Inference { self.bind(now, attempt, view) } else { None };
        Effects { heal: Some(self.heal(attempt, healing)), bind, ..Effects::default() }
    }

    fn heal(&self, attempt: &Attempt, healing: Healing) -> Heal {
        let (candidate, operation) = (attempt.claim.candidate, self.ask.operation);
        Heal { candidate, operation, started: attempt.started, healing }
    }

    /// Where the conversation lives from now on: here, unless its home is only out for a while.
    fn bind<V: View>(&self, now: Moment, attempt: &Attempt, view: &V) -> Option<Bind> {
        let affinity = self.ask.affinity?;
        let layout = &self.routing.layout;
        let served = layout.candidate(attempt.claim.candidate);
        let home = self.later_key().and_then(|key| view.binding(key, now));
        let stays = home.filter(|home| {
            home.credential == served.credential
                || layout.find_credential(&home.credential).is_some_and(|credential| {
                    let slot = layout.credential_slot(credential);
                    is_passing(view.gate(slot), view.blame(slot))
                })
        });
        let candidate = match stays {
            Some(home) if home.credential != served.credential => home,
            _ => served,
        };
        Some(Bind { key: affinity.key, candidate, started: attempt.started })
    }

    fn failed<V: View>(
        &mut self,
        now: Moment,
        attempt: &Attempt,
        place: Place,
        failure: &Failure,
        view: &V,
    ) -> Effects {
        let candidate = attempt.claim.candidate;
        let credential = self.routing.layout.row(candidate).credential;
        self.state.has_unknown_fate |= failure.is_fate_unknown();
        if self.may_renew(credential, failure) {
            self.renew(credential);
            self.note_failure(now, failure, false);
            self.remember(now, attempt, place, failure);
            return Effects::default();
        }
        let unknown_fault = unknown_fault(failure);
        if let Some(earlier) = self.same_fault(credential, unknown_fault) {
            self.state.stop = Some(Stop::Final);
            self.note_failure(now, failure, false);
            return Effects { withdraw: earlier, ..Effects::default() };
        }
        let suspend = self.suspend(now, attempt, failure);
        self.note_failure(now, failure, suspend.is_some());
        let withdraw = suspend.as_ref().map(|suspend| Withdraw {
            key: suspend.key.clone(),
            class: suspend.seen.class,
            since: now,
        });
        let (due, fresh) = self.remember(now, attempt, place, failure);
        self.state.tried.push(Tried {
            candidate,
            credential,
            round: attempt.round,
            due,
            fresh,
            unknown_fault,
            withdraw,
        });
        let owner = (failure.class() == ErrorClass::StateMismatch).then(|| self.owner(now, view)).flatten();
        self.state.stop = self.consequence(attempt, failure, owner);
        Effects { suspend, ..Effects::default() }
    }

    /// Keeps what the next choice has to know, and answers from when on the candidate may be tried again and what is
    /// to blame until then.
    fn remember(
        &mut self,
        now: Moment,
        attempt: &Attempt,
        place: Place,
        failure: &Failure,
    ) -> (Moment, Option<Fresh>) {
        let (layout, candidate) = (&self.routing.layout, attempt.claim.candidate);
        let class = failure.class();
        let blamed = blamed_scope(self.ask.operation, failure);
        let scope = blamed.unwrap_or(failure.verdict.scope);
        self.state.last = Some(Last { candidate, place, class, scope });
        if self.state.limits.renew_next {
            return (now, None);
        }
        let strikes = 1 + u32::try_from(self.failures_of(candidate)).unwrap_or(u32::MAX);
        let (certainty, hint) = (failure.verdict.certainty, failure.verdict.delay);
        if class.blames_nobody() {
            return (now, None);
        }
        let due = now + sentence(class, certainty, hint, strikes, self.params.probe_max).probe_after;
        let slot = blamed.and_then(|scope| blamed_slot(layout, candidate, self.ask.operation, scope));
        (due, slot.map(|slot| Fresh { slot, manner: Manner::of(class) }))
    }

    fn failures_of(&self, candidate: u32) -> usize {
        self.state.tried.iter().filter(|tried| tried.candidate == candidate).count()
    }

    fn suspend(&self, now: Moment, attempt: &Attempt, failure: &Failure) -> Option<Suspend> {
        let (layout, candidate) = (&self.routing.layout, attempt.claim.candidate);
        let credential = layout.row(candidate).credential;
        let is_on = self.routing.suspends(credential, self.params.suspend);
        if !failure.verdict.suspend.unwrap_or(is_on) {
            return None;
        }
        let key = blamed(layout, candidate, self.ask.operation, failure)?;
        let seen = Observation::of(failure, attempt, now);
        let row = layout.credential(credential);
        let shared = (failure.class() == ErrorClass::Overloaded
            && key.scope() == standin_core::Scope::Candidate)
            .then(|| layout.path_key(candidate, self.ask.operation, 3));
        Some(Suspend { key, seen, credential: row.id.clone(), shared })
    }

    fn may_renew(&self, credential: u32, failure: &Failure) -> bool {
        let id = &self.routing.layout.credential(credential).id;
        failure.class() == ErrorClass::AuthFailed
            && failure.verdict.certainty == Certainty::Firm
            && failure.progress < Progress::ContentForwarded
            && self.routing.renewable[credential as usize]
            && self.state.limits.renewed.as_ref() != Some(id)
    }

    fn renew(&mut self, credential: u32) {
        self.state.limits.renewed = Some(self.routing.layout.credential(credential).id.clone());
        self.state.limits.renew_next = true;
    }

    /// Whether another credential has answered this request with the same 5xx and the same words; then it is the
    /// request, and what was said about that credential is taken back.
    fn same_fault(&self, credential: u32, fault: Option<(u16, u64)>) -> Option<Option<Withdraw>> {
        let fault = fault?;
        let is_same = |tried: &&Tried| tried.unknown_fault == Some(fault) && tried.credential != credential;
        self.state.tried.iter().find(is_same).map(|tried| tried.withdraw.clone())
    }

    fn note_failure(&mut self, at: Moment, failure: &Failure, suspends: bool) {
        let verdict = &failure.verdict;
        self.trail.note(Note::Failed {
            at,
            class: verdict.class,
            rule: verdict.rule.clone(),
            status: verdict.error.status,
            scope: verdict.scope,
            suspends,
        });
    }

    /// Who owns the state that the request refers to: who is named, else where its conversation lives.
    fn owner<V: View>(&self, now: Moment, view: &V) -> Option<CredentialId> {
        let home = || Some(view.binding(self.later_key()?, now)?.credential);
        self.ask.owner.clone().or_else(home)
    }

    /// The conversation, if this is not its first turn.
    fn later_key(&self) -> Option<AffinityKey> {
        let affinity = self.ask.affinity.filter(|affinity| affinity.turn == ConversationTurn::Later);
        affinity.map(|affinity| affinity.key)
    }

    /// What a failure means for where this request can still go: narrows the choice, or ends it.
    fn consequence(
        &mut self,
        attempt: &Attempt,
        failure: &Failure,
        owner: Option<CredentialId>,
    ) -> Option<Stop> {
        if failure.progress == Progress::ContentForwarded {
            return Some(Stop::ContentForwarded);
        }
        if failure.verdict.stop {
            return Some(Stop::Final);
        }
        if failure.is_fate_unknown() && self.params.on_unknown_fate == UnknownFate::Stop {
            return Some(Stop::UnknownFate);
        }
        let candidate = attempt.claim.candidate;
        let limits = &mut self.state.limits;
        match failure.class() {
            ErrorClass::InvalidRequest | ErrorClass::ContentPolicy => return Some(Stop::Final),
            ErrorClass::CapabilityMismatch => {
                limits.incapable.push(self.routing.model_name(candidate).clone())
            }
            ErrorClass::StateMismatch => {
                let called = self.routing.layout.row(candidate).credential;
                let called = &self.routing.layout.credential(called).id;
                // Its own owner does not know it: nobody does.
                let Some(owner) = owner.filter(|owner| owner != called) else { return Some(Stop::Final) };
                limits.owner = Some(owner);
            }
            ErrorClass::ContextTooLong => {
                let Some(tokens) = self.routing.context_of(candidate) else { return Some(Stop::Final) };
                limits.context_above = limits.context_above.max(Some(tokens));
            }
            ErrorClass::PayloadTooLarge => {
                if limits.too_large_for.is_some() {
                    return Some(Stop::Final);
                }
                limits.too_large_for = Some(self.routing.upstream_of(candidate));
            }
            _ => {}
        }
        None
    }
}

/// Whether what holds a credential back leaves its conversations to it: only a failure of its own moves them for good,
/// and a limit per minute is none.
fn is_passing(gate: Gate, blame: Option<Blame>) -> bool {
    let is_rate = blame.is_none_or(|blame| blame.class == ErrorClass::RateLimited);
    // What a probe has opened is soft, and behind what is clean is no blame.
    gate.is_soft() || is_rate
}

/// Status and digest of a server fault in words that no rule knows to be passing.
fn unknown_fault(failure: &Failure) -> Option<(u16, u64)> {
    let Verdict { error, layer, matched, .. } = &failure.verdict;
    let is_fault = failure.class() == ErrorClass::ServerError && (500..600).contains(&error.status);
    // In this order: most failures are none of these, and words are read one by one.
    let is_unknown = is_fault
        && match layer {
            Layer::Status | Layer::Structure => true,
            // A type that only says "server error" says nothing about the words beside it.
            Layer::Generic => !words(&error.message).contains(&words(matched)),
            Layer::Operator | Layer::Wording | Layer::Transport => false,
        };
    (is_unknown && failure.fingerprint != 0).then_some((error.status, failure.fingerprint))
}

/// A text as lower-case words with a space around each.
fn words(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |all, word| all + &word.to_lowercase() + " ")
}
