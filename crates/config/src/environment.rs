//! No file at all: upstreams from the environment variables that everybody sets anyway.

use standin_core::Secret;

use crate::{
    config::{Config, Credential, Kind, Policy, TOKEN_URL, Timeouts, Trust, Upstream, Wire},
    edge::Limits,
    problem::ConfigError,
    secrets::{Sources, is_sample},
};

/// A provider that is known by its environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WellKnown {
    /// The variable that holds its keys, several separated by commas.
    pub variable: &'static str,
    /// What the upstream is called then.
    pub name: &'static str,
    /// What it speaks.
    pub kind: Kind,
    /// Its address.
    pub base_url: &'static str,
}

const fn chat(variable: &'static str, name: &'static str, base_url: &'static str) -> WellKnown {
    WellKnown { variable, name, kind: Kind::OpenaiCompat, base_url }
}

const fn own(variable: &'static str, name: &'static str, kind: Kind) -> WellKnown {
    let base_url = match kind.base_url(false) {
        Some(known) => known,
        None => "",
    };
    WellKnown { variable, name, kind, base_url }
}

/// Every provider that is looked for, in this order. Addresses are those of the vendors' own documentation. Two of
/// them speak two dialects each: both are upstreams, and a request goes to the one that speaks the caller's.
pub const KNOWN: [WellKnown; 17] = [
    chat("OPENAI_API_KEY", "openai", "https://api.openai.com/v1"),
    own("OPENAI_API_KEY", "openai-responses", Kind::Codex),
    own("ANTHROPIC_API_KEY", "anthropic", Kind::Anthropic),
    own("GEMINI_API_KEY", "gemini", Kind::Gemini),
    chat("GEMINI_API_KEY", "gemini-chat", "https://generativelanguage.googleapis.com/v1beta/openai"),
    chat("OPENROUTER_API_KEY", "openrouter", "https://openrouter.ai/api/v1"),
    chat("DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com/v1"),
    chat("GROQ_API_KEY", "groq", "https://api.groq.com/openai/v1"),
    chat("MISTRAL_API_KEY", "mistral", "https://api.mistral.ai/v1"),
    chat("XAI_API_KEY", "xai", "https://api.x.ai/v1"),
    chat("TOGETHER_API_KEY", "together", "https://api.together.xyz/v1"),
    chat("FIREWORKS_API_KEY", "fireworks", "https://api.fireworks.ai/inference/v1"),
    chat("CEREBRAS_API_KEY", "cerebras", "https://api.cerebras.ai/v1"),
    chat("MOONSHOT_API_KEY", "moonshot", "https://api.moonshot.ai/v1"),
    chat("DASHSCOPE_API_KEY", "dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
    chat("PERPLEXITY_API_KEY", "perplexity", "https://api.perplexity.ai"),
    chat("NVIDIA_API_KEY", "nvidia", "https://integrate.api.nvidia.com/v1"),
];

impl Config {
    /// Builds a configuration from what the environment holds. Its upstreams declare no models: they are asked for
    /// their lists. A variable `OPENAI_BASE_URL` moves those of `OPENAI_API_KEY` elsewhere, as its SDKs read it.
    ///
    /// # Errors
    /// When no variable holds a key.
    pub fn from_environment(sources: &dyn Sources) -> Result<Self, ConfigError> {
        let upstreams: Vec<_> = KNOWN.iter().filter_map(|known| upstream(known, sources)).collect();
        if upstreams.is_empty() {
            let mut names: Vec<_> = KNOWN.iter().map(|known| known.variable).collect();
            names.dedup();
            return Err(ConfigError::NothingToServe(format!(
                "no upstream: write a configuration file (--config FILE), or set one of {}",
                names.join(", ")
            )));
        }
        Ok(Self {
            listen: ([127, 0, 0, 1], 8317).into(),
            tls: None,
            limits: Limits::default(),
            admin: None,
            clients: Vec::new(),
            upstreams,
            routes: Vec::new(),
            policy: Policy::default(),
            rules: Vec::new(),
            warnings: Vec::new(),
            files: Vec::new(),
        })
    }
}

fn upstream(known: &WellKnown, sources: &dyn Sources) -> Option<Upstream> {
    let keys = sources.variable(known.variable)?;
    let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty() && !is_sample(key));
    let credentials: Vec<_> =
        (1..).zip(keys).map(|(number, key)| credential(known.name, number, key)).collect();
    if credentials.is_empty() {
        return None;
    }
    let moved = (known.variable == "OPENAI_API_KEY").then(|| sources.variable("OPENAI_BASE_URL")).flatten();
    Some(Upstream {
        name: known.name.to_owned(),
        kind: known.kind,
        token_url: TOKEN_URL.to_owned(),
        base_url: moved.filter(|url| !url.is_empty()).unwrap_or_else(|| known.base_url.to_owned()),
        wire: Wire::Chat,
        proxy: None,
        headers: Vec::new(),
        timeouts: Timeouts::default(),
        suspend: None,
        trust: Trust::Codes,
        credentials,
        models: Vec::new(),
    })
}

fn credential(name: &str, number: u32, key: &str) -> Credential {
    Credential {
        id: format!("{name}-{number}"),
        key: Secret::new(key),
        login: None,
        priority: 0,
        weight: 1,
        in_flight_max: None,
        proxy: None,
        models: None,
        suspend: None,
    }
}
