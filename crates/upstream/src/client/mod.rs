//! The HTTP/1.1 client: one thin pool on `hyper::client::conn::http1`.
//!
//! HTTP/2 is left out on purpose: one connection would cap the streams at what its peer allows, and the others would
//! wait in silence. No redirect is followed, no environment variable is read, no encoding is undone.

mod bell;
mod connection;
mod dial;
mod exchange;
mod pool;
mod socket;
mod tls;
mod tunnel;
mod watch;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body_util::Full;

use self::{
    connection::Connection,
    dial::Dialer,
    exchange::{Exchange, Unsent},
    pool::Pool,
    tls::Tls,
};
use crate::{Endpoint, Limits, Payload, SendError, Transport, TransportBody};

/// The real [`Transport`]: pooled HTTP/1.1 connections over TCP, with TLS and outbound proxies.
///
/// A connection is polled by whoever reads from it, never by a task of its own: nothing is woken twice per chunk,
/// nothing can leak, and dropping a reply closes its socket in the same instant.
pub struct HttpTransport {
    pool: Arc<Pool>,
    dialer: Dialer,
}

impl HttpTransport {
    /// A client that trusts Mozilla's roots and, if given, those in `extra_roots` (PEM).
    ///
    /// # Errors
    ///
    /// When `extra_roots` holds no certificate or a broken one.
    pub fn new(extra_roots: Option<&[u8]>) -> Result<Self, TransportError> {
        let tls = Tls::new(extra_roots)?;
        Ok(Self { pool: Arc::new(Pool::default()), dialer: Dialer::new(tls) })
    }

    /// Connections that wait for their next request, over all endpoints.
    #[must_use]
    pub fn idle_connections(&self) -> usize {
        self.pool.len()
    }

    async fn exchange(
        &self,
        endpoint: &Endpoint,
        request: Request<Payload>,
        limits: &Limits,
    ) -> Result<Response<TransportBody>, SendError> {
        let place = endpoint.place();
        let mut request = request.map(Full::new);
        if let Some(connection) = self.pool.take(&place.origin) {
            match self.send(endpoint, connection, request, limits).await? {
                Ok(reply) => return Ok(reply),
                // The upstream had closed it before a byte of this request was written: only our pool was stale.
                Err(Unsent(unsent)) => request = unsent,
            }
        }
        let connecting = async { Connection::open(self.dialer.dial(place).await?).await };
        // Boxed: few requests need a new connection, and all of them would have room for making one.
        let connection = Box::pin(tokio::time::timeout(limits.connect, connecting))
            .await
            .map_err(|_| SendError::unreachable(format!("no connection within {:?}", limits.connect)))??;
        match self.send(endpoint, Box::new(connection), request, limits).await? {
            Ok(reply) => Ok(reply),
            Err(Unsent(_)) => Err(SendError::unreachable("the upstream closed the connection at once")),
        }
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        connection: Box<Connection>,
        request: Request<Full<Payload>>,
        limits: &Limits,
    ) -> Result<Result<Response<TransportBody>, Unsent>, SendError> {
        let shelf = pool::Shelf::new(&self.pool, &endpoint.place().origin);
        let reply = match exchange::begin(connection, request, shelf, limits).await? {
            Ok(reply) => reply,
            Err(unsent) => return Ok(Err(unsent)),
        };
        if reply.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(SendError::malformed("the upstream switched protocols (101) unasked"));
        }
        Ok(Ok(reply.map(|body: Exchange| -> TransportBody { Box::pin(body) })))
    }
}

impl Transport for HttpTransport {
    fn request<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        request: Request<Payload>,
        limits: &'a Limits,
    ) -> BoxFuture<'a, Result<Response<TransportBody>, SendError>> {
        Box::pin(self.exchange(endpoint, request, limits))
    }
}

/// Why a transport cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The extra roots are not usable.
    #[error("read the extra root certificates: {0}")]
    Roots(String),
}
