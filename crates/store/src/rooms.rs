//! How many requests each credential carries, and when it was last tried although it was out.

use standin_core::Moment;

use crate::sync::{Arc, AtomicU32, AtomicU64, Ordering};

/// One credential's room, shared by all layouts that know it.
#[derive(Debug)]
pub(crate) struct Room {
    in_flight: AtomicU32,
    probed_at: AtomicU64,
}

/// One place in a room; leaving is dropping.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Room>);

impl Room {
    pub(crate) const fn new() -> Self {
        Self { in_flight: AtomicU32::new(0), probed_at: AtomicU64::new(0) }
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(self: &Arc<Self>, most: u32) -> Option<Permit> {
        let add = |count| (count < most).then(|| count + 1);
        self.in_flight.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Permit(Arc::clone(self)))
    }

    pub(crate) fn probed_at(&self) -> Moment {
        Moment::from_nanos(self.probed_at.load(Ordering::Relaxed))
    }

    pub(crate) fn probed(&self, at: Moment) {
        self.probed_at.fetch_max(at.as_nanos(), Ordering::Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
