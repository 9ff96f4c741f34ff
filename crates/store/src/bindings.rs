//! Which conversation lives where: bounded, with a lifetime, and never overwritten by an older success.

use std::{collections::HashMap, mem, time::Duration};

use rapidhash::fast::RandomState;
use standin_core::{AffinityKey, Candidate, Moment};

use crate::sync::{Mutex, lock};

/// Parts that lock on their own, so that conversations do not wait for each other.
const SHARDS: usize = 16;
/// Conversations of one generation of one part: what a table of 2048 places holds before it would double.
const GENERATION_MAX: usize = 1792;

#[derive(Debug, Clone)]
struct Binding {
    candidate: Candidate,
    /// When the attempt began that says so.
    started: Moment,
    /// When it was last confirmed.
    bound_at: Moment,
}

/// The keys are salted digests already.
type Homes = HashMap<AffinityKey, Binding, RandomState>;

/// Two generations: when the young one is full it becomes the old one, and the old one is forgotten. So what is
/// confirmed stays, no order is kept beside the table, and its memory is used again instead of growing.
#[derive(Debug, Default)]
struct Shard {
    young: Homes,
    old: Homes,
}

/// Every binding. The last 28 672 conversations that were confirmed are there for certain, and no more than twice as
/// many.
#[derive(Debug)]
pub(crate) struct Bindings {
    shards: Vec<Mutex<Shard>>,
}

impl Bindings {
    pub(crate) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::new(Shard::default())).collect() }
    }

    fn shard(&self, key: AffinityKey) -> &Mutex<Shard> {
        &self.shards[usize::try_from(key.0 % SHARDS as u128).unwrap_or(0)]
    }

    pub(crate) fn find(&self, key: AffinityKey, ttl: Duration, now: Moment) -> Option<Candidate> {
        let shard = lock(self.shard(key));
        let home = shard.home(key).filter(|home| home.bound_at + ttl > now)?;
        Some(home.candidate.clone())
    }

    pub(crate) fn bind(&self, key: AffinityKey, candidate: Candidate, started: Moment, now: Moment) {
        let mut shard = lock(self.shard(key));
        if shard.home(key).is_some_and(|home| home.started > started) {
            return;
        }
        shard.old.remove(&key);
        shard.young.insert(key, Binding { candidate, started, bound_at: now });
        shard.age();
    }

    pub(crate) fn retain(&self, keep: impl Fn(&Candidate) -> bool) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            let Shard { young, old } = &mut *shard;
            young.retain(|_, home| keep(&home.candidate));
            old.retain(|_, home| keep(&home.candidate));
        }
    }

    pub(crate) fn len(&self) -> usize {
        let of = |shard: &Shard| shard.young.len() + shard.old.len();
        self.shards.iter().map(|shard| of(&lock(shard))).sum()
    }
}

impl Shard {
    fn home(&self, key: AffinityKey) -> Option<&Binding> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    fn age(&mut self) {
        if self.young.len() >= GENERATION_MAX {
            mem::swap(&mut self.young, &mut self.old);
            // Emptied and not dropped: its room serves the next generation.
            self.young.clear();
        }
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(3600);

    fn candidate(name: &str) -> Candidate {
        Candidate { credential: name.into(), model: "m".into() }
    }

    fn at(seconds: u64) -> Moment {
        Moment::from_secs(seconds)
    }

    #[test]
    fn however_many_conversations_there_are_the_latest_are_known_and_the_room_does_not_grow() {
        let bindings = Bindings::new();
        let certain = (SHARDS * GENERATION_MAX) as u128;
        let room = |bindings: &Bindings| -> usize {
            let of = |shard: &Shard| shard.young.capacity() + shard.old.capacity();
            bindings.shards.iter().map(|shard| of(&lock(shard))).sum()
        };
        let mut rooms = Vec::new();
        for key in 0..5 * certain {
            bindings.bind(AffinityKey(key), candidate("a"), at(1), at(1));
            assert!(key % 1000 != 0 || bindings.len() <= 2 * SHARDS * GENERATION_MAX);
            if key % certain == 0 && key >= 3 * certain {
                rooms.push(room(&bindings));
            }
        }
        assert!(rooms.iter().all(|room| *room == rooms[0]), "{rooms:?}");
        assert_eq!(rooms[0], 2 * SHARDS * GENERATION_MAX);
        let last = 5 * certain - 1;
        for key in [last, last - certain / 2, last - certain + 1] {
            assert!(bindings.find(AffinityKey(key), TTL, at(2)).is_some(), "{key}");
        }
        assert!(bindings.find(AffinityKey(last - 2 * certain), TTL, at(2)).is_none());
    }

    #[test]
    fn a_conversation_that_goes_on_is_kept_while_others_come_and_go() {
        let bindings = Bindings::new();
        let lasting = AffinityKey(7);
        for key in 0..3 * (SHARDS * GENERATION_MAX) as u128 {
            bindings.bind(AffinityKey(1000 + key), candidate("a"), at(1), at(1));
            if key % 10_000 == 0 {
                bindings.bind(lasting, candidate("b"), at(1), at(1));
            }
        }
        assert_eq!(bindings.find(lasting, TTL, at(2)), Some(candidate("b")));
    }

    #[test]
    fn an_older_success_overwrites_nothing_and_time_ends_every_binding() {
        let bindings = Bindings::new();
        let key = AffinityKey(1);
        bindings.bind(key, candidate("new"), at(20), at(30));
        bindings.bind(key, candidate("late"), at(10), at(40));
        assert_eq!(bindings.find(key, TTL, at(3629)), Some(candidate("new")));
        assert_eq!(bindings.find(key, TTL, at(3630)), None);
        bindings.bind(key, candidate("again"), at(4000), at(4000));
        assert_eq!((bindings.find(key, TTL, at(4001)), bindings.len()), (Some(candidate("again")), 1));
        bindings.retain(|home| home.credential.as_str() != "again");
        assert_eq!(bindings.len(), 0);
    }
}
