//! What the two ends of one connection of HTTP/1.1 tell each other past hyper: the socket below it, the requests above.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use crate::framing::{Finding, Objection};

/// Shared by the guard of a connection and the service of its requests. They are polled by one task.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    finding: OnceLock<Finding>,
    /// Requests that hyper has handed over.
    begun: AtomicU64,
    /// Those whose answers hyper has taken to their end, or dropped.
    over: AtomicU64,
    /// Goes on whenever there may be something new for the connection.
    news: AtomicU32,
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

    /// There may be something new.
    pub(crate) fn rings(&self) {
        self.news.fetch_add(1, Ordering::Relaxed);
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

impl Running {
    /// Another number whenever there may be something new for the connection.
    pub(crate) fn news(&self) -> u32 {
        self.0.news.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Ordering::Relaxed);
    }
}
