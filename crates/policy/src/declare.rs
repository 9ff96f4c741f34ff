//! What a configuration declares, as plain values. The routing snapshot is built from these.

use serde::{Deserialize, Serialize};
use standin_core::{CredentialId, EndpointId, ModelAlias, UpstreamId, UpstreamModel};

/// Everything that can be routed to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declarations {
    /// Every upstream.
    pub upstreams: Vec<Upstream>,
    /// Every credential, in the order of the configuration.
    pub credentials: Vec<Credential>,
    /// Every model, in the order of the configuration.
    pub models: Vec<Model>,
    /// Explicit routes; they take the place of a pool of the same alias.
    pub routes: Vec<Route>,
}

/// A provider's API under one base URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its id.
    pub id: UpstreamId,
    /// Base URL plus outbound proxy, unless a credential has its own.
    pub endpoint: EndpointId,
    /// Whether its failures suspend anything; `None` leaves it to the global setting.
    pub suspend: Option<bool>,
}

impl Upstream {
    /// An upstream with an endpoint of its own.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.into(), endpoint: id.into(), suspend: None }
    }
}

/// A key or login of one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id, unique over all upstreams.
    pub id: CredentialId,
    /// The upstream that it opens.
    pub upstream: UpstreamId,
    /// Its own endpoint, for example behind another outbound proxy.
    pub endpoint: Option<EndpointId>,
    /// Higher comes first.
    pub priority: i32,
    /// Share of the picks under [`Strategy::Weighted`], 1 to [`WEIGHT_MAX`].
    pub weight: u32,
    /// How many requests it may carry at once.
    pub in_flight_max: Option<u32>,
    /// The models it offers; `None` means all of its upstream.
    pub models: Option<Vec<UpstreamModel>>,
    /// Whether its failures suspend anything; `None` leaves it to the upstream.
    pub suspend: Option<bool>,
    /// Whether it can be renewed: rejected once, it is refreshed and tried again before it counts as rejected.
    pub is_renewable: bool,
}

impl Credential {
    /// A credential with every default.
    #[must_use]
    pub fn new(id: &str, upstream: &str) -> Self {
        Self {
            id: id.into(),
            upstream: upstream.into(),
            endpoint: None,
            priority: 0,
            weight: 1,
            in_flight_max: None,
            models: None,
            suspend: None,
            is_renewable: false,
        }
    }
}

/// Largest weight of a credential; larger shares are not needed and would make exact ones impossible.
pub const WEIGHT_MAX: u32 = 1000;

/// One model of one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// The upstream that serves it.
    pub upstream: UpstreamId,
    /// The upstream's name for it.
    pub name: UpstreamModel,
    /// The callers' names; without one it is called by its own.
    pub aliases: Vec<ModelAlias>,
    /// How long a prompt may be, if it is known.
    pub context_tokens: Option<u64>,
}

impl Model {
    /// A model called by its own name.
    #[must_use]
    pub fn new(upstream: &str, name: &str) -> Self {
        Self { upstream: upstream.into(), name: name.into(), aliases: Vec::new(), context_tokens: None }
    }
}

/// Ordered tiers of targets under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The name callers use.
    pub alias: ModelAlias,
    /// The first tier that can serve does.
    pub tiers: Vec<Vec<Target>>,
    /// How to choose within a tier; `None` is round robin, or weighted if its weights differ.
    pub strategy: Option<Strategy>,
    /// Whether conversations stay on their credential.
    pub affinity: bool,
}

/// One model of one upstream, as a member of a tier.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The upstream.
    pub upstream: UpstreamId,
    /// Its model.
    pub model: UpstreamModel,
}

/// How to choose among usable credentials of equal priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The successor of the last picked id.
    RoundRobin,
    /// In proportion to their weights, smoothly.
    Weighted,
    /// The first as long as it can serve.
    FillFirst,
}
