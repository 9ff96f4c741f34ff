//! A dry run: what would happen to a request now, without an upstream call and without changing anything.

use std::{fmt, sync::Arc};

use serde::Serialize;
use standin_core::{
    Candidate, Certainty, ErrorClass, Failure, Layer, Operation, Outcome, Progress, Scope, UpstreamError,
    Verdict,
};
use standin_policy::{Ask, Ending, How, Note, Params, Run, Skip, Step, Trail};

use crate::Conductor;

/// Most candidates that are listed.
const ORDER_MAX: usize = 64;

/// What would happen.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Where the first attempt would go, and why there.
    pub first: Option<(Candidate, How)>,
    /// Where it would go on if every candidate refused, in order, the first one included.
    pub order: Vec<(Candidate, How)>,
    /// What would not be tried, and why.
    pub passed: Vec<(Candidate, Skip)>,
    /// How the request would end at once, if no attempt would be made.
    pub ending: Option<Ending>,
    /// Every decision up to the first attempt.
    pub trail: Trail,
}

impl Conductor {
    /// What a request for `model` would meet now; `None` if no route has that name.
    #[must_use]
    pub fn preview(&self, model: &str, operation: Operation) -> Option<Preview> {
        let snapshot = self.snapshot();
        let route = snapshot.routing.resolve(model)?;
        let (routing, params) = (Arc::clone(&snapshot.routing), Arc::clone(&snapshot.params));
        let params = Params { attempts_max: u32::MAX, credentials_max: 0, rounds: 0, ..(*params).clone() };
        let mut run = Run::new(routing, Arc::new(params), route, Ask::new(operation, 0));
        let now = self.now();
        let (first, ending) = match run.next(now, &snapshot.session) {
            Step::Attempt(attempt) => (Some((run.candidate(&attempt), attempt.how)), None),
            Step::Wait { .. } => (None, None),
            Step::Finish(ending) => (None, Some(ending)),
        };
        let mut preview =
            Preview { first, order: vec![], passed: vec![], ending, trail: run.trail().clone() };
        // Nothing is claimed and no effect is carried out, so nobody but this run learns of these refusals.
        while let Step::Attempt(attempt) = run.next(now, &snapshot.session)
            && preview.order.len() < ORDER_MAX
        {
            preview.order.push((run.candidate(&attempt), attempt.how));
            let _ = run.record(now, Outcome::Failure(Arc::new(refusal())), &snapshot.session);
        }
        for note in run.trail().notes() {
            if let Note::Skipped { candidate, why } = note {
                let candidate = run.trail().candidate(*candidate);
                let is_told = preview.passed.iter().any(|(told, _)| *told == candidate);
                if !is_told && preview.order.iter().all(|(tried, _)| *tried != candidate) {
                    preview.passed.push((candidate, *why));
                }
            }
        }
        Some(preview)
    }
}

/// The refusal that lets a request go on without blaming more than the candidate.
fn refusal() -> Failure {
    let verdict = Verdict {
        class: ErrorClass::ModelUnsupported,
        scope: Scope::Candidate,
        certainty: Certainty::Firm,
        delay: None,
        rule: "preview".into(),
        layer: Layer::Operator,
        matched: String::new(),
        suspend: Some(false),
        stop: false,
        error: UpstreamError::default(),
    };
    Failure { verdict, progress: Progress::NotSent, fingerprint: 0 }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (candidate, why) in &self.passed {
            writeln!(f, "passed by  {candidate}  {}", skipped(*why))?;
        }
        match (&self.first, &self.ending) {
            (Some((candidate, how)), _) => write!(f, "first      {candidate}  {}", chosen(*how))?,
            (None, Some(Ending::Failed(report))) => write!(f, "refused    {:?}", report.cause)?,
            _ => write!(f, "waits      another request is looking whether a path works again")?,
        }
        for (candidate, how) in self.order.iter().skip(1) {
            write!(f, "\nthen       {candidate}  {}", chosen(*how))?;
        }
        Ok(())
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
        How::SameCredential => "the next member on the same credential",
        How::Elsewhere => "another upstream than the one that failed",
        How::Renewed => "the same once more, with a renewed login",
    }
}
