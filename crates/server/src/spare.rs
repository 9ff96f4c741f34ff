//! The timers that hyper asks for on one connection, made of one.
//!
//! hyper makes a timer for every head it waits for and drops it when the head is there: on a kept connection, once per
//! request. Here the dropped one is kept and only moved later, which does not touch the runtime's wheel.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};
use hyper_util::rt::TokioTimer;

type Kept = Pin<Box<tokio::time::Sleep>>;

/// Makes the timers of one connection.
#[derive(Default)]
pub(crate) struct SpareTimer {
    spare: Arc<Mutex<Option<Kept>>>,
}

/// A timer; dropping it leaves it to the next one who asks.
struct Lent {
    sleep: Option<Kept>,
    spare: Arc<Mutex<Option<Kept>>>,
}

impl Timer for SpareTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let sleep = match spare {
            Some(mut sleep) => {
                sleep.as_mut().reset(deadline.into());
                sleep
            }
            None => Box::pin(tokio::time::sleep_until(deadline.into())),
        };
        Box::pin(Lent { sleep: Some(sleep), spare: Arc::clone(&self.spare) })
    }

    fn now(&self) -> Instant {
        TokioTimer::new().now()
    }
}

impl Sleep for Lent {}

impl Future for Lent {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Ready(()), |sleep| sleep.as_mut().poll(cx))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = self.sleep.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timer_used_again_goes_off_at_its_new_time_whether_it_had_gone_off_or_not() {
        let timer = SpareTimer::default();
        let began = timer.now();
        for (wait, patience) in [(10, 3), (10, 3), (10, 60), (5, 60), (20, 3), (5, 60)] {
            let before = timer.now();
            let sleep = timer.sleep(Duration::from_secs(wait));
            let is_over = tokio::time::timeout(Duration::from_secs(patience), sleep).await.is_ok();
            assert_eq!(is_over, wait < patience);
            let took = timer.now().duration_since(before).as_secs();
            assert_eq!(took, wait.min(patience));
        }
        assert_eq!(timer.now().duration_since(began).as_secs(), 3 + 3 + 10 + 5 + 3 + 5);
    }
}
