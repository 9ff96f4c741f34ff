//! One HTTP/1.1 connection, polled by whoever uses it.
//!
//! It knows nothing of pools, limits or endpoints.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::Request;
use http_body_util::Full;
use hyper::client::conn::{TrySendError, http1};

use super::{
    bell::{Bell, Outside},
    socket::{Socket, Wrote},
};
use crate::{Alarm, Payload, SendError, limits::HEAD_BYTES_MAX};

/// A connection and both ends of hyper's view of it.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Payload>>,
    /// None once the connection has ended.
    driver: Option<Driver>,
    wrote: Wrote,
    /// The timer of its last exchange, for the next one.
    pub(super) alarm: Option<Alarm>,
    bell: Arc<Bell>,
    /// Rings the bell: all that hyper's channels ever wake.
    ring: Waker,
}

/// Hyper's half of a connection: reads and writes when it is polled.
type Driver = http1::Connection<Socket, Full<Payload>>;

/// How often news that comes while it is being looked for is looked for at once. More waits for its turn.
const ROUNDS: usize = 2;

/// The answer to a request, or why there is none; the request comes back if it was never begun.
pub(super) type Sent = Result<http::Response<hyper::body::Incoming>, TrySendError<Request<Full<Payload>>>>;

impl Connection {
    /// Puts HTTP on a byte stream; nothing is sent yet.
    pub(super) async fn open(mut socket: Socket) -> Result<Self, SendError> {
        let bell = Arc::new(Bell::default());
        let ring = Waker::from(Arc::clone(&bell));
        socket.read_by(Waker::from(Arc::new(Outside(Arc::clone(&bell)))));
        let wrote = socket.wrote();
        let (sender, driver) = http1::Builder::new()
            .max_header_size(HEAD_BYTES_MAX)
            .handshake(socket)
            .await
            .map_err(|error| SendError::unreachable(error.to_string()))?;
        Ok(Self { sender, driver: Some(driver), wrote, alarm: None, bell, ring })
    }

    /// Whether the next request can be sent at once. Also notices that the other end has left.
    ///
    /// All that was to be read of the last reply has been taken.
    pub(super) fn is_ready(&mut self) -> bool {
        // One that has not rung since it was looked at, and wanted the next request then, is as it was.
        if !self.bell.rest() || !self.sender.is_ready() {
            self.bell.listen();
            drive(&mut self.driver, &mut Context::from_waker(&self.ring));
            self.bell.rest();
        }
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Hands the request over; it goes out when the connection is polled.
    pub(super) fn send(&mut self, request: Request<Full<Payload>>) -> impl Future<Output = Sent> + use<> {
        self.wrote.clear();
        self.bell.listen();
        self.sender.try_send_request(request)
    }

    /// Whether a byte of the last request has left.
    pub(super) fn has_written(&self) -> bool {
        self.wrote.get()
    }

    /// Whether the connection has ended, so that nothing more can come.
    pub(super) fn has_ended(&self) -> bool {
        self.driver.is_none()
    }

    /// Takes something that may have come with what was taken last, without looking for more.
    pub(super) fn take_along<T>(&mut self, ask: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        let mut inner = Context::from_waker(&self.ring);
        self.bell.inside(|| ask(&mut inner))
    }

    /// Asks for something that only arrives while the connection is polled.
    pub(super) fn poll_for<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut ask: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !self.bell.has_news_for(cx.waker()) {
            return Poll::Pending;
        }
        let Self { driver, bell, ring, .. } = self;
        // Both ends live in this task. If hyper's channels held its waker, handing over a chunk would wake the task that
        // is taking it, once per chunk for nothing. The bell only notes that while somebody looks.
        let mut inner = Context::from_waker(ring);
        for _ in 0..ROUNDS {
            bell.listen();
            let found = bell.inside(|| {
                // In this order: what is asked for hardly ever lies there already.
                drive(driver, &mut inner);
                ask(&mut inner)
            });
            if found.is_ready() || bell.sleep() {
                return found;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(polled) = driver
        && polled.poll_without_shutdown(cx).is_ready()
    {
        // How it ended is told to the sender or to the body; dropping it closes the socket.
        *driver = None;
    }
}
