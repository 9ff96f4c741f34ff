//! Dense numbers for everything a configuration names, so that the state read on every request can live in flat
//! arrays. A layout is immutable; a reload makes a new one, and what is remembered moves over by id.

use std::{collections::HashMap, sync::Arc};

use rapidhash::fast::RandomState;

use crate::{
    Candidate, CredentialId, EndpointId, ModelAlias, Operation, ScopeKey, UpstreamId, UpstreamModel,
};

/// How many operations there are, as a factor in slot numbers.
const OPERATIONS: u32 = 11;

/// The number of one [`ScopeKey`] within a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// One credential's place in a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its id.
    pub id: CredentialId,
    /// Number of its upstream.
    pub upstream: u32,
    /// Number of its endpoint.
    pub endpoint: u32,
    /// How many requests it may carry at once.
    pub in_flight_max: u32,
}

/// One model of one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// Number of its upstream.
    pub upstream: u32,
    /// The upstream's name for it.
    pub name: UpstreamModel,
}

/// One candidate: a credential with a model, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandidateRow {
    /// Number of the credential.
    pub credential: u32,
    /// Number of the model.
    pub model: u32,
}

/// Which rotation a cursor belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RingKey {
    /// The name callers use.
    pub route: ModelAlias,
    /// Tier within the route.
    pub tier: u32,
    /// Priority within the tier; zero for a ring of members.
    pub priority: i32,
    /// Set for the rotation of one credential's pool members.
    pub credential: Option<CredentialId>,
}

/// One rotation: its name and, in order, the names of what takes turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Which rotation this is, also after a reload.
    pub key: RingKey,
    /// Ids of the credentials, or names of the members.
    pub seats: Vec<Arc<str>>,
}

/// The dense numbering of one configuration.
#[derive(Debug, Default)]
pub struct Layout {
    candidates: Vec<CandidateRow>,
    credentials: Vec<CredentialRow>,
    upstreams: Vec<UpstreamId>,
    endpoints: Vec<EndpointId>,
    models: Vec<ModelRow>,
    rings: Vec<Ring>,
    /// What is in it comes from the configuration, so nobody can make it slow.
    slots: HashMap<ScopeKey, Slot, RandomState>,
    first: First,
}

/// Where the slots of each kind begin; those of candidates begin with zero. Every step of every request asks for them.
#[derive(Debug, Default, Clone, Copy)]
struct First {
    credential: u32,
    model: u32,
    endpoint: u32,
    upstream: u32,
    operation: u32,
}

/// What a layout is made from; numbers are positions in these lists.
#[derive(Debug, Default)]
pub struct Rows {
    /// Every candidate.
    pub candidates: Vec<CandidateRow>,
    /// Every credential.
    pub credentials: Vec<CredentialRow>,
    /// Every upstream.
    pub upstreams: Vec<UpstreamId>,
    /// Every endpoint.
    pub endpoints: Vec<EndpointId>,
    /// Every model of every upstream.
    pub models: Vec<ModelRow>,
    /// Every rotation.
    pub rings: Vec<Ring>,
}

impl Layout {
    /// Numbers the rows. Their references must be positions within the lists.
    #[must_use]
    pub fn new(rows: Rows) -> Self {
        let Rows { candidates, credentials, upstreams, endpoints, models, rings } = rows;
        let credential = dense(candidates.len());
        let model = credential + dense(credentials.len());
        let endpoint = model + dense(models.len());
        let upstream = endpoint + dense(endpoints.len());
        let operation = upstream + dense(upstreams.len()) * OPERATIONS;
        let first = First { credential, model, endpoint, upstream, operation };
        let slots = HashMap::default();
        let mut layout = Self { candidates, credentials, upstreams, endpoints, models, rings, slots, first };
        layout.slots = layout.number();
        layout
    }

    fn number(&self) -> HashMap<ScopeKey, Slot, RandomState> {
        let mut slots = HashMap::with_capacity_and_hasher(self.slot_count(), RandomState::default());
        for at in 0..self.candidate_count() {
            slots.insert(ScopeKey::Candidate(self.candidate(at)), self.candidate_slot(at));
        }
        for (at, row) in (0..).zip(&self.credentials) {
            slots.insert(ScopeKey::Credential(row.id.clone()), self.credential_slot(at));
        }
        for (at, row) in (0..).zip(&self.models) {
            let key = ScopeKey::UpstreamModel(self.upstream_id(row.upstream).clone(), row.name.clone());
            slots.insert(key, self.model_slot(at));
        }
        for (at, endpoint) in (0..).zip(&self.endpoints) {
            slots.insert(ScopeKey::Endpoint(endpoint.clone()), self.endpoint_slot(at));
        }
        for (at, upstream) in (0..).zip(&self.upstreams) {
            for operation in Operation::ALL {
                let key = ScopeKey::UpstreamOperation(upstream.clone(), operation);
                slots.insert(key, self.upstream_slot(at, operation));
            }
        }
        slots
    }

    /// How many candidates there are.
    #[must_use]
    pub const fn candidate_count(&self) -> u32 {
        self.first.credential
    }

    /// How many slots are always there; those of [`Layout::operation_slot`] come after them.
    #[must_use]
    pub const fn slot_count(&self) -> usize {
        self.first.operation as usize
    }

    /// The numbers behind a candidate.
    #[must_use]
    pub fn row(&self, candidate: u32) -> CandidateRow {
        self.candidates[candidate as usize]
    }

    /// The names behind a candidate.
    #[must_use]
    pub fn candidate(&self, candidate: u32) -> Candidate {
        let (credential, model) = self.names(candidate);
        Candidate { credential: credential.clone(), model: model.clone() }
    }

    /// The same names where they stand.
    #[must_use]
    pub fn names(&self, candidate: u32) -> (&CredentialId, &UpstreamModel) {
        let row = self.row(candidate);
        (&self.credential(row.credential).id, &self.models[row.model as usize].name)
    }

    /// The number of a candidate, if it is configured.
    #[must_use]
    pub fn find(&self, candidate: &Candidate) -> Option<u32> {
        self.slots.get(&ScopeKey::Candidate(candidate.clone())).map(|slot| slot.0)
    }

    /// The number of a credential, if it is configured.
    #[must_use]
    pub fn find_credential(&self, id: &CredentialId) -> Option<u32> {
        let first = self.candidate_count();
        self.slots.get(&ScopeKey::Credential(id.clone())).map(|slot| slot.0 - first)
    }

    /// One credential.
    #[must_use]
    pub fn credential(&self, credential: u32) -> &CredentialRow {
        &self.credentials[credential as usize]
    }

    /// Every credential, by number.
    #[must_use]
    pub fn credentials(&self) -> &[CredentialRow] {
        &self.credentials
    }

    /// Every upstream, by number.
    #[must_use]
    pub fn upstreams(&self) -> &[UpstreamId] {
        &self.upstreams
    }

    /// The id of an upstream.
    #[must_use]
    pub fn upstream_id(&self, upstream: u32) -> &UpstreamId {
        &self.upstreams[upstream as usize]
    }

    /// The id of an endpoint.
    #[must_use]
    pub fn endpoint_id(&self, endpoint: u32) -> &EndpointId {
        &self.endpoints[endpoint as usize]
    }

    /// One model of one upstream.
    #[must_use]
    pub fn model(&self, model: u32) -> &ModelRow {
        &self.models[model as usize]
    }

    /// Every rotation, by number.
    #[must_use]
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// Where a key lives, if what it names is configured.
    #[must_use]
    pub fn slot(&self, key: &ScopeKey) -> Option<Slot> {
        match key {
            ScopeKey::CandidateOperation(candidate, operation) => {
                self.find(candidate).map(|at| self.operation_slot(at, *operation))
            }
            other => self.slots.get(other).copied(),
        }
    }

    /// The six scopes that can blame a candidate asked to do `operation`, widest first.
    #[must_use]
    pub fn path(&self, candidate: u32, operation: Operation) -> [Slot; 6] {
        let row = self.row(candidate);
        let credential = self.credential(row.credential);
        [
            self.credential_slot(row.credential),
            self.endpoint_slot(credential.endpoint),
            self.upstream_slot(credential.upstream, operation),
            self.model_slot(row.model),
            self.candidate_slot(candidate),
            self.operation_slot(candidate, operation),
        ]
    }

    /// The same six scopes, by name and in the same order.
    #[must_use]
    pub fn path_keys(&self, candidate: u32, operation: Operation) -> [ScopeKey; 6] {
        std::array::from_fn(|at| self.path_key(candidate, operation, at))
    }

    /// The name of one of these scopes, by its place in the order; what lies beyond the last is the last.
    #[must_use]
    pub fn path_key(&self, candidate: u32, operation: Operation, at: usize) -> ScopeKey {
        let row = self.row(candidate);
        let credential = self.credential(row.credential);
        let upstream = || self.upstream_id(credential.upstream).clone();
        match at {
            0 => ScopeKey::Credential(credential.id.clone()),
            1 => ScopeKey::Endpoint(self.endpoint_id(credential.endpoint).clone()),
            2 => ScopeKey::UpstreamOperation(upstream(), operation),
            3 => ScopeKey::UpstreamModel(upstream(), self.model(row.model).name.clone()),
            4 => ScopeKey::Candidate(self.candidate(candidate)),
            _ => ScopeKey::CandidateOperation(self.candidate(candidate), operation),
        }
    }

    /// Slot of a candidate, whatever is asked of it.
    #[must_use]
    pub const fn candidate_slot(&self, candidate: u32) -> Slot {
        Slot(candidate)
    }

    /// Slot of a whole credential.
    #[must_use]
    pub const fn credential_slot(&self, credential: u32) -> Slot {
        Slot(self.first.credential + credential)
    }

    /// Slot of a model at its upstream.
    #[must_use]
    pub const fn model_slot(&self, model: u32) -> Slot {
        Slot(self.first.model + model)
    }

    /// Slot of an endpoint.
    #[must_use]
    pub const fn endpoint_slot(&self, endpoint: u32) -> Slot {
        Slot(self.first.endpoint + endpoint)
    }

    /// Slot of one operation at an upstream.
    #[must_use]
    pub const fn upstream_slot(&self, upstream: u32, operation: Operation) -> Slot {
        Slot(self.first.upstream + upstream * OPERATIONS + operation as u32)
    }

    /// Slot of a candidate for one operation only. These are many and nearly all unused, so they come after
    /// all others and a store makes room for them when the first one is needed.
    #[must_use]
    pub const fn operation_slot(&self, candidate: u32, operation: Operation) -> Slot {
        Slot(self.first.operation + self.first.credential * (operation as u32) + candidate)
    }
}

/// A position as a dense number. Configurations are far smaller than 2^32 entries; a larger one saturates.
fn dense(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_by_two() -> Layout {
        let row = |id: &str| CredentialRow { id: id.into(), upstream: 0, endpoint: 0, in_flight_max: 8 };
        let model = |name: &str| ModelRow { upstream: 0, name: name.into() };
        let candidates =
            (0..2).flat_map(|credential| (0..2).map(move |model| CandidateRow { credential, model }));
        Layout::new(Rows {
            candidates: candidates.collect(),
            credentials: vec![row("a"), row("b")],
            upstreams: vec!["up".into()],
            endpoints: vec!["up".into()],
            models: vec![model("m1"), model("m2")],
            rings: vec![],
        })
    }

    #[test]
    fn every_scope_of_a_path_has_its_own_slot_and_the_name_leads_to_it() {
        let layout = two_by_two();
        let mut seen = std::collections::HashSet::new();
        for candidate in 0..layout.candidate_count() {
            for operation in Operation::ALL {
                let slots = layout.path(candidate, operation);
                let keys = layout.path_keys(candidate, operation);
                for (slot, key) in slots.into_iter().zip(keys) {
                    assert_eq!(layout.slot(&key), Some(slot), "{key}");
                    seen.insert(slot);
                }
            }
        }
        assert_eq!(seen.len(), layout.slot_count() + 4 * Operation::ALL.len());
    }

    #[test]
    fn a_name_that_is_not_configured_has_no_slot() {
        let stranger = Candidate { credential: "c".into(), model: "m1".into() };
        assert_eq!(two_by_two().slot(&ScopeKey::Candidate(stranger)), None);
    }
}
