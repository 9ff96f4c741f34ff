//! HTTP/2: requests side by side on one connection, within the limits that are advised for an edge.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, watch},
    time::sleep,
};

use crate::{connection::log, guard::Guard, handle::handle, parting::Phase, site::Site, streams::Streams};

/// Bytes of one answer that wait for a caller to make room for them.
const SEND_BYTES_MAX: usize = 64 * 1024;
/// Streams that we ourselves had to reset before the connection ends.
const RESETS_OF_OURS_MAX: usize = 100;
/// Streams the caller may reset before they are looked at.
const RESETS_PENDING_MAX: usize = 20;
/// From how many requests on we ask whether a caller waits for its answers at all.
const REQUESTS_UNTIL_SUSPECT: u64 = 200;
/// How long a connection that was told to leave may take, once nothing happens on it.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// How the requests of one connection went.
#[derive(Default)]
struct Tally {
    begun: AtomicU64,
    /// Requests that were taken back before their answer had begun.
    dropped: AtomicU64,
    is_suspect: Notify,
}

impl Tally {
    fn begin(self: &Arc<Self>) -> Begun {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        let dropped = self.dropped.load(Ordering::Relaxed);
        if begun >= REQUESTS_UNTIL_SUSPECT && dropped > begun / 2 {
            self.is_suspect.notify_one();
        }
        Begun { tally: Some(Arc::clone(self)) }
    }
}

/// One request that has no answer yet.
struct Begun {
    tally: Option<Arc<Tally>>,
}

impl Begun {
    fn answered(mut self) {
        self.tally = None;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(tally) = &self.tally {
            tally.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Serves one connection.
pub(crate) fn multiplexed<S>(
    guard: Guard<S>,
    site: Arc<Site>,
    mut phase: watch::Receiver<Phase>,
) -> impl Future<Output = ()> + Send
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = site.limits;
    let streams = Streams::new(limits.stall_max);
    let tally = Arc::new(Tally::default());
    let counted = Arc::clone(&tally);
    let service = service_fn(move |request: Request<Incoming>| {
        let (site, begun) = (Arc::clone(&site), counted.begin());
        async move {
            let reply = handle(site, request, None, None).await;
            begun.answered();
            reply
        }
    });
    let mut served = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_OF_OURS_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.keep_alive_max)
        .serve_connection(TokioIo::new(guard), service);
    // A block and no function of its own, and nothing moved within it: every connection has room for what is kept twice.
    async move {
        // Looked at rarely, and moved closer once the connection was told to leave.
        let mut look = pin!(sleep(limits.keep_alive_max));
        let (mut known, mut is_leaving) = (0, false);
        loop {
            tokio::select! {
                biased;
                ended = &mut served => return log(ended),
                told = phase.changed() => match told.map(|()| *phase.borrow_and_update()) {
                    Ok(Phase::Open) => {}
                    Ok(Phase::Draining) => is_leaving = true,
                    Ok(Phase::Cut) => streams.cut(),
                    Err(_) => return,
                },
                () = tally.is_suspect.notified() => {
                    return tracing::info!("a caller takes back most of what it asks for: its connection is closed");
                }
                () = look.as_mut() => {
                    let begun = tally.begun.load(Ordering::Relaxed);
                    let is_idle = streams.are_done() && std::mem::replace(&mut known, begun) == begun;
                    if is_idle && is_leaving {
                        return;
                    }
                    is_leaving |= is_idle;
                    look.set(sleep(limits.keep_alive_max));
                }
            }
            if is_leaving {
                Pin::new(&mut served).graceful_shutdown();
                look.set(sleep(LEAVE_MAX));
            }
        }
    }
}
