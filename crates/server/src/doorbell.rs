//! The waker of one connection of HTTP/1.1, which knows when it is rung for nothing.
//!
//! Whoever takes a piece of a request's body out of hyper's channel wakes the connection, so that it may send the next
//! one. Both live in one task, so it would be polled once more for every request, although nothing follows the last
//! piece of a body.

use std::{
    cell::Cell,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

use crate::talk::Talk;

thread_local! {
    /// What this thread is doing with the channel of a body.
    static TAKING: Cell<Taking> = const { Cell::new(Taking::No) };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taking {
    No,
    /// Something is being taken.
    Yes,
    /// And the connection was told so.
    AndRung,
}

/// What a connection gives hyper in place of its task's own waker.
pub(crate) struct Doorbell {
    house: Arc<House>,
    ring: Waker,
}

/// Who is behind the door.
struct House {
    task: AtomicWaker,
    talk: Arc<Talk>,
}

impl Doorbell {
    /// A bell that tells the requests of a connection whenever there may be something new.
    pub(crate) fn new(talk: Arc<Talk>) -> Self {
        let house = Arc::new(House { task: AtomicWaker::new(), talk });
        Self { ring: Waker::from(Arc::clone(&house)), house }
    }

    /// Polls what belongs to the connection; whatever wakes it then, wakes the task of `cx`.
    pub(crate) fn answer<T>(
        &self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.house.task.register(cx.waker());
        self.house.talk.rings();
        poll(&mut Context::from_waker(&self.ring))
    }
}

impl Wake for House {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match TAKING.get() {
            Taking::No => {
                self.talk.rings();
                self.task.wake();
            }
            Taking::Yes | Taking::AndRung => TAKING.set(Taking::AndRung),
        }
    }
}

/// Takes a piece out of the channel of a body; `take` says, too, whether it is certain that nothing follows. Then the
/// connection is not polled for it.
pub(crate) fn take<T>(cx: &mut Context<'_>, take: impl FnOnce(&mut Context<'_>) -> (T, bool)) -> T {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            TAKING.set(Taking::No);
        }
    }
    // What rings on this very thread meanwhile can only be the channel: sockets are heard between two polls, or by
    // another thread.
    TAKING.set(Taking::Yes);
    let done = Done;
    let (taken, is_last) = take(cx);
    let is_rung = TAKING.get() == Taking::AndRung;
    drop(done);
    if is_rung && !is_last {
        cx.waker().wake_by_ref();
    }
    taken
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
    fn only_what_is_taken_last_wakes_nobody() {
        let (bell, woken) = (Doorbell::new(Arc::default()), Arc::new(Woken::default()));
        let task = Waker::from(Arc::clone(&woken));
        let (ring, count) = (bell.ring.clone(), || woken.0.swap(0, Ordering::Relaxed));
        let poll = |poll: &dyn Fn(&mut Context<'_>)| {
            let polled = bell.answer(&mut Context::from_waker(&task), |cx| {
                poll(cx);
                Poll::Ready(())
            });
            assert!(polled.is_ready());
        };
        poll(&|cx| take(cx, |_| (ring.wake_by_ref(), false)));
        assert_eq!(count(), 1, "more may come");
        poll(&|cx| take(cx, |_| (ring.wake_by_ref(), true)));
        assert_eq!(count(), 0);
        poll(&|cx| {
            let elsewhere = || std::thread::scope(|scope| drop(scope.spawn(|| ring.wake_by_ref()).join()));
            take(cx, |_| (elsewhere(), true));
        });
        assert_eq!(count(), 1, "what rings elsewhere at that moment is news");
        poll(&|_| {});
        ring.wake_by_ref();
        assert_eq!(count(), 1);
    }
}
