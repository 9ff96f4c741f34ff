//! A byte stream to an upstream: plain or encrypted.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What hyper reads from and writes to.
pub(super) struct Socket {
    stream: Stream,
    wrote: Wrote,
    ear: Option<Ear>,
}

enum Stream {
    Plain(TokioIo<TcpStream>),
    Tls(Box<TokioIo<TlsStream<TcpStream>>>),
}

/// Whether anything was written since it was last cleared: the difference between `NotSent` and `Sent`.
#[derive(Clone, Default)]
pub(super) struct Wrote(Arc<AtomicBool>);

impl Wrote {
    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Hears that there may be something to read. hyper looks for that with everything it does, and mostly knows already.
struct Ear {
    news: Arc<News>,
    /// Wakes `news`: what the stream knows as its reader.
    waker: Waker,
}

struct News {
    may_have_come: AtomicBool,
    reader: Waker,
}

impl Ear {
    fn of(reader: Waker) -> Self {
        let news = Arc::new(News { may_have_come: AtomicBool::new(true), reader });
        Self { waker: Waker::from(Arc::clone(&news)), news }
    }

    /// Reads, unless nothing has come since there was nothing to read.
    fn read(&self, read: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        // In this order: what comes while we look is looked for once more.
        if !self.news.may_have_come.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = read(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            self.news.may_have_come.store(true, Ordering::Release);
        }
        polled
    }
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.may_have_come.store(true, Ordering::Release);
        self.reader.wake_by_ref();
    }
}

impl Socket {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self { stream: Stream::Plain(TokioIo::new(stream)), wrote: Wrote::default(), ear: None }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self { stream: Stream::Tls(Box::new(TokioIo::new(stream))), wrote: Wrote::default(), ear: None }
    }

    /// From here on this is woken when there may be something to read, whoever reads.
    pub(super) fn read_by(&mut self, reader: Waker) {
        self.ear = Some(Ear::of(reader));
    }

    pub(super) fn wrote(&self) -> Wrote {
        self.wrote.clone()
    }

    fn noting(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.wrote.0.store(true, Ordering::Relaxed);
        }
        written
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, ear, .. } = &mut *self;
        let read = |cx: &mut Context<'_>| match stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        };
        match ear {
            Some(ear) => ear.read(read),
            None => read(cx),
        }
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.noting(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.noting(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
