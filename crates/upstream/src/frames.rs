//! A stream of events over a transport's body.
//!
//! What an event means is the reader's knowledge; here bytes only meet it.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use standin_wire::{Frame, StreamReader, StreamTail, Usage};

use crate::{FrameStream, SendError, TransportBody};

/// The [`FrameStream`] of every dialect over HTTP: server-sent events, or the elements of an array.
pub struct SseFrames {
    /// None once the stream has ended or failed: the connection is gone or back in its pool by then.
    body: Option<TransportBody>,
    reader: StreamReader,
    ready: VecDeque<Frame>,
}

impl SseFrames {
    /// Reads `body` with `reader`.
    #[must_use]
    pub fn new(body: TransportBody, reader: StreamReader) -> Self {
        // Room for one, which is what nearly every piece of a stream brings, for as long as the stream goes on.
        Self { body: Some(body), reader, ready: VecDeque::with_capacity(1) }
    }
}

impl FrameStream for SseFrames {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, SendError>>> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(frame)));
            }
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.reader.push(data, &mut self.ready);
                    }
                }
                Some(Err(error)) => {
                    self.body = None;
                    self.reader.lost();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.body = None;
                    self.reader.finish(&mut self.ready);
                }
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.reader.is_complete()
    }

    fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    fn usage(&self) -> Usage {
        self.reader.usage()
    }

    fn tail(&self) -> StreamTail {
        self.reader.tail()
    }

    fn trailer(&self) -> Option<Bytes> {
        self.reader.trailer()
    }
}
