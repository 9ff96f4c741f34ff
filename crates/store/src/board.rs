//! The state that every request reads, in flat arrays: written under the ledger's lock, read without any.

use standin_core::{Blame, ErrorClass, Gate, Moment, Operation, Slot};

use crate::{
    gcra::Bucket,
    rings::Cursors,
    rooms::Room,
    sync::{Arc, AtomicU64, OnceLock, Ordering, SharedLayout},
};

/// Everything hot about one layout.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) layout: SharedLayout,
    gates: Vec<AtomicU64>,
    details: Vec<Detail>,
    /// Operation by operation, slots of candidates for that operation only; made when first needed.
    overlays: [OnceLock<Overlay>; Operation::ALL.len()],
    pub(crate) rooms: Vec<Arc<Room>>,
    pub(crate) buckets: Vec<Arc<Bucket>>,
    pub(crate) cursors: Cursors,
}

#[derive(Debug)]
struct Overlay {
    gates: Vec<AtomicU64>,
    details: Vec<Detail>,
}

/// What is read only where a gate alone does not decide.
#[derive(Debug)]
struct Detail {
    until: AtomicU64,
    probed_at: AtomicU64,
    soft_due: AtomicU64,
    /// Class, whether it is hinted, and strikes, from the lowest bit on.
    kind: AtomicU64,
}

impl Detail {
    const HINTED: u64 = 1 << 8;
    const STRIKES: u32 = 16;

    const fn new() -> Self {
        let [until, probed_at, soft_due, kind] = [const { AtomicU64::new(0) }; 4];
        Self { until, probed_at, soft_due, kind }
    }

    fn show(&self, blame: &Blame) {
        let hinted = if blame.is_hinted { Self::HINTED } else { 0 };
        let kind = blame.class as u64 | hinted | u64::from(blame.strikes) << Self::STRIKES;
        self.until.store(blame.until.as_nanos(), Ordering::Relaxed);
        self.probed_at.store(blame.probed_at.as_nanos(), Ordering::Relaxed);
        self.soft_due.store(blame.soft_due.as_nanos(), Ordering::Relaxed);
        self.kind.store(kind, Ordering::Relaxed);
    }

    fn read(&self) -> Option<Blame> {
        let kind = self.kind.load(Ordering::Relaxed);
        let class = usize::try_from(kind % Self::HINTED).ok();
        Some(Blame {
            class: class.and_then(|at| ErrorClass::ALL.get(at)).copied()?,
            until: Moment::from_nanos(self.until.load(Ordering::Relaxed)),
            probed_at: Moment::from_nanos(self.probed_at.load(Ordering::Relaxed)),
            soft_due: Moment::from_nanos(self.soft_due.load(Ordering::Relaxed)),
            strikes: u32::try_from(kind >> Self::STRIKES).unwrap_or(u32::MAX),
            is_hinted: kind & Self::HINTED != 0,
        })
    }
}

fn fresh(count: usize) -> (Vec<AtomicU64>, Vec<Detail>) {
    ((0..count).map(|_| AtomicU64::new(0)).collect(), (0..count).map(|_| Detail::new()).collect())
}

impl Board {
    pub(crate) fn new(
        layout: SharedLayout,
        rooms: Vec<Arc<Room>>,
        buckets: Vec<Arc<Bucket>>,
        cursors: Cursors,
    ) -> Self {
        let (gates, details) = fresh(layout.slot_count());
        let overlays = [const { OnceLock::new() }; Operation::ALL.len()];
        Self { layout, gates, details, overlays, rooms, buckets, cursors }
    }

    pub(crate) fn gate(&self, slot: Slot) -> Gate {
        let gate = self.gates.get(slot.0 as usize).or_else(|| {
            let (operation, candidate) = self.overlaid(slot);
            self.overlays.get(operation)?.get()?.gates.get(candidate)
        });
        gate.map_or(Gate::CLEAN, |gate| Gate::from_word(gate.load(Ordering::Acquire)))
    }

    pub(crate) fn blame(&self, slot: Slot) -> Option<Blame> {
        if self.gate(slot).is_clean() {
            return None;
        }
        let detail = self.details.get(slot.0 as usize).or_else(|| {
            let (operation, candidate) = self.overlaid(slot);
            self.overlays.get(operation)?.get()?.details.get(candidate)
        })?;
        detail.read()
    }

    /// Shows a scope as it stands now. Only the holder of the ledger's lock calls this.
    pub(crate) fn show(&self, slot: Slot, gate: Gate, blame: Option<Blame>) {
        let (gates, details, at) = if (slot.0 as usize) < self.gates.len() {
            (&self.gates, &self.details, slot.0 as usize)
        } else {
            let (operation, candidate) = self.overlaid(slot);
            let Some(overlay) = self.overlays.get(operation) else { return };
            let overlay = overlay.get_or_init(|| {
                let (gates, details) = fresh(self.layout.candidate_count() as usize);
                Overlay { gates, details }
            });
            (&overlay.gates, &overlay.details, candidate)
        };
        let (Some(word), Some(detail)) = (gates.get(at), details.get(at)) else { return };
        if let Some(blame) = blame {
            detail.show(&blame);
        }
        word.store(gate.to_word(), Ordering::Release);
    }

    /// Operation and candidate of a slot that lies beyond those that are always there.
    fn overlaid(&self, slot: Slot) -> (usize, usize) {
        let beyond = slot.0 - self.layout.operation_slot(0, Operation::ALL[0]).0;
        let candidates = self.layout.candidate_count().max(1);
        ((beyond / candidates) as usize, (beyond % candidates) as usize)
    }
}
