//! From a validated configuration to the parts of a conductor.

use std::{collections::HashMap, sync::Arc};

use anyhow::Context;
use standin_classify::{Classifier, OperatorRule, Trust, family_of_host};
use standin_conductor::{Assembly, Upstream};
use standin_config::Config;
use standin_core::{CredentialId, UpstreamId};
use standin_policy::{
    Credential, Declarations, Model, Params, Route, Routing, Strategy, Target, UnknownFate,
};
use standin_upstream::Executor;

use crate::{
    executors::{Speaker, provider},
    ground::Ground,
};

type Executors = HashMap<CredentialId, Arc<dyn Executor>>;

/// Builds everything that requests need; an upstream that declares no models is asked for its list.
///
/// # Errors
/// When a part cannot be built from what the configuration says.
pub async fn assemble(config: &Config, ground: &Ground) -> anyhow::Result<Assembly> {
    let mut declared = Declarations::default();
    let mut executors: Executors = HashMap::new();
    let mut upstreams = HashMap::new();
    for upstream in &config.upstreams {
        let first = credentials(upstream, ground, &mut declared, &mut executors)?;
        models(upstream, &first, &mut declared).await;
        let uri: http::Uri = upstream.base_url.parse().context("parse base_url")?;
        let id = UpstreamId::from(upstream.name.as_str());
        let family = uri.host().and_then(family_of_host).or(provider(upstream)).map(str::to_owned);
        let trust = match upstream.trust {
            standin_config::Trust::Codes => Trust::Codes,
            standin_config::Trust::WordsOnly => Trust::WordsOnly,
        };
        let endpoint = first.endpoint().id().clone();
        declared.upstreams.push(standin_policy::Upstream {
            id: id.clone(),
            endpoint,
            suspend: upstream.suspend,
        });
        upstreams.insert(id.clone(), Upstream { id, family, trust });
    }
    declared.routes = config.routes.iter().map(route).collect();
    let routing = Routing::build(&declared)?;
    let params = params(&config.policy);
    params.check()?;
    let rules = config.rules.iter().map(rule).collect();
    let classifier = Classifier::with_operator_rules(rules)?;
    Ok(Assembly::new(routing, params, classifier, executors, upstreams)?)
}

/// Declares an upstream's credentials; answers with the executor of the first.
fn credentials(
    upstream: &standin_config::Upstream,
    ground: &Ground,
    declared: &mut Declarations,
    executors: &mut Executors,
) -> anyhow::Result<Speaker> {
    let names = upstream.models.iter().map(|model| model.name.as_str());
    let mut first = None;
    for credential in &upstream.credentials {
        let speaker = Speaker::new(upstream, credential, ground)?;
        let offers =
            |globs: &Vec<String>| names.clone().filter(|name| is_any(globs, name)).map(Into::into).collect();
        declared.credentials.push(Credential {
            endpoint: Some(speaker.endpoint().id().clone()),
            priority: credential.priority,
            weight: credential.weight,
            in_flight_max: credential.in_flight_max,
            models: credential.models.as_ref().map(offers),
            suspend: credential.suspend,
            is_renewable: speaker.is_renewable(),
            ..Credential::new(&credential.id, &upstream.name)
        });
        executors.insert(credential.id.as_str().into(), speaker.executor());
        first.get_or_insert(speaker);
    }
    first.with_context(|| format!("upstream `{}` has no credential", upstream.name))
}

pub(crate) fn is_any(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| wildmatch::WildMatch::new(glob).matches(name))
}

/// Declares an upstream's models; one that declares none in the configuration is asked for its list.
async fn models(upstream: &standin_config::Upstream, first: &Speaker, declared: &mut Declarations) {
    if upstream.models.is_empty() {
        match first.models().await {
            Ok(names) => {
                tracing::info!(
                    upstream = upstream.name,
                    models = names.len(),
                    "took over the upstream's model list"
                );
                declared.models.extend(names.iter().map(|name| Model::new(&upstream.name, name)));
            }
            Err(error) => {
                tracing::warn!(upstream = upstream.name, %error, "could not get the model list; serving no model of it");
            }
        }
    }
    declared.models.extend(upstream.models.iter().map(|model| Model {
        aliases: model.aliases.iter().map(|alias| alias.as_str().into()).collect(),
        context_tokens: model.context_tokens,
        ..Model::new(&upstream.name, &model.name)
    }));
}

fn route(route: &standin_config::Route) -> Route {
    let target = |target: &standin_config::Target| Target {
        upstream: target.upstream.as_str().into(),
        model: target.model.as_str().into(),
    };
    Route {
        alias: route.alias.as_str().into(),
        tiers: route.tiers.iter().map(|tier| tier.iter().map(target).collect()).collect(),
        strategy: route.strategy.map(|strategy| match strategy {
            standin_config::Strategy::RoundRobin => Strategy::RoundRobin,
            standin_config::Strategy::Weighted => Strategy::Weighted,
            standin_config::Strategy::FillFirst => Strategy::FillFirst,
        }),
        affinity: route.affinity,
    }
}

/// The policy's own defaults, with what the operator says over them.
#[must_use]
pub fn params(said: &standin_config::Policy) -> Params {
    let default = Params::default();
    Params {
        attempts_max: said.attempts_max.unwrap_or(default.attempts_max),
        soft_retries_max: said.soft_retries_max.unwrap_or(default.soft_retries_max),
        credentials_max: said.credentials_max.unwrap_or(default.credentials_max),
        rounds: said.rounds.unwrap_or(default.rounds),
        wait_max: said.wait_max.unwrap_or(default.wait_max),
        on_unknown_fate: match said.on_unknown_fate {
            Some(standin_config::UnknownFate::Stop) => UnknownFate::Stop,
            Some(standin_config::UnknownFate::Continue) | None => UnknownFate::Continue,
        },
        suspend: said.suspend.unwrap_or(default.suspend),
        hold_events_max: said.hold_events_max.unwrap_or(default.hold_events_max),
        hold_bytes_max: said.hold_bytes_max.unwrap_or(default.hold_bytes_max),
        hold_max: said.hold_max.unwrap_or(default.hold_max),
        keep_alive: said.keep_alive.unwrap_or(default.keep_alive),
        probe_max: said.probe_max.unwrap_or(default.probe_max),
        last_resort_interval: said.last_resort_interval.unwrap_or(default.last_resort_interval),
        retry_budget_ratio: said.retry_budget_ratio.unwrap_or(default.retry_budget_ratio),
        retry_budget_per_second: said.retry_budget_per_second.unwrap_or(default.retry_budget_per_second),
        retry_budget_burst: said.retry_budget_burst.unwrap_or(default.retry_budget_burst),
        affinity_ttl: said.affinity_ttl.unwrap_or(default.affinity_ttl),
    }
}

fn rule(rule: &standin_config::Rule) -> OperatorRule {
    OperatorRule {
        upstream: rule.upstream.clone(),
        status: rule.status,
        body_contains: rule.body_contains.clone(),
        body_regex: rule.body_regex.clone(),
        class: rule.class,
        suspend: rule.suspend,
        stop: rule.stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_defaults_leaves_the_policys_own_as_they_are() {
        let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config");
        let config = Config::load(&folder.join("proxy.toml"), &|_: &str| None).unwrap();
        assert_eq!(params(&config.policy), Params::default());
    }
}
