//! One connection, from its first byte to its end.

use std::{future::poll_fn, pin::Pin, sync::Arc};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use crate::{
    doorbell::Doorbell,
    guard::Guard,
    handle::handle,
    multiplex::multiplexed,
    opening::{Opening, Protocol, opening},
    parting::{Phase, next_phase},
    site::Site,
    tls::Tls,
};

/// Serves one connection.
pub(crate) async fn connection(mut stream: TcpStream, site: Arc<Site>, mut phase: watch::Receiver<Phase>) {
    if let Some(tls) = site.tls.clone() {
        return Box::pin(encrypted(stream, &tls, site, phase)).await;
    }
    let began = tokio::select! {
        // hyper's timers begin with the first byte of a head; who connects and says nothing is ours to end.
        began = timeout(site.limits.first_byte_max, opening(&mut stream, site.limits.head_max)) => began,
        _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
    };
    match began {
        Ok(Ok(Some(Opening { protocol: Protocol::Http2, ahead }))) => {
            let guard = Guard::framed(stream, &site.limits).after(ahead);
            Box::pin(multiplexed(guard, site, phase)).await;
        }
        Ok(Ok(Some(Opening { protocol: Protocol::Http1, ahead }))) => {
            sequential(Guard::new(stream, &site.limits).after(ahead), site, phase).await;
        }
        _ => {}
    }
}

/// The same over TLS, where the handshake says which protocol follows.
async fn encrypted(stream: TcpStream, tls: &Tls, site: Arc<Site>, mut phase: watch::Receiver<Phase>) {
    let shaken = tokio::select! {
        shaken = timeout(site.limits.first_byte_max, tls.acceptor().accept(stream)) => shaken,
        _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => return,
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        multiplexed(Guard::framed(stream, &site.limits), site, phase).await;
    } else {
        let mut guard = Guard::new(stream, &site.limits);
        guard.expect_first_byte(site.limits.first_byte_max);
        sequential(guard, site, phase).await;
    }
}

/// HTTP/1.1: one request after the other.
fn sequential<S>(
    mut guard: Guard<S>,
    site: Arc<Site>,
    mut phase: watch::Receiver<Phase>,
) -> impl Future<Output = ()> + Send
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    guard.speak_for(&site);
    let (limits, talk) = (site.limits, guard.talk());
    let bell = Doorbell::new(Arc::clone(&talk));
    let service = service_fn(move |request: Request<Incoming>| {
        let (objection, running) = talk.begin();
        // hyper keeps room for this future as long as the connection lasts; a stream needs it for its first instant.
        Box::pin(handle(Arc::clone(&site), request, objection, Some(running)))
    });
    let mut served = http1::Builder::new()
        // The guard knows when a head begins and when a connection is idle, without a timer for every request.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes_max)
        .max_headers(limits.headers_max)
        // A chunk is a size, some bytes and a line end: copied together, they are cheaper than a list of three.
        .writev(false)
        .serve_connection(TokioIo::new(guard), service);
    // A block and no function of its own, and nothing moved within it: every connection has room for what is kept twice.
    async move {
        loop {
            let told = tokio::select! {
                biased;
                ended = poll_fn(|cx| bell.answer(cx, |cx| Pin::new(&mut served).poll(cx))) => return log(ended),
                told = next_phase(&mut phase) => told,
            };
            if told.is_err() {
                return log((&mut served).await);
            }
            // When the server is cut, polling once more is all that is needed: every answer looks for itself.
            if *phase.borrow_and_update() == Phase::Draining {
                Pin::new(&mut served).graceful_shutdown();
            }
        }
    }
}

/// How a connection ended is the caller's affair, mostly.
pub(crate) fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
