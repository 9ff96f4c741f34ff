//! The front door: an observed answer goes in, a verdict comes out.
//!
//! It decides nothing about retries or suspensions; it only says what happened.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use standin_core::{Certainty, Layer, UpstreamError, Verdict};

use crate::{
    BODY_BYTES_MAX, Observed, OperatorRule, RuleError,
    operator::{self, CompiledRule},
    status,
};

/// Bytes of matched text that a verdict repeats.
const MATCHED_BYTES_MAX: usize = 200;

/// Reads upstream errors. Cloning is cheap and shares everything.
#[derive(Debug, Clone)]
pub struct Classifier {
    operator: Arc<[CompiledRule]>,
}

impl Classifier {
    /// The built-in rules alone.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Classifier> = OnceLock::new();
        BUILTIN.get_or_init(|| Self { operator: Arc::new([]) })
    }

    /// The built-in rules behind those of an operator, of which the first that matches wins.
    ///
    /// # Errors
    /// When a rule would match everything or has a pattern that does not compile.
    pub fn with_operator_rules(rules: Vec<OperatorRule>) -> Result<Self, RuleError> {
        Ok(Self { operator: operator::compile(rules)? })
    }

    /// What happened, whom it blames and for how long. Never panics, and takes time linear in the body.
    #[must_use]
    pub fn classify(&self, seen: &Observed<'_>) -> Verdict {
        let body = &seen.body[..seen.body.len().min(BODY_BYTES_MAX)];
        for rule in self.operator.iter() {
            if let Some(matched) = rule.matches(seen, body) {
                return Verdict {
                    class: rule.class,
                    scope: status::default_scope(rule.class),
                    certainty: Certainty::Firm,
                    delay: None,
                    rule: Cow::Owned(rule.id.clone()),
                    layer: Layer::Operator,
                    matched: clip(matched),
                    suspend: rule.suspend,
                    stop: rule.stop,
                    error: UpstreamError { status: seen.status, ..UpstreamError::default() },
                };
            }
        }
        let (class, rule, certainty) = status::opinion(seen.status);
        Verdict {
            class,
            scope: status::default_scope(class),
            certainty,
            delay: None,
            rule: Cow::Borrowed(rule),
            layer: Layer::Status,
            matched: seen.status.to_string(),
            suspend: None,
            stop: false,
            error: UpstreamError { status: seen.status, ..UpstreamError::default() },
        }
    }
}

fn clip(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MATCHED_BYTES_MAX)]).into_owned();
    while text.len() > MATCHED_BYTES_MAX {
        text.pop();
    }
    text
}
