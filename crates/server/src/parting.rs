//! How the server parts from its callers when it stops: nobody is left with half an answer and no word.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use standin_conductor::AnswerBody;
use standin_core::{Dialect, RequestId};
use standin_wire::{CallerError, ErrorKind};
use tokio::{sync::watch, task::coop::unconstrained};

use crate::{site::Site, streams::Turn, talk::Running};

/// How far a server is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It takes requests.
    Open,
    /// It finishes what it began.
    Draining,
    /// It ends what is still going on.
    Cut,
}

/// Waits for the next phase. A connection asks with every piece that comes or goes, and there are three phases in the
/// life of a process: whoever waits already is told by a look at a flag, without any lock.
pub(crate) async fn next_phase(phase: &mut watch::Receiver<Phase>) -> Result<(), watch::error::RecvError> {
    // Without the runtime's budget: when that is used up, it would say "pending" and know of no waker.
    let mut changed = pin!(unconstrained(phase.changed()));
    let mut waiting: Option<Arc<Waiting>> = None;
    poll_fn(|cx| {
        if waiting.as_ref().is_some_and(|waiting| waiting.is_unheard(cx.waker())) {
            return Poll::Pending;
        }
        let heard = Arc::new(Waiting { is_heard: AtomicBool::new(false), task: cx.waker().clone() });
        let polled = changed.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&heard))));
        waiting = polled.is_pending().then_some(heard);
        polled
    })
    .await
}

/// Who is woken by the next phase, and whether that has happened. A look at the phase in its place would not do: who asks
/// anew while a phase is being told to all is told of it once more, and has to wait anew although nothing is new.
struct Waiting {
    is_heard: AtomicBool,
    task: Waker,
}

impl Waiting {
    /// Whether the task behind `waker` would be woken and has not been.
    fn is_unheard(&self, waker: &Waker) -> bool {
        !self.is_heard.load(Ordering::Acquire) && self.task.will_wake(waker)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.is_heard.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

/// What is said to those who were still waiting.
fn stopping() -> CallerError {
    CallerError::new(ErrorKind::Busy, "This server is stopping; the request can be sent again.")
}

/// Runs `work` unless the server is cut first. Nothing wakes this future at that moment: its connection is polled then,
/// and polls what it carries.
pub(crate) async fn unless_cut<T>(
    site: &Site,
    work: impl Future<Output = Result<T, CallerError>>,
) -> Result<T, CallerError> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Pending if site.is_cut() => Poll::Ready(Err(stopping())),
        polled => polled,
    })
    .await
}

/// Bytes of an answer that are given to a connection at a time. It copies them into room that it keeps for as long as
/// it lasts, and takes more of them while there are fewer than a head may have.
const PIECE_BYTES: usize = 16 * 1024;

/// An answer on its way to the caller.
pub(crate) struct Departing {
    body: AnswerBody,
    /// What the body has given and the connection has not taken.
    rest: Bytes,
    /// Streams only: nothing can be added to a whole answer.
    last_words: Option<Box<LastWords>>,
    turn: Option<Arc<Turn>>,
    /// On connections of HTTP/1.1: the request that ends with it.
    running: Option<Running>,
    /// What the connection had heard when there was nothing to give.
    quiet_since: Option<u32>,
}

struct LastWords {
    site: Arc<Site>,
    dialect: Dialect,
    id: RequestId,
}

impl Departing {
    pub(crate) fn new(
        body: AnswerBody,
        site: &Arc<Site>,
        dialect: Dialect,
        id: &RequestId,
        running: Option<Running>,
    ) -> Self {
        let is_whole = body.size_hint().exact().is_some();
        let last_words =
            (!is_whole).then(|| Box::new(LastWords { site: Arc::clone(site), dialect, id: *id }));
        let turn = Turn::current().filter(|_| !body.is_end_stream());
        if let Some(turn) = &turn {
            turn.is_callers();
        }
        Self { body, rest: Bytes::new(), last_words, turn, running, quiet_since: None }
    }

    /// What comes next of the answer, or the last words in its place.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(words) = self.last_words.take_if(|words| words.site.is_cut()) {
            let tail = self.body.tail();
            // Dropping the answer closes the upstream connection behind it.
            self.body = AnswerBody::whole(Bytes::new());
            let frame = standin_wire::error_frame(words.dialect, &stopping(), words.id.as_str(), &tail);
            return Poll::Ready(Some(frame));
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.and_then(|Ok(frame)| frame.into_data().ok()))
    }
}

impl Body for Departing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(turn) = &self.turn {
            turn.is_ours();
        }
        if self.rest.is_empty() {
            // hyper asks once more after every flush. Without anything new the answer is the same, and whoever has
            // something new has been told whom to wake.
            let news = self.running.as_ref().map(Running::news);
            if news.is_some() && news == self.quiet_since {
                return Poll::Pending;
            }
            match self.poll_more(cx) {
                Poll::Ready(Some(more)) => self.rest = more,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.quiet_since = news;
                    return Poll::Pending;
                }
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        if let Some(turn) = &self.turn {
            turn.is_callers();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, mut hint) = (self.rest.len() as u64, self.body.size_hint());
        match hint.exact() {
            Some(exact) => hint.set_exact(exact + rest),
            None => hint.set_lower(hint.lower() + rest),
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Waker, time::Duration};

    use super::*;

    #[tokio::test]
    async fn the_next_phase_is_heard_however_often_it_was_asked_for_and_so_is_the_end_of_all() {
        let (phases, mut phase) = watch::channel(Phase::Open);
        for next in [Phase::Draining, Phase::Cut] {
            let mut told = Box::pin(next_phase(&mut phase));
            for _ in 0..500 {
                assert!(poll_fn(|cx| Poll::Ready(told.as_mut().poll(cx))).await.is_pending());
            }
            phases.send(next).unwrap();
            assert!(told.await.is_ok());
            assert_eq!(*phase.borrow_and_update(), next);
        }
        let waiting = tokio::spawn(async move { next_phase(&mut phase).await });
        tokio::task::yield_now().await;
        drop(phases);
        assert!(waiting.await.unwrap().is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn l1_every_connection_hears_of_every_phase_whatever_else_wakes_it() {
        for _ in 0..150 {
            let (phases, phase) = watch::channel(Phase::Open);
            let mut connections = tokio::task::JoinSet::new();
            for _ in 0..100 {
                let mut phase = phase.clone();
                connections.spawn(async move {
                    while *phase.borrow_and_update() != Phase::Cut {
                        next_phase(&mut phase).await.unwrap();
                    }
                });
            }
            drop(phase);
            tokio::task::yield_now().await;
            phases.send(Phase::Draining).unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
            phases.send(Phase::Cut).unwrap();
            let all = async { while connections.join_next().await.is_some() {} };
            tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
        }
    }

    #[test]
    fn a_large_answer_goes_in_pieces_and_says_all_along_how_much_is_left() {
        let whole = Bytes::from_iter((0..2 * PIECE_BYTES + 1).map(|at| at.to_le_bytes()[0]));
        let body = AnswerBody::whole(whole.clone());
        let (rest, last_words, turn, running) = (Bytes::new(), None, None, None);
        let mut departing = Departing { body, rest, last_words, turn, running, quiet_since: None };
        let mut cx = Context::from_waker(Waker::noop());
        let mut pieces = Vec::new();
        while !departing.is_end_stream() {
            let left = whole.len() - pieces.iter().map(Bytes::len).sum::<usize>();
            assert_eq!(departing.size_hint().exact(), Some(left as u64));
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut departing).poll_frame(&mut cx) else {
                panic!("all of it is there");
            };
            pieces.push(frame.into_data().unwrap());
        }
        let lengths: Vec<usize> = pieces.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [PIECE_BYTES, PIECE_BYTES, 1]);
        assert_eq!(pieces.concat(), whole);
    }
}
