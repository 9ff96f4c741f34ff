//! The one place where the machine's clocks are read.

use std::time::{Instant, SystemTime};

use standin_core::{Clock, Moment};

/// The machine's clocks. Its origin is the moment it was made.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock that begins now. Make one per process: moments of two clocks cannot be compared.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn now(&self) -> Moment {
        // One second of head start, so that "before the process began" still has a moment.
        Moment::from_secs(1) + Instant::now().saturating_duration_since(self.origin)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else is handed")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}
