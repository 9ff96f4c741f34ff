//! Where news of a connection goes, so that whoever uses it knows whether there is any.
//!
//! The task that reads a reply is polled far more often than something comes: by its timers, by the other side of the
//! gateway, and by hyper's server once more after every flush. A connection that has not rung since it was last looked
//! at has nothing to say, and is not looked at.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Wake, Waker},
};

use futures_util::task::AtomicWaker;

thread_local! {
    /// Whether this thread drives a connection, or takes something out of one of its channels, at this moment.
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The waker of one connection: the channels of hyper know no other.
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
/// Nothing has come but what hyper has handed over, or was asked for, meanwhile: there may be more of it.
const HANDED: u8 = 3;

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

    /// Drives hyper's half of the connection, or takes something out of a channel: what was handed over rings, and so
    /// does the room that is left.
    pub(super) fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Inside;
        impl Drop for Inside {
            fn drop(&mut self) {
                IS_INSIDE.set(false);
            }
        }
        // What rings on this very thread meanwhile can only be the channels: sockets are heard between two polls, or by
        // another thread, and where one that is being read rings nevertheless, it does so by itself.
        IS_INSIDE.set(true);
        let _inside = Inside;
        work()
    }

    /// Nobody uses the connection any more: forgets who did. False if something has come since it was looked at;
    /// what was handed over last has been the last.
    pub(super) fn rest(&self) -> bool {
        drop(self.waiting.take());
        let rest = |state| matches!(state, AWAKE | HANDED).then_some(ASLEEP);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, rest) {
            Ok(_) => true,
            Err(state) => state == ASLEEP,
        }
    }

    /// There is news.
    fn ring(&self) {
        if self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            self.waiting.wake();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let hand = || self.state.compare_exchange(AWAKE, HANDED, Ordering::AcqRel, Ordering::Acquire);
        if IS_INSIDE.get() && matches!(hand(), Ok(_) | Err(HANDED)) {
            return;
        }
        self.ring();
    }
}

/// Rings for a socket: that is news whenever it comes, even from a socket that is being read and has not been read to
/// its end.
pub(super) struct Outside(pub(super) Arc<Bell>);

impl Wake for Outside {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.ring();
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

    #[test]
    fn who_takes_something_has_a_reason_to_look_again_unless_it_was_the_last() {
        let bell = Arc::new(Bell::default());
        let ring = Waker::from(Arc::clone(&bell));

        bell.listen();
        bell.inside(|| ring.wake_by_ref());
        bell.inside(|| ring.wake_by_ref());
        assert!(!bell.sleep(), "there may be more");
        assert!(bell.rest(), "nothing has come");
        assert!(bell.rest());
        ring.wake_by_ref();
        assert!(!bell.rest(), "something has come since");

        bell.listen();
        bell.inside(|| std::thread::scope(|scope| drop(scope.spawn(|| ring.wake_by_ref()).join())));
        assert!(!bell.rest(), "what rings elsewhere at that moment is news");

        let socket = Waker::from(Arc::new(Outside(Arc::clone(&bell))));
        for rings in [[&ring, &socket], [&socket, &ring]] {
            bell.listen();
            bell.inside(|| rings.map(Waker::wake_by_ref));
            assert!(!bell.rest(), "a socket that wants to be read once more is news");
        }
    }
}
