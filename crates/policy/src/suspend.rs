//! Suspension arithmetic: one entry and one ladder per (scope, class), as a lattice.
//!
//! [`observe`] says what one failure makes of what was known; [`merge`] joins two entries that grew apart. Both only
//! ever move up: deadlines never come closer, strikes never fall. What moves down is a success, and that removes the
//! entry altogether.

use std::{borrow::Cow, time::Duration};

use standin_core::{Certainty, Entry, ErrorClass, Failure, Moment, Suspension};

use crate::{ladder::sentence, run::Attempt};

/// Bytes of an upstream's words kept as evidence.
pub(crate) const EVIDENCE_BYTES_MAX: usize = 200;
/// Shortest time a ladder is remembered after its entry has run out.
pub(crate) const LADDER_MEMORY_MIN: Duration = Duration::from_secs(600);
/// Longest time a ladder is remembered after its entry has run out.
pub(crate) const LADDER_MEMORY_MAX: Duration = Duration::from_secs(24 * 3600);

/// One failure, reduced to what the arithmetic needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// When it was seen.
    pub at: Moment,
    /// When its attempt began: only what was known then counts as a warning ignored.
    pub started: Moment,
    /// Whether its attempt was a last resort, made although the path was not due: that it failed is no news.
    pub is_early: bool,
    /// What kind of failure.
    pub class: ErrorClass,
    /// How sure the evidence is.
    pub certainty: Certainty,
    /// How long the upstream asks to wait.
    pub hint: Option<Duration>,
    /// Which rule said so.
    pub rule: Cow<'static, str>,
    /// Its status, 0 if there was none.
    pub status: u16,
    /// What the upstream said, first line.
    pub evidence: String,
}

impl Observation {
    /// Reads an observation off a failure.
    #[must_use]
    pub fn of(failure: &Failure, attempt: &Attempt, at: Moment) -> Self {
        let verdict = &failure.verdict;
        Self {
            at,
            started: attempt.started,
            is_early: attempt.claim.entry == Entry::LastResort,
            class: verdict.class,
            certainty: verdict.certainty,
            hint: verdict.delay,
            rule: verdict.rule.clone(),
            status: verdict.error.status,
            evidence: first_line(&verdict.error.message),
        }
    }
}

/// What one failure makes of an entry.
///
/// A failure is a new strike only if its attempt began after the last one was known. All others, however many were in
/// the air, saw the same window end the same way. A last resort that failed before the path was due is no strike
/// either, and moves no deadline but for its hint: it was known to be out (`docs/decisions/0005-last-resort.md`).
#[must_use]
pub fn observe(old: Option<&Suspension>, seen: &Observation, probe_max: Duration) -> Suspension {
    let old = old.filter(|old| seen.at < forgotten_at(old));
    let early = old.filter(|old| seen.is_early && seen.at < old.due());
    let is_strike = |old: &Suspension| early.is_none() && seen.started > old.since;
    let strikes = old.map_or(1, |old| old.strikes.saturating_add(u32::from(is_strike(old))));
    let mut sentence = sentence(seen.class, seen.certainty, seen.hint, strikes, probe_max);
    if let Some(early) = early {
        sentence.probe_after = early.probe_at.since(seen.at);
        if seen.hint.is_none() {
            sentence.length = early.until.since(seen.at);
        }
    }
    let fresh = Suspension {
        class: seen.class,
        rule: seen.rule.clone(),
        since: seen.at,
        until: seen.at + sentence.length,
        hinted_until: if seen.hint.is_some() { seen.at + sentence.length } else { Moment::ZERO },
        probe_at: seen.at + sentence.probe_after,
        probed_at: seen.at,
        strikes,
        status: seen.status,
        evidence: seen.evidence.clone(),
    };
    match old {
        Some(old) => merge(old.clone(), fresh),
        None => fresh,
    }
}

/// The join of two entries of the same (scope, class): commutative, associative and idempotent.
#[must_use]
pub fn merge(a: Suspension, b: Suspension) -> Suspension {
    let (until, hinted_until) = (a.until.max(b.until), a.hinted_until.max(b.hinted_until));
    let (probe_at, probed_at) = (a.probe_at.max(b.probe_at), a.probed_at.max(b.probed_at));
    let strikes = a.strikes.max(b.strikes);
    // `since` and the words are those of the last failure; ties fall to the greater text, so that order cannot matter.
    let later = if words(&a) >= words(&b) { a } else { b };
    Suspension { until, hinted_until, probe_at, probed_at, strikes, ..later }
}

fn words(entry: &Suspension) -> (Moment, u16, &str, &str) {
    (entry.since, entry.status, &entry.rule, &entry.evidence)
}

/// When an entry that nobody renewed is dropped, and its ladder with it.
#[must_use]
pub fn forgotten_at(entry: &Suspension) -> Moment {
    entry.until + entry.until.since(entry.since).clamp(LADDER_MEMORY_MIN, LADDER_MEMORY_MAX)
}

/// The first line that says anything, cut to [`EVIDENCE_BYTES_MAX`] at a character.
fn first_line(message: &str) -> String {
    let line = message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let fits = |(at, letter): &(usize, char)| at + letter.len_utf8() <= EVIDENCE_BYTES_MAX;
    line.char_indices().take_while(fits).map(|(_, letter)| letter).collect()
}
