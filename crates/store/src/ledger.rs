//! Every suspension, by id: one entry per (scope, class), changed only under one lock and shown on the boards.

use std::collections::HashMap;

use rapidhash::fast::RandomState;
use standin_core::{
    Blame, CredentialId, ErrorClass, Gate, Healing, Manner, Moment, Operation, ScopeKey, Suspension,
};

use crate::{
    board::Board,
    rooms::Room,
    sync::{Arc, Weak},
};

/// Nanoseconds between two looks for entries that nobody needs any more.
const SWEEP_NANOS: u64 = 60_000_000_000;

/// What the lock guards. All of its keys come from the configuration, so nobody can make it slow.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    scopes: HashMap<ScopeKey, Scope, RandomState>,
    /// Who was refused last by a shared scope, and until when that counts.
    witnesses: HashMap<ScopeKey, (CredentialId, Moment), RandomState>,
    pub(crate) rooms: HashMap<CredentialId, Arc<Room>, RandomState>,
    boards: Vec<Weak<Board>>,
    claims: u64,
    swept_at: Moment,
}

/// Everything remembered against one scope.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    entries: Vec<Entry>,
    /// The claim that is trying it.
    probe: Option<u64>,
}

#[derive(Debug, Clone)]
struct Entry {
    suspension: Suspension,
    /// A probe has shown content since: it holds nobody back, but its ladder stays.
    is_open: bool,
}

impl Scope {
    /// Whether nothing has to be remembered. While somebody tries it, that is remembered also when its entries go.
    fn is_spent(&self) -> bool {
        self.entries.is_empty() && self.probe.is_none()
    }

    fn gate(&self) -> Gate {
        let shut = |is_soft: bool| {
            let entries = self.entries.iter().filter(|entry| !entry.is_open);
            entries.map(|entry| &entry.suspension).filter(move |entry| entry.class.is_soft() == is_soft)
        };
        let latest = |is_soft: bool| shut(is_soft).map(Suspension::due).max();
        let is_strict = shut(false).any(|entry| Manner::of(entry.class) == Manner::Strict);
        let gate = match (latest(false), latest(true)) {
            (Some(due), soft) => {
                let gate = Gate::shut(due, if is_strict { Manner::Strict } else { Manner::Hard });
                if soft > Some(due) { gate.with_soft_behind() } else { gate }
            }
            (None, Some(due)) => Gate::shut(due, Manner::Soft),
            (None, None) if self.entries.is_empty() => return Gate::CLEAN,
            (None, None) => Gate::shut(Moment::ZERO, Manner::Soft).opened(),
        };
        if self.probe.is_some() { gate.probing() } else { gate }
    }

    fn blame(&self) -> Option<Blame> {
        let shut = self.entries.iter().filter(|entry| !entry.is_open).map(|entry| &entry.suspension);
        let probed_at = shut.clone().map(|entry| entry.probed_at).max()?;
        let soft = shut.clone().filter(|entry| entry.class.is_soft());
        let soft_due = soft.map(Suspension::due).max().unwrap_or(Moment::ZERO);
        let longest = shut.max_by_key(|entry| (!entry.class.is_soft(), entry.until))?;
        Some(Blame {
            class: longest.class,
            until: longest.until,
            probed_at,
            soft_due,
            strikes: longest.strikes,
            is_hinted: longest.hinted_until >= longest.until,
        })
    }
}

/// One line of the operator's view, and one record of a journal to come.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Shown {
    /// What is out.
    pub key: ScopeKey,
    /// Why, since when, until when.
    #[serde(flatten)]
    pub suspension: Suspension,
}

impl Ledger {
    pub(crate) fn attach(&mut self, board: &Arc<Board>, keep: impl Fn(&ScopeKey) -> bool) {
        self.scopes.retain(|key, _| keep(key));
        self.witnesses.retain(|key, _| keep(key));
        self.boards.retain(|board| board.strong_count() > 0);
        self.boards.push(Arc::downgrade(board));
        for key in self.scopes.keys().cloned().collect::<Vec<_>>() {
            self.show(&key);
        }
    }

    fn show(&self, key: &ScopeKey) {
        let scope = self.scopes.get(key);
        let (gate, blame) = scope.map_or((Gate::CLEAN, None), |scope| (scope.gate(), scope.blame()));
        for board in self.boards.iter().filter_map(Weak::upgrade) {
            if let Some(slot) = board.layout.slot(key) {
                board.show(slot, gate, blame);
            }
        }
    }

    pub(crate) fn observe(
        &mut self,
        key: &ScopeKey,
        class: ErrorClass,
        change: impl FnOnce(Option<&Suspension>) -> Suspension,
    ) -> Suspension {
        let entries = &mut self.scopes.entry(key.clone()).or_default().entries;
        let at = entries.iter().position(|entry| entry.suspension.class == class);
        let suspension = change(at.map(|at| &entries[at].suspension));
        let entry = Entry { suspension: suspension.clone(), is_open: false };
        match at {
            Some(at) => entries[at] = entry,
            None => entries.push(entry),
        }
        self.show(key);
        if let Some(room) = self.room_of(key).filter(|_| !class.is_soft()) {
            room.probed(suspension.probed_at);
        }
        suspension
    }

    /// The credential that a key blames, unless it is only its counting.
    fn room_of(&self, key: &ScopeKey) -> Option<&Arc<Room>> {
        match key {
            ScopeKey::CandidateOperation(_, Operation::CountTokens) => None,
            ScopeKey::Candidate(candidate) | ScopeKey::CandidateOperation(candidate, _) => {
                self.rooms.get(&candidate.credential)
            }
            ScopeKey::Credential(credential) => self.rooms.get(credential),
            _ => None,
        }
    }

    pub(crate) fn withdraw(&mut self, key: &ScopeKey, class: ErrorClass, since: Moment) {
        self.change(key, |entry| (entry.class, entry.since) != (class, since));
    }

    /// Keeps the entries of one scope that `keep` names, and shows what is left.
    pub(crate) fn change(&mut self, key: &ScopeKey, keep: impl Fn(&Suspension) -> bool) {
        let Some(scope) = self.scopes.get_mut(key) else { return };
        scope.entries.retain(|entry| keep(&entry.suspension));
        if scope.is_spent() {
            self.scopes.remove(key);
        }
        self.show(key);
    }

    /// Keeps the entries that `keep` names, everywhere.
    pub(crate) fn change_all(&mut self, keep: impl Fn(&ScopeKey, &Suspension) -> bool) {
        for key in self.scopes.keys().cloned().collect::<Vec<_>>() {
            self.change(&key, |entry| keep(&key, entry));
        }
    }

    pub(crate) fn heal(&mut self, key: &ScopeKey, started: Moment, healing: Healing) {
        if healing != Healing::Opened {
            self.change(key, |entry| entry.since >= started);
            return;
        }
        let Some(scope) = self.scopes.get_mut(key) else { return };
        for entry in scope.entries.iter_mut().filter(|entry| entry.suspension.since < started) {
            entry.is_open = true;
        }
        self.show(key);
    }

    pub(crate) fn witness(
        &mut self,
        key: &ScopeKey,
        credential: &CredentialId,
        until: Moment,
        now: Moment,
    ) -> bool {
        let before = self.witnesses.insert(key.clone(), (credential.clone(), until));
        before.is_some_and(|(other, counts_until)| other != *credential && counts_until > now)
    }

    /// Makes one claim the only one that tries what is due on these scopes; all of them or none.
    pub(crate) fn claim(&mut self, keys: &[ScopeKey], now: Moment, even_early: bool) -> Option<u64> {
        let is_free = |scope: &Scope| {
            let gate = scope.gate();
            // What only comes last holds no probe back.
            gate.is_open() || (!gate.is_probing() && (even_early || gate.is_soft() || gate.due() <= now))
        };
        if !keys.iter().filter_map(|key| self.scopes.get(key)).all(is_free) {
            return None;
        }
        self.claims += 1;
        for key in keys {
            let Some(scope) = self.scopes.get_mut(key).filter(|scope| !scope.gate().is_open()) else {
                continue;
            };
            scope.probe = Some(self.claims);
            for entry in &mut scope.entries {
                entry.suspension.probed_at = entry.suspension.probed_at.max(now);
            }
            self.show(key);
        }
        Some(self.claims)
    }

    pub(crate) fn release(&mut self, keys: &[ScopeKey], claim: u64) {
        for key in keys {
            if let Some(scope) = self.scopes.get_mut(key).filter(|scope| scope.probe == Some(claim)) {
                scope.probe = None;
                if scope.is_spent() {
                    self.scopes.remove(key);
                }
                self.show(key);
            }
        }
    }

    /// Drops, once a minute, what `forgotten_at` says nobody needs any more.
    pub(crate) fn sweep(&mut self, now: Moment, forgotten_at: fn(&Suspension) -> Moment) {
        if now.as_nanos().saturating_sub(self.swept_at.as_nanos()) < SWEEP_NANOS {
            return;
        }
        self.swept_at = now;
        self.witnesses.retain(|_, (_, until)| *until > now);
        let is_over = |entry: &Entry| forgotten_at(&entry.suspension) <= now;
        // What somebody is trying at this moment is not forgotten before that is over.
        let is_idle = |scope: &Scope| scope.probe.is_none();
        let over =
            self.scopes.iter().filter(|(_, scope)| is_idle(scope) && scope.entries.iter().any(is_over));
        for key in over.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.change(&key, |entry| forgotten_at(entry) > now);
        }
    }

    /// Every entry that passes, in a stable order. Opened ones hold nobody back and are left out.
    pub(crate) fn list(&self, show: impl Fn(&Suspension) -> bool) -> Vec<Shown> {
        let mut all: Vec<Shown> = Vec::new();
        for (key, scope) in &self.scopes {
            let entries = scope.entries.iter().filter(|entry| !entry.is_open && show(&entry.suspension));
            all.extend(entries.map(|entry| Shown { key: key.clone(), suspension: entry.suspension.clone() }));
        }
        all.sort_by(|a, b| (&a.key, a.suspension.class).cmp(&(&b.key, b.suspension.class)));
        all
    }

    pub(crate) fn find(&self, key: &ScopeKey, class: ErrorClass) -> Option<&Suspension> {
        let entries = &self.scopes.get(key)?.entries;
        entries.iter().map(|entry| &entry.suspension).find(|entry| entry.class == class)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    fn entry(since: u64) -> Suspension {
        let (since, until) = (Moment::from_secs(since), Moment::from_secs(since + 60));
        Suspension {
            class: ErrorClass::RateLimited,
            rule: "test/rule".into(),
            since,
            until,
            hinted_until: Moment::ZERO,
            probe_at: until,
            probed_at: since,
            strikes: 1,
            status: 429,
            evidence: String::new(),
        }
    }

    fn suspended() -> (Ledger, ScopeKey) {
        let (mut ledger, key) = (Ledger::default(), ScopeKey::Credential("c1".into()));
        ledger.observe(&key, ErrorClass::RateLimited, |_| entry(1000));
        (ledger, key)
    }

    #[test]
    fn what_is_lifted_takes_no_room_any_more() {
        let (mut ledger, key) = suspended();
        ledger.heal(&key, Moment::from_secs(1001), Healing::Proven);
        assert!(ledger.scopes.is_empty());
    }

    #[test]
    fn one_at_a_time_tries_a_scope_and_nobody_before_its_time() {
        let (mut ledger, key) = suspended();
        let keys = std::slice::from_ref(&key);
        let (early, due) = (Moment::from_secs(1059), Moment::from_secs(1060));
        assert_eq!(ledger.claim(keys, early, false), None);
        let first = ledger.claim(keys, early, true).unwrap();
        assert_eq!((ledger.claim(keys, early, true), ledger.claim(keys, due, false)), (None, None));
        ledger.release(keys, first);
        let second = ledger.claim(keys, due, false).unwrap();
        ledger.release(keys, first);
        assert_eq!(ledger.claim(keys, due, false), None, "who tried before gives back nothing of the second");
        ledger.release(keys, second);
        assert!(ledger.claim(keys, due, false).is_some());
    }

    #[test]
    fn once_a_minute_what_nobody_needs_is_forgotten_and_nothing_that_is_tried() {
        let over = |entry: &Suspension| entry.until;
        let (mut ledger, key) = suspended();
        assert!(!ledger.witness(&key, &"c1".into(), Moment::from_secs(1060), Moment::from_secs(1000)));
        ledger.sweep(Moment::from_secs(1030), over);
        ledger.sweep(Moment::from_secs(1089), over);
        assert_eq!((ledger.scopes.len(), ledger.witnesses.len()), (1, 1), "not within a minute");
        ledger.sweep(Moment::from_secs(1090), over);
        assert_eq!((ledger.scopes.len(), ledger.witnesses.len()), (0, 0));

        let (mut ledger, key) = suspended();
        assert!(!ledger.witness(&key, &"c1".into(), Moment::from_secs(1060), Moment::from_secs(1000)));
        ledger.sweep(Moment::from_secs(1060), over);
        assert_eq!((ledger.scopes.len(), ledger.witnesses.len()), (0, 0), "at the very instant");

        let (mut ledger, key) = suspended();
        let claim = ledger.claim(std::slice::from_ref(&key), Moment::from_secs(1060), false).unwrap();
        ledger.sweep(Moment::from_secs(1200), over);
        assert!(ledger.find(&key, ErrorClass::RateLimited).is_some(), "while it is tried");
        ledger.release(std::slice::from_ref(&key), claim);
        ledger.sweep(Moment::from_secs(1300), over);
        assert!(ledger.scopes.is_empty());
    }

    #[test]
    fn while_it_is_tried_a_scope_is_remembered_also_when_all_is_lifted() {
        let (mut ledger, key) = suspended();
        let now = Moment::from_secs(1060);
        let claim = ledger.claim(std::slice::from_ref(&key), now, false).unwrap();
        ledger.change_all(|_, _| false);
        assert!(ledger.scopes[&key].gate().is_clean() && !ledger.scopes[&key].is_spent());
        ledger.release(std::slice::from_ref(&key), claim);
        assert!(ledger.scopes.is_empty());
    }
}
