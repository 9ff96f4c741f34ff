//! No file at all: upstreams from the environment variables that everybody sets anyway.

use standin_core::Secret;

use crate::{
    config::{Config, Credential, Kind, Policy, Timeouts, Trust, Upstream, Wire},
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
    /// Its address.
    pub base_url: &'static str,
}

const fn known(variable: &'static str, name: &'static str, base_url: &'static str) -> WellKnown {
    WellKnown { variable, name, base_url }
}

/// Every provider that is looked for, in this order. Addresses are those of the vendors' own documentation.
pub const KNOWN: [WellKnown; 14] = [
    known("OPENAI_API_KEY", "openai", "https://api.openai.com/v1"),
    known("OPENROUTER_API_KEY", "openrouter", "https://openrouter.ai/api/v1"),
    known("GEMINI_API_KEY", "gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    known("DEEPSEEK_API_KEY", "deepseek", "https://api.deepseek.com/v1"),
    known("GROQ_API_KEY", "groq", "https://api.groq.com/openai/v1"),
    known("MISTRAL_API_KEY", "mistral", "https://api.mistral.ai/v1"),
    known("XAI_API_KEY", "xai", "https://api.x.ai/v1"),
    known("TOGETHER_API_KEY", "together", "https://api.together.xyz/v1"),
    known("FIREWORKS_API_KEY", "fireworks", "https://api.fireworks.ai/inference/v1"),
    known("CEREBRAS_API_KEY", "cerebras", "https://api.cerebras.ai/v1"),
    known("MOONSHOT_API_KEY", "moonshot", "https://api.moonshot.ai/v1"),
    known("DASHSCOPE_API_KEY", "dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
    known("PERPLEXITY_API_KEY", "perplexity", "https://api.perplexity.ai"),
    known("NVIDIA_API_KEY", "nvidia", "https://integrate.api.nvidia.com/v1"),
];

impl Config {
    /// Builds a configuration from what the environment holds. Its upstreams declare no models: they are asked for
    /// their lists. A variable `OPENAI_BASE_URL` moves the first of them elsewhere, as its SDKs read it.
    ///
    /// # Errors
    /// When no variable holds a key.
    pub fn from_environment(sources: &dyn Sources) -> Result<Self, ConfigError> {
        let upstreams: Vec<_> = KNOWN.iter().filter_map(|known| upstream(known, sources)).collect();
        if upstreams.is_empty() {
            let names: Vec<_> = KNOWN.iter().map(|known| known.variable).collect();
            return Err(ConfigError::NothingToServe(format!(
                "no upstream: write a configuration file (--config FILE), or set one of {}",
                names.join(", ")
            )));
        }
        Ok(Self {
            listen: ([127, 0, 0, 1], 8317).into(),
            admin: None,
            clients: Vec::new(),
            upstreams,
            routes: Vec::new(),
            policy: Policy::default(),
            rules: Vec::new(),
            warnings: Vec::new(),
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
    let moved = (known.name == "openai").then(|| sources.variable("OPENAI_BASE_URL")).flatten();
    Some(Upstream {
        name: known.name.to_owned(),
        kind: Kind::OpenaiCompat,
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
        priority: 0,
        weight: 1,
        in_flight_max: None,
        proxy: None,
        models: None,
        suspend: None,
    }
}
