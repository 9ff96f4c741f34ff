//! A token bucket in one word: the moment at which it would be full again.

use std::time::Duration;

use standin_core::{BudgetRate, Moment};

use crate::sync::{AtomicU64, Ordering};

/// One upstream's retry budget.
#[derive(Debug)]
pub(crate) struct Bucket {
    full_at: AtomicU64,
}

/// The rate in nanoseconds, worked out once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drip {
    token: u64,
    request: u64,
    depth: u64,
}

impl Drip {
    pub(crate) fn new(rate: BudgetRate) -> Self {
        let nanos = |tokens: f64| {
            let secs = (tokens / rate.per_second).max(0.0);
            Duration::try_from_secs_f64(secs).ok().and_then(|time| u64::try_from(time.as_nanos()).ok())
        };
        let token = nanos(1.0).unwrap_or(u64::MAX);
        Self {
            token,
            request: nanos(rate.per_request).unwrap_or(0),
            depth: token.saturating_mul(u64::from(rate.burst)),
        }
    }
}

impl Bucket {
    pub(crate) const fn full() -> Self {
        Self { full_at: AtomicU64::new(0) }
    }

    pub(crate) fn has_token(&self, drip: &Drip, now: Moment) -> bool {
        Self::spent(self.full_at.load(Ordering::Relaxed), drip, now).is_some()
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&self, drip: &Drip, now: Moment) -> bool {
        let spend = |full_at| Self::spent(full_at, drip, now);
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok()
    }

    /// What one request brings. A full bucket is not even written to.
    pub(crate) fn feed(&self, drip: &Drip, now: Moment) {
        let now = now.as_nanos();
        let fill = |full_at: u64| (full_at > now).then(|| full_at.saturating_sub(drip.request));
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fill);
    }

    /// Gives a token back that was not used.
    pub(crate) fn give_back(&self, drip: &Drip) {
        let fill = |full_at: u64| Some(full_at.saturating_sub(drip.token));
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fill);
    }

    fn spent(full_at: u64, drip: &Drip, now: Moment) -> Option<u64> {
        let now = now.as_nanos();
        let after = full_at.max(now).saturating_add(drip.token);
        (after - now <= drip.depth).then_some(after)
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const RATE: BudgetRate = BudgetRate { per_request: 0.2, per_second: 3.0, burst: 10 };

    fn drained(bucket: &Bucket, drip: &Drip, now: Moment) -> u32 {
        (0..100).take_while(|_| bucket.take(drip, now)).fold(0, |count, _| count + 1)
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_three_tokens_a_second() {
        let (bucket, drip) = (Bucket::full(), Drip::new(RATE));
        assert!(bucket.has_token(&drip, Moment::from_secs(100)));
        assert_eq!(drained(&bucket, &drip, Moment::from_secs(100)), 10);
        assert!(!bucket.has_token(&drip, Moment::from_secs(100)));
        assert_eq!(drained(&bucket, &drip, Moment::from_secs(101)), 3);
        assert_eq!(drained(&bucket, &drip, Moment::from_secs(1000)), 10);
    }

    #[test]
    fn five_requests_bring_one_token_and_never_more_than_the_burst() {
        let (bucket, drip, now) = (Bucket::full(), Drip::new(RATE), Moment::from_secs(100));
        assert_eq!(drained(&bucket, &drip, now), 10);
        (0..4).for_each(|_| bucket.feed(&drip, now));
        assert!(!bucket.has_token(&drip, now));
        bucket.feed(&drip, now);
        assert_eq!(drained(&bucket, &drip, now), 1);
        (0..1000).for_each(|_| bucket.feed(&drip, now));
        assert_eq!(drained(&bucket, &drip, now), 10);
    }

    #[test]
    fn a_token_given_back_can_be_taken_again() {
        let (bucket, drip, now) = (Bucket::full(), Drip::new(RATE), Moment::from_secs(100));
        assert_eq!(drained(&bucket, &drip, now), 10);
        bucket.give_back(&drip);
        assert_eq!(drained(&bucket, &drip, now), 1);
    }
}
