//! One request from candidate to candidate, until one answers or nothing is left to try.
//!
//! It asks the policy, calls the executor and carries out what the policy says; it decides nothing itself.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use standin_core::{Moment, Outcome};
use standin_policy::{Ready, step};
use standin_wire::StreamForm;

use crate::{
    attempt::{Attempted, Failed, HoldLimits, Judge, Looked},
    conductor::Shared,
    ending::{Refusal, speaks_of_the_request},
    flow::Flow,
    log,
    recorder::Recorder,
    request::Request,
};

/// What a drive came to.
pub(crate) enum Driven {
    /// A whole answer.
    Whole {
        /// Status of the attempt that serves.
        status: StatusCode,
        /// Its headers.
        headers: HeaderMap,
        /// Its body.
        body: Bytes,
    },
    /// A stream that has begun to say something.
    Stream {
        /// Headers of the attempt that serves.
        headers: HeaderMap,
        /// The stream itself.
        flow: Box<Flow>,
    },
    /// Nothing could serve.
    Failed(Box<Refusal>),
}

/// What a request does next.
enum Next {
    /// It asks this candidate, whose credential may have to be renewed first. What else there is to know of the attempt
    /// stays with the recorder, and is not kept in the future of the drive as well.
    Attempt { candidate: u32, renews: bool },
    /// It waits.
    Wait(Duration),
    /// It is answered with an error.
    Refuse(Box<Refusal>),
}

/// One request under way.
pub(crate) struct Drive {
    shared: Arc<Shared>,
    recorder: Box<Recorder>,
    /// The failures of this request whose upstream's own words may become the answer.
    failed: Vec<Failed>,
    /// Which secret the last attempt was sent with.
    epoch: u64,
    /// Whether the caller of a stream has got a head already.
    is_head_out: Option<Arc<AtomicBool>>,
}

impl Drive {
    pub(crate) fn new(
        shared: Arc<Shared>,
        recorder: Box<Recorder>,
        is_head_out: Option<Arc<AtomicBool>>,
    ) -> Self {
        Self { shared, recorder, failed: Vec::new(), epoch: 0, is_head_out }
    }

    /// Drives the request to its answer.
    #[expect(clippy::manual_async_fn, reason = "the future of an async function keeps its arguments twice")]
    pub(crate) fn go(mut self) -> impl Future<Output = Driven> + Send {
        async move {
            let mut now = self.recorder.began();
            loop {
                match self.next(now) {
                    Next::Attempt { candidate, renews } => match self.attempt(candidate, renews).await {
                        Some(Attempted::Whole { status, headers, body, usage, kept_as }) => {
                            self.recorder.succeed(usage, kept_as.as_deref());
                            return Driven::Whole { status, headers, body };
                        }
                        Some(Attempted::Stream { headers, held, stream }) => {
                            self.recorder.opened();
                            let keep_alive = self.recorder.run.params().keep_alive;
                            let flow = Box::new(Flow::new(held, stream, self.recorder, keep_alive));
                            return Driven::Stream { headers, flow };
                        }
                        Some(Attempted::Failed(failed)) => {
                            self.recorder.fail(&failed.failure);
                            // What nobody will be told need not be kept while others are asked.
                            if speaks_of_the_request(failed.failure.class()) {
                                self.failed.push(failed);
                            }
                        }
                        // The caller's own deadline: nobody is blamed.
                        None => self.recorder.settle(Outcome::Abandoned),
                    },
                    Next::Wait(time) => tokio::time::sleep(time).await,
                    Next::Refuse(refusal) => return Driven::Failed(refusal),
                }
                now = self.shared.clock.now();
            }
        }
    }

    /// What to do now, with everything it needs already taken and written down.
    fn next(&mut self, now: Moment) -> Next {
        let ready = step(&mut self.recorder.run, &self.recorder.snapshot.session, now);
        let (decision, wait) = log::decision(&ready, now);
        self.recorder.decided(decision, wait);
        match ready {
            Ready::Attempt(attempt, admission) => {
                self.recorder.begin(admission);
                Next::Attempt { candidate: attempt.candidate(), renews: attempt.renews }
            }
            Ready::Wait { until, .. } => Next::Wait(until.since(now)),
            Ready::Finish(ending) => Next::Refuse(Box::new(self.recorder.refuse(ending, &self.failed))),
        }
    }

    /// One attempt; `None` if the caller's own deadline came first.
    async fn attempt(&mut self, candidate: u32, renews: bool) -> Option<Attempted> {
        let snapshot = &self.recorder.snapshot;
        let request: &Request = &self.recorder.request;
        let (_, model) = self.recorder.run.routing().layout().names(candidate);
        let judge = Judge {
            classifier: &snapshot.classifier,
            request: &request.call,
            upstream: snapshot.upstream(candidate),
            model,
            clock: &*self.shared.clock,
            is_head_out: self.is_head_out.as_ref().is_some_and(|is_out| is_out.load(Ordering::Relaxed)),
        };
        let params = self.recorder.run.params();
        let limits = HoldLimits {
            events_max: params.hold_events_max as usize,
            bytes_max: params.hold_bytes_max as usize,
        };
        let executor = snapshot.executor(candidate);
        let used = self.epoch;
        self.epoch = executor.epoch();
        let whole = pin!(async {
            let renewed = if renews { executor.renew(used).await } else { Ok(()) };
            let sent = match renewed {
                Ok(()) => executor.send(&request.call, model).await,
                Err(error) => Err(error),
            };
            let (mut headers, stream) = match judge.look(sent) {
                Looked::Over(attempted) => return attempted,
                Looked::Streams(headers, stream) => (headers, stream),
            };
            judge.first_content(&mut headers, stream, limits).await
        });
        match self.recorder.deadline {
            None => Some(whole.await),
            Some(deadline) => tokio::time::timeout(self.left(deadline), whole).await.ok(),
        }
    }

    fn left(&self, deadline: Moment) -> Duration {
        deadline.since(self.shared.clock.now())
    }
}

/// The head of a stream whose first content has not come yet.
pub(crate) fn early_head(form: StreamForm) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(form.content_type()));
    (StatusCode::OK, headers)
}
