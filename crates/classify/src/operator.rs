//! The operator's own rules: they come before everything that is built in and see the body as it arrived.
//!
//! Reading them from a file is not done here.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use standin_core::ErrorClass;

use crate::Observed;

/// Bytes a compiled pattern of an operator may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// One rule of an operator, as it stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorRule {
    /// Only for this upstream; without it for all.
    pub upstream: Option<String>,
    /// Only under this status; without it under any, and for errors inside a 200.
    pub status: Option<u16>,
    /// The body holds every one of these, in whatever case.
    pub body_contains: Vec<String>,
    /// The body matches this.
    pub body_regex: Option<String>,
    /// What it then is.
    pub class: ErrorClass,
    /// `Some(false)` keeps it from suspending anything, `Some(true)` makes it suspend.
    pub suspend: Option<bool>,
    /// Whether the request ends here.
    pub stop: bool,
}

/// Why an operator's rule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// It would match every failure there is.
    #[error("rule {index}: a rule needs a status, body_contains or body_regex")]
    MatchesEverything {
        /// Position among the rules, from 0.
        index: usize,
    },
    /// An empty text matches everything.
    #[error("rule {index}: body_contains holds an empty text")]
    EmptyText {
        /// Position among the rules, from 0.
        index: usize,
    },
    /// No HTTP status.
    #[error("rule {index}: status {status} is not between 100 and 599")]
    NotAStatus {
        /// Position among the rules, from 0.
        index: usize,
        /// What was given.
        status: u16,
    },
    /// The pattern does not compile.
    #[error("rule {index}: body_regex `{pattern}` is no regular expression")]
    BadPattern {
        /// Position among the rules, from 0.
        index: usize,
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<regex::Error>,
    },
}

impl RuleError {
    /// Which rule it is, counted from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        match self {
            Self::MatchesEverything { index }
            | Self::EmptyText { index }
            | Self::NotAStatus { index, .. }
            | Self::BadPattern { index, .. } => *index,
        }
    }
}

/// A rule that is ready to be asked.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    upstream: Option<String>,
    status: Option<u16>,
    patterns: Vec<Regex>,
    pub(crate) id: String,
    pub(crate) class: ErrorClass,
    pub(crate) suspend: Option<bool>,
    pub(crate) stop: bool,
}

/// Checks and compiles `rules`, in their order.
pub(crate) fn compile(rules: Vec<OperatorRule>) -> Result<Arc<[CompiledRule]>, RuleError> {
    rules.into_iter().enumerate().map(|(index, rule)| CompiledRule::new(index, rule)).collect()
}

impl CompiledRule {
    fn new(index: usize, rule: OperatorRule) -> Result<Self, RuleError> {
        if rule.status.is_none() && rule.body_contains.is_empty() && rule.body_regex.is_none() {
            return Err(RuleError::MatchesEverything { index });
        }
        if let Some(status) = rule.status.filter(|status| !(100..=599).contains(status)) {
            return Err(RuleError::NotAStatus { index, status });
        }
        if rule.body_contains.iter().any(|text| text.trim().is_empty()) {
            return Err(RuleError::EmptyText { index });
        }
        let mut patterns = Vec::new();
        for text in &rule.body_contains {
            patterns.push(pattern(index, &regex::escape(text), true)?);
        }
        if let Some(text) = &rule.body_regex {
            patterns.push(pattern(index, text, false)?);
        }
        Ok(Self {
            upstream: rule.upstream,
            status: rule.status,
            patterns,
            id: format!("operator/{}", index + 1),
            class: rule.class,
            suspend: rule.suspend,
            stop: rule.stop,
        })
    }

    /// What it matched, if it matches.
    pub(crate) fn matches<'a>(&self, seen: &Observed<'a>, body: &'a [u8]) -> Option<&'a [u8]> {
        if self.upstream.as_deref().is_some_and(|name| seen.upstream != Some(name)) {
            return None;
        }
        if self.status.is_some_and(|status| status != seen.status) {
            return None;
        }
        let mut matched: &[u8] = &[];
        for pattern in &self.patterns {
            matched = pattern.find(body)?.as_bytes();
        }
        Some(matched)
    }
}

fn pattern(index: usize, text: &str, is_any_case: bool) -> Result<Regex, RuleError> {
    RegexBuilder::new(text)
        .case_insensitive(is_any_case)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|source| RuleError::BadPattern { index, pattern: text.to_owned(), source: Box::new(source) })
}
