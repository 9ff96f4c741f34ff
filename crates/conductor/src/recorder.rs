//! The one place that records how attempts and requests end: to the policy and the store, to the log, to the shelf of
//! stories. Executing, streaming and counting all come through here.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::HeaderMap;
use standin_core::{Dialect, Failure, Memory as _, Moment, Outcome, Progress};
use standin_policy::{Attempt, Ending, Run, opened, settle};
use standin_store::Admission;
use standin_upstream::{CallerRequest, FrameStream};
use standin_wire::Usage;

use crate::{
    attempt::{Failed, Judge, StreamFault},
    conductor::{Shared, Told},
    ending::Refusal,
    log::{self, FailedAttempt},
    request::Request,
    snapshot::Snapshot,
    story::Story,
};

/// Everything one request has learnt, and what its current attempt holds.
pub(crate) struct Recorder {
    pub(crate) run: Run,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) request: Request,
    /// The caller's own deadline.
    pub(crate) deadline: Option<Moment>,
    shared: Arc<Shared>,
    /// What the current attempt holds; the attempt itself is the run's.
    admission: Option<Admission>,
    /// The last attempt that failed; its line is written when it is known what follows.
    failed: Option<FailedAttempt>,
    began: Moment,
    began_wall: SystemTime,
    /// When the last attempt was over.
    settled: Moment,
    ending: Option<Ending>,
    usage: Usage,
    overdue: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

impl Recorder {
    pub(crate) fn new(
        shared: Arc<Shared>,
        snapshot: Arc<Snapshot>,
        request: Request,
        run: Run,
        began: Moment,
        deadline: Option<Moment>,
    ) -> Box<Self> {
        let began_wall = shared.clock.wall();
        // It is handed on several times, and larger than a future should be.
        Box::new(Self {
            run,
            snapshot,
            request,
            deadline,
            shared,
            admission: None,
            failed: None,
            began,
            began_wall,
            settled: began,
            ending: None,
            usage: Usage::default(),
            overdue: None,
        })
    }

    /// When the request began.
    pub(crate) fn began(&self) -> Moment {
        self.began
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.request.call.dialect
    }

    /// The attempt begins, holding what it has claimed.
    pub(crate) fn begin(&mut self, admission: Admission) {
        self.admission = Some(admission);
    }

    /// The first content of a stream: its path is open to everybody again, and the request will not be sent again.
    pub(crate) fn opened(&mut self) {
        opened(&self.run, &self.snapshot.session, self.shared.clock.now());
        self.let_go();
    }

    /// Frees what only another attempt would need: a stream may go on for an hour, a body may be 32 MiB.
    fn let_go(&mut self) {
        let call = &self.request.call;
        self.request.call = Arc::new(CallerRequest {
            dialect: call.dialect,
            operation: call.operation,
            path: None,
            query: None,
            body: Bytes::new(),
            model_span: None,
            model: call.model.clone(),
            is_streaming: call.is_streaming,
            headers: HeaderMap::new(),
            request_id: call.request_id,
        });
    }

    /// The attempt is over, for better or worse.
    pub(crate) fn settle(&mut self, outcome: Outcome) {
        if let Some(admission) = self.admission.take() {
            self.settled = self.shared.clock.now();
            settle(&mut self.run, &self.snapshot.session, admission, self.settled, outcome);
        }
    }

    /// The answer was complete. `kept_as` is the id by which a later request may go on from it: only the account that
    /// keeps it can, so the conversation stays there.
    pub(crate) fn succeed(&mut self, usage: Usage, kept_as: Option<&str>) {
        self.usage = usage;
        if let (Some(id), Some(attempt)) = (kept_as, self.run.current()) {
            let key = self.shared.conversation(&self.request, Told::Session(standin_wire::session_after(id)));
            let candidate = self.run.candidate(attempt).clone();
            self.snapshot.session.bind(key, candidate, attempt.started, self.shared.clock.now());
        }
        self.settle(Outcome::Success(self.request.call.operation.evidence()));
        self.ending = Some(Ending::Served);
    }

    /// The attempt failed.
    pub(crate) fn fail(&mut self, failure: &Arc<Failure>) {
        let attempt = self.run.current().copied();
        self.settle(Outcome::Failure(Arc::clone(failure)));
        if let Some(attempt) = attempt {
            self.failed = Some(FailedAttempt::new(&attempt, Arc::clone(failure), self.settled));
        }
    }

    /// What follows from the attempt that failed last, if one did.
    pub(crate) fn decided(&mut self, decision: &str, wait: Duration) {
        if let Some(failed) = self.failed.take() {
            failed.write(&self.request, &self.run, decision, wait);
        }
    }

    /// Nothing could serve: what the caller is told.
    pub(crate) fn refuse(&mut self, ending: Ending, failed: &[Failed]) -> Refusal {
        let refusal = Refusal::new(&ending, failed, &self.request, &*self.shared.clock);
        self.ending = Some(ending);
        refusal
    }

    /// A stream went wrong after its first content: recorded, and the one frame the caller gets.
    pub(crate) fn fail_in_stream(&mut self, fault: &StreamFault, stream: &dyn FrameStream) -> Bytes {
        self.usage = stream.usage();
        let mut failed = self.judge(fault);
        Arc::make_mut(&mut failed.failure).progress = Progress::ContentForwarded;
        self.fail(&failed.failure);
        let ending = self.next_ending();
        self.decided(log::end(&ending), Duration::ZERO);
        let refusal = self.refuse(ending, &[failed]);
        refusal.frame(&stream.tail())
    }

    fn judge(&self, fault: &StreamFault) -> Failed {
        let candidate = self.run.current().map_or(0, Attempt::candidate);
        let judge = Judge {
            classifier: &self.snapshot.classifier,
            request: &self.request.call,
            upstream: self.snapshot.upstream(candidate),
            model: self.snapshot.routing.layout().names(candidate).1,
            clock: &*self.shared.clock,
            is_head_out: true,
        };
        judge.stream_fault(&HeaderMap::new(), fault, false)
    }

    /// The caller's own deadline passed in the middle of a stream.
    pub(crate) fn overdue_in_stream(&mut self, stream: &dyn FrameStream) -> Bytes {
        self.usage = stream.usage();
        self.settle(Outcome::Abandoned);
        let ending = self.next_ending();
        self.refuse(ending, &[]).frame(&stream.tail())
    }

    /// What the policy says now that nothing more may be attempted.
    fn next_ending(&mut self) -> Ending {
        let now = self.shared.clock.now();
        match self.run.next(now, &self.snapshot.session) {
            standin_policy::Step::Finish(ending) => ending,
            _ => Ending::CallerLeft,
        }
    }

    /// Whether the caller's own deadline has passed; else the task is woken when it does.
    pub(crate) fn is_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline else { return false };
        let left = deadline.since(self.shared.clock.now());
        let sleep = self.overdue.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        sleep.as_mut().poll(cx) == Poll::Ready(())
    }
}

/// A recorder that goes before its request ended means that the caller left: nothing is recorded but the story.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.settle(Outcome::Abandoned);
        let ending = self.ending.take().unwrap_or(Ending::CallerLeft);
        // What was served was over with its last attempt.
        let over = if ending == Ending::Served { self.settled } else { self.shared.clock.now() };
        let elapsed = over.since(self.began);
        self.decided(log::end(&ending), Duration::ZERO);
        log::request(&self.request, &self.run, &ending, &self.usage, elapsed);
        self.shared.stories.keep(Story {
            id: self.request.call.request_id,
            model: self.request.call.model.clone(),
            began: self.began_wall,
            elapsed,
            trail: self.run.take_trail(),
            ending,
            usage: std::mem::take(&mut self.usage),
        });
    }
}
