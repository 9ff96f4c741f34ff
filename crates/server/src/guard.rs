//! A socket as an edge wants it: heads come in time, readers who stall are let go, and refused bodies are awaited for
//! a moment so that the refusal arrives.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use crate::{
    frames::Frames, framing::Framing, idle::Idle, limits::Limits, opening::Ahead, site::Site, talk::Talk,
    unheard::Unheard,
};

/// How long we go on reading, and forgetting, a body that was refused. A socket that is closed with bytes unread
/// resets the connection, and the peer may lose the reply that is on its way.
const LINGER_MAX: Duration = Duration::from_secs(2);
/// Bytes of a refused body that are read and forgotten.
const LINGER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes that are forgotten at a time.
const LINGER_PIECE: usize = 4 * 1024;

/// One connection's socket.
pub(crate) struct Guard<S> {
    socket: S,
    /// Bytes that were read before there was a guard.
    ahead: Vec<u8>,
    framing: Option<Framing>,
    frames: Option<Box<Frames>>,
    talk: Arc<Talk>,
    unheard: Option<Unheard>,
    head_max: Duration,
    stall_max: Duration,
    /// Runs while nothing is asked and nothing is being answered; only for HTTP/1.1.
    idle: Option<Idle>,
    /// Runs while a head is incomplete.
    head_timer: Option<Pin<Box<Sleep>>>,
    /// Runs while the peer takes nothing.
    stall_timer: Option<Pin<Box<Sleep>>>,
    linger: Linger,
}

enum Linger {
    NotYet,
    Reading { timer: Pin<Box<Sleep>>, left: usize },
    Over,
}

impl<S> Guard<S> {
    /// Watches an HTTP/1.1 connection.
    pub(crate) fn new(socket: S, limits: &Limits) -> Self {
        Self {
            socket,
            ahead: Vec::new(),
            framing: Some(Framing::new(limits.head_bytes_max)),
            frames: None,
            talk: Arc::default(),
            unheard: None,
            head_max: limits.head_max,
            stall_max: limits.stall_max,
            idle: Some(Idle::new(limits.keep_alive_max)),
            head_timer: None,
            stall_timer: None,
            linger: Linger::NotYet,
        }
    }

    /// Watches an HTTP/2 connection, whose framing leaves nothing to doubt.
    pub(crate) fn framed(socket: S, limits: &Limits) -> Self {
        Self { framing: None, frames: Some(Box::new(Frames::new())), idle: None, ..Self::new(socket, limits) }
    }

    /// The same, with bytes that come before those in the socket.
    pub(crate) fn after(mut self, ahead: Option<Ahead>) -> Self {
        let Some(Ahead { bytes, head_timer }) = ahead else { return self };
        self.ahead = bytes;
        if self.framing.is_some() {
            self.head_timer = Some(head_timer);
        }
        self
    }

    /// Ends the connection if nothing comes within this time.
    pub(crate) fn expect_first_byte(&mut self, first_byte_max: Duration) {
        self.head_timer = Some(Box::pin(tokio::time::sleep(first_byte_max)));
    }

    /// Says in the dialect of `site`'s callers what hyper answers by itself.
    pub(crate) fn speak_for(&mut self, site: &Arc<Site>) {
        self.unheard = Some(Unheard::new(Arc::clone(site)));
    }

    /// What is shared with the connection's requests.
    pub(crate) fn talk(&self) -> Arc<Talk> {
        Arc::clone(&self.talk)
    }

    fn look(&mut self, bytes: &[u8]) {
        if let Some(frames) = &mut self.frames {
            frames.push(bytes);
        }
        let Some(framing) = &mut self.framing else { return };
        framing.push(bytes);
        self.idle.iter_mut().for_each(Idle::heard);
        if let Some(finding) = framing.finding() {
            self.talk.find(finding);
        }
        if !framing.is_inside_head() {
            self.head_timer = None;
        } else if self.head_timer.is_none() {
            self.head_timer = Some(Box::pin(tokio::time::sleep(self.head_max)));
        }
    }

    /// Looks at so many bytes of those that came before, and lets go of them.
    fn look_ahead(&mut self, size: usize) {
        let mut ahead = mem::take(&mut self.ahead);
        let rest = ahead.split_off(size);
        self.look(&ahead);
        self.ahead = rest;
    }

    /// Whether these bytes are an answer of hyper's own; then they are not written, and ours will be.
    fn is_replaced(&mut self, bytes: &[u8]) -> bool {
        let Some(unheard) = &mut self.unheard else { return false };
        let Some(request) = unheard.asked(&self.talk) else { return false };
        let line = self.framing.as_ref().and_then(|framing| framing.first_line(request));
        unheard.replace(bytes, line)
    }

    fn count(&mut self, written: &Poll<io::Result<usize>>) {
        if let (Some(frames), Poll::Ready(Ok(size))) = (&mut self.frames, written) {
            frames.wrote(*size);
        }
    }

    fn no_flood(&self) -> io::Result<()> {
        if self.frames.as_ref().is_some_and(|frames| frames.is_flood()) {
            tracing::info!("a caller sends frames that ask for nothing: its connection is closed");
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }

    /// Nothing has come: ready when that has lasted too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match (&mut self.head_timer, &mut self.idle) {
            (Some(timer), _) => timer.as_mut().poll(cx),
            (None, Some(idle)) if self.talk.answered().is_some() => idle.poll(cx),
            _ => Poll::Pending,
        }
    }

    /// A write that could not go on is given so much time, and one that could ends the wait.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall_timer = None;
            return written;
        }
        let stall_max = self.stall_max;
        let timer = self.stall_timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall_max)));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Writes what is said in hyper's place. hyper flushes once it has nothing left to write.
    fn speak(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(unheard) = &mut self.unheard else { return Poll::Ready(Ok(())) };
        unheard.all_is_out(&self.talk);
        while let Some(unheard) = self.unheard.as_ref().filter(|unheard| !unheard.rest().is_empty()) {
            let written = Pin::new(&mut self.socket).poll_write(cx, unheard.rest());
            let size = ready!(self.watch(cx, written))?;
            if size == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unheard.iter_mut().for_each(|unheard| unheard.said(size));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.ahead.is_empty() {
            let size = this.ahead.len().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..size]);
            this.look_ahead(size);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.socket).poll_read(cx, buffer) {
            Poll::Ready(read) => {
                this.look(&buffer.filled()[before..]);
                Poll::Ready(read.and_then(|()| this.no_flood()))
            }
            Poll::Pending => this.poll_late(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_replaced(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut this.socket).poll_write(cx, bytes);
        this.count(&written);
        this.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // An answer of hyper's own is one piece.
        if let [piece] = pieces
            && this.is_replaced(piece)
        {
            return Poll::Ready(Ok(piece.len()));
        }
        let written = Pin::new(&mut this.socket).poll_write_vectored(cx, pieces);
        this.count(&written);
        this.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.speak(cx))?;
        // What is encrypted may wait behind the socket's back: then it is the flush that shows a stall.
        let flushed = Pin::new(&mut this.socket).poll_flush(cx);
        if flushed.is_ready() && this.stall_timer.is_none() {
            return flushed;
        }
        this.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if matches!(this.linger, Linger::NotYet) {
            ready!(Pin::new(&mut this.socket).poll_shutdown(cx))?;
            let owes_body = this.framing.as_ref().is_some_and(Framing::owes_body)
                || this.unheard.as_ref().is_some_and(Unheard::has_spoken);
            this.linger = if owes_body {
                Linger::Reading { timer: Box::pin(tokio::time::sleep(LINGER_MAX)), left: LINGER_BYTES_MAX }
            } else {
                Linger::Over
            };
        }
        while let Linger::Reading { timer, left } = &mut this.linger {
            let mut piece = [0; LINGER_PIECE];
            let mut buffer = ReadBuf::new(&mut piece);
            let read = match Pin::new(&mut this.socket).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) => buffer.filled().len(),
                Poll::Ready(Err(_)) => 0,
                Poll::Pending => {
                    ready!(timer.as_mut().poll(cx));
                    0
                }
            };
            *left = left.saturating_sub(read);
            if read == 0 || *left == 0 {
                this.linger = Linger::Over;
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Takes so many writes, and flushes nothing.
    struct Stuck {
        writes: usize,
    }

    impl AsyncRead for Stuck {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            match self.writes.checked_sub(1) {
                Some(left) => {
                    self.writes = left;
                    Poll::Ready(Ok(bytes.len()))
                }
                None => Poll::Pending,
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn d3_who_takes_nothing_is_let_go_whether_writing_or_flushing_shows_it() {
        let limits = Limits::default();
        for writes in [0, 1] {
            let mut guard = Guard::new(Stuck { writes }, &limits);
            let watched = tokio::time::timeout(2 * limits.stall_max, async {
                guard.write_all(b"an answer").await?;
                guard.flush().await
            });
            let ended = watched.await.expect("the wait has an end").unwrap_err();
            assert_eq!(ended.kind(), io::ErrorKind::TimedOut, "after {writes} writes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a7_a_head_has_its_time_from_its_first_byte_and_a_body_does_not_count() {
        let limits = Limits::default();
        let (mut caller, socket) = tokio::io::duplex(1024);
        let mut guard = Guard::new(socket, &limits);
        let read = async |guard: &mut Guard<_>| {
            let mut piece = [0; 256];
            guard.read(&mut piece).await
        };
        caller.write_all(b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        assert!(read(&mut guard).await.is_ok());
        let slow_body = tokio::time::timeout(2 * limits.head_max, read(&mut guard)).await;
        assert!(slow_body.is_err(), "a body has other limits");
        caller.write_all(b"123456789GET").await.unwrap();
        assert!(read(&mut guard).await.is_ok());
        let late = read(&mut guard).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }
}
