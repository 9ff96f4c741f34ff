//! The one place of the bench where clocks are read. It knows nothing of what is measured.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Monotonic time of this process.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Nanoseconds since 1970: the only time that two processes share, so it is what a chunk is stamped with.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]
pub(crate) fn wall_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds from `start` until now.
pub(crate) fn nanos_since(start: Instant) -> u64 {
    u64::try_from(now().duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}
