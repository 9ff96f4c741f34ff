//! What the two ends of one connection of HTTP/1.1 tell each other past hyper: the socket below it, the requests above.

use std::{
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{
    framing::{Finding, Objection},
    parting::Departing,
};

/// Shared by the guard of a connection and the service of its requests. They are polled by one task.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    finding: OnceLock<Finding>,
    /// Requests that hyper has handed over.
    begun: AtomicU64,
    /// Those whose answers hyper has taken to their end, or dropped.
    over: AtomicU64,
}

impl Talk {
    /// Tells the requests that one of them has to be refused.
    pub(crate) fn find(&self, finding: Finding) {
        let _ = self.finding.set(finding);
    }

    /// A request was handed over: why it has to be refused, if it has to.
    pub(crate) fn begin(self: &Arc<Self>) -> (Option<Objection>, Running) {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        let finding = self.finding.get().filter(|finding| finding.request == number);
        (finding.map(|finding| finding.objection), Running(Arc::clone(self)))
    }

    /// How many requests were answered, unless one is being answered.
    pub(crate) fn answered(&self) -> Option<u64> {
        let begun = self.begun.load(Ordering::Relaxed);
        (begun == self.over.load(Ordering::Relaxed)).then_some(begun)
    }
}

/// One request from the moment it is handed over to the end of its answer.
#[derive(Debug)]
pub(crate) struct Running(Arc<Talk>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Ordering::Relaxed);
    }
}

/// An answer, and the request that it ends.
pub(crate) struct Answering {
    pub(crate) body: Departing,
    pub(crate) _running: Running,
}

impl Body for Answering {
    type Data = Bytes;
    type Error = <Departing as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
