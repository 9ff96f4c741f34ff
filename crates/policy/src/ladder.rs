//! How long a failure keeps a path out, and when it may be probed: the numbers of `docs/errors.md`, by class.

use std::time::Duration;

use standin_core::{Certainty, ErrorClass};

/// A model that is named, or a code that says so: unsupported models rarely become supported within a day.
pub(crate) const UNSUPPORTED_FIRM: Duration = Duration::from_secs(12 * 3600);
/// Longest an upstream's prediction of its own recovery is believed; it is probed long before.
pub(crate) const HINT_MAX: Duration = Duration::from_secs(31 * 24 * 3600);
/// Shortest suspension a hint can ask for: a hint of zero would be a busy loop.
pub(crate) const HINT_MIN: Duration = Duration::from_secs(1);
/// Longest a rate limit or a soft failure is believed to last, whatever its hint says.
pub(crate) const PER_MINUTE_MAX: Duration = Duration::from_secs(10 * 60);
/// First distance of the probes of an exhausted allowance; it doubles.
pub(crate) const QUOTA_PROBE: Duration = Duration::from_secs(10 * 60);
/// Longest a rejected or unpaid credential goes without a probe.
pub(crate) const STRICT_PROBE_MAX: Duration = Duration::from_secs(6 * 3600);

/// How long a path is out, counted from the failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sentence {
    /// Out for this long.
    pub length: Duration,
    /// Half-open after this long.
    pub probe_after: Duration,
}

/// The sentence for strike number `strikes` (from 1) of one ladder.
#[must_use]
pub fn sentence(
    class: ErrorClass,
    certainty: Certainty,
    hint: Option<Duration>,
    strikes: u32,
    probe_max: Duration,
) -> Sentence {
    let climb = |base: Duration, factor: u32, most: Duration| {
        factor
            .checked_pow(strikes.saturating_sub(1))
            .map_or(most, |times| base.saturating_mul(times))
            .min(most)
    };
    let hinted =
        |most: Duration, otherwise: Duration| hint.map_or(otherwise, |hint| hint.clamp(HINT_MIN, most));
    let length = match class {
        ErrorClass::ModelUnsupported if certainty == Certainty::Firm => UNSUPPORTED_FIRM,
        ErrorClass::ModelUnsupported | ErrorClass::EndpointMisconfigured => {
            climb(Duration::from_secs(60), 4, Duration::from_secs(3600))
        }
        ErrorClass::AuthFailed => climb(Duration::from_secs(30 * 60), 2, Duration::from_secs(24 * 3600)),
        ErrorClass::Permission | ErrorClass::Billing => {
            climb(Duration::from_secs(30 * 60), 2, Duration::from_secs(6 * 3600))
        }
        ErrorClass::QuotaExhausted => {
            hinted(HINT_MAX, climb(Duration::from_secs(5 * 60), 2, Duration::from_secs(6 * 3600)))
        }
        ErrorClass::RateLimited => hinted(PER_MINUTE_MAX, climb(Duration::from_secs(5), 2, PER_MINUTE_MAX)),
        _ => hinted(PER_MINUTE_MAX, climb(Duration::from_secs(1), 2, Duration::from_secs(60))),
    };
    let probe_cap = match class {
        ErrorClass::AuthFailed | ErrorClass::Billing => STRICT_PROBE_MAX,
        ErrorClass::QuotaExhausted => climb(QUOTA_PROBE, 2, probe_max),
        _ => probe_max,
    };
    Sentence { length, probe_after: length.min(probe_cap) }
}
