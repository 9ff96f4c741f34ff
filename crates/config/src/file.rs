//! The file as it is written: one type per table, unknown keys refused, places kept for the messages.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    config::{Kind, Strategy, Trust, UnknownFate, Wire},
    edge::{LimitsTable, TlsTable},
};

/// A text with its place in the file.
pub(crate) type Text = Spanned<String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) listen: Option<Text>,
    pub(crate) tls: Option<TlsTable>,
    #[serde(default)]
    pub(crate) limits: LimitsTable,
    pub(crate) admin: Option<Admin>,
    #[serde(default)]
    pub(crate) client: Vec<Client>,
    #[serde(default)]
    pub(crate) upstream: Vec<Upstream>,
    #[serde(default)]
    pub(crate) route: Vec<Route>,
    #[serde(default)]
    pub(crate) policy: Policy,
    #[serde(default)]
    pub(crate) rule: Vec<Spanned<Rule>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    pub(crate) listen: Text,
    pub(crate) token: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    pub(crate) name: Text,
    pub(crate) key: Text,
    #[serde(default = "every_model")]
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) pin: bool,
}

fn every_model() -> Vec<String> {
    vec!["*".to_owned()]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    pub(crate) name: Text,
    pub(crate) kind: Kind,
    pub(crate) base_url: Option<Text>,
    pub(crate) token_url: Option<Text>,
    pub(crate) wire: Option<Spanned<Wire>>,
    pub(crate) proxy: Option<Text>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Text>,
    #[serde(default)]
    pub(crate) timeouts: Timeouts,
    pub(crate) suspend: Option<bool>,
    #[serde(default)]
    pub(crate) trust: Trust,
    #[serde(default)]
    pub(crate) credential: Vec<Credential>,
    #[serde(default)]
    pub(crate) model: Vec<Model>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timeouts {
    pub(crate) connect: Option<Text>,
    pub(crate) first_byte: Option<Text>,
    pub(crate) idle: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credential {
    pub(crate) id: Text,
    pub(crate) key: Option<Text>,
    pub(crate) login: Option<Text>,
    #[serde(default)]
    pub(crate) priority: i32,
    pub(crate) weight: Option<Spanned<u32>>,
    pub(crate) in_flight_max: Option<Spanned<u32>>,
    pub(crate) proxy: Option<Text>,
    pub(crate) models: Option<Vec<String>>,
    pub(crate) suspend: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Model {
    pub(crate) name: Text,
    #[serde(default)]
    pub(crate) alias: Vec<Text>,
    pub(crate) context_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) alias: Text,
    pub(crate) tiers: Vec<Vec<Text>>,
    pub(crate) strategy: Option<Strategy>,
    #[serde(default = "yes")]
    pub(crate) affinity: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    pub(crate) attempts_max: Option<Spanned<u32>>,
    pub(crate) soft_retries_max: Option<u32>,
    pub(crate) credentials_max: Option<u32>,
    pub(crate) rounds: Option<u32>,
    pub(crate) wait_max: Option<Text>,
    pub(crate) on_unknown_fate: Option<UnknownFate>,
    pub(crate) suspend: Option<bool>,
    pub(crate) hold_events_max: Option<u32>,
    pub(crate) hold_bytes_max: Option<u32>,
    pub(crate) hold_max: Option<Text>,
    pub(crate) keep_alive: Option<Text>,
    pub(crate) probe_max: Option<Text>,
    pub(crate) last_resort_interval: Option<Text>,
    pub(crate) retry_budget_ratio: Option<f64>,
    pub(crate) retry_budget_per_second: Option<f64>,
    pub(crate) retry_budget_burst: Option<u32>,
    pub(crate) affinity_ttl: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) upstream: Option<Text>,
    pub(crate) status: Option<Spanned<u16>>,
    #[serde(default)]
    pub(crate) body_contains: Vec<String>,
    pub(crate) body_regex: Option<Text>,
    pub(crate) class: Text,
    pub(crate) suspend: Option<bool>,
    #[serde(default)]
    pub(crate) stop: bool,
}
