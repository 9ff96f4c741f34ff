//! One kept connection of the load generator: bytes out, a reply or a stream's stamps in.
//!
//! It reads as little HTTP as it needs, because what it spends is taken from the mock's core.

use std::{io, net::SocketAddr};

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::traffic::{self, Ask};

/// Bytes one read asks for.
const READ_BYTES: usize = 16 * 1024;

/// One kept connection.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Line {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(READ_BYTES) })
    }

    /// Sends one request and reads its whole reply; a status that was not expected is an error.
    pub(crate) async fn call(&mut self, ask: &Ask) -> io::Result<()> {
        let head = self.begin(ask).await?;
        let length = head.length.ok_or_else(|| wrong("a whole reply says its length"))?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        self.buffer.advance(length);
        Ok(())
    }

    /// Sends one request and reads the head of its reply; [`Line::stamps`] reads on.
    pub(crate) async fn start(&mut self, ask: &Ask) -> io::Result<()> {
        self.begin(ask).await.map(|_| ())
    }

    /// Reads once and reports the stamps of the events that are whole; `false` at the stream's end.
    pub(crate) async fn stamps(&mut self, seen: impl FnMut(u64)) -> io::Result<bool> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        let is_last = memmem::find(&self.buffer, b"data: [DONE]").is_some();
        let done = traffic::stamps(&self.buffer, seen);
        self.buffer.advance(done);
        if !is_last {
            self.fill().await?;
        }
        Ok(!is_last)
    }

    /// Sends one request and reads a reply of unknown length to its end.
    pub(crate) async fn read_stream(&mut self, ask: &Ask) -> io::Result<()> {
        self.begin(ask).await?;
        while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
            self.fill().await?;
        }
        self.buffer.clear();
        Ok(())
    }

    async fn begin(&mut self, ask: &Ask) -> io::Result<Head> {
        self.stream.write_all(&ask.bytes).await?;
        loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(end + 4);
                let head = Head::read(&head).ok_or_else(|| wrong("a reply begins with a status"))?;
                if !ask.statuses.contains(&head.status) {
                    let body = String::from_utf8_lossy(&self.buffer);
                    return Err(wrong(&format!("answered {} {body}", head.status)));
                }
                return Ok(head);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// What is needed of a reply's head.
struct Head {
    status: u16,
    length: Option<usize>,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        Some(Self { status, length: length.and_then(|(_, value)| value.trim().parse().ok()) })
    }
}

fn wrong(text: &str) -> io::Error {
    io::Error::other(text.to_owned())
}
