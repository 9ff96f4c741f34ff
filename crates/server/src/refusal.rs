//! Errors of our own, in the dialect of the route.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use standin_conductor::AnswerBody;
use standin_core::{Dialect, RequestId};
use standin_wire::{CallerError, ErrorKind};

use crate::framing::Objection;

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

/// Two readers might find two requests in the same bytes, or one might read for too long.
pub(crate) fn objected(objection: Objection) -> CallerError {
    let (kind, message) = match objection {
        Objection::LengthAndCoding => {
            (ErrorKind::InvalidRequest, "A request has a content-length or a transfer-encoding, not both.")
        }
        Objection::SeveralLengths => (ErrorKind::InvalidRequest, "A request has one content-length."),
        Objection::OddCoding => {
            (ErrorKind::InvalidRequest, "The only transfer-encoding of a request is chunked.")
        }
        Objection::BareLineEnd => {
            (ErrorKind::InvalidRequest, "The lines of a request's head end with CR LF.")
        }
        Objection::LongHead => (ErrorKind::HeadersTooLarge, "The request's head is longer than it may be."),
    };
    CallerError::new(kind, message)
}
