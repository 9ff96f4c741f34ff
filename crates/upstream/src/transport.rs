//! The seam between executors and the network.
//!
//! An executor says what to send and where; whether that goes over our pool or over a simulated network is not its
//! business. The transport on its side knows no provider: it neither adds nor removes a header, except framing.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::Body;

use crate::{Endpoint, Limits, Payload, SendError};

/// The body of a reply as it arrives. Dropping it closes the connection at once, unless it had ended.
pub type TransportBody = Pin<Box<dyn Body<Data = Bytes, Error = SendError> + Send>>;

/// Carries one HTTP exchange to an endpoint.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` (origin-form target, `host` set) and returns once the head of the reply is there.
    ///
    /// Any status is a reply. The limits also hold for the body that is returned. Dropping the future closes the
    /// connection.
    fn request<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        request: http::Request<Payload>,
        limits: &'a Limits,
    ) -> BoxFuture<'a, Result<http::Response<TransportBody>, SendError>>;
}
