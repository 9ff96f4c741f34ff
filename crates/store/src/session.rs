//! A store seen through one layout: what requests that began with that configuration read and write.

use standin_core::{
    AffinityKey, Blame, Candidate, Claim, CredentialId, Entry, ErrorClass, Gate, Healing, Memory, Moment,
    Operation, Refusal, ScopeKey, Slot, Suspension, View,
};

use crate::{
    board::Board,
    rooms::Permit,
    store::Store,
    sync::{Arc, lock},
};

/// Cheap to clone; keeps its board alive as long as a request needs it.
#[derive(Debug, Clone)]
pub struct Session {
    pub(crate) store: Store,
    pub(crate) board: Arc<Board>,
}

/// What one attempt holds: a place on its credential and, if it is a probe, the only right to try its path.
#[derive(Debug)]
pub struct Admission {
    _permit: Permit,
    /// Given back when dropped; boxed, because few requests are one and every admission is handed from room to room.
    _probe: Option<Box<Probe>>,
}

#[derive(Debug)]
struct Probe {
    store: Store,
    keys: [ScopeKey; 6],
    claim: u64,
}

impl Drop for Probe {
    fn drop(&mut self) {
        lock(&self.store.inner.ledger).release(&self.keys, self.claim);
    }
}

impl Session {
    /// The store behind it.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// How many requests the credential carries at this moment.
    #[must_use]
    pub fn in_flight(&self, credential: u32) -> u32 {
        self.board.rooms[credential as usize].in_flight()
    }

    fn turns(&self, claim: &Claim) -> Result<(), Refusal> {
        let cursors = &self.board.cursors;
        if claim.member_turn.is_some_and(|turn| !cursors.take(turn)) {
            return Err(Refusal::Moved);
        }
        if claim.turn.is_some_and(|turn| !cursors.take(turn)) {
            claim.member_turn.into_iter().for_each(|turn| cursors.give_back(turn));
            return Err(Refusal::Moved);
        }
        Ok(())
    }

    fn turn_back(&self, claim: &Claim) {
        claim.turn.into_iter().chain(claim.member_turn).for_each(|turn| self.board.cursors.give_back(turn));
    }

    fn probe(&self, claim: &Claim, now: Moment) -> Result<Option<Probe>, Refusal> {
        let is_last_resort = match claim.entry {
            Entry::Free | Entry::SoftLast => return Ok(None),
            Entry::Probe => false,
            Entry::LastResort => true,
        };
        let room = &self.board.rooms[self.board.layout.row(claim.candidate).credential as usize];
        let keys = self.board.layout.path_keys(claim.candidate, claim.operation);
        let mut ledger = lock(&self.store.inner.ledger);
        let is_rested = room.probed_at() + self.store.inner.limits.last_resort_interval <= now;
        if is_last_resort && !is_rested {
            return Err(Refusal::Probed);
        }
        let claim = ledger.claim(&keys, now, is_last_resort).ok_or(Refusal::Probed)?;
        room.probed(now);
        drop(ledger);
        Ok(Some(Probe { store: self.store.clone(), keys, claim }))
    }
}

impl View for Session {
    fn gate(&self, slot: Slot) -> Gate {
        self.board.gate(slot)
    }

    fn blame(&self, slot: Slot) -> Option<Blame> {
        self.board.blame(slot)
    }

    fn has_room(&self, credential: u32) -> bool {
        self.in_flight(credential) < self.board.layout.credential(credential).in_flight_max
    }

    fn probed_at(&self, credential: u32) -> Moment {
        self.board.rooms[credential as usize].probed_at()
    }

    fn cursor(&self, ring: u32) -> u32 {
        self.board.cursors.cursor(ring)
    }

    fn pass(&self, ring: u32, seat: u32) -> u64 {
        self.board.cursors.pass(ring, seat)
    }

    fn ring_time(&self, ring: u32) -> u64 {
        self.board.cursors.time(ring)
    }

    fn has_token(&self, upstream: u32, now: Moment) -> bool {
        self.board.buckets[upstream as usize].has_token(&self.store.inner.drip, now)
    }

    fn binding(&self, key: AffinityKey, now: Moment) -> Option<Candidate> {
        self.store.inner.bindings.find(key, self.store.inner.limits.affinity_ttl, now)
    }
}

impl Memory for Session {
    type Admission = Admission;

    fn admit(&self, claim: &Claim, now: Moment) -> Result<Admission, Refusal> {
        let layout = &self.board.layout;
        let number = layout.row(claim.candidate).credential;
        let credential = layout.credential(number);
        let room = &self.board.rooms[number as usize];
        let bucket = &self.board.buckets[credential.upstream as usize];
        let drip = &self.store.inner.drip;
        let permit = room.enter(credential.in_flight_max).ok_or(Refusal::NoRoom)?;
        if claim.takes_token && !bucket.take(drip, now) {
            return Err(Refusal::NoToken);
        }
        // A probe is claimed last: whoever has it goes.
        match self.turns(claim).and_then(|()| self.probe(claim, now).inspect_err(|_| self.turn_back(claim))) {
            Ok(probe) => {
                if claim.feeds_budget {
                    bucket.feed(drip, now);
                }
                Ok(Admission { _permit: permit, _probe: probe.map(Box::new) })
            }
            Err(why) => {
                if claim.takes_token {
                    bucket.give_back(drip);
                }
                Err(why)
            }
        }
    }

    fn observe(
        &self,
        key: &ScopeKey,
        class: ErrorClass,
        change: impl Fn(Option<&Suspension>) -> Suspension,
    ) -> Suspension {
        let mut ledger = lock(&self.store.inner.ledger);
        let suspension = ledger.observe(key, class, change);
        ledger.sweep(suspension.since, self.store.inner.limits.forgotten_at);
        suspension
    }

    fn withdraw(&self, key: &ScopeKey, class: ErrorClass, since: Moment) {
        lock(&self.store.inner.ledger).withdraw(key, class, since);
    }

    fn heal(&self, candidate: u32, operation: Operation, started: Moment, healing: Healing) {
        let layout = &self.board.layout;
        let path = layout.path(candidate, operation);
        // Nearly every success runs over a clean path; only the others need the lock.
        if path.iter().all(|slot| self.board.gate(*slot).is_clean()) {
            return;
        }
        let mut ledger = lock(&self.store.inner.ledger);
        for (at, key) in layout.path_keys(candidate, operation).iter().enumerate() {
            let is_of_operation = matches!(at, 2 | 5);
            if healing != Healing::Counted || is_of_operation {
                ledger.heal(key, started, healing);
            }
        }
    }

    fn witness(&self, key: &ScopeKey, credential: &CredentialId, until: Moment, now: Moment) -> bool {
        lock(&self.store.inner.ledger).witness(key, credential, until, now)
    }

    fn bind(&self, key: AffinityKey, candidate: Candidate, started: Moment, now: Moment) {
        self.store.inner.bindings.bind(key, candidate, started, now);
    }
}
