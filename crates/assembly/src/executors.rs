//! From one credential of a configuration to the executor that speaks for it.

use std::sync::Arc;

use anyhow::Context;
use standin_config::{Credential, Kind, Upstream, Wire};
use standin_upstream::{Endpoint, Executor, Family, Keyed, Limits, SendError, Settings, Transport};

/// An executor, and what else of it the rest of the assembly needs.
pub(crate) struct Speaker {
    keyed: Arc<Keyed>,
}

impl Speaker {
    /// Builds the executor of a credential.
    pub(crate) fn new(
        upstream: &Upstream,
        credential: &Credential,
        transport: &Arc<dyn Transport>,
    ) -> anyhow::Result<Self> {
        let timeouts = upstream.timeouts;
        let settings = Settings {
            base_url: upstream.base_url.clone(),
            proxy: credential.proxy.clone().or_else(|| upstream.proxy.clone()),
            key: credential.key.clone(),
            headers: upstream.headers.clone(),
            transport: Arc::clone(transport),
            limits: Limits {
                connect: timeouts.connect,
                first_byte: timeouts.first_byte,
                idle: timeouts.idle,
            },
        };
        let keyed = Keyed::new(family(upstream), settings);
        let keyed = keyed.with_context(|| format!("credential `{}`", credential.id))?;
        Ok(Self { keyed: Arc::new(keyed) })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.keyed.endpoint()
    }

    pub(crate) fn executor(&self) -> Arc<dyn Executor> {
        Arc::clone(&self.keyed) as Arc<dyn Executor>
    }

    /// Asks the upstream for its list.
    pub(crate) async fn models(&self) -> Result<Vec<String>, SendError> {
        self.keyed.models().await
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
pub(crate) const fn provider(upstream: &Upstream) -> Option<&'static str> {
    match upstream.kind {
        // Whoever speaks OpenAI's API may be anybody: only generic rules hold for all of them.
        Kind::OpenaiCompat => None,
        Kind::Codex => Some("openai"),
        Kind::Gemini => Some("gemini"),
        Kind::Anthropic => Some("anthropic"),
    }
}
