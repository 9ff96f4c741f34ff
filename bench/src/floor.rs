//! The least that a gateway on hyper can do: take a request whole, put another key in, pass it on, pass the reply back.
//!
//! It is the floor that the product is held against, so nothing here may come from the product's own crates.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{self as client, SendRequest},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

type Sender = SendRequest<Full<Bytes>>;

/// Idle connections to the one upstream; the last one used is the next one taken.
struct Pool {
    upstream: SocketAddr,
    key: HeaderValue,
    host: HeaderValue,
    idle: Mutex<Vec<Sender>>,
}

impl Pool {
    async fn take(&self) -> anyhow::Result<Sender> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut sender) = idle else { break };
            if !sender.is_closed() && sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn put(&self, sender: Sender) {
        if !sender.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        }
    }
}

/// Passes everything on to `upstream` until the process is told to stop.
pub(crate) async fn serve(listener: TcpListener, upstream: SocketAddr) -> anyhow::Result<()> {
    let pool = Arc::new(Pool {
        upstream,
        key: HeaderValue::from_static("Bearer bench-upstream-key"),
        host: HeaderValue::from_str(&upstream.to_string())?,
        idle: Mutex::default(),
    });
    // A signal that ends the process in good order lets callgrind write what it counted.
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = stop.recv() => return Ok(()),
        };
        stream.set_nodelay(true)?;
        let pool = Arc::clone(&pool);
        tokio::spawn(async move {
            let service = service_fn(move |request| pass(Arc::clone(&pool), request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn pass(pool: Arc<Pool>, request: Request<Incoming>) -> anyhow::Result<Response<Relay>> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.context("read the request")?.to_bytes();
    parts.headers.insert(header::AUTHORIZATION, pool.key.clone());
    parts.headers.insert(header::HOST, pool.host.clone());
    let mut sender = pool.take().await?;
    let reply = sender.send_request(Request::from_parts(parts, Full::new(body))).await?;
    Ok(reply.map(|incoming| Relay { incoming, sender: Some(sender), pool }))
}

/// A reply's body on its way back; at its end the connection can be used again.
struct Relay {
    incoming: Incoming,
    sender: Option<Sender>,
    pool: Arc<Pool>,
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A stream that its reader left is not at its end: its connection is closed, not shared.
        if self.incoming.is_end_stream()
            && let Some(sender) = self.sender.take()
        {
            self.pool.put(sender);
        }
    }
}
