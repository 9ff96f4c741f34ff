//! A tap on the wire between a client and a server: passes on every byte, and remembers the exchanges they made up.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use crate::{Head, client::Reply, http::Body};

/// What one client asked and what it got, byte for byte but for the framing.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// First line and headers of the request.
    pub head: Head,
    /// The body of the request.
    pub body: Bytes,
    /// The reply as far as it came; `None` when not even its head did.
    pub reply: Option<Reply>,
}

impl Exchange {
    /// The path and query of the request line.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// A listener on `127.0.0.1` in front of a server; it ends when this value is dropped.
pub struct Tap {
    address: SocketAddr,
    wires: Arc<Mutex<Vec<Arc<Mutex<Wire>>>>>,
    accepting: JoinHandle<()>,
}

/// All bytes of one connection.
#[derive(Debug, Default)]
struct Wire {
    asked: BytesMut,
    answered: BytesMut,
}

/// One of the two directions.
type Side = fn(&mut Wire) -> &mut BytesMut;

impl Tap {
    /// Starts a tap in front of the server at `behind`.
    ///
    /// # Panics
    /// When no local port can be had.
    pub async fn before(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a local port");
        let address = listener.local_addr().expect("know the own address");
        let wires = Arc::default();
        let accepting = tokio::spawn(accept(listener, behind, Arc::clone(&wires)));
        Self { address, wires, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request whose head and body have passed, connection by connection, with its reply so far.
    ///
    /// # Panics
    /// When what passed is not HTTP/1.1.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        let wires = self.wires.lock().unwrap().clone();
        wires.iter().flat_map(|wire| wire.lock().unwrap().exchanges()).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // Its connections go with it: they live in a set that the accepting task owns.
        self.accepting.abort();
    }
}

impl Wire {
    fn exchanges(&self) -> Vec<Exchange> {
        let (mut asked, mut answered) = (self.asked.clone(), self.answered.clone());
        let mut all = Vec::new();
        while let Some(head) = Head::take(&mut asked) {
            let framing = if head.body() == Body::UntilClose { Body::Sized(0) } else { head.body() };
            let (body, is_complete) = take_body(framing, &mut asked);
            if !is_complete {
                break;
            }
            let reply = take_reply(&head, &mut answered);
            all.push(Exchange { head, body, reply });
        }
        all
    }
}

/// The next reply, past those that only announce it.
fn take_reply(request: &Head, buffer: &mut BytesMut) -> Option<Reply> {
    let mut head = Head::take(buffer)?;
    while head.status() < 200 {
        head = Head::take(buffer)?;
    }
    let has_no_body = request.line.starts_with("HEAD ") || matches!(head.status(), 204 | 304);
    let framing = if has_no_body { Body::Sized(0) } else { head.body() };
    let (body, is_complete) = take_body(framing, buffer);
    Some(Reply { head, body, is_complete })
}

/// A body, and whether it came to the end that its framing promised.
fn take_body(mut framing: Body, buffer: &mut BytesMut) -> (Bytes, bool) {
    let mut body = BytesMut::new();
    while !framing.is_over() {
        match framing.take(buffer) {
            Some(piece) => body.extend_from_slice(&piece),
            None if framing.is_over() => break,
            None => return (body.freeze(), framing == Body::UntilClose),
        }
    }
    (body.freeze(), true)
}

async fn accept(listener: TcpListener, behind: SocketAddr, wires: Arc<Mutex<Vec<Arc<Mutex<Wire>>>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let wire = Arc::new(Mutex::new(Wire::default()));
        wires.lock().unwrap().push(wire.clone());
        connections.spawn(pass(client, behind, wire));
    }
}

/// Lives as long as one of the two directions; a broken one breaks the other, as on a wire.
async fn pass(client: TcpStream, behind: SocketAddr, wire: Arc<Mutex<Wire>>) {
    let server = TcpStream::connect(behind).await.expect("connect to what is behind the tap");
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("set TCP_NODELAY");
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let asking = copy(from_client, to_server, wire.clone(), |wire| &mut wire.asked);
    let answering = copy(from_server, to_client, wire, |wire| &mut wire.answered);
    tokio::pin!(asking, answering);
    tokio::select! {
        // A client may be done with asking long before it has its answer, and a server is done when it closes.
        is_whole = &mut asking => if is_whole { let _ = answering.await; },
        _ = &mut answering => {}
    }
}

/// Copies one direction to its end, and says whether that was an orderly one.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: Arc<Mutex<Wire>>, side: Side) -> bool {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    loop {
        buffer.clear();
        match from.read_buf(&mut buffer).await {
            Ok(0) => return to.shutdown().await.is_ok(),
            Ok(_) => side(&mut wire.lock().unwrap()).extend_from_slice(&buffer),
            Err(_) => {
                // A reset stays a reset.
                let _ = to.as_ref().set_zero_linger();
                return false;
            }
        }
        if to.write_all(&buffer).await.is_err() {
            return false;
        }
    }
}
