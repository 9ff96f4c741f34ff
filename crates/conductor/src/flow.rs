//! A committed stream on its way to the caller: from the first content to a verified end, or to one error frame.

use std::{
    collections::VecDeque,
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use standin_upstream::{Alarm, FrameStream, SendError};
use standin_wire::{Frame, Mark, StreamTail};

use crate::{attempt::StreamFault, recorder::Recorder};

/// One committed stream. Dropping it before its end means that the caller left: nothing is recorded.
pub(crate) struct Flow {
    held: VecDeque<Frame>,
    stream: Box<dyn FrameStream>,
    recorder: Box<Recorder>,
    pulse: Pulse,
    stage: Stage,
    /// Whether the caller has got a frame.
    has_begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Frames come from the upstream.
    Open,
    /// The last bytes are out.
    Ended,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("held", &self.held.len())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl Flow {
    /// `held` are the frames that were kept back until now; they go out first.
    pub(crate) fn new(
        held: VecDeque<Frame>,
        stream: Box<dyn FrameStream>,
        recorder: Box<Recorder>,
        keep_alive: Duration,
    ) -> Self {
        let (pulse, stage) = (Pulse::new(keep_alive), Stage::Open);
        Self { held, stream, recorder, pulse, stage, has_begun: false }
    }

    /// What has gone out, as far as the end must know it.
    pub(crate) fn tail(&self) -> StreamTail {
        let tail = self.stream.tail();
        if self.has_begun { tail } else { StreamTail::unsent(tail.form) }
    }

    /// The next bytes for the caller; `None` is the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.stage == Stage::Ended {
            return Poll::Ready(None);
        }
        if let Some(frame) = self.held.pop_front() {
            if self.held.is_empty() {
                // A stream goes on for long, and never holds anything again.
                self.held = VecDeque::new();
            }
            return Poll::Ready(self.forward(frame));
        }
        match self.stream.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(self.forward(frame)),
            Poll::Ready(Some(Err(error))) => Poll::Ready(self.broken(error)),
            Poll::Ready(None) => Poll::Ready(self.finish()),
            Poll::Pending if self.recorder.is_overdue(cx) => Poll::Ready(Some(self.overdue())),
            Poll::Pending => {
                self.pulse.poll(cx).map(|()| Some(standin_wire::keep_alive(self.recorder.dialect())))
            }
        }
    }

    fn forward(&mut self, frame: Frame) -> Option<Bytes> {
        self.pulse.beat();
        if frame.mark == Mark::Error {
            return Some(self.fail(StreamFault::Said(frame)));
        }
        self.has_begun = true;
        Some(frame.bytes)
    }

    /// A connection that breaks after the verified end took nothing from the caller.
    fn broken(&mut self, error: SendError) -> Option<Bytes> {
        if self.stream.is_complete() { self.finish() } else { Some(self.fail(StreamFault::Broke(error))) }
    }

    fn finish(&mut self) -> Option<Bytes> {
        if !self.stream.is_complete() {
            return Some(self.fail(StreamFault::CutShort));
        }
        self.stage = Stage::Ended;
        let tail = self.stream.tail();
        self.recorder.succeed(self.stream.usage(), tail.kept_as());
        self.stream.trailer()
    }

    fn fail(&mut self, fault: StreamFault) -> Bytes {
        self.stage = Stage::Ended;
        self.recorder.fail_in_stream(&fault, &*self.stream)
    }

    fn overdue(&mut self) -> Bytes {
        self.stage = Stage::Ended;
        self.recorder.overdue_in_stream(&*self.stream)
    }
}

/// Notices silence without a timer or a clock reading per chunk: a tick that finds no beat since the last one fires.
pub(crate) struct Pulse {
    period: Duration,
    tick: Option<Alarm>,
    beaten: bool,
}

impl Pulse {
    /// Fires after at most `silence` without a beat, and not before half of it.
    pub(crate) fn new(silence: Duration) -> Self {
        Self { period: silence / 2, tick: None, beaten: true }
    }

    /// Something went out.
    pub(crate) fn beat(&mut self) {
        self.beaten = true;
    }

    /// Ready when it is time for a keep-alive.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let period = self.period;
            let tick = self.tick.get_or_insert_with(|| Alarm::after(period));
            std::task::ready!(tick.poll(cx));
            tick.set(period);
            if !std::mem::take(&mut self.beaten) {
                return Poll::Ready(());
            }
        }
    }
}
