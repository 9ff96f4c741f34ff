//! The store itself: one per process, adopting one layout after the other, and what an operator does with it.

use standin_core::{Candidate, CredentialId, ErrorClass, Layout, Limits, Moment, ScopeKey, Suspension};

use crate::{
    bindings::Bindings,
    board::Board,
    gcra::{Bucket, Drip},
    ledger::{Ledger, Shown},
    rings::Cursors,
    rooms::Room,
    session::Session,
    sync::{Arc, Mutex, SharedLayout, lock},
};

/// Everything remembered between requests. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) bindings: Bindings,
    pub(crate) limits: Limits,
    pub(crate) drip: Drip,
    buckets: Mutex<Vec<(standin_core::UpstreamId, Arc<Bucket>)>>,
    current: Mutex<Option<Arc<Board>>>,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let inner = Inner {
            ledger: Mutex::new(Ledger::default()),
            bindings: Bindings::new(),
            drip: Drip::new(limits.retry_budget),
            limits,
            buckets: Mutex::new(Vec::new()),
            current: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes up a configuration. Entries, permits, rotations and bindings of what is still there go on; entries for
    /// which `keep` says no, and all that names something that is gone, are dropped.
    #[must_use]
    pub fn adopt(&self, layout: SharedLayout, keep: impl Fn(&ScopeKey) -> bool) -> Session {
        let mut current = lock(&self.inner.current);
        let rooms = self.rooms(&layout);
        let buckets = self.buckets(&layout);
        let before = current.as_ref().map(|board| (&*board.layout, &board.cursors));
        let cursors = Cursors::new(&layout, before);
        let board = Arc::new(Board::new(layout, rooms, buckets, cursors));
        let layout = &board.layout;
        self.inner.bindings.retain(|candidate| layout.find(candidate).is_some());
        lock(&self.inner.ledger).attach(&board, |key| layout.slot(key).is_some() && keep(key));
        *current = Some(Arc::clone(&board));
        Session { store: self.clone(), board }
    }

    fn rooms(&self, layout: &Layout) -> Vec<Arc<Room>> {
        let mut ledger = lock(&self.inner.ledger);
        let rooms: Vec<_> = layout
            .credentials()
            .iter()
            .map(|row| ledger.rooms.get(&row.id).cloned().unwrap_or_else(|| Arc::new(Room::new())))
            .collect();
        ledger.rooms =
            layout.credentials().iter().map(|row| row.id.clone()).zip(rooms.iter().cloned()).collect();
        rooms
    }

    fn buckets(&self, layout: &Layout) -> Vec<Arc<Bucket>> {
        let mut known = lock(&self.inner.buckets);
        let of = |id| known.iter().find(|(other, _)| other == id).map(|(_, bucket)| Arc::clone(bucket));
        let buckets: Vec<_> =
            layout.upstreams().iter().map(|id| of(id).unwrap_or_else(|| Arc::new(Bucket::full()))).collect();
        *known = layout.upstreams().iter().cloned().zip(buckets.iter().cloned()).collect();
        buckets
    }

    /// Every suspension that holds somebody back at `now`, in a stable order. What has run out is not shown.
    #[must_use]
    pub fn list(&self, now: Moment) -> Vec<Shown> {
        lock(&self.inner.ledger).list(|entry| entry.until > now)
    }

    /// One entry, also while it is half-open.
    #[must_use]
    pub fn find(&self, key: &ScopeKey, class: ErrorClass) -> Option<Suspension> {
        lock(&self.inner.ledger).find(key, class).cloned()
    }

    /// Forgets everything held against one candidate itself.
    pub fn clear_candidate(&self, candidate: &Candidate) {
        lock(&self.inner.ledger).change_all(|key, _| !is_of_candidate(key, candidate));
    }

    /// Forgets everything held against a credential and its candidates.
    pub fn clear_credential(&self, credential: &CredentialId) {
        lock(&self.inner.ledger).change_all(|key, _| !is_of_credential(key, credential));
    }

    /// Forgets everything.
    pub fn clear_all(&self) {
        lock(&self.inner.ledger).change_all(|_, _| false);
    }

    /// The credential's secret has changed: only what was said about the old one is forgotten.
    pub fn renewed(&self, credential: &CredentialId) {
        let is_about_secret = |key: &ScopeKey, entry: &Suspension| {
            entry.class == ErrorClass::AuthFailed && is_of_credential(key, credential)
        };
        lock(&self.inner.ledger).change_all(|key, entry| !is_about_secret(key, entry));
    }

    /// Every entry, also half-open ones, for a journal or for another process.
    #[must_use]
    pub fn export(&self) -> Vec<Shown> {
        lock(&self.inner.ledger).list(|_| true)
    }

    /// Takes entries over that were written down or seen elsewhere; `merge` joins two of the same key and class.
    pub fn import(
        &self,
        entries: impl IntoIterator<Item = Shown>,
        merge: fn(Suspension, Suspension) -> Suspension,
    ) {
        let mut ledger = lock(&self.inner.ledger);
        for Shown { key, suspension } in entries {
            ledger.observe(&key, suspension.class, |old| match old {
                Some(old) => merge(old.clone(), suspension.clone()),
                None => suspension.clone(),
            });
        }
    }

    /// How many conversations are bound.
    #[must_use]
    pub fn bindings(&self) -> usize {
        self.inner.bindings.len()
    }
}

fn is_of_candidate(key: &ScopeKey, candidate: &Candidate) -> bool {
    matches!(key, ScopeKey::Candidate(other) | ScopeKey::CandidateOperation(other, _) if other == candidate)
}

fn is_of_credential(key: &ScopeKey, credential: &CredentialId) -> bool {
    match key {
        ScopeKey::Candidate(candidate) | ScopeKey::CandidateOperation(candidate, _) => {
            candidate.credential == *credential
        }
        ScopeKey::Credential(other) => other == credential,
        _ => false,
    }
}
