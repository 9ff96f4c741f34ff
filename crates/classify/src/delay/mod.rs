//! How long an upstream asks us to wait: from its fields, its headers or its words, whichever is most exact.
//!
//! A delay is a prediction. Those that are known to lie are dropped here, by class; how far the others are believed is
//! the policy's business.

mod cue;
mod duration;
mod moment;

use std::time::{Duration, SystemTime};

use standin_core::ErrorClass;

pub(crate) use self::cue::CUES;
pub use self::{duration::parse_duration, moment::parse_moment};
use crate::{
    Observed,
    envelope::{Leaf, Role},
    field::DelayField,
    reading::Reading,
};

/// Longest delay that is taken for one; what is longer is a mistake.
pub const DELAY_MAX: Duration = Duration::from_secs(400 * 24 * 3600);
/// A per-minute limit that asks for a whole day means that the request never fits.
const WHOLE_DAY: Duration = Duration::from_secs(86_400);
/// A day's allowance that is said to be back sooner than this is not.
const DAILY_DELAY_MIN: Duration = Duration::from_secs(3600);
/// A long quota that is said to be back sooner than this is not.
const QUOTA_DELAY_MIN: Duration = Duration::from_secs(10);

/// Reads the value of a `Retry-After` header: seconds, also with a fraction, or an HTTP date.
#[must_use]
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    match value.parse::<f64>() {
        Ok(number) if number >= 1_000_000_000.0 => parse_moment(value, now),
        Ok(number) => duration::seconds(number),
        Err(_) => parse_duration(value).or_else(|| parse_moment(value, now)),
    }
}

/// The delay told by one field of the body.
fn from_field(how: DelayField, text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let number = text.parse::<f64>().ok();
    match how {
        DelayField::Seconds => number.and_then(duration::seconds).or_else(|| parse_duration(text)),
        DelayField::Millis => number.and_then(|millis| duration::seconds(millis / 1000.0)),
        DelayField::Moment => parse_moment(text, now).or_else(|| parse_duration(text)),
        DelayField::Duration => parse_duration(text).or_else(|| parse_moment(text, now)),
        DelayField::RetryAfter => parse_retry_after(text, now),
        DelayField::WindowReset => window_reset(text, now),
    }
}

fn from_fields(reading: &Reading, now: SystemTime) -> Option<Duration> {
    let told = |leaf: &Leaf| match leaf.role {
        Role::Delay(how) => from_field(how, reading.envelope.text(leaf), now).map(|wait| (how, wait)),
        _ => None,
    };
    let best = reading.envelope.leaves.iter().filter_map(told).min_by_key(|(how, wait)| {
        // Of two fields that are equally exact the longer delay is the safer one.
        (*how, std::cmp::Reverse(*wait))
    })?;
    Some(best.1)
}

fn from_headers(seen: &Observed<'_>) -> Option<Duration> {
    let header = |name: &str| seen.headers.value(name);
    let millis =
        || header("retry-after-ms").and_then(|value| from_field(DelayField::Millis, value, seen.now));
    let seconds = || header("retry-after").and_then(|value| parse_retry_after(value, seen.now));
    millis().or_else(seconds).or_else(|| limit_headers(seen))
}

/// Pairs of what is left of an allowance and when it is filled up again.
const LIMIT_HEADERS: [(&str, &str); 9] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
];

/// How far each window of a Codex plan is used up, and when it begins anew.
const CODEX_WINDOWS: [(&str, &str); 2] = [
    ("x-codex-primary-used-percent", "x-codex-primary-reset-after-seconds"),
    ("x-codex-secondary-used-percent", "x-codex-secondary-reset-after-seconds"),
];

fn limit_headers(seen: &Observed<'_>) -> Option<Duration> {
    let header = |name: &str| seen.headers.value(name);
    let unified = header("anthropic-ratelimit-unified-reset").and_then(|value| parse_moment(value, seen.now));
    let codex = CODEX_WINDOWS.iter().find_map(|(used, after)| {
        let used = header(used)?.parse::<f64>().ok()?;
        let after = header(after)?;
        (used >= 100.0).then(|| from_field(DelayField::Seconds, after, seen.now)).flatten()
    });
    let after =
        || RESET_AFTER.iter().find_map(|name| from_field(DelayField::Seconds, header(name)?, seen.now));
    let pairs = || {
        LIMIT_HEADERS
            .iter()
            .filter(|(left, _)| match header(left) {
                Some(value) => value.trim().parse::<f64>().is_ok_and(|left| left <= 0.0),
                // Who refuses for too many requests need not say that none is left.
                None => seen.status == 429,
            })
            .filter_map(|(_, reset)| window_reset(header(reset)?, seen.now))
            .max()
    };
    unified.or(codex).or_else(after).or_else(pairs).or_else(|| limit_in_one(header("ratelimit")?))
}

/// Headers that tell how many seconds are left of a window that is used up.
const RESET_AFTER: [&str; 3] = ["x-ratelimit-reset-after", "x-ratelimit-retry-after", "x-retry-after"];

/// What is left of an allowance and when it is filled up again in one header, as two drafts have it:
/// `limit=100, remaining=0, reset=50` and `"default";r=0;t=50`.
fn limit_in_one(value: &str) -> Option<Duration> {
    let part = |names: [&str; 2]| {
        let mut parts = value.split([';', ',']).filter_map(|part| part.trim().split_once('='));
        parts.find(|(name, _)| names.contains(name))?.1.parse::<f64>().ok()
    };
    let is_empty = part(["r", "remaining"])? <= 0.0;
    is_empty.then(|| part(["t", "reset"]).and_then(duration::seconds)).flatten()
}

/// A window's end: a Go duration, seconds, an epoch or a date.
fn window_reset(value: &str, now: SystemTime) -> Option<Duration> {
    parse_retry_after(value, now).filter(|wait| !wait.is_zero())
}

/// Everything the answer says about waiting, best first, unless it is known to lie for this class.
pub(crate) fn read(seen: &Observed<'_>, reading: &Reading, class: ErrorClass) -> Option<Duration> {
    has_use(class).then(|| told(seen, reading)).flatten().filter(|wait| !is_lie(reading, class, *wait))
}

/// Whether the answer tells a delay that is dropped.
pub(crate) fn is_distrusted(seen: &Observed<'_>, reading: &Reading, class: ErrorClass) -> bool {
    told(seen, reading).is_some_and(|wait| !has_use(class) || is_lie(reading, class, wait))
}

/// What the answer says about waiting, best first.
fn told(seen: &Observed<'_>, reading: &Reading) -> Option<Duration> {
    from_fields(reading, seen.now)
        .or_else(|| from_headers(seen))
        .or_else(|| cue::from_words(&reading.words, &reading.cues, seen.now))
}

/// Whether waiting helps against this class at all: no delay makes a model appear.
fn has_use(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::RateLimited
            | ErrorClass::QuotaExhausted
            | ErrorClass::Overloaded
            | ErrorClass::ServerError
            | ErrorClass::Timeout
            | ErrorClass::Malformed
    )
}

/// The list of delays nobody should believe.
fn is_lie(reading: &Reading, class: ErrorClass, wait: Duration) -> bool {
    let says = |part: &str| reading.codes.iter().any(|code| reading.code(code).contains(part));
    match class {
        ErrorClass::RateLimited => wait == WHOLE_DAY,
        ErrorClass::QuotaExhausted if says("perday") => wait < DAILY_DELAY_MIN,
        ErrorClass::QuotaExhausted if says("quota_exhausted") => wait < QUOTA_DELAY_MIN,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn told(status: u16, headers: &[(&str, &str); 2]) -> Option<u64> {
        let seen = Observed { status, headers, ..Observed::new(UNIX_EPOCH) };
        from_headers(&seen).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_limit_that_is_used_up_tells_its_reset_in_many_headers() {
        let other = ("content-type", "text/plain");
        for header in [
            ("x-ratelimit-reset", "50"),
            ("x-ratelimit-reset-after", "50"),
            ("ratelimit", "limit=100, remaining=0, reset=50"),
            ("ratelimit", "\"default\";r=0;t=50"),
        ] {
            assert_eq!(told(429, &[other, header]), Some(50), "{header:?}");
        }
        assert_eq!(told(403, &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "50")]), Some(50));
    }

    #[test]
    fn a_limit_that_is_not_used_up_tells_nothing() {
        let other = ("content-type", "text/plain");
        for (status, headers) in [
            (503, [other, ("x-ratelimit-reset", "50")]),
            (429, [("x-ratelimit-remaining", "3"), ("x-ratelimit-reset", "50")]),
            (429, [other, ("ratelimit", "\"default\";r=7;t=50")]),
            (429, [other, ("ratelimit", "t=50")]),
        ] {
            assert_eq!(told(status, &headers), None, "{status} {headers:?}");
        }
    }
}
