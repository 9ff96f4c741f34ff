//! How one candidate stands at one moment: the sum of everything that blames one of its six scopes.

use standin_core::{Gate, Layout, Manner, Moment, Operation, Slot, View};

use crate::state::Tried;

/// Positions in [`Layout::path`] of the scopes that concern one operation only.
const OPERATION_SCOPES: [usize; 2] = [2, 5];

/// Whether a candidate can be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing keeps it out.
    Ready,
    /// It is due: one request may try it.
    HalfOpen,
    /// It is due, and another request is trying it.
    Busy,
    /// It is out, and another request is trying it nevertheless, as its last resort.
    Tried,
    /// It comes last until then.
    Soft(Moment),
    /// It comes last until then, and for another reason one request at a time may try it: only that one goes.
    SoftHalfOpen(Moment),
    /// It is out until then.
    Out(Moment),
}

/// A blame that this request has just earned itself. The memory may not hold it, if suspending is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) slot: Slot,
    pub(crate) manner: Manner,
}

/// Reads the gates of a candidate's path, and what the request itself has learnt.
pub(crate) fn standing<V: View>(
    view: &V,
    layout: &Layout,
    candidate: u32,
    operation: Operation,
    tried: &[Tried],
    now: Moment,
) -> Standing {
    let path = layout.path(candidate, operation);
    let mut sum = Sum::new(operation, now);
    for (at, slot) in path.into_iter().enumerate() {
        let gate = view.gate(slot);
        if gate.is_clean() {
            continue;
        }
        let is_own = OPERATION_SCOPES.contains(&at);
        sum.add(gate, is_own);
        // A gate is one word: what comes last behind what is out is told apart only where both are there.
        if gate.has_soft_behind()
            && let Some(blame) = view.blame(slot)
        {
            sum.add(Gate::shut(blame.soft_due, Manner::Soft), is_own);
        }
    }
    // Once it is due again, only the memory knows whether a probe is needed.
    for tried in tried.iter().filter(|tried| tried.due > now) {
        if let Some(fresh) = tried.fresh
            && let Some(at) = path.iter().position(|slot| *slot == fresh.slot)
        {
            sum.add(Gate::shut(tried.due, fresh.manner), OPERATION_SCOPES.contains(&at));
        }
    }
    sum.standing()
}

/// Whether one look at one scope is enough to pass a candidate over: the long walks past suspended ones.
pub(crate) fn is_plainly_out(gate: Gate, operation: Operation, now: Moment) -> bool {
    !gate.is_open()
        && !gate.is_soft()
        && gate.due() > now
        && (operation != Operation::CountTokens || gate.is_strict())
}

struct Sum {
    is_counting: bool,
    now: Moment,
    out: Option<Moment>,
    soft: Option<Moment>,
    is_hard_half_open: bool,
    is_busy: bool,
    is_tried: bool,
    is_half_open: bool,
}

impl Sum {
    fn new(operation: Operation, now: Moment) -> Self {
        let is_counting = operation == Operation::CountTokens;
        Self {
            is_counting,
            now,
            out: None,
            soft: None,
            is_hard_half_open: false,
            is_busy: false,
            is_tried: false,
            is_half_open: false,
        }
    }

    fn add(&mut self, gate: Gate, is_own: bool) {
        if gate.is_open() {
            return;
        }
        let is_due = gate.due() <= self.now;
        if self.is_counting && !is_own && (is_due || !gate.is_strict()) {
            // Counting may use a suspended path and is no probe of it: it heals nothing, and the right to look is for
            // those who could. It only comes last where something fails right now, or a key may still be rejected.
            let comes_last = if gate.is_strict() { is_due } else { gate.is_soft() && !is_due };
            if comes_last {
                self.soft = self.soft.max(Some(gate.due()));
            }
            return;
        }
        match (gate.is_soft(), is_due, gate.is_probing()) {
            (true, false, _) => self.soft = self.soft.max(Some(gate.due())),
            (true, true, true) => self.soft = self.soft.max(Some(self.now)),
            (false, false, false) => self.out = self.out.max(Some(gate.due())),
            (false, false, true) => self.is_tried = true,
            (false, true, true) => self.is_busy = true,
            (is_soft, true, false) => {
                self.is_half_open = true;
                self.is_hard_half_open |= !is_soft;
            }
        }
    }

    fn standing(self) -> Standing {
        match self {
            Self { out: Some(due), .. } => Standing::Out(due),
            Self { is_tried: true, .. } => Standing::Tried,
            Self { is_busy: true, .. } => Standing::Busy,
            Self { soft: Some(due), is_hard_half_open: true, .. } => Standing::SoftHalfOpen(due),
            Self { soft: Some(due), .. } => Standing::Soft(due),
            Self { is_half_open: true, .. } => Standing::HalfOpen,
            _ => Standing::Ready,
        }
    }
}
