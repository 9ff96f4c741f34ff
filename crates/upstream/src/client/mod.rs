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

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use pin_project_lite::pin_project;

use self::{
    connection::Connection,
    dial::Dialer,
    exchange::{Begun, Unsent, begin},
    pool::{Pool, Shelf},
    tls::Tls,
};
use crate::{Endpoint, Limits, Payload, SendError, Transport, TransportBody, endpoint::Place};

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

    fn shelf(&self, place: &Place) -> Shelf {
        Shelf::new(&self.pool, &place.origin)
    }

    /// One exchange over a connection that no request has used yet.
    async fn over_a_new_one(
        &self,
        place: &Place,
        request: Request<Full<Payload>>,
        limits: &Limits,
    ) -> Result<Response<TransportBody>, SendError> {
        let connection = self.connect(place, limits).await?;
        match begin(connection, request, self.shelf(place), limits).await? {
            Ok(reply) => Ok(reply),
            Err(Unsent(_)) => Err(SendError::unreachable("the upstream closed the connection at once")),
        }
    }

    /// A connection that no request has used yet.
    async fn connect(&self, place: &Place, limits: &Limits) -> Result<Box<Connection>, SendError> {
        let connecting = async { Connection::open(self.dialer.dial(place).await?).await };
        let connection = tokio::time::timeout(limits.connect, connecting)
            .await
            .map_err(|_| SendError::unreachable(format!("no connection within {:?}", limits.connect)))??;
        Ok(Box::new(connection))
    }
}

/// What comes of one exchange.
type Exchanged = Result<Response<TransportBody>, SendError>;

pin_project! {
    /// One exchange over a connection from the pool; over a new one if that is stale.
    ///
    /// No block, because that would have room for every step of the way beside the others.
    struct Pooled<'a, F> {
        #[pin]
        begun: F,
        again: Option<BoxFuture<'a, Exchanged>>,
        transport: &'a HttpTransport,
        place: &'a Place,
        limits: &'a Limits,
    }
}

impl<F: Future<Output = Begun>> Future for Pooled<'_, F> {
    type Output = Exchanged;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exchanged> {
        let this = self.project();
        if let Some(again) = this.again {
            return again.as_mut().poll(cx);
        }
        match ready!(this.begun.poll(cx)) {
            Ok(Ok(reply)) => Poll::Ready(Ok(reply)),
            // The upstream had closed it before a byte of this request was written: only our pool was stale.
            Ok(Err(Unsent(request))) => {
                let again = Box::pin(this.transport.over_a_new_one(this.place, *request, this.limits));
                this.again.insert(again).as_mut().poll(cx)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Transport for HttpTransport {
    fn request<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        request: Request<Payload>,
        limits: &'a Limits,
    ) -> BoxFuture<'a, Result<Response<TransportBody>, SendError>> {
        let (request, place) = (request.map(Full::new), endpoint.place());
        let Some(connection) = self.pool.take(&place.origin) else {
            return Box::pin(self.over_a_new_one(place, request, limits));
        };
        let begun = begin(connection, request, self.shelf(place), limits);
        Box::pin(Pooled { begun, again: None, transport: self, place, limits })
    }
}

/// Why a transport cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The extra roots are not usable.
    #[error("read the extra root certificates: {0}")]
    Roots(String),
}
