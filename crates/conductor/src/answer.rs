//! What the server sends back: a complete answer in the caller's dialect, errors included.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use standin_wire::StreamTail;

use crate::{flow::Flow, hold::Hold};

/// One answer. The server adds its own headers (`x-request-id`) and nothing else.
#[derive(Debug)]
pub struct Answer {
    /// Status for the caller.
    pub status: StatusCode,
    /// Headers for the caller: content type and what may be relayed of the upstream's.
    pub headers: HeaderMap,
    /// The bytes; dropping it closes the upstream connection behind it at once.
    pub body: AnswerBody,
}

/// The body of an [`Answer`].
///
/// It never ends with a transport error: what goes wrong after the head is said in the caller's dialect.
#[derive(Debug)]
pub struct AnswerBody(State);

#[derive(Debug)]
enum State {
    Whole(Bytes),
    Holding(Box<Hold>),
    Flowing(Box<Flow>),
    Done,
}

impl AnswerBody {
    /// A body that is there as a whole.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { State::Done } else { State::Whole(bytes) })
    }

    /// What of a stream has gone out, for an ending in its place; dropping the body after it is up to the caller.
    #[must_use]
    pub fn tail(&self) -> StreamTail {
        match &self.0 {
            State::Holding(hold) => hold.tail(),
            State::Flowing(flow) => flow.tail(),
            State::Whole(_) | State::Done => StreamTail::default(),
        }
    }

    pub(crate) fn holding(hold: Hold) -> Self {
        Self(State::Holding(Box::new(hold)))
    }

    pub(crate) fn flowing(flow: Box<Flow>) -> Self {
        Self(State::Flowing(flow))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let bytes = match &mut self.0 {
                State::Whole(bytes) => {
                    let bytes = std::mem::take(bytes);
                    self.0 = State::Done;
                    Some(bytes)
                }
                State::Holding(hold) => match std::task::ready!(hold.poll(cx)) {
                    crate::hold::Held::KeepAlive(bytes) => Some(bytes),
                    crate::hold::Held::Flow(flow) => {
                        self.0 = State::Flowing(flow);
                        continue;
                    }
                    crate::hold::Held::Last(bytes) => {
                        self.0 = State::Done;
                        Some(bytes)
                    }
                },
                State::Flowing(flow) => std::task::ready!(flow.poll(cx)),
                State::Done => None,
            };
            if bytes.is_none() {
                self.0 = State::Done;
            }
            return Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))));
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, State::Done)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            State::Done => SizeHint::with_exact(0),
            State::Holding(_) | State::Flowing(_) => SizeHint::default(),
        }
    }
}
