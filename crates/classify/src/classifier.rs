//! The front door: an observed answer goes in, a verdict comes out.
//!
//! It decides nothing about retries or suspensions; it only says what happened.

use std::{
    borrow::Cow,
    cell::RefCell,
    sync::{Arc, OnceLock},
};

use standin_core::{Certainty, ErrorClass, Layer, Verdict};

use crate::{
    BODY_BYTES_MAX, Observed, OperatorRule, RuleError, delay,
    judge::{self, Matched, Opinion},
    matching::Matcher,
    operator::{self, CompiledRule},
    reach,
    reading::{Reading, feature},
    rule::{Order, Rule},
    said, scrub, status,
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

    /// Builds what the first answer would otherwise wait for: the built-in rules, compiled once for the whole process.
    /// That is a few milliseconds of work, so it is best done on a thread of its own while a program starts.
    pub fn warm() {
        let _compiled = Matcher::get();
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
        with_reading(seen, |reading, matcher| {
            if let Some((rule, matched)) = self.operator_rule(seen) {
                return operator_verdict(rule, matched, seen, reading);
            }
            let opinion = matcher.and_then(|matcher| judge::judge(seen, reading, matcher, None));
            verdict(opinion.as_ref(), seen, reading)
        })
    }

    /// What every layer says, best first; the first one is the verdict of [`Classifier::classify`].
    #[must_use]
    pub fn explain(&self, seen: &Observed<'_>) -> Vec<Verdict> {
        with_reading(seen, |reading, matcher| {
            let mut opinions = Vec::new();
            if let Some(matcher) = matcher {
                judge::judge(seen, reading, matcher, Some(&mut opinions));
            }
            let operator = self
                .operator_rule(seen)
                .map(|(rule, matched)| operator_verdict(rule, matched, seen, reading));
            let built_in = opinions.iter().map(|opinion| verdict(Some(opinion), seen, reading));
            operator.into_iter().chain(built_in).chain([verdict(None, seen, reading)]).collect()
        })
    }

    /// Whether the answer tells a delay that is not to be believed of this class.
    pub(crate) fn distrusts_delay(&self, seen: &Observed<'_>, class: ErrorClass) -> bool {
        with_reading(seen, |reading, _| delay::is_distrusted(seen, reading, class))
    }

    /// The first rule of the operator that fits. It sees the body as it came, whatever was wrapped around it.
    fn operator_rule<'a>(&self, seen: &Observed<'a>) -> Option<(&CompiledRule, &'a [u8])> {
        let body = &seen.body[..seen.body.len().min(BODY_BYTES_MAX)];
        self.operator.iter().find_map(|rule| rule.matches(seen, body).map(|matched| (rule, matched)))
    }
}

/// Lends the thread's buffers, so that a warm thread reads without allocating.
fn with_reading<T>(seen: &Observed<'_>, then: impl FnOnce(&Reading, Option<&'static Matcher>) -> T) -> T {
    thread_local! {
        static READING: RefCell<Reading> = RefCell::default();
    }
    let mut reading = READING.with(RefCell::take);
    let matcher = Matcher::get();
    if let Some(matcher) = matcher {
        reading.read(seen, matcher);
    }
    let answer = then(&reading, matcher);
    if reading.is_small() {
        READING.with(|kept| *kept.borrow_mut() = reading);
    }
    answer
}

fn operator_verdict(rule: &CompiledRule, matched: &[u8], seen: &Observed<'_>, reading: &Reading) -> Verdict {
    Verdict {
        class: rule.class,
        scope: status::default_scope(rule.class),
        certainty: Certainty::Firm,
        delay: delay::read(seen, reading, rule.class),
        rule: Cow::Owned(rule.id.clone()),
        layer: Layer::Operator,
        matched: scrub::scrub(&String::from_utf8_lossy(matched), MATCHED_BYTES_MAX),
        suspend: rule.suspend,
        stop: rule.stop,
        error: said::error(seen, reading),
    }
}

fn verdict(opinion: Option<&Opinion>, seen: &Observed<'_>, reading: &Reading) -> Verdict {
    let (class, rule, certainty, layer, scope, matched) = match opinion {
        Some(Opinion { rule, matched, .. }) => {
            let certainty = certainty(rule, matched, reading);
            (rule.class, rule.id, certainty, rule.order.layer(), rule.scope, matched_text(matched, reading))
        }
        None => {
            let (class, rule, certainty) = status::opinion(reading.status);
            (class, rule, certainty, Layer::Status, None, reading.status.to_string())
        }
    };
    Verdict {
        class,
        scope: scope.unwrap_or_else(|| reach::scope(class, seen, reading)),
        certainty,
        delay: delay::read(seen, reading, class),
        rule: Cow::Borrowed(rule),
        layer,
        matched,
        suspend: None,
        stop: false,
        error: said::error(seen, reading),
    }
}

/// General words prove that a model is refused only when they name it.
fn certainty(rule: &Rule, matched: &Matched, reading: &Reading) -> Certainty {
    let is_vague = rule.class == ErrorClass::ModelUnsupported
        && rule.order == Order::GenericWording
        && reading.features & feature::NAMES_MODEL == 0
        && !matches!(matched, Matched::Code(_));
    if is_vague { Certainty::Hint } else { rule.certainty }
}

fn matched_text(matched: &Matched, reading: &Reading) -> String {
    match matched {
        Matched::Words(start, end) => scrub::scrub(reading.words[*start..*end].trim(), MATCHED_BYTES_MAX),
        Matched::CodeWords(start, end) => {
            scrub::scrub(reading.code_words[*start..*end].trim(), MATCHED_BYTES_MAX)
        }
        Matched::Code(at) => scrub::scrub(reading.code(&reading.codes[*at]), MATCHED_BYTES_MAX),
        Matched::Shape => reading.status.to_string(),
    }
}
