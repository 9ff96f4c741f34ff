//! The accept loop of the operator's listener: few connections, short ones, HTTP/1.1.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Desk, answer::answer};

/// Connections at once.
const CONNECTIONS_MAX: usize = 64;
/// From a connection's beginning to its end.
const CONNECTION_MAX: Duration = Duration::from_secs(60);
/// From the beginning of a head to its end.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Bytes of a head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long the loop rests when no connection can be had.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Serves the operator until dropped; open connections end with it.
pub async fn serve_admin(listener: TcpListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_REST).await;
            continue;
        };
        let desk = Arc::clone(&desk);
        connections.spawn(async move {
            // Whoever takes longer than this is no operator with a question.
            let _ = timeout(CONNECTION_MAX, connection(stream, desk)).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, desk: Arc<Desk>) {
    let service = service_fn(move |request| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(answer(&desk, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of the operator's listener ended early");
    }
}
