//! Our own accept loop, and how it ends.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};

use crate::{connection::connection, parting::Phase, site::Site};

/// How long the loop rests when the machine has no descriptors or memory left.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long a connection that is cut has for its last words.
const LAST_WORDS_MAX: Duration = Duration::from_millis(500);

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because their requests had not ended within the grace.
    pub cut: usize,
}

/// Where connections come from.
trait Source {
    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<TcpStream>> + Send;
}

impl Source for TcpListener {
    async fn next(&self) -> io::Result<TcpStream> {
        self.accept().await.map(|(stream, _)| stream)
    }
}

/// Serves until `stop` is ready, then lets active requests finish within the grace. Streams that have not ended by
/// then end with an error of their dialect, requests without an answer get one.
pub async fn serve(listener: TcpListener, site: Arc<Site>, stop: impl Future<Output = ()>) -> Drained {
    let (phases, phase) = watch::channel(Phase::Open);
    let mut connections = take(listener, &site, stop, &phase).await;
    drop(phase);
    site.close();
    let _ = phases.send(Phase::Draining);
    if timeout(site.limits.grace, all_of(&mut connections)).await.is_ok() {
        return Drained { cut: 0 };
    }
    let cut = connections.len();
    site.cut();
    let _ = phases.send(Phase::Cut);
    let _ = timeout(LAST_WORDS_MAX, all_of(&mut connections)).await;
    connections.shutdown().await;
    Drained { cut }
}

async fn all_of(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Takes connections until told to stop; what is returned is still being served.
async fn take(
    source: impl Source,
    site: &Arc<Site>,
    stop: impl Future<Output = ()>,
    phase: &watch::Receiver<Phase>,
) -> JoinSet<()> {
    let places = Arc::new(Semaphore::new(site.limits.connections_max));
    let mut connections = JoinSet::new();
    let mut is_resting = false;
    tokio::pin!(stop);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            biased;
            () = &mut stop => return connections,
            accepted = accept(&source, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                is_resting = false;
                let (site, phase) = (Arc::clone(site), phase.clone());
                connections.spawn(async move {
                    connection(stream, site, phase).await;
                    drop(place);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Once per episode: a machine without descriptors does not need a log that grows.
                if !std::mem::replace(&mut is_resting, true) {
                    tracing::warn!(%error, "could not accept connections, resting between tries");
                }
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

async fn accept(
    source: &impl Source,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let stream = source.next().await?;
    // Fails only for a connection that is gone already, which shows soon enough.
    let _ = stream.set_nodelay(true);
    Ok((stream, place))
}

/// Whether only the connection at the head of the queue is lost, and the next one may be fine.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
