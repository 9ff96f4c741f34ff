//! One connection of a scripted upstream: read a request, play its answer, again.

use std::{future::pending, sync::Arc};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::{
    Act, Head, Play, Received,
    http::Body,
    upstream::{Log, Script},
};

/// What is left of a connection after a play.
#[derive(PartialEq, Eq)]
enum After {
    /// The next request may come.
    Open,
    /// The script closed it.
    Closed,
    /// The other side left before the play was over.
    Gone,
}

pub(crate) async fn serve(mut stream: TcpStream, connection: usize, script: Script, log: Arc<Log>) {
    let mut buffer = BytesMut::new();
    while let Some((head, body)) = read_request(&mut stream, &mut buffer).await {
        let seen = Received { number: 0, connection, head, body, at: crate::now(), gone_at: None };
        let seen = log.add(seen);
        match perform(&mut stream, &mut buffer, &script(&seen)).await {
            After::Open => {}
            After::Closed => return,
            After::Gone => return log.mark_gone(seen.number),
        }
    }
}

/// The next request, or `None` when the connection ended before it was complete.
async fn read_request(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<(Head, Bytes)> {
    let head = loop {
        if let Some(head) = Head::take(buffer) {
            break head;
        }
        read_more(stream, buffer).await?;
    };
    let (mut framing, mut body) = (request_body(&head), BytesMut::new());
    loop {
        while let Some(piece) = (!framing.is_over()).then(|| framing.take(buffer)).flatten() {
            body.extend_from_slice(&piece);
        }
        if framing.is_over() {
            return Some((head, body.freeze()));
        }
        read_more(stream, buffer).await?;
    }
}

/// A request without a length has no body; a reply would last until the close.
fn request_body(head: &Head) -> Body {
    match head.body() {
        Body::UntilClose => Body::Sized(0),
        framed => framed,
    }
}

async fn perform(stream: &mut TcpStream, buffer: &mut BytesMut, play: &Play) -> After {
    for act in play.acts() {
        let after = match act {
            Act::Send(bytes) => match stream.write_all(bytes).await {
                Ok(()) => After::Open,
                Err(_) => After::Gone,
            },
            Act::Pause(time) => watch(stream, buffer, sleep(*time)).await,
            Act::Await(gate) => watch(stream, buffer, gate.pass()).await,
            Act::Hang => watch(stream, buffer, pending()).await,
            Act::Close => {
                let _ = stream.shutdown().await;
                After::Closed
            }
            Act::Reset => {
                stream.set_zero_linger().expect("set SO_LINGER to 0");
                After::Closed
            }
        };
        if after != After::Open {
            return after;
        }
    }
    After::Open
}

/// Waits for something while looking whether the other side is still there.
async fn watch(stream: &mut TcpStream, buffer: &mut BytesMut, awaited: impl Future<Output = ()>) -> After {
    let until_gone = async { while read_more(stream, buffer).await.is_some() {} };
    tokio::select! {
        () = until_gone => After::Gone,
        () = awaited => After::Open,
    }
}

async fn read_more(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<usize> {
    stream.read_buf(buffer).await.ok().filter(|&size| size > 0)
}
