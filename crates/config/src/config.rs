//! The validated configuration: plain values, every reference resolved, every default filled in.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde::Deserialize;
use standin_core::{ErrorClass, Secret};

use crate::Proxy;

use crate::edge::{Limits, Tls};

/// Everything an operator has said.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where callers connect.
    pub listen: SocketAddr,
    /// The certificate to serve with; without one, connections are plain.
    pub tls: Option<Tls>,
    /// What callers may cost.
    pub limits: Limits,
    /// The operator's own listener, if there is one.
    pub admin: Option<Admin>,
    /// Who may call; empty means everybody, which is refused unless the listener is a loopback.
    pub clients: Vec<Client>,
    /// Where requests can go.
    pub upstreams: Vec<Upstream>,
    /// Ordered tiers across upstreams.
    pub routes: Vec<Route>,
    /// The parameters of the policy.
    pub policy: Policy,
    /// The operator's own classification.
    pub rules: Vec<Rule>,
    /// What is odd but not wrong, for the log.
    pub warnings: Vec<String>,
    /// What was read beside the file itself: a change there is a change of the configuration.
    pub files: Vec<PathBuf>,
}

/// The operator's own listener.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where it is.
    pub listen: SocketAddr,
    /// What opens it.
    pub token: Secret,
}

/// One caller.
#[derive(Debug, Clone)]
pub struct Client {
    /// The operator's name for it.
    pub name: String,
    /// Its key.
    pub key: ClientKey,
    /// Globs over the names it may ask for.
    pub models: Vec<String>,
    /// Whether it may choose a credential.
    pub pin: bool,
}

/// A caller's key: only its digest is ever kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientKey {
    /// SHA-256 of the key.
    pub digest: [u8; 32],
}

/// The family an upstream belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Anything that speaks OpenAI's API.
    OpenaiCompat,
    /// OpenAI Responses with an API key or a ChatGPT login.
    Codex,
    /// Google's Gemini API.
    Gemini,
    /// Anthropic's Messages API.
    Anthropic,
}

/// Where ChatGPT logins are renewed, unless a configuration says otherwise.
pub const TOKEN_URL: &str = "https://auth.openai.com/oauth/token";

impl Kind {
    /// The address of the provider itself, where the kind has one; a ChatGPT login opens another one than a key.
    #[must_use]
    pub const fn base_url(self, is_login: bool) -> Option<&'static str> {
        match self {
            Self::OpenaiCompat => None,
            Self::Codex if is_login => Some("https://chatgpt.com/backend-api/codex"),
            Self::Codex => Some("https://api.openai.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
        }
    }
}

/// Which of OpenAI's APIs an openai-compatible upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wire {
    /// Chat Completions.
    #[default]
    Chat,
    /// Responses.
    Responses,
}

/// How far an upstream's error codes are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Codes are the provider's own.
    #[default]
    Codes,
    /// A gateway that makes codes up: only its wording counts.
    WordsOnly,
}

/// A provider's API under one base URL.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The operator's name for it.
    pub name: String,
    /// Its family.
    pub kind: Kind,
    /// Its address.
    pub base_url: String,
    /// Where its logins are renewed.
    pub token_url: String,
    /// Which API it speaks.
    pub wire: Wire,
    /// Outbound proxy.
    pub proxy: Option<Proxy>,
    /// The operator's own headers; their values may be keys.
    pub headers: Vec<(String, Secret)>,
    /// Time limits of one attempt.
    pub timeouts: Timeouts,
    /// Whether its failures suspend anything; `None` leaves it to the policy.
    pub suspend: Option<bool>,
    /// How far its codes are believed.
    pub trust: Trust,
    /// Keys and logins, in the file's order.
    pub credentials: Vec<Credential>,
    /// Models, in the file's order. None means: whatever the upstream lists.
    pub models: Vec<Model>,
}

/// Time limits of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection can carry a request.
    pub connect: Duration,
    /// Until the first byte of an answer.
    pub first_byte: Duration,
    /// Silence in the middle of an answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(60),
            idle: Duration::from_secs(120),
        }
    }
}

/// A key of one upstream.
#[derive(Debug, Clone)]
pub struct Credential {
    /// Unique over all upstreams.
    pub id: String,
    /// The key itself; empty where the upstream wants none, and where there is a login.
    pub key: Secret,
    /// The file of a ChatGPT login, in place of a key.
    pub login: Option<PathBuf>,
    /// Higher comes first.
    pub priority: i32,
    /// Share of the picks under the weighted strategy.
    pub weight: u32,
    /// Requests it may carry at once.
    pub in_flight_max: Option<u32>,
    /// Its own outbound proxy.
    pub proxy: Option<Proxy>,
    /// Globs over the models it offers; `None` means all of its upstream.
    pub models: Option<Vec<String>>,
    /// Whether its failures suspend anything.
    pub suspend: Option<bool>,
}

/// One model of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The upstream's name for it.
    pub name: String,
    /// The callers' names.
    pub aliases: Vec<String>,
    /// The longest prompt.
    pub context_tokens: Option<u64>,
}

/// Ordered tiers under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The callers' name.
    pub alias: String,
    /// The first tier that can serve does.
    pub tiers: Vec<Vec<Target>>,
    /// How to choose within a tier.
    pub strategy: Option<Strategy>,
    /// Whether conversations stay on their credential.
    pub affinity: bool,
}

/// One model of one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The upstream.
    pub upstream: String,
    /// Its model.
    pub model: String,
}

/// How to choose among credentials of equal priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Each in its turn.
    RoundRobin,
    /// In proportion to the weights.
    Weighted,
    /// The first as long as it can serve.
    FillFirst,
}

/// What to do after an attempt that may have been billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFate {
    /// Move on.
    Continue,
    /// Report it.
    Stop,
}

/// The parameters of the policy; `None` leaves the default to the policy itself.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the names are those of the policy's own parameters, which are documented there"
)]
pub struct Policy {
    pub attempts_max: Option<u32>,
    pub soft_retries_max: Option<u32>,
    pub credentials_max: Option<u32>,
    pub rounds: Option<u32>,
    pub wait_max: Option<Duration>,
    pub on_unknown_fate: Option<UnknownFate>,
    pub suspend: Option<bool>,
    pub hold_events_max: Option<u32>,
    pub hold_bytes_max: Option<u32>,
    pub hold_max: Option<Duration>,
    pub keep_alive: Option<Duration>,
    pub probe_max: Option<Duration>,
    pub last_resort_interval: Option<Duration>,
    pub retry_budget_ratio: Option<f64>,
    pub retry_budget_per_second: Option<f64>,
    pub retry_budget_burst: Option<u32>,
    pub affinity_ttl: Option<Duration>,
}

/// One rule of the operator's own classification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Only for this upstream.
    pub upstream: Option<String>,
    /// Only under this status.
    pub status: Option<u16>,
    /// The body holds every one of these.
    pub body_contains: Vec<String>,
    /// The body matches this.
    pub body_regex: Option<String>,
    /// What it then is.
    pub class: ErrorClass,
    /// Whether it suspends.
    pub suspend: Option<bool>,
    /// Whether the request ends there.
    pub stop: bool,
}
