//! Where news of a connection goes, so that whoever uses it knows whether there is any.
//!
//! The task that reads a reply is polled far more often than something comes: by its timers, by the other side of the
//! gateway, and by hyper's server once more after every flush. A connection that has not rung since it was last looked
//! at has nothing to say, and is not looked at.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// The waker of one connection: a socket and the channels of hyper know no other.
#[derive(Default)]
pub(super) struct Bell {
    state: AtomicU8,
    /// Who is woken.
    waiting: AtomicWaker,
}

/// Nobody waits: news is noted only, because whoever is awake looks again before going to sleep.
const AWAKE: u8 = 0;
/// There is news.
const RUNG: u8 = 1;
/// Nothing has come since the connection was last looked at.
const ASLEEP: u8 = 2;

impl Bell {
    /// Says who is to be woken, and whether there may be news.
    pub(super) fn has_news_for(&self, waker: &Waker) -> bool {
        // In this order: a ring in between wakes the right one.
        self.waiting.register(waker);
        self.state.load(Ordering::Acquire) != ASLEEP
    }

    /// From here on a ring is noted and wakes nobody.
    pub(super) fn listen(&self) {
        self.state.store(AWAKE, Ordering::Release);
    }

    /// From here on a ring wakes. False if it has rung since [`listen`](Self::listen): then there is news.
    pub(super) fn sleep(&self) -> bool {
        self.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Nobody uses the connection any more: forgets who did.
    pub(super) fn forget(&self) {
        self.listen();
        drop(self.waiting.take());
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            self.waiting.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn news_wakes_who_sleeps_once_and_is_never_lost() {
        let (bell, woken) = (Arc::new(Bell::default()), Arc::new(Woken::default()));
        let (ring, waker) = (Waker::from(Arc::clone(&bell)), Waker::from(Arc::clone(&woken)));
        let count = || woken.0.load(Ordering::Relaxed);

        assert!(bell.has_news_for(&waker), "nobody has looked yet");
        bell.listen();
        assert!(bell.sleep());
        assert!(!bell.has_news_for(&waker), "nothing has come");
        ring.wake_by_ref();
        ring.wake_by_ref();
        assert_eq!(count(), 1);
        assert!(bell.has_news_for(&waker));

        bell.listen();
        ring.wake_by_ref();
        assert!(!bell.sleep(), "it rang while somebody looked");
        assert_eq!(count(), 1, "who is awake is not woken");
        assert!(bell.has_news_for(&waker));
    }
}
