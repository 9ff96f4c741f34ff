//! Errors of our own, in the dialect of the route.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use standin_conductor::AnswerBody;
use standin_core::{Dialect, RequestId};
use standin_wire::{CallerError, ErrorKind};

/// An error as a reply.
pub(crate) fn refuse(dialect: Dialect, error: &CallerError, id: &RequestId) -> Response<AnswerBody> {
    let rendered = standin_wire::render_error(dialect, error, id.as_str());
    let mut reply = Response::new(AnswerBody::whole(rendered.body));
    *reply.status_mut() = rendered.status;
    for (name, value) in rendered.headers {
        reply.headers_mut().insert(name, value);
    }
    reply
}

/// The path is there and speaks another protocol.
pub(crate) fn upgrade_required() -> CallerError {
    CallerError::new(ErrorKind::UpgradeRequired, "WebSocket is not spoken here; use POST with stream: true.")
}

/// A short reply without an error.
pub(crate) fn plain(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut reply = Response::new(AnswerBody::whole(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

/// Two readers might find two requests in the same bytes.
pub(crate) fn ambiguous() -> CallerError {
    let message =
        "The request's framing is ambiguous: one content-length or one chunked transfer-encoding, please.";
    CallerError::new(ErrorKind::InvalidRequest, message)
}
