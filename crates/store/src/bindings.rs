//! Which conversation lives where: bounded, with a lifetime, and never overwritten by an older success.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use rapidhash::fast::RandomState;
use standin_core::{AffinityKey, Candidate, Moment};

use crate::sync::{Mutex, lock};

/// Parts that lock on their own, so that conversations do not wait for each other.
const SHARDS: usize = 16;
/// Conversations remembered per part; the ones bound longest ago go first.
pub(crate) const BINDINGS_PER_SHARD_MAX: usize = 4096;

#[derive(Debug, Clone)]
struct Binding {
    candidate: Candidate,
    /// When the attempt began that says so.
    started: Moment,
    /// When it was last confirmed.
    bound_at: Moment,
}

#[derive(Debug, Default)]
struct Shard {
    /// The keys are salted digests already.
    homes: HashMap<AffinityKey, Binding, RandomState>,
    /// Every binding in the order in which it was made; outdated lines are skipped.
    order: VecDeque<(AffinityKey, Moment)>,
}

/// Every binding.
#[derive(Debug)]
pub(crate) struct Bindings {
    shards: Vec<Mutex<Shard>>,
}

impl Bindings {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect() }
    }

    fn shard(&self, key: AffinityKey) -> &Mutex<Shard> {
        &self.shards[usize::try_from(key.0 % 16).unwrap_or(0)]
    }

    pub(crate) fn find(&self, key: AffinityKey, ttl: Duration, now: Moment) -> Option<Candidate> {
        let mut shard = lock(self.shard(key));
        let home = shard.homes.get(&key)?;
        if home.bound_at + ttl <= now {
            shard.homes.remove(&key);
            return None;
        }
        Some(home.candidate.clone())
    }

    pub(crate) fn bind(&self, key: AffinityKey, candidate: Candidate, started: Moment, now: Moment) {
        let mut shard = lock(self.shard(key));
        if shard.homes.get(&key).is_some_and(|home| home.started > started) {
            return;
        }
        shard.homes.insert(key, Binding { candidate, started, bound_at: now });
        shard.order.push_back((key, now));
        shard.shrink();
    }

    pub(crate) fn retain(&self, keep: impl Fn(&Candidate) -> bool) {
        for shard in &self.shards {
            lock(shard).homes.retain(|_, home| keep(&home.candidate));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).homes.len()).sum()
    }
}

impl Shard {
    fn shrink(&mut self) {
        if self.order.len() > 2 * BINDINGS_PER_SHARD_MAX {
            let homes = &self.homes;
            self.order
                .retain(|(key, bound_at)| homes.get(key).is_some_and(|home| home.bound_at == *bound_at));
        }
        while self.homes.len() > BINDINGS_PER_SHARD_MAX {
            let Some((key, bound_at)) = self.order.pop_front() else { return };
            if self.homes.get(&key).is_some_and(|home| home.bound_at == bound_at) {
                self.homes.remove(&key);
            }
        }
    }
}
