//! HTTP/2 by hand: a client library would never send what these tests send.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// A kind that no standard names.
pub(crate) const UNKNOWN: u8 = 0xbe;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// `SETTINGS_INITIAL_WINDOW_SIZE`.
pub(crate) const INITIAL_WINDOW: u16 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// One frame.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Bytes,
}

/// The bytes of one frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A block of headers, each spelled out.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("a short text");
            block.push(length);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A request of these headers that is over with them, or is not.
pub(crate) fn request(stream: u32, method: &str, path: &str, more: &[(&str, &str)], flags: u8) -> Vec<u8> {
    let mut headers =
        vec![(":method", method), (":scheme", "http"), (":authority", "gateway.test"), (":path", path)];
    headers.extend_from_slice(more);
    frame(HEADERS, END_HEADERS | flags, stream, &block(&headers))
}

/// One side of a connection.
pub(crate) struct Peer<S> {
    io: S,
    buffer: BytesMut,
}

impl Peer<TcpStream> {
    /// Connects to somebody who is known to speak it.
    pub(crate) async fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let io = TcpStream::connect(address).await.unwrap();
        io.set_nodelay(true).unwrap();
        Self::over(io, settings).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn over(io: S, settings: &[(u16, u32)]) -> Self {
        let mut peer = Self { io, buffer: BytesMut::new() };
        let mut payload = Vec::new();
        for (name, value) in settings {
            payload.extend_from_slice(&name.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &payload)].concat();
        peer.send(&hello).await.unwrap();
        peer
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.io.write_all(bytes).await
    }

    /// The next frame; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let read = timeout(PATIENCE, self.io.read_buf(&mut self.buffer)).await;
            if read.expect("the other side goes on, or ends").unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head: [u8; 9] = self.buffer.get(..9)?.try_into().unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if self.buffer.len() < 9 + length {
            return None;
        }
        self.buffer.advance(9);
        let payload = self.buffer.split_to(length).freeze();
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// All frames until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<Frame> {
        let mut all = Vec::new();
        while let Some(frame) = self.next().await {
            all.push(frame);
        }
        all
    }

    /// Reads until this stream is over; answers with its status and body, or with the code it was reset with.
    pub(crate) async fn answer(&mut self, stream: u32) -> Result<(u16, Vec<u8>), u32> {
        let (mut status, mut body) = (0, Vec::new());
        while let Some(frame) = self.next().await {
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                HEADERS => status = status_of(&frame.payload),
                DATA => body.extend_from_slice(&frame.payload),
                RST_STREAM => return Err(u32::from_be_bytes(frame.payload[..4].try_into().unwrap())),
                _ => {}
            }
            if matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
                return Ok((status, body));
            }
        }
        Err(u32::MAX)
    }
}

/// The status of a reply: the first of its headers, by its place in the static table or spelled out after a place.
fn status_of(block: &[u8]) -> u16 {
    const KNOWN: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [first, ..] if (0x88..=0x8e).contains(first) => KNOWN[usize::from(first - 0x88)],
        // Name 8 of the static table with a value in digits, which may be packed by Huffman's code.
        [0x48 | 0x08, length, rest @ ..] if length & 0x80 == 0 => {
            std::str::from_utf8(&rest[..usize::from(*length)]).unwrap().parse().unwrap()
        }
        [0x48 | 0x08, length, rest @ ..] => digits(&rest[..usize::from(length & 0x7f)]),
        other => panic!("no status: {other:?}"),
    }
}

/// Three digits in Huffman's code: 0, 1 and 2 have five bits, the others six.
fn digits(packed: &[u8]) -> u16 {
    let bits: Vec<u8> = packed.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
    let (mut at, mut number) = (0, 0);
    for _ in 0..3 {
        let take =
            |length: usize| bits[at..at + length].iter().fold(0, |sum, bit| sum << 1 | u16::from(*bit));
        let (digit, length) = match take(5) {
            short @ 0..=2 => (short, 5),
            _ => (take(6) - 0x19 + 3, 6),
        };
        number = number * 10 + digit;
        at += length;
    }
    number
}
