//! A dry run: what would happen to a request now, without an upstream call and without changing anything.

use std::{fmt, sync::Arc};

use serde::Serialize;
use standin_core::{Candidate, Operation};
use standin_policy::{Ask, Ending, How, Note, Run, Skip, Step, Trail};

use crate::Conductor;

/// What would happen.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Where the first attempt would go, and why there.
    pub first: Option<(Candidate, How)>,
    /// How the request would end at once, if no attempt would be made.
    pub ending: Option<Ending>,
    /// Every candidate that was looked at, and why it was passed over.
    pub trail: Trail,
}

impl Conductor {
    /// What a request for `model` would meet now; `None` if no route has that name.
    #[must_use]
    pub fn preview(&self, model: &str, operation: Operation) -> Option<Preview> {
        let snapshot = self.snapshot();
        let route = snapshot.routing.resolve(model)?;
        let (routing, params) = (Arc::clone(&snapshot.routing), Arc::clone(&snapshot.params));
        let mut run = Run::new(routing, params, route, Ask::new(operation, 0));
        let step = run.next(self.now(), &snapshot.session);
        let (first, ending) = match step {
            Step::Attempt(attempt) => (Some((run.candidate(&attempt), attempt.how)), None),
            Step::Wait { .. } => (None, None),
            Step::Finish(ending) => (None, Some(ending)),
        };
        Some(Preview { first, ending, trail: run.take_trail() })
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in self.trail.notes() {
            if let Note::Skipped { candidate, why } = note {
                writeln!(f, "passed by  {}  {}", self.trail.candidate(*candidate), skipped(*why))?;
            }
        }
        match (&self.first, &self.ending) {
            (Some((candidate, how)), _) => write!(f, "first      {candidate}  {}", chosen(*how)),
            (None, Some(Ending::Failed(report))) => write!(f, "refused    {:?}", report.cause),
            _ => write!(f, "waits      another request is looking whether a path works again"),
        }
    }
}

const fn skipped(why: Skip) -> &'static str {
    match why {
        Skip::Suspended => "suspended",
        Skip::SoftlySuspended => "failed lately, comes last",
        Skip::Resting => "failed lately, rests while others are healthy",
        Skip::Probed => "another request is probing it",
        Skip::Full => "carries all the requests it may",
        Skip::OtherDialect => "speaks another dialect",
        Skip::NoToken => "its upstream's retry budget is used up",
        _ => "not for this request",
    }
}

const fn chosen(how: How) -> &'static str {
    match how {
        How::Turn => "it is its turn",
        How::Affinity => "the conversation lives there",
        How::SoftLast | How::Unrested => "nothing healthier is left",
        How::LastResort => "only suspended paths are left, and it was left alone longest",
        How::SameCredential | How::Elsewhere | How::Renewed => "it follows a failure",
    }
}
