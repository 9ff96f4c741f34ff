//! A timer that is asked far more often than it goes off.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    task::coop::unconstrained,
    time::{Instant, Sleep, sleep},
};

/// Goes off once. Being asked again by the task that is waiting already costs a look at one flag, and setting it to a
/// later time does not move it on the runtime's wheel.
pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// Who will be woken.
    waiting: Option<Waker>,
}

impl Alarm {
    /// Goes off after `time`, counted from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { sleep: Box::pin(sleep(time)), waiting: None }
    }

    /// Sets it to another time, counted from now.
    #[expect(clippy::disallowed_methods, reason = "a timer counts in the runtime's own time")]
    pub fn set(&mut self, time: Duration) {
        let deadline = Instant::now().checked_add(time).unwrap_or_else(|| sleep(time).deadline());
        self.sleep.as_mut().reset(deadline);
        // It may have gone off unasked, and then nobody is known to it any more.
        self.waiting = None;
    }

    /// Ready once it has gone off.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_known = self.waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_known && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        // Without the runtime's budget: when that is used up, a timer says "pending" and knows of no waker.
        let polled = Pin::new(&mut unconstrained(self.sleep.as_mut())).poll(cx);
        self.waiting = polled.is_pending().then(|| cx.waker().clone());
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_at_its_time_however_often_it_is_asked() {
        let mut alarm = Alarm::after(Duration::from_secs(10));
        let quick = tokio::time::timeout(Duration::from_secs(9), poll_fn(|cx| alarm.poll(cx)));
        assert!(quick.await.is_err());
        poll_fn(|cx| {
            for _ in 0..1_000 {
                if alarm.poll(cx).is_ready() {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
        alarm.set(Duration::from_secs(5));
        alarm.set(Duration::from_secs(50));
        let early = tokio::time::timeout(Duration::from_secs(49), poll_fn(|cx| alarm.poll(cx)));
        assert!(early.await.is_err());
        let late = tokio::time::timeout(Duration::from_secs(2), poll_fn(|cx| alarm.poll(cx)));
        assert!(late.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_another_task_than_the_one_that_asked_first() {
        let mut alarm = Alarm::after(Duration::from_secs(1));
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await.is_pending());
        let waiting = tokio::spawn(async move { poll_fn(|cx| alarm.poll(cx)).await });
        assert!(tokio::time::timeout(Duration::from_secs(2), waiting).await.is_ok());
    }
}
