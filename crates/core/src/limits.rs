//! What a memory is told, because it knows no rule: how budgets fill, and for how long what counts.

use std::time::Duration;

use crate::{Moment, Suspension};

/// How a retry budget fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetRate {
    /// Tokens that one request brings.
    pub per_request: f64,
    /// Tokens that one second brings.
    pub per_second: f64,
    /// Most tokens the budget holds.
    pub burst: u32,
}

/// The numbers and rules a memory is made with.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How an upstream's retry budget fills.
    pub retry_budget: BudgetRate,
    /// How often a credential may be tried as a last resort.
    pub last_resort_interval: Duration,
    /// How long a conversation stays bound.
    pub affinity_ttl: Duration,
    /// When an entry that nobody renewed is dropped.
    pub forgotten_at: fn(&Suspension) -> Moment,
}
