//! The timer of one exchange: first byte, then silence.
//!
//! One timer serves both. It is armed when there is nothing to read and never moved by a chunk: a chunk only leaves a
//! mark, and the timer looks for marks four times per idle limit. So a chunk costs no clock and no timer wheel, and
//! silence is noticed between one and one and a quarter limits.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::{Alarm, Limits, SendError};

/// Ticks per idle limit.
const TICKS: u32 = 4;

pub(super) struct Watch {
    alarm: Alarm,
    phase: Phase,
    first_byte: Duration,
    idle: Duration,
}

enum Phase {
    /// Nothing of the body has come yet; the timer stands at the first-byte limit.
    FirstByte,
    /// The first bytes have come; the timer still stands at the first-byte limit.
    Begun,
    /// The timer ticks.
    Ticking { heard: bool, silent: u32 },
}

impl Watch {
    /// Starts the first-byte limit, on the alarm of an exchange that is over if there is one.
    pub(super) fn start(limits: &Limits, alarm: Option<Alarm>) -> Self {
        let alarm = match alarm {
            Some(mut alarm) => {
                alarm.set(limits.first_byte);
                alarm
            }
            None => Alarm::after(limits.first_byte),
        };
        Self { alarm, phase: Phase::FirstByte, first_byte: limits.first_byte, idle: limits.idle }
    }

    /// The exchange is over: its alarm serves the next one.
    pub(super) fn into_alarm(self) -> Alarm {
        self.alarm
    }

    /// Notes that bytes of the body came.
    pub(super) fn heard(&mut self) {
        match &mut self.phase {
            Phase::Ticking { heard, .. } => *heard = true,
            phase => *phase = Phase::Begun,
        }
    }

    /// Call when there is nothing to read: ready once that has lasted too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SendError> {
        if matches!(self.phase, Phase::Begun) {
            self.phase = Phase::Ticking { heard: true, silent: 0 };
            self.next_tick();
        }
        loop {
            ready!(self.alarm.poll(cx));
            let Phase::Ticking { heard, silent } = &mut self.phase else {
                return Poll::Ready(SendError::timeout(format!(
                    "no first byte within {:?}",
                    self.first_byte
                )));
            };
            *silent = if *heard { 0 } else { *silent + 1 };
            *heard = false;
            if *silent >= TICKS {
                return Poll::Ready(SendError::timeout(format!("silence in mid-reply for {:?}", self.idle)));
            }
            self.next_tick();
        }
    }

    /// Counts from now and not from the last tick: time in which a slow caller kept us from reading is not silence.
    fn next_tick(&mut self) {
        self.alarm.set(self.idle / TICKS);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::sleep;

    use super::*;

    const LIMITS: Limits = Limits {
        connect: Duration::from_secs(1),
        first_byte: Duration::from_secs(60),
        idle: Duration::from_secs(120),
    };

    async fn wait(watch: &mut Watch, up_to: Duration) -> Option<SendError> {
        tokio::time::timeout(up_to, poll_fn(|cx| watch.poll(cx))).await.ok()
    }

    #[tokio::test(start_paused = true)]
    async fn c4_silence_before_the_first_byte_ends_at_its_limit() {
        let mut watch = Watch::start(&LIMITS, None);
        assert!(wait(&mut watch, Duration::from_secs(59)).await.is_none());
        let error = wait(&mut watch, Duration::from_secs(2)).await.unwrap();
        assert!(error.message.contains("first byte"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn c4_silence_in_mid_stream_ends_between_one_and_one_and_a_quarter_limits() {
        let mut watch = Watch::start(&LIMITS, None);
        watch.heard();
        for _ in 0..50 {
            assert!(
                wait(&mut watch, Duration::from_secs(100)).await.is_none(),
                "bytes every 100 s are no silence"
            );
            watch.heard();
        }
        assert!(wait(&mut watch, Duration::from_secs(119)).await.is_none());
        let error = wait(&mut watch, Duration::from_secs(32)).await.unwrap();
        assert!(error.message.contains("silence"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_a_slow_caller_does_not_read_is_no_silence() {
        let mut watch = Watch::start(&LIMITS, None);
        watch.heard();
        assert!(wait(&mut watch, Duration::from_secs(10)).await.is_none());
        sleep(Duration::from_secs(10_000)).await;
        assert!(wait(&mut watch, Duration::from_secs(80)).await.is_none());
    }
}
