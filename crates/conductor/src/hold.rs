//! A stream whose head had to go out before its first content: keep-alives now, and the right to move on remains.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use standin_core::Dialect;
use standin_wire::{StreamForm, StreamTail};

use crate::{
    drive::Driven,
    flow::{Flow, Pulse},
};

/// The rest of the drive, and what to say while it runs.
pub(crate) struct Hold {
    drive: Pin<Box<dyn Future<Output = Driven> + Send>>,
    dialect: Dialect,
    form: StreamForm,
    is_first: bool,
    pulse: Pulse,
}

/// What comes out of a hold.
pub(crate) enum Held {
    /// Nothing yet: bytes that keep the connection alive.
    KeepAlive(Bytes),
    /// Content began.
    Flow(Box<Flow>),
    /// Nothing could serve: the one error frame, and the end.
    Last(Bytes),
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

impl Hold {
    pub(crate) fn new(
        drive: Pin<Box<dyn Future<Output = Driven> + Send>>,
        dialect: Dialect,
        form: StreamForm,
        keep_alive: Duration,
    ) -> Self {
        Self { drive, dialect, form, is_first: true, pulse: Pulse::new(keep_alive) }
    }

    /// Nothing but keep-alives has gone out.
    pub(crate) fn tail(&self) -> StreamTail {
        StreamTail::unsent(self.form)
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Held> {
        match self.drive.as_mut().poll(cx) {
            Poll::Ready(Driven::Stream { flow, .. }) => Poll::Ready(Held::Flow(flow)),
            // A request for a stream is never served by a whole reply; if it were, these would be its bytes.
            Poll::Ready(Driven::Whole { body, .. }) => Poll::Ready(Held::Last(body)),
            Poll::Ready(Driven::Failed(failed)) => Poll::Ready(Held::Last(failed.frame(&self.tail()))),
            Poll::Pending if std::mem::take(&mut self.is_first) => {
                Poll::Ready(Held::KeepAlive(standin_wire::keep_alive(self.dialect)))
            }
            Poll::Pending => {
                self.pulse.poll(cx).map(|()| Held::KeepAlive(standin_wire::keep_alive(self.dialect)))
            }
        }
    }
}
