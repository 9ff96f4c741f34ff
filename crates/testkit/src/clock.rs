//! Time in tests: a clock that only moves when told to, and the one place that reads the real one.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime},
};

use standin_core::{Clock, Moment};

/// Seconds since the epoch at which every [`TestClock`] begins: 2026-01-01T00:00:00Z.
const WALL_START_SECS: u64 = 1_767_225_600;

/// A clock that stands still until [`TestClock::advance`] moves it; wall and monotonic time move together.
#[derive(Debug, Default)]
pub struct TestClock {
    nanos: AtomicU64,
}

impl TestClock {
    /// A clock at its origin: `Moment::ZERO`, 2026-01-01 00:00 UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves time forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let _ =
            self.nanos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(by)));
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        Moment::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    fn wall(&self) -> SystemTime {
        let since_start = Duration::from_nanos(self.nanos.load(Ordering::SeqCst));
        SystemTime::UNIX_EPOCH + Duration::from_secs(WALL_START_SECS) + since_start
    }
}

/// The real monotonic time, for measuring how long something took on a real socket.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the kit measures real sockets in real time, here and nowhere else"
)]
pub fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_it_is_moved() {
        let clock = TestClock::new();
        let (start, wall) = (clock.now(), clock.wall());
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().since(start), Duration::from_millis(1500));
        assert_eq!(clock.wall().duration_since(wall).unwrap(), Duration::from_millis(1500));
    }
}
