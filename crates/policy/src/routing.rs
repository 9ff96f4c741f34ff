//! The immutable routing snapshot: which names exist, and which candidates may serve each of them, in which order.
//!
//! A name is resolved here, before any suspension is looked at; nothing behind this point knows an alias as a key.

use std::{collections::HashMap, ops::Range, sync::Arc};

use rapidhash::fast::RandomState;
use standin_core::{CredentialId, Layout, ModelAlias, ScopeKey, UpstreamId, UpstreamModel};

use crate::{
    build,
    declare::{Declarations, Strategy},
};

/// Everything one configuration says about where requests can go.
#[derive(Debug)]
pub struct Routing {
    pub(crate) layout: Arc<Layout>,
    pub(crate) routes: Vec<RouteRow>,
    /// What is in it comes from the configuration, so nobody can make it slow.
    pub(crate) names: HashMap<ModelAlias, u32, RandomState>,
    /// By credential number: what it, or else its upstream, says about suspending.
    pub(crate) suspends: Vec<Option<bool>>,
    /// By credential number.
    pub(crate) renewable: Vec<bool>,
    /// By model number.
    pub(crate) context_tokens: Vec<Option<u64>>,
    /// Names callers may list, in the order of the configuration.
    pub(crate) listed: Vec<ModelAlias>,
}

/// One callable name and its tiers.
#[derive(Debug)]
pub(crate) struct RouteRow {
    pub(crate) alias: ModelAlias,
    pub(crate) tiers: Vec<Tier>,
    pub(crate) affinity: bool,
    /// Where each credential sits, sorted by credential and tier.
    pub(crate) seats: Vec<(u32, Place)>,
}

/// Candidates of equal rank, split by priority.
#[derive(Debug)]
pub(crate) struct Tier {
    /// Highest priority first.
    pub(crate) groups: Vec<Group>,
    /// Candidates, seat by seat.
    pub(crate) members: Vec<u32>,
}

/// Credentials that take turns.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) ring: u32,
    pub(crate) strategy: Strategy,
    pub(crate) seats: Vec<Seat>,
}

/// One credential of a group with its pool members.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) credential: u32,
    /// Virtual time that one pick costs under [`Strategy::Weighted`].
    pub(crate) stride: u64,
    /// The rotation of its members, if it has several.
    pub(crate) member_ring: Option<u32>,
    /// Its candidates within [`Tier::members`].
    pub(crate) members: Range<usize>,
}

/// Where a seat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) tier: u32,
    pub(crate) group: u32,
    pub(crate) seat: u32,
}

/// The number of a route within its [`Routing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteIndex(pub(crate) u32);

/// Why declarations make no routing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoutingError {
    /// A name is empty.
    #[error("use an empty name for {0}")]
    EmptyName(&'static str),
    /// Two things of one kind have the same id.
    #[error("declare {kind} `{id}` twice")]
    Duplicate {
        /// What kind of thing.
        kind: &'static str,
        /// The id they share.
        id: String,
    },
    /// Something refers to a thing that is not declared.
    #[error("resolve {kind} `{id}` named by `{by}`")]
    Dangling {
        /// What kind of thing is missing.
        kind: &'static str,
        /// Its id.
        id: String,
        /// Who refers to it.
        by: String,
    },
    /// A pool or a tier lists the same member twice.
    #[error("put `{member}` into `{alias}` twice")]
    DuplicateMember {
        /// The pool or route.
        alias: ModelAlias,
        /// The member, as `UPSTREAM/MODEL`.
        member: String,
    },
    /// A route or one of its tiers has no targets.
    #[error("use route `{0}` with an empty tier")]
    EmptyTier(ModelAlias),
    /// A number is outside its range.
    #[error("use {key} = {value} for `{credential}`: accepted is {accepted}")]
    OutOfRange {
        /// Which key.
        key: &'static str,
        /// What was given.
        value: u32,
        /// On which credential.
        credential: CredentialId,
        /// What would have been fine.
        accepted: &'static str,
    },
}

impl Routing {
    /// Builds the snapshot.
    ///
    /// # Errors
    /// The first thing in the declarations that cannot be meant.
    pub fn build(declared: &Declarations) -> Result<Self, RoutingError> {
        build::routing(declared)
    }

    /// The numbering that a store needs to hold state for this snapshot.
    #[must_use]
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The route behind a name: `UPSTREAM/MODEL` first, then explicit routes, then pools and plain names.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<RouteIndex> {
        self.names.get(name).copied().map(RouteIndex)
    }

    /// Names a caller may be shown. Suspensions never change this list.
    #[must_use]
    pub fn listed(&self) -> &[ModelAlias] {
        &self.listed
    }

    /// The largest context any target of a route declares, for a list of models.
    #[must_use]
    pub fn context_tokens(&self, route: RouteIndex) -> Option<u64> {
        let tiers = &self.route(route).tiers;
        let members = tiers.iter().flat_map(|tier| &tier.members);
        members.filter_map(|at| self.context_tokens[self.layout.row(*at).model as usize]).max()
    }

    /// The upstream models behind a route, tier by tier and without repetition.
    #[must_use]
    pub fn targets(&self, route: RouteIndex) -> Vec<(UpstreamId, UpstreamModel)> {
        let mut seen = Vec::new();
        for at in self.route(route).tiers.iter().flat_map(|tier| &tier.members) {
            let model = self.layout.model(self.layout.row(*at).model);
            let target = (self.layout.upstream_id(model.upstream).clone(), model.name.clone());
            if !seen.contains(&target) {
                seen.push(target);
            }
        }
        seen
    }

    /// Every candidate of a route, by number, tier by tier.
    pub fn candidates(&self, route: RouteIndex) -> impl Iterator<Item = u32> + '_ {
        self.route(route).tiers.iter().flat_map(|tier| tier.members.iter().copied())
    }

    /// Whether failures of the credential suspend anything: the most specific setting wins.
    #[must_use]
    pub fn suspends(&self, credential: u32, globally: bool) -> bool {
        self.suspends[credential as usize].unwrap_or(globally)
    }

    /// Whether an entry of `key` may stay after a reload: what it names must exist, and suspending must be on for
    /// somebody whom it concerns.
    #[must_use]
    pub fn keeps(&self, key: &ScopeKey, globally: bool) -> bool {
        if self.layout.slot(key).is_none() {
            return false;
        }
        let concerns = |at: usize| {
            let row = &self.layout.credentials()[at];
            match key {
                ScopeKey::Candidate(candidate) | ScopeKey::CandidateOperation(candidate, _) => {
                    row.id == candidate.credential
                }
                ScopeKey::Credential(id) => row.id == *id,
                ScopeKey::UpstreamModel(upstream, _) | ScopeKey::UpstreamOperation(upstream, _) => {
                    self.layout.upstream_id(row.upstream) == upstream
                }
                ScopeKey::Endpoint(endpoint) => self.layout.endpoint_id(row.endpoint) == endpoint,
            }
        };
        (0..self.suspends.len()).any(|at| self.suspends[at].unwrap_or(globally) && concerns(at))
    }

    pub(crate) fn route(&self, route: RouteIndex) -> &RouteRow {
        &self.routes[route.0 as usize]
    }

    pub(crate) fn model_name(&self, candidate: u32) -> &UpstreamModel {
        &self.layout.model(self.layout.row(candidate).model).name
    }

    pub(crate) fn upstream_of(&self, candidate: u32) -> u32 {
        self.layout.credential(self.layout.row(candidate).credential).upstream
    }

    pub(crate) fn context_of(&self, candidate: u32) -> Option<u64> {
        self.context_tokens[self.layout.row(candidate).model as usize]
    }
}

impl RouteRow {
    pub(crate) fn seat(&self, place: Place) -> (&Tier, &Group, &Seat) {
        let tier = &self.tiers[place.tier as usize];
        let group = &tier.groups[place.group as usize];
        (tier, group, &group.seats[place.seat as usize])
    }

    /// The places of a credential, best tier first.
    pub(crate) fn places(&self, credential: u32) -> impl Iterator<Item = Place> + '_ {
        let from = self.seats.partition_point(|(at, _)| *at < credential);
        self.seats[from..].iter().take_while(move |(at, _)| *at == credential).map(|(_, place)| *place)
    }
}

impl Tier {
    pub(crate) fn members(&self, seat: &Seat) -> &[u32] {
        &self.members[seat.members.clone()]
    }
}
