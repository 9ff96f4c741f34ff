//! What takes part in a simulation: anything that can be asked where a request goes next.

use standin_core::{Moment, Outcome};

use crate::Violation;

/// What a contestant wants to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Call this candidate.
    Call(u32),
    /// Be asked again then.
    Wait(Moment),
    /// The request is over: nothing more is tried.
    End,
}

/// A policy, or what stands in its place, with everything it remembers.
pub(crate) trait Contestant {
    /// One request under way.
    type Flight;

    /// Begins a request; `seed` is its own.
    fn begin(&mut self, seed: u64) -> Self::Flight;

    /// Begins a request in the place of one that is over.
    fn begin_again(&mut self, flight: &mut Self::Flight, seed: u64) {
        *flight = self.begin(seed);
    }

    /// Where it goes now. After [`Move::Call`], [`Contestant::record`] comes before the next question.
    fn next(&mut self, flight: &mut Self::Flight, now: Moment) -> Result<Move, Violation>;

    /// How the call ended.
    fn record(&mut self, flight: &mut Self::Flight, now: Moment, outcome: Outcome) -> Result<(), Violation>;

    /// Whether it keeps away from the candidate at this moment.
    fn avoids(&self, candidate: u32, now: Moment) -> bool;
}
