//! How often somebody may be wrong.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use standin_core::Moment;

/// Wrong tokens within one window before they are refused unread.
pub(crate) const GUESSES_MAX: u32 = 20;
/// The window.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);

/// Counts wrong tokens; one count for all, because an address is cheap to change.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<(Moment, u32)>);

impl Guesses {
    /// Notes a wrong token; whether it was within what is allowed.
    pub(crate) fn one_more(&self, now: Moment) -> bool {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.since(counted.0) >= WINDOW || counted.1 == 0 {
            *counted = (now, 0);
        }
        counted.1 = counted.1.saturating_add(1);
        counted.1 <= GUESSES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k6_the_twenty_first_wrong_token_of_a_minute_is_one_too_many() {
        let guesses = Guesses::default();
        let start = Moment::from_secs(1000);
        assert!((0..GUESSES_MAX).all(|_| guesses.one_more(start)));
        assert!(!guesses.one_more(start + Duration::from_secs(59)));
        assert!(guesses.one_more(start + WINDOW));
    }
}
