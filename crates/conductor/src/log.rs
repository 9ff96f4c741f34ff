//! What the log says: one line per attempt that failed, with what was decided then, and one line per request.

use std::{sync::Arc, time::Duration};

use standin_core::{ErrorClass, Failure, Moment};
use standin_policy::{Attempt, Ending, Ready, Run};
use standin_wire::Usage;

use crate::request::Request;

/// An attempt that failed, until it is known what follows from it.
pub(crate) struct FailedAttempt {
    number: u32,
    round: u32,
    candidate: u32,
    failure: Arc<Failure>,
    elapsed: Duration,
}

impl FailedAttempt {
    pub(crate) fn new(attempt: &Attempt, failure: Arc<Failure>, now: Moment) -> Self {
        let elapsed = now.since(attempt.started);
        let (number, round, candidate) = (attempt.number, attempt.round, attempt.candidate());
        Self { number, round, candidate, failure, elapsed }
    }

    /// Writes the line.
    pub(crate) fn write(self, request: &Request, run: &Run, decision: &str, wait: Duration) {
        let (credential, model) = run.routing().layout().names(self.candidate);
        let (verdict, number) = (&self.failure.verdict, self.number);
        tracing::warn!(
            request = %request.call.request_id,
            attempt = number,
            round = self.round,
            %credential,
            upstream.model = %model,
            status = verdict.error.status,
            class = %verdict.class,
            rule = %verdict.rule,
            scope = %verdict.scope,
            decision,
            wait_ms = millis(wait),
            elapsed_ms = millis(self.elapsed),
            "attempt {number} failed: {}, {decision}", verdict.class,
        );
    }
}

/// What a decision is called in the log, and how long the request waits for it.
pub(crate) fn decision<A>(ready: &Ready<A>, now: Moment) -> (&'static str, Duration) {
    match ready {
        Ready::Attempt(..) => ("next_candidate", Duration::ZERO),
        Ready::Wait { until, .. } => ("wait", until.since(now)),
        Ready::Finish(ending) => (end(ending), Duration::ZERO),
    }
}

/// What an ending is called in the log.
pub(crate) const fn end(ending: &Ending) -> &'static str {
    match ending {
        Ending::Served => "served",
        Ending::CallerLeft => "caller_left",
        Ending::Failed(report) => report.stop.as_str(),
    }
}

/// Writes the line of a request that is over.
pub(crate) fn request(request: &Request, run: &Run, ending: &Ending, usage: &Usage, elapsed: Duration) {
    let (outcome, class) = match ending {
        Ending::Served => ("served", None),
        Ending::CallerLeft => ("caller_left", Some(ErrorClass::ClientGone)),
        Ending::Failed(report) => ("failed", report.cause.class()),
    };
    let last = run.last_names();
    tracing::info!(
        request = %request.call.request_id,
        client = request.client.as_ref().map(|client| client.as_str()),
        model = %request.call.model,
        operation = %request.call.operation,
        outcome,
        attempts = run.attempts(),
        possible_duplicates = Some(run.possible_duplicates()).filter(|count| *count > 0),
        class = class.map(ErrorClass::as_str),
        credential = last.map(|(credential, _)| credential.as_str()),
        upstream.model = last.map(|(_, model)| model.as_str()),
        input_tokens = usage.input_tokens,
        output_tokens = usage.output_tokens,
        wait_ms = millis(run.waited()),
        elapsed_ms = millis(elapsed),
        "request {outcome}",
    );
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
