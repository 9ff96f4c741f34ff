//! Whatever stands in a file: a configuration or a list of mistakes with places, and rules that can be used or cannot.

use std::path::Path;

use standin_classify::{Classifier, OperatorRule};
use standin_config::{Config, ConfigError};

/// Panics if it does not hold.
pub(crate) fn holds(text: &str) {
    // Files are the operator's own, and some never end.
    if text.contains("file:") || text.contains("login") || text.contains("tls") {
        return;
    }
    match Config::parse(text, Path::new("proxy.toml"), &|_: &str| None) {
        Ok(config) => {
            let rules = config.rules.into_iter().map(|rule| OperatorRule {
                upstream: rule.upstream,
                status: rule.status,
                body_contains: rule.body_contains,
                body_regex: rule.body_regex,
                class: rule.class,
                suspend: rule.suspend,
                stop: rule.stop,
            });
            let _ = Classifier::with_operator_rules(rules.collect());
        }
        Err(ConfigError::Wrong { problems, .. }) => {
            let lines = text.lines().count() + 1;
            assert!(!problems.is_empty(), "refused without a reason");
            assert!(
                problems.iter().all(|problem| problem.line <= lines && problem.column > 0),
                "{problems:?}"
            );
        }
        Err(_) => {}
    }
}
