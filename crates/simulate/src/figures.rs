//! What is counted.

use std::{ops::AddAssign, time::Duration};

/// Counts of one or many simulated days under one policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests that came in.
    pub requests: u64,
    /// Requests that were wrong themselves.
    pub caller_faults: u64,
    /// Good requests that were answered.
    pub served: u64,
    /// Good requests that ended in an error although some path would have served when they came or when they ended.
    pub lost: u64,
    /// Good requests that nobody could have served.
    pub hopeless: u64,
    /// Requests that were wrong themselves and that an upstream was asked about.
    pub caller_faults_asked: u64,
    /// Upstream calls.
    pub attempts: u64,
    /// Upstream calls of requests that were wrong themselves.
    pub caller_fault_attempts: u64,
    /// Calls that failed, for whatever reason.
    pub faults: u64,
    /// Calls that could not have succeeded given what had already been said.
    pub wasted: u64,
    /// Calls after one of the same request whose fate is unknown.
    pub possible_duplicates: u64,
    /// Candidate-seconds suspended while healthy.
    pub false_suspension_seconds: u64,
    /// Candidate-seconds looked at.
    pub candidate_seconds: u64,
    /// Time that requests waited of their own accord.
    pub waited: Duration,
}

impl Figures {
    /// Good requests that were lost, per thousand that somebody could have served.
    #[must_use]
    pub fn lost_per_1000(&self) -> f64 {
        per_thousand(self.lost, self.served + self.lost)
    }

    /// Calls that were wasted, per thousand requests.
    #[must_use]
    pub fn wasted_per_1000(&self) -> f64 {
        per_thousand(self.wasted, self.requests)
    }

    /// Upstream calls per good request.
    #[must_use]
    pub fn attempts_per_request(&self) -> f64 {
        per_thousand(self.attempts - self.caller_fault_attempts, self.requests - self.caller_faults) / 1000.0
    }

    /// Upstream calls per request that was wrong itself and was not refused for want of a path.
    #[must_use]
    pub fn attempts_per_caller_fault(&self) -> f64 {
        per_thousand(self.caller_fault_attempts, self.caller_faults_asked) / 1000.0
    }

    /// Fraction of the candidate-seconds that were suspended while healthy, in a thousand.
    #[must_use]
    pub fn false_suspension_per_1000(&self) -> f64 {
        per_thousand(self.false_suspension_seconds, self.candidate_seconds)
    }

    /// Time that a request waited on average.
    #[must_use]
    pub fn wait_per_request(&self) -> Duration {
        self.waited.div_f64(float(self.requests.max(1)))
    }
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.caller_faults += other.caller_faults;
        self.caller_faults_asked += other.caller_faults_asked;
        self.served += other.served;
        self.lost += other.lost;
        self.hopeless += other.hopeless;
        self.attempts += other.attempts;
        self.caller_fault_attempts += other.caller_fault_attempts;
        self.faults += other.faults;
        self.wasted += other.wasted;
        self.possible_duplicates += other.possible_duplicates;
        self.false_suspension_seconds += other.false_suspension_seconds;
        self.candidate_seconds += other.candidate_seconds;
        self.waited += other.waited;
    }
}

fn per_thousand(part: u64, whole: u64) -> f64 {
    1000.0 * float(part) / float(whole.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
const fn float(count: u64) -> f64 {
    count as f64
}
