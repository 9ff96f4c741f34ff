//! From one credential of a configuration to the executor that speaks for it.

use std::sync::Arc;

use anyhow::Context;
use standin_codex::{ChatGpt, Office};
use standin_config::{Credential, Kind, Upstream, Wire};
use standin_upstream::{Endpoint, Executor, Family, Keyed, Limits, SendError, Settings};

use crate::ground::Ground;

/// An executor, and what else of it the rest of the assembly needs.
pub(crate) enum Speaker {
    /// It has a key, or needs none.
    Keyed(Arc<Keyed>),
    /// It has a login.
    Login(Arc<ChatGpt>),
}

impl Speaker {
    /// Builds the executor of a credential.
    pub(crate) fn new(upstream: &Upstream, credential: &Credential, ground: &Ground) -> anyhow::Result<Self> {
        let named = || format!("credential `{}`", credential.id);
        let timeouts = upstream.timeouts;
        let settings = Settings {
            base_url: upstream.base_url.clone(),
            proxy: credential
                .proxy
                .as_ref()
                .or(upstream.proxy.as_ref())
                .map(|proxy| proxy.expose().to_owned()),
            key: credential.key.clone(),
            headers: upstream
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.expose().to_owned()))
                .collect(),
            transport: Arc::clone(&ground.transport),
            limits: Limits {
                connect: timeouts.connect,
                first_byte: timeouts.first_byte,
                idle: timeouts.idle,
            },
        };
        let Some(file) = &credential.login else {
            return Ok(Self::Keyed(Arc::new(Keyed::new(family(upstream), settings).with_context(named)?)));
        };
        let (proxy, transport) = (settings.proxy.as_deref(), Arc::clone(&settings.transport));
        let office =
            Office::new(&upstream.token_url, proxy, transport, settings.limits).with_context(named)?;
        let login = ground.login(&credential.id, file, office).with_context(named)?;
        Ok(Self::Login(Arc::new(ChatGpt::new(settings, login).with_context(named)?)))
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Keyed(keyed) => keyed.endpoint(),
            Self::Login(login) => login.endpoint(),
        }
    }

    pub(crate) fn executor(&self) -> Arc<dyn Executor> {
        match self {
            Self::Keyed(keyed) => Arc::clone(keyed) as Arc<dyn Executor>,
            Self::Login(login) => Arc::clone(login) as Arc<dyn Executor>,
        }
    }

    /// Whether a rejected secret can be exchanged for a new one.
    pub(crate) const fn is_renewable(&self) -> bool {
        matches!(self, Self::Login(_))
    }

    /// Asks the upstream for its list; a login has none, which the configuration knows.
    pub(crate) async fn models(&self) -> Result<Vec<String>, SendError> {
        match self {
            Self::Keyed(keyed) => keyed.models().await,
            Self::Login(_) => Ok(Vec::new()),
        }
    }
}

fn family(upstream: &Upstream) -> &'static Family {
    match (upstream.kind, upstream.wire) {
        (Kind::OpenaiCompat, Wire::Chat) => &standin_openai_compat::CHAT,
        (Kind::OpenaiCompat, Wire::Responses) => &standin_openai_compat::RESPONSES,
        (Kind::Codex, _) => &standin_codex::API,
        (Kind::Gemini, _) => &standin_gemini::GEMINI,
        (Kind::Anthropic, _) => &standin_anthropic::MESSAGES,
    }
}

/// The provider family whose errors an upstream of this kind tells, where its address does not say.
pub(crate) fn provider(upstream: &Upstream) -> Option<&'static str> {
    let has_logins = upstream.credentials.iter().any(|credential| credential.login.is_some());
    match upstream.kind {
        // Whoever speaks OpenAI's API may be anybody: only generic rules hold for all of them.
        Kind::OpenaiCompat => None,
        Kind::Codex if has_logins => Some("codex"),
        Kind::Codex => Some("openai"),
        Kind::Gemini => Some("gemini"),
        Kind::Anthropic => Some("anthropic"),
    }
}
