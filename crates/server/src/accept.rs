//! Our own accept loop: what a framework's does not limit, this one does.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use crate::{handle::handle, site::Site};

/// How long the loop rests when the machine has no descriptors left.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because their requests had not ended within the grace.
    pub cut: usize,
}

/// Serves until `stop` is ready, then lets active requests finish within the grace.
pub async fn serve(listener: TcpListener, site: Arc<Site>, stop: impl Future<Output = ()>) -> Drained {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(site.limits.connections_max));
    let mut tasks = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
        };
        match accepted {
            Ok((stream, place)) => {
                let (site, watcher) = (Arc::clone(&site), graceful.watcher());
                tasks.spawn(async move {
                    connection(stream, site, watcher).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection, resting");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    site.close();
    let _ = tokio::time::timeout(site.limits.grace, graceful.shutdown()).await;
    while tasks.try_join_next().is_some() {}
    let cut = tasks.len();
    tasks.shutdown().await;
    Drained { cut }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, place))
}

async fn connection(stream: TcpStream, site: Arc<Site>, watcher: Watcher) {
    // hyper's timers begin with the first byte of a head; who connects and says nothing is ours to end.
    if tokio::time::timeout(site.limits.first_byte_max, stream.readable()).await.is_err() {
        return;
    }
    let limits = site.limits;
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(handle(site, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_max)
        .max_buf_size(limits.head_bytes_max)
        .max_headers(limits.headers_max)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(served).await {
        tracing::debug!(%error, "connection ended");
    }
}
