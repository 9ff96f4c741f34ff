//! What can be asked of a configuration without serving it.

use std::path::Path;

use anyhow::{Context, ensure};
use standin_conductor::Preview;
use standin_config::Config;
use standin_core::Operation;

use crate::{Ground, load, params, parts, serve};

/// One sentence about a configuration that is good, after its warnings.
///
/// # Errors
/// With everything that is wrong with it.
pub fn check(file: &Path) -> anyhow::Result<String> {
    let config = load(Some(file))?;
    let warnings: String = config.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    let credentials: usize = config.upstreams.iter().map(|upstream| upstream.credentials.len()).sum();
    let (upstreams, clients) = (config.upstreams.len(), config.clients.len());
    let (routes, rules) = (config.routes.len(), config.rules.len());
    Ok(format!(
        "{warnings}{}: good ({upstreams} upstreams, {credentials} credentials, {clients} clients, {routes} routes, {rules} rules)",
        file.display()
    ))
}

/// What the configuration comes to, with every default and without any secret.
///
/// # Errors
/// With everything that is wrong with it.
pub fn show(file: &Path) -> anyhow::Result<String> {
    let config = load(Some(file))?;
    Ok(format!("{config:#?}\n{:#?}", params(&config.policy)))
}

/// Where a request for `model` would go, with nothing remembered yet; without a file, the environment is the
/// configuration. No request is sent; only an upstream that lists no models is asked for its list.
///
/// # Errors
/// When the configuration is wrong, has no such name or no such client, or the client may not ask for it.
pub async fn preview(file: Option<&Path>, model: &str, client: Option<&str>) -> anyhow::Result<Preview> {
    let config = match file {
        Some(_) => load(file)?,
        None => Config::from_environment(&|name: &str| std::env::var(name).ok())?,
    };
    if let Some(name) = client {
        let client = config.clients.iter().find(|client| client.name == name);
        let client = client.with_context(|| format!("`{name}` is no client of this configuration"))?;
        let may = parts::is_any(&client.models, model);
        ensure!(may, "client `{name}` may not ask for `{model}`: its `models` do not name it");
    }
    let ground = Ground::new()?;
    let site = serve::site(&config, &ground).await?;
    let preview = site.conductor().preview(model, Operation::ChatCompletions);
    preview.with_context(|| format!("`{model}` is no name of this configuration"))
}
