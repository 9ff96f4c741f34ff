//! One connection, from its first byte to its end.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};

use crate::{
    framing::Objection,
    guard::{Guard, Notice},
    handle::{handle, refuse_unread},
    multiplex::multiplexed,
    parting::{Departing, Phase},
    site::Site,
    spare::SpareTimer,
    tls::Tls,
};

/// How a connection of HTTP/2 begins, and no request of HTTP/1. Whoever cuts it to pieces is taken for HTTP/1.
const PREFACE: &[u8; 4] = b"PRI ";
const PREFACE_LENGTH: usize = PREFACE.len();

/// Serves one connection.
pub(crate) async fn connection(stream: TcpStream, site: Arc<Site>, mut phase: watch::Receiver<Phase>) {
    if let Some(tls) = site.tls.clone() {
        return Box::pin(encrypted(stream, &tls, site, phase)).await;
    }
    let mut first = [0; PREFACE_LENGTH];
    let began = tokio::select! {
        // hyper's timers begin with the first byte of a head; who connects and says nothing is ours to end.
        began = timeout(site.limits.first_byte_max, stream.peek(&mut first)) => began,
        _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
    };
    match began {
        Ok(Ok(PREFACE_LENGTH)) if first == *PREFACE => {
            let guard = Guard::framed(stream, &site.limits);
            Box::pin(multiplexed(guard, site, phase)).await;
        }
        Ok(Ok(1..)) => sequential(Guard::new(stream, &site.limits), site, phase).await,
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
async fn sequential<S>(guard: Guard<S>, site: Arc<Site>, mut phase: watch::Receiver<Phase>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (limits, notice) = (site.limits, guard.notice());
    let served = AtomicU64::new(0);
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, number) = (Arc::clone(&site), served.fetch_add(1, Ordering::Relaxed));
        let objection = objection(&notice, number);
        // hyper keeps room for this future as long as the connection lasts; a stream needs it for its first instant.
        Box::pin(async move {
            if let Some(objection) = objection {
                return Ok(closing(refuse_unread(&site, &request, objection)));
            }
            Ok::<_, Infallible>(handle(site, request).await)
        })
    });
    let served = http1::Builder::new()
        .timer(SpareTimer::default())
        .header_read_timeout(limits.keep_alive_max)
        .max_buf_size(limits.head_bytes_max)
        .max_headers(limits.headers_max)
        .serve_connection(TokioIo::new(guard), service);
    let mut served = pin!(served);
    loop {
        let told = tokio::select! {
            biased;
            ended = served.as_mut() => return log(ended),
            told = phase.changed() => told,
        };
        if told.is_err() {
            return log(served.await);
        }
        // When the server is cut, polling once more is all that is needed: every answer looks for itself.
        if *phase.borrow_and_update() == Phase::Draining {
            served.as_mut().graceful_shutdown();
        }
    }
}

fn objection(notice: &Notice, number: u64) -> Option<Objection> {
    notice.get().filter(|finding| finding.request == number).map(|finding| finding.objection)
}

fn closing(mut reply: Response<Departing>) -> Response<Departing> {
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// How a connection ended is the caller's affair, mostly.
pub(crate) fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
