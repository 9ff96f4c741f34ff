//! How a plain connection begins: its first bytes say which protocol follows.

use std::{io, pin::Pin, time::Duration};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How a connection of HTTP/2 begins, and no request of HTTP/1.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// One request after the other.
    Http1,
    /// Requests side by side.
    Http2,
}

/// What was learnt from the first bytes.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) protocol: Protocol,
    /// What had to be taken out of the socket to learn it.
    pub(crate) ahead: Option<Ahead>,
}

/// Bytes that come before all others of a connection.
#[derive(Debug)]
pub(crate) struct Ahead {
    pub(crate) bytes: Vec<u8>,
    /// The time that the head has which begins with them.
    pub(crate) head_timer: Pin<Box<Sleep>>,
}

/// Waits for as many bytes as tell the two protocols apart: one byte tells nearly every request of HTTP/1, and nothing
/// less than the whole preface is HTTP/2. `None` if the connection ends before that.
pub(crate) async fn opening(stream: &mut TcpStream, head_max: Duration) -> io::Result<Option<Opening>> {
    let mut first = [0; PREFACE.len()];
    let seen = stream.peek(&mut first).await?;
    if seen == 0 {
        return Ok(None);
    }
    if let Some(protocol) = told_by(&first[..seen]) {
        return Ok(Some(Opening { protocol, ahead: None }));
    }
    // A preface that comes in pieces. What was only looked at would be seen again at once, so it is taken.
    let (head_timer, mut taken) = (Box::pin(sleep(head_max)), 0);
    loop {
        let more = stream.read(&mut first[taken..]).await?;
        if more == 0 {
            return Ok(None);
        }
        taken += more;
        if let Some(protocol) = told_by(&first[..taken]) {
            return Ok(Some(Opening {
                protocol,
                ahead: Some(Ahead { bytes: first[..taken].to_vec(), head_timer }),
            }));
        }
    }
}

fn told_by(bytes: &[u8]) -> Option<Protocol> {
    match bytes {
        whole if whole.starts_with(PREFACE) => Some(Protocol::Http2),
        part if PREFACE.starts_with(part) => None,
        _ => Some(Protocol::Http1),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    /// The protocol and the bytes ahead of a caller who sends these pieces, each in a packet of its own.
    async fn learn(pieces: &[&[u8]]) -> Option<(Protocol, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        caller.set_nodelay(true).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let sending = async move {
            for piece in pieces {
                caller.write_all(piece).await.unwrap();
                sleep(Duration::from_millis(2)).await;
            }
        };
        let (learnt, ()) = tokio::join!(opening(&mut stream, Duration::from_secs(10)), sending);
        let learnt = learnt.unwrap()?;
        Some((learnt.protocol, learnt.ahead.map(|ahead| ahead.bytes).unwrap_or_default()))
    }

    #[tokio::test]
    async fn a_preface_is_known_however_it_is_cut() {
        assert_eq!(learn(&[PREFACE]).await, Some((Protocol::Http2, Vec::new())));
        let is_known = async |pieces: &[&[u8]]| {
            let (protocol, ahead) = learn(pieces).await.unwrap();
            // Pieces may meet again on their way; then nothing had to be taken.
            assert_eq!(protocol, Protocol::Http2, "{pieces:?}");
            assert!(ahead.is_empty() || ahead == PREFACE, "{ahead:?}");
        };
        for at in 1..PREFACE.len() {
            is_known(&[&PREFACE[..at], &PREFACE[at..]]).await;
        }
        is_known(&PREFACE.chunks(1).collect::<Vec<_>>()).await;
    }

    #[tokio::test]
    async fn what_only_begins_like_a_preface_is_a_request_and_loses_nothing() {
        let is_a_request = async |pieces: &[&[u8]]| {
            let (protocol, ahead) = learn(pieces).await.unwrap();
            assert_eq!(protocol, Protocol::Http1, "{pieces:?}");
            assert!(pieces.concat().starts_with(&ahead), "{ahead:?}");
        };
        is_a_request(&[b"POST / HTTP/1.1\r\n\r\n"]).await;
        is_a_request(&[b"PRI * HTTP/1.1\r\n\r\n"]).await;
        is_a_request(&[b"P", b"OST /"]).await;
        is_a_request(&[b"PRI", b" ", b"/ HTTP/1.1\r\n\r\n and what is behind it"]).await;
        assert_eq!(learn(&[b"PRI"]).await, None, "it has left");
    }
}
