//! Whatever stands where a wait is told: no panic, and never more than a hint may say.

use std::time::{Duration, SystemTime};

use standin_classify::delay::{DELAY_MAX, parse_duration, parse_moment, parse_retry_after};

/// Panics if it does not hold.
pub(crate) fn holds(text: &str) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let waits = [parse_duration(text), parse_moment(text, now), parse_retry_after(text, now)];
    assert!(waits.into_iter().flatten().all(|wait| wait <= DELAY_MAX), "{waits:?}");
}
