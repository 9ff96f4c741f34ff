//! How long a connection may be without a request.
//!
//! One timer for all of its life, and no request moves it: a request only leaves a mark, and the timer looks for marks
//! four times per limit. So a request costs no clock and no timer wheel, and a connection is idle for between one and
//! one and a quarter limits before it is closed.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use standin_upstream::Alarm;

/// Ticks per limit.
const TICKS: u32 = 4;

/// The idle time of one connection.
pub(crate) struct Idle {
    tick: Duration,
    /// None until there has been something to wait for.
    alarm: Option<Alarm>,
    was_busy: bool,
    silent: u32,
}

impl Idle {
    /// Lets a connection go that has been idle for so long.
    pub(crate) fn new(idle_max: Duration) -> Self {
        Self { tick: idle_max / TICKS, alarm: None, was_busy: true, silent: 0 }
    }

    /// Notes that something came.
    pub(crate) fn heard(&mut self) {
        self.was_busy = true;
    }

    /// Call while nothing is asked and nothing is being answered: ready once that has lasted too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let tick = self.tick;
        let alarm = self.alarm.get_or_insert_with(|| Alarm::after(tick));
        loop {
            ready!(alarm.poll(cx));
            self.silent = if std::mem::take(&mut self.was_busy) { 0 } else { self.silent + 1 };
            if self.silent >= TICKS {
                return Poll::Ready(());
            }
            alarm.set(tick);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const MAX: Duration = Duration::from_secs(60);

    async fn waits(idle: &mut Idle, seconds: u64) -> bool {
        let waiting = poll_fn(|cx| idle.poll(cx));
        tokio::time::timeout(Duration::from_secs(seconds), waiting).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_between_one_and_one_and_a_quarter_limits_after_what_was_heard_last() {
        for pause in [0, 1, 14, 16, 59, 600] {
            let mut idle = Idle::new(MAX);
            for _ in 0..5 {
                assert!(waits(&mut idle, 50).await, "something comes every 50 s");
                idle.heard();
                // A request that is being answered, for however long.
                tokio::time::sleep(Duration::from_secs(pause)).await;
                idle.heard();
            }
            assert!(waits(&mut idle, 59).await, "after {pause} s");
            assert!(!waits(&mut idle, 17).await, "after {pause} s");
        }
    }
}
