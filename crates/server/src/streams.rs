//! The tasks of one HTTP/2 connection: they end with it, and none of them waits for ever for a caller to take its answer.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::{
    sync::{Notify, futures::OwnedNotified},
    task::JoinSet,
    time::Sleep,
};

tokio::task_local! {
    /// Whose turn it is on the stream that this task serves.
    static TURN: Arc<Turn>;
}

/// Whose turn it is on one stream: ours to give more of the answer, or the caller's to make room for it.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicU64);

impl Turn {
    /// The turn of the stream that this task serves; none on connections without streams.
    pub(crate) fn current() -> Option<Arc<Self>> {
        TURN.try_with(Arc::clone).ok()
    }

    /// The caller has something to take.
    pub(crate) fn is_callers(&self) {
        self.0.fetch_add(2, Ordering::Relaxed);
        self.0.fetch_or(1, Ordering::Relaxed);
    }

    /// The caller has made room.
    pub(crate) fn is_ours(&self) {
        self.0.fetch_and(!1, Ordering::Relaxed);
    }

    /// What the caller has been waited for with, if it is its turn.
    fn waits_with(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|turn| turn & 1 == 1)
    }
}

/// Runs the streams of one connection.
#[derive(Clone)]
pub(crate) struct Streams {
    tasks: Arc<Mutex<JoinSet<()>>>,
    cut: Arc<Notify>,
    stall_max: Duration,
}

impl Streams {
    pub(crate) fn new(stall_max: Duration) -> Self {
        Self { tasks: Arc::default(), cut: Arc::default(), stall_max }
    }

    /// Whether no stream is there.
    pub(crate) fn are_done(&self) -> bool {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.is_empty()
    }

    /// Has every stream look at once whether the server was cut.
    pub(crate) fn cut(&self) {
        self.cut.notify_waiters();
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let turn = Arc::new(Turn::default());
        let watched = Watched {
            stream: Box::pin(TURN.scope(Arc::clone(&turn), stream)),
            turn,
            stall_max: self.stall_max,
            stall: None,
            cut: Box::pin(Arc::clone(&self.cut).notified_owned()),
            is_cut: false,
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(watched);
    }
}

/// One stream; dropping it before its end resets it.
struct Watched<F: Future> {
    stream: Pin<Box<tokio::task::futures::TaskLocalFuture<Arc<Turn>, F>>>,
    turn: Arc<Turn>,
    stall_max: Duration,
    /// What the caller is waited for with, and until when.
    stall: Option<(u64, Pin<Box<Sleep>>)>,
    cut: Pin<Box<OwnedNotified>>,
    is_cut: bool,
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if !this.is_cut && this.cut.as_mut().poll(cx).is_ready() {
            this.is_cut = true;
            if this.stream.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        let Some(turn) = this.turn.waits_with() else {
            this.stall = None;
            return Poll::Pending;
        };
        if this.stall.as_ref().is_none_or(|(since, _)| *since != turn) {
            this.stall = Some((turn, Box::pin(tokio::time::sleep(this.stall_max))));
        }
        this.stall.as_mut().map_or(Poll::Pending, |(_, timer)| timer.as_mut().poll(cx))
    }
}
