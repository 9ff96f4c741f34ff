//! Rotations: where each stands, also after the configuration has changed under it.

use std::{collections::HashMap, sync::Arc};

use standin_core::{Layout, Ring, RingKey, Turn};

use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Every rotation of one layout.
#[derive(Debug)]
pub(crate) struct Cursors {
    cursors: Vec<AtomicU32>,
    times: Vec<AtomicU64>,
    /// Ring by ring, where its seats begin in `passes`.
    first: Vec<u32>,
    passes: Vec<AtomicU64>,
}

impl Cursors {
    /// Rotations of `layout` that go on where those of `before` stood.
    pub(crate) fn new(layout: &Layout, before: Option<(&Layout, &Self)>) -> Self {
        let known: HashMap<&RingKey, (usize, &Ring)> = before
            .iter()
            .flat_map(|(layout, _)| layout.rings().iter().enumerate())
            .map(|(at, ring)| (&ring.key, (at, ring)))
            .collect();
        let mut all = Self { cursors: vec![], times: vec![], first: vec![], passes: vec![] };
        for ring in layout.rings() {
            let old =
                known.get(&ring.key).zip(before).map(|((at, ring), (_, cursors))| (*at, *ring, cursors));
            let cursor = old.map_or(0, |(at, old, cursors)| {
                moved(old, cursors.cursors[at].load(Ordering::Relaxed), ring)
            });
            all.cursors.push(AtomicU32::new(cursor));
            let time = old.map_or(0, |(at, _, cursors)| cursors.times[at].load(Ordering::Relaxed));
            all.times.push(AtomicU64::new(time));
            all.first.push(number(all.passes.len()));
            // Shares are counted anew from the ring's own time: a new scale of weights would make old sums meaningless.
            all.passes.extend(ring.seats.iter().map(|_| AtomicU64::new(time)));
        }
        all
    }

    pub(crate) fn cursor(&self, ring: u32) -> u32 {
        self.cursors[ring as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn time(&self, ring: u32) -> u64 {
        self.times[ring as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn pass(&self, ring: u32, seat: u32) -> u64 {
        self.pass_word(ring, seat).load(Ordering::Relaxed)
    }

    fn pass_word(&self, ring: u32, seat: u32) -> &AtomicU64 {
        &self.passes[(self.first[ring as usize] + seat) as usize]
    }

    /// Takes a turn, unless somebody else has taken it.
    pub(crate) fn take(&self, turn: Turn) -> bool {
        match turn {
            Turn::Cursor { ring, from, to } => {
                let word = &self.cursors[ring as usize];
                word.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            }
            Turn::Pass { ring, seat, from, start, to } => {
                let word = self.pass_word(ring, seat);
                let is_taken = word.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok();
                if is_taken {
                    self.times[ring as usize].fetch_max(start, Ordering::Relaxed);
                }
                is_taken
            }
        }
    }

    /// Takes a turn back that led nowhere, if it is still the last one.
    pub(crate) fn give_back(&self, turn: Turn) {
        match turn {
            Turn::Cursor { ring, from, to } => {
                let word = &self.cursors[ring as usize];
                let _ = word.compare_exchange(to, from, Ordering::Relaxed, Ordering::Relaxed);
            }
            Turn::Pass { ring, seat, from, to, .. } => {
                let word = self.pass_word(ring, seat);
                let _ = word.compare_exchange(to, from, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
    }
}

/// Where a cursor of `old` stands in `new`: after the same id or, if that is gone, before its successor.
fn moved(old: &Ring, cursor: u32, new: &Ring) -> u32 {
    let Some(last) = cursor.checked_sub(1).and_then(|at| old.seats.get(at as usize)) else { return 0 };
    if let Some(at) = new.seats.iter().position(|seat| seat == last) {
        return number(at) + 1;
    }
    let is_member_ring = old.key.credential.is_some();
    if is_member_ring {
        return 0;
    }
    // Rings of credentials are ordered by id, so the seats before the lost one have been served.
    let served: fn(&Arc<str>, &Arc<str>) -> bool = |seat, last| seat < last;
    number(new.seats.iter().filter(|seat| served(seat, last)).count())
}

fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
