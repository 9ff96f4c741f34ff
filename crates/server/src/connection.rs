//! One connection, from its first byte to its end.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use http::{HeaderValue, Request, Response, header};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, sync::watch, task::JoinSet, time::timeout};

use crate::{
    guard::{Guard, Notice},
    handle::{handle, refuse_ambiguous},
    limits::Limits,
    parting::{Departing, Phase},
    site::Site,
};

/// How a connection of HTTP/2 begins, and no request of HTTP/1.
const PREFACE: &[u8; 4] = b"PRI ";

/// Serves one connection.
pub(crate) async fn connection(stream: TcpStream, site: Arc<Site>, mut phase: watch::Receiver<Phase>) {
    let limits = site.limits;
    let mut first = [0; PREFACE.len()];
    let began = tokio::select! {
        // hyper's timers begin with the first byte of a head; who connects and says nothing is ours to end.
        began = timeout(limits.first_byte_max, stream.peek(&mut first)) => began,
        _ = phase.wait_for(|phase| *phase != Phase::Open) => return,
    };
    match began {
        Ok(Ok(PREFACE_LENGTH)) if first == *PREFACE => multiplexed(stream, site, &limits, phase).await,
        Ok(Ok(1..)) => plain(stream, site, &limits, phase).await,
        _ => {}
    }
}

const PREFACE_LENGTH: usize = PREFACE.len();

/// HTTP/1.1: one request after the other.
async fn plain(stream: TcpStream, site: Arc<Site>, limits: &Limits, mut phase: watch::Receiver<Phase>) {
    let guard = Guard::new(stream, limits);
    let notice = guard.notice();
    let served = AtomicU64::new(0);
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, number) = (Arc::clone(&site), served.fetch_add(1, Ordering::Relaxed));
        let is_ambiguous = is_noticed(&notice, number);
        async move {
            if is_ambiguous {
                return Ok(closing(refuse_ambiguous(&site, &request)));
            }
            Ok::<_, Infallible>(handle(site, request).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
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

fn is_noticed(notice: &Notice, number: u64) -> bool {
    notice.get().is_some_and(|finding| finding.request == number)
}

fn closing(mut reply: Response<Departing>) -> Response<Departing> {
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// HTTP/2 with prior knowledge: requests side by side, within the limits that Envoy advises for an edge.
async fn multiplexed(stream: TcpStream, site: Arc<Site>, limits: &Limits, mut phase: watch::Receiver<Phase>) {
    let streams = Streams::default();
    let begun = AtomicU64::new(0);
    let service = service_fn(|request: Request<Incoming>| {
        begun.fetch_add(1, Ordering::Relaxed);
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(handle(site, request).await) }
    });
    let served = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.keep_alive_max)
        .serve_connection(TokioIo::new(Guard::framed(stream, limits)), service);
    let mut served = pin!(served);
    let mut idle = tokio::time::interval(limits.keep_alive_max);
    idle.tick().await;
    let mut known = 0;
    loop {
        tokio::select! {
            biased;
            ended = served.as_mut() => return log(ended),
            told = phase.changed() => match told.map(|()| *phase.borrow_and_update()) {
                Ok(Phase::Open) => {}
                Ok(Phase::Draining) => served.as_mut().graceful_shutdown(),
                // Its streams are tasks of their own, which end with it.
                Ok(Phase::Cut) | Err(_) => return,
            },
            _ = idle.tick() => {
                let begun = begun.load(Ordering::Relaxed);
                if begun == known && streams.are_done() {
                    served.as_mut().graceful_shutdown();
                }
                known = begun;
            }
        }
    }
}

/// The tasks of one connection's streams; they end with the connection.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl Streams {
    fn are_done(&self) -> bool {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.is_empty()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}

fn log(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
