//! From a transport's reply to an executor's: what is streamed, what is collected, what is no reply at all.
//!
//! The same for every provider family, so that no executor can follow a redirect or forget a limit.

use http::{
    HeaderMap, HeaderValue, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::Parts,
};
use standin_core::Dialect;
use standin_wire::StreamReader;

use crate::{CallerRequest, Reply, ReplyBody, SendError, SseFrames, TransportBody, collect, collect_error};

/// Turns the head and body of an upstream into a [`Reply`].
///
/// # Errors
///
/// For a redirect, for a success in an encoding we did not ask for, and for a success whose body cannot be collected.
pub fn read_reply(
    request: &CallerRequest,
    reply: Response<TransportBody>,
) -> impl Future<Output = Result<Reply, SendError>> + Send {
    let (Parts { status, headers, .. }, body) = reply.into_parts();
    // A block and no function of its own: the future of one keeps its arguments twice.
    async move {
        if status.is_redirection() {
            // Followed, it would carry the key to wherever the upstream, or somebody in between, points.
            return Err(SendError::malformed(format!(
                "the upstream redirects ({status}), which is never followed"
            )));
        }
        if !status.is_success() {
            // An error that nobody can read still has its status.
            let body = if is_encoded(&headers) { Default::default() } else { collect_error(body).await };
            return Ok(Reply { status, headers, body: ReplyBody::Whole(body) });
        }
        if is_encoded(&headers) {
            return Err(SendError::malformed("the reply is compressed although `identity` was asked for"));
        }
        let body = if request.is_streaming && is_stream(request.dialect, &headers) {
            let form = request.stream_form();
            let reader = StreamReader::new(request.dialect, form, Some(request.model.as_str()));
            ReplyBody::Stream(Box::new(SseFrames::new(body, reader)))
        } else {
            ReplyBody::Whole(collect(body).await?)
        };
        Ok(Reply { status, headers, body })
    }
}

/// A missing content type is forgiven, because small servers leave it out; a wrong one is not. Gemini streams an array
/// of JSON where events are not asked for, or not known.
fn is_stream(dialect: Dialect, headers: &HeaderMap) -> bool {
    let starts_with = |value: &HeaderValue, name: &str| {
        let start = value.as_bytes().get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    headers.get(CONTENT_TYPE).is_none_or(|value| {
        starts_with(value, "text/event-stream")
            || (dialect == Dialect::Gemini && starts_with(value, "application/json"))
    })
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}
