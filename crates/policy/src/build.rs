//! From declarations to the routing snapshot: checking, expanding names, numbering.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use rapidhash::fast::RandomState;
use standin_core::{
    CandidateRow, CredentialRow, EndpointId, Layout, ModelAlias, ModelRow, Ring, RingKey, Rows, UpstreamId,
    UpstreamModel,
};

use crate::{
    declare::{Credential, Declarations, Strategy, Target, WEIGHT_MAX},
    routing::{Group, Place, RouteRow, Routing, RoutingError, Seat, Tier},
};

/// Largest common multiple of weights up to which shares are exact; beyond it they are exact to one in 2^32.
const SCALE_MAX: u64 = 1 << 32;

pub(crate) fn routing(declared: &Declarations) -> Result<Routing, RoutingError> {
    let mut draft = Draft::number(declared)?;
    let listed = draft.expand(declared)?;
    let Draft { rows, routes, names, .. } = draft;
    Ok(Routing {
        suspends: declared.credentials.iter().map(|credential| suspends(declared, credential)).collect(),
        renewable: declared.credentials.iter().map(|credential| credential.is_renewable).collect(),
        context_tokens: declared.models.iter().map(|model| model.context_tokens).collect(),
        layout: Arc::new(Layout::new(rows)),
        routes,
        names,
        listed,
    })
}

fn suspends(declared: &Declarations, credential: &Credential) -> Option<bool> {
    let of_upstream =
        || declared.upstreams.iter().find(|up| up.id == credential.upstream).and_then(|up| up.suspend);
    credential.suspend.or_else(of_upstream)
}

struct Draft<'d> {
    rows: Rows,
    credentials: &'d [Credential],
    models: HashMap<(u32, UpstreamModel), u32>,
    upstreams: HashMap<UpstreamId, u32>,
    /// By model number: the candidates that serve it, in the order of the credentials.
    serving: Vec<Vec<u32>>,
    routes: Vec<RouteRow>,
    names: HashMap<ModelAlias, u32, RandomState>,
}

impl<'d> Draft<'d> {
    fn number(declared: &'d Declarations) -> Result<Self, RoutingError> {
        let mut draft = Self {
            rows: Rows::default(),
            credentials: &declared.credentials,
            models: HashMap::new(),
            upstreams: HashMap::new(),
            serving: vec![Vec::new(); declared.models.len()],
            routes: Vec::new(),
            names: HashMap::default(),
        };
        for upstream in &declared.upstreams {
            named("upstream", upstream.id.as_str())?;
            if draft.upstreams.insert(upstream.id.clone(), dense(draft.rows.upstreams.len())).is_some() {
                return Err(twice("upstream", upstream.id.as_str()));
            }
            draft.rows.upstreams.push(upstream.id.clone());
        }
        draft.number_models(declared)?;
        draft.number_credentials(declared)?;
        Ok(draft)
    }

    fn number_models(&mut self, declared: &Declarations) -> Result<(), RoutingError> {
        for model in &declared.models {
            named("model", model.name.as_str())?;
            let upstream = self.upstream(&model.upstream, model.name.as_str())?;
            let at = dense(self.rows.models.len());
            if self.models.insert((upstream, model.name.clone()), at).is_some() {
                return Err(twice("model", &direct_name(&model.upstream, &model.name)));
            }
            self.rows.models.push(ModelRow { upstream, name: model.name.clone() });
        }
        Ok(())
    }

    fn number_credentials(&mut self, declared: &Declarations) -> Result<(), RoutingError> {
        let mut endpoints: HashMap<EndpointId, u32> = HashMap::new();
        let mut seen = HashSet::new();
        for credential in &declared.credentials {
            checked(credential)?;
            if !seen.insert(&credential.id) {
                return Err(twice("credential", credential.id.as_str()));
            }
            let upstream = self.upstream(&credential.upstream, credential.id.as_str())?;
            let endpoint = credential
                .endpoint
                .clone()
                .unwrap_or_else(|| declared.upstreams[upstream as usize].endpoint.clone());
            let rows = &mut self.rows.endpoints;
            let endpoint = *endpoints.entry(endpoint.clone()).or_insert_with(|| {
                rows.push(endpoint);
                dense(rows.len() - 1)
            });
            self.offer(credential, upstream)?;
            self.rows.credentials.push(CredentialRow {
                id: credential.id.clone(),
                upstream,
                endpoint,
                in_flight_max: credential.in_flight_max.unwrap_or(u32::MAX),
            });
        }
        Ok(())
    }

    /// Numbers the candidates of the credential that comes next.
    fn offer(&mut self, credential: &Credential, upstream: u32) -> Result<(), RoutingError> {
        let number = dense(self.rows.credentials.len());
        for name in credential.models.iter().flatten() {
            if !self.models.contains_key(&(upstream, name.clone())) {
                return Err(dangling("model", name.as_str(), credential.id.as_str()));
            }
        }
        let only: Option<HashSet<_>> = credential.models.as_ref().map(|models| models.iter().collect());
        for (model, row) in (0..).zip(&self.rows.models) {
            let is_offered = only.as_ref().is_none_or(|only| only.contains(&row.name));
            if row.upstream == upstream && is_offered {
                self.serving[model as usize].push(dense(self.rows.candidates.len()));
                self.rows.candidates.push(CandidateRow { credential: number, model });
            }
        }
        Ok(())
    }

    fn upstream(&self, id: &UpstreamId, by: &str) -> Result<u32, RoutingError> {
        self.upstreams.get(id).copied().ok_or_else(|| dangling("upstream", id.as_str(), by))
    }

    /// Makes a route of every name, the strongest claim first, and answers with what may be listed.
    fn expand(&mut self, declared: &Declarations) -> Result<Vec<ModelAlias>, RoutingError> {
        let mut listed = Vec::new();
        for model in &declared.models {
            let target = Target { upstream: model.upstream.clone(), model: model.name.clone() };
            let name = ModelAlias::new(direct_name(&model.upstream, &model.name));
            self.add(&name, &[vec![target]], None, true)?;
        }
        let mut explicit = HashSet::new();
        for route in &declared.routes {
            named("route", route.alias.as_str())?;
            if !explicit.insert(&route.alias) {
                return Err(twice("route", route.alias.as_str()));
            }
            if route.tiers.is_empty() || route.tiers.iter().any(Vec::is_empty) {
                return Err(RoutingError::EmptyTier(route.alias.clone()));
            }
            self.add(&route.alias, &route.tiers, route.strategy, route.affinity)?;
            listed.push(route.alias.clone());
        }
        for (alias, members) in pools(declared)? {
            if !explicit.contains(&alias) {
                self.add(&alias, &[members], None, true)?;
                listed.push(alias);
            }
        }
        Ok(listed)
    }

    fn add(
        &mut self,
        alias: &ModelAlias,
        tiers: &[Vec<Target>],
        strategy: Option<Strategy>,
        affinity: bool,
    ) -> Result<(), RoutingError> {
        let mut row = RouteRow { alias: alias.clone(), tiers: Vec::new(), affinity, seats: Vec::new() };
        let mut seen = HashSet::new();
        for (number, targets) in (0..).zip(tiers) {
            let mut models = Vec::new();
            for target in targets {
                if !seen.insert(target) {
                    let member = direct_name(&target.upstream, &target.model);
                    return Err(RoutingError::DuplicateMember { alias: alias.clone(), member });
                }
                let upstream = self.upstream(&target.upstream, alias.as_str())?;
                let model = self.models.get(&(upstream, target.model.clone()));
                models.push(*model.ok_or_else(|| dangling("model", target.model.as_str(), alias.as_str()))?);
            }
            let tier = self.tier(alias, number, &models, strategy);
            row.tiers.push(tier);
        }
        row.seats = places(&row.tiers);
        // A stronger claim on the same name stays: `UPSTREAM/MODEL` before routes before pools.
        let number = dense(self.routes.len());
        if !self.names.contains_key(alias) {
            self.names.insert(alias.clone(), number);
            self.routes.push(row);
        }
        Ok(())
    }

    fn tier(&mut self, alias: &ModelAlias, number: u32, models: &[u32], strategy: Option<Strategy>) -> Tier {
        let mut members_of: HashMap<u32, Vec<u32>> = HashMap::new();
        for candidate in models.iter().flat_map(|model| &self.serving[*model as usize]) {
            let credential = self.rows.candidates[*candidate as usize].credential;
            members_of.entry(credential).or_default().push(*candidate);
        }
        let mut order: Vec<u32> = members_of.keys().copied().collect();
        order.sort_unstable();
        let declared = self.credentials;
        let weight = |credential: u32| declared[credential as usize].weight;
        let is_weighted = order.iter().any(|credential| weight(*credential) != weight(order[0]));
        let strategy =
            strategy.unwrap_or(if is_weighted { Strategy::Weighted } else { Strategy::RoundRobin });
        if strategy != Strategy::FillFirst {
            order.sort_by(|a, b| declared[*a as usize].id.cmp(&declared[*b as usize].id));
        }
        let mut priorities: Vec<i32> = order.iter().map(|at| declared[*at as usize].priority).collect();
        priorities.sort_unstable_by(|a, b| b.cmp(a));
        priorities.dedup();
        let mut tier = Tier { groups: Vec::new(), members: Vec::new() };
        for priority in priorities {
            let mut group =
                Group { ring: self.ring(alias, number, priority, None), strategy, seats: Vec::new() };
            let ranked = order.iter().filter(|at| declared[**at as usize].priority == priority);
            let scale = ranked.clone().fold(1, |scale, at| common_multiple(scale, weight(*at)));
            for credential in ranked.copied() {
                let members = members_of.remove(&credential).unwrap_or_default();
                let seat = self.seat(alias, number, credential, &members, &mut tier.members);
                group.seats.push(Seat { stride: scale / u64::from(weight(credential)), ..seat });
                let id = Arc::from(declared[credential as usize].id.as_str());
                self.rows.rings[group.ring as usize].seats.push(id);
            }
            tier.groups.push(group);
        }
        tier
    }

    fn seat(
        &mut self,
        alias: &ModelAlias,
        tier: u32,
        credential: u32,
        members: &[u32],
        all: &mut Vec<u32>,
    ) -> Seat {
        let member_ring = (members.len() > 1).then(|| {
            let ring = self.ring(alias, tier, 0, Some(credential));
            for candidate in members {
                let model = self.rows.candidates[*candidate as usize].model;
                let name = Arc::from(self.rows.models[model as usize].name.as_str());
                self.rows.rings[ring as usize].seats.push(name);
            }
            ring
        });
        let from = all.len();
        all.extend_from_slice(members);
        Seat { credential, stride: 1, member_ring, members: from..all.len() }
    }

    fn ring(&mut self, route: &ModelAlias, tier: u32, priority: i32, credential: Option<u32>) -> u32 {
        let credential = credential.map(|at| self.credentials[at as usize].id.clone());
        let key = RingKey { route: route.clone(), tier, priority, credential };
        self.rows.rings.push(Ring { key, seats: Vec::new() });
        dense(self.rows.rings.len() - 1)
    }
}

/// Aliases with their members, in the order in which they first appear.
fn pools(declared: &Declarations) -> Result<Vec<(ModelAlias, Vec<Target>)>, RoutingError> {
    let mut pools: Vec<(ModelAlias, Vec<Target>)> = Vec::new();
    let mut at: HashMap<ModelAlias, usize> = HashMap::new();
    for model in &declared.models {
        let own_name = [ModelAlias::new(model.name.as_str())];
        let aliases = if model.aliases.is_empty() { &own_name[..] } else { &model.aliases };
        for alias in aliases {
            named("alias", alias.as_str())?;
            let target = Target { upstream: model.upstream.clone(), model: model.name.clone() };
            let pool = *at.entry(alias.clone()).or_insert(pools.len());
            if pool == pools.len() {
                pools.push((alias.clone(), Vec::new()));
            }
            if pools[pool].1.contains(&target) {
                let member = direct_name(&target.upstream, &target.model);
                return Err(RoutingError::DuplicateMember { alias: alias.clone(), member });
            }
            pools[pool].1.push(target);
        }
    }
    Ok(pools)
}

fn places(tiers: &[Tier]) -> Vec<(u32, Place)> {
    let mut seats = Vec::new();
    for (tier, row) in (0..).zip(tiers) {
        for (group, row) in (0..).zip(&row.groups) {
            for (seat, row) in (0..).zip(&row.seats) {
                seats.push((row.credential, Place { tier, group, seat }));
            }
        }
    }
    seats.sort_unstable();
    seats
}

fn checked(credential: &Credential) -> Result<(), RoutingError> {
    named("credential", credential.id.as_str())?;
    let refuse = |key, value, accepted| {
        Err(RoutingError::OutOfRange { key, value, credential: credential.id.clone(), accepted })
    };
    if !(1..=WEIGHT_MAX).contains(&credential.weight) {
        return refuse("weight", credential.weight, "1 to 1000");
    }
    if credential.in_flight_max == Some(0) {
        return refuse("in_flight_max", 0, "1 or more");
    }
    Ok(())
}

/// The least common multiple while it stays exact, so that every weight divides it; else a large round number.
fn common_multiple(scale: u64, weight: u32) -> u64 {
    let (mut a, mut b) = (scale, u64::from(weight));
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let multiple = (scale / a).saturating_mul(u64::from(weight));
    if multiple > SCALE_MAX { SCALE_MAX } else { multiple }
}

fn direct_name(upstream: &UpstreamId, model: &UpstreamModel) -> String {
    format!("{upstream}/{model}")
}

fn named(kind: &'static str, name: &str) -> Result<(), RoutingError> {
    if name.trim().is_empty() { Err(RoutingError::EmptyName(kind)) } else { Ok(()) }
}

fn twice(kind: &'static str, id: &str) -> RoutingError {
    RoutingError::Duplicate { kind, id: id.to_owned() }
}

fn dangling(kind: &'static str, id: &str, by: &str) -> RoutingError {
    RoutingError::Dangling { kind, id: id.to_owned(), by: by.to_owned() }
}

/// A position as a dense number.
fn dense(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
