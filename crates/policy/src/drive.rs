//! The loop of one request, over any memory: the three calls a driver needs.

use standin_core::{Memory, Moment, Outcome};

use crate::{
    ending::Ending,
    run::{Attempt, Run, Step},
    trail::Wake,
};

/// What to do now, with everything it needs already taken.
#[derive(Debug)]
pub enum Ready<A> {
    /// Call this candidate, hold the admission while the call lasts, then [`settle`].
    Attempt(Attempt, A),
    /// Ask again then, or earlier if what it waits for happens.
    Wait {
        /// Until when at the latest.
        until: Moment,
        /// For what.
        wake: Wake,
    },
    /// Answer the caller.
    Finish(Ending),
}

/// Decides and claims, again and again until a claim holds.
pub fn step<M: Memory>(run: &mut Run, memory: &M, now: Moment) -> Ready<M::Admission> {
    loop {
        match run.next(now, memory) {
            Step::Attempt(attempt) => match memory.admit(&attempt.claim, now) {
                Ok(admission) => return Ready::Attempt(attempt, admission),
                Err(why) => run.refused(why),
            },
            Step::Wait { until, wake } => return Ready::Wait { until, wake },
            Step::Finish(ending) => return Ready::Finish(ending),
        }
    }
}

/// The stream of the current attempt has shown its first content.
pub fn opened<M: Memory>(run: &Run, memory: &M, now: Moment) {
    run.opened().apply(memory, run.params(), now);
}

/// Records how the attempt ended and carries the effects out; the admission goes last, so that nobody slips into a
/// path between its failure and its suspension.
pub fn settle<M: Memory>(run: &mut Run, memory: &M, admission: M::Admission, now: Moment, outcome: Outcome) {
    let effects = run.record(now, outcome, memory);
    effects.apply(memory, run.params(), now);
    drop(admission);
}
