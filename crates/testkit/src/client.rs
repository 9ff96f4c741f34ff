//! A raw HTTP/1.1 client: bytes in, bytes out, and when each piece came.

use std::{net::SocketAddr, time::Duration, time::Instant};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Head, http::Body};

/// How long a reply may keep a test waiting between two pieces.
const PATIENCE: Duration = Duration::from_secs(60);

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// First line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Bytes,
    /// Whether the body ended as its framing promised; `false` when the connection broke.
    pub is_complete: bool,
}

impl Reply {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that may be used for several requests, one after the other.
pub struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

/// A reply whose body is still coming; dropping it closes the connection.
pub struct Streaming {
    /// First line and headers.
    pub head: Head,
    connection: Connection,
    body: Body,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens there.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connect");
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        Self { stream, buffer: BytesMut::new() }
    }

    /// Writes bytes as they are.
    ///
    /// # Panics
    /// When the other side has closed.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("write a request");
    }

    /// Writes bytes as they are, to somebody who may have closed.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits for the head of the next reply; `None` when the connection ended instead.
    pub async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(head) = Head::take(&mut self.buffer) {
                return Some(head);
            }
            self.read_more().await?;
        }
    }

    /// Sends one request and reads the whole reply.
    ///
    /// # Panics
    /// When the connection ends before a head.
    pub async fn exchange(&mut self, request: &[u8]) -> Reply {
        self.send(request).await;
        self.reply().await.expect("a reply has a head")
    }

    /// Reads the next whole reply; `None` when the connection ended instead.
    pub async fn reply(&mut self) -> Option<Reply> {
        let head = self.head().await?;
        let (mut framing, mut body) = (reply_body(&head), BytesMut::new());
        let is_complete = loop {
            if let Some(piece) = (!framing.is_over()).then(|| framing.take(&mut self.buffer)).flatten() {
                body.extend_from_slice(&piece);
            } else if framing.is_over() {
                break true;
            } else if self.read_more().await.is_none() {
                break framing == Body::UntilClose;
            }
        };
        Some(Reply { head, body: body.freeze(), is_complete })
    }

    /// Waits until the other side closes, and returns all that came before.
    pub async fn until_closed(mut self) -> Bytes {
        while self.read_more().await.is_some() {}
        self.buffer.freeze()
    }

    async fn read_more(&mut self) -> Option<usize> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        read.expect("the reply goes on").ok().filter(|&size| size > 0)
    }
}

impl Streaming {
    /// The next piece of the body and when it was here: one HTTP chunk. `None` at the end, good or bad.
    pub async fn next(&mut self) -> Option<(Instant, Bytes)> {
        loop {
            if self.body.is_over() {
                return None;
            }
            if let Some(piece) = self.body.take(&mut self.connection.buffer) {
                return Some((crate::now(), piece));
            }
            if !self.body.is_over() {
                self.connection.read_more().await?;
            }
        }
    }

    /// All that is still to come.
    pub async fn rest(&mut self) -> Bytes {
        let mut all = BytesMut::new();
        while let Some((_, piece)) = self.next().await {
            all.extend_from_slice(&piece);
        }
        all.freeze()
    }

    /// Whether the body ended as its framing promised.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.body.is_over()
    }
}

/// The bytes of a request with a length, as a plain client would send it.
#[must_use]
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nhost: gateway.test\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() || method == "POST" {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Sends one request on a connection of its own and reads the whole reply.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Reply {
    Connection::open(address).await.exchange(request).await
}

/// Sends one request on a connection of its own and returns as soon as the head is here.
///
/// # Panics
/// When the connection ends before a head.
pub async fn stream(address: SocketAddr, request: &[u8]) -> Streaming {
    let mut connection = Connection::open(address).await;
    connection.send(request).await;
    let head = connection.head().await.expect("a reply has a head");
    let body = reply_body(&head);
    Streaming { head, connection, body }
}

/// Replies to some statuses have no body, whatever their headers say.
fn reply_body(head: &Head) -> Body {
    match head.status() {
        100..=199 | 204 | 304 => Body::Sized(0),
        _ => head.body(),
    }
}
