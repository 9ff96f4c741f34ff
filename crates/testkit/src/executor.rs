//! For tests of executors: a caller's request, and what comes back for it.

use std::{future::poll_fn, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use standin_core::{Dialect, Operation, Secret};
use standin_upstream::{
    CallerRequest, FrameStream, HttpTransport, Limits, Reply, ReplyBody, SendError, Settings,
};
use standin_wire::Mark;

/// The name by which [`call`] asks for a model.
pub const ASKED: &str = "coder";

/// What an executor with this key at this address is built from.
#[must_use]
pub fn settings(base_url: &str, key: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        proxy: None,
        key: Secret::new(key),
        headers: Vec::new(),
        transport: Arc::new(HttpTransport::new(None).unwrap()),
        limits: Limits::default(),
    }
}

/// A request for [`ASKED`], which the body names at most once; it is streaming if the body says so in the plainest form.
#[must_use]
pub fn call(dialect: Dialect, operation: Operation, body: &str) -> CallerRequest {
    let name = format!("\"{ASKED}\"");
    CallerRequest {
        dialect,
        operation,
        path: None,
        query: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
        model_span: body.find(&name).map(|at| at..at + name.len()),
        model: ASKED.into(),
        is_streaming: body.contains(r#""stream":true"#),
        headers: HeaderMap::new(),
        request_id: "req_1".into(),
    }
}

/// Headers from plain text.
#[must_use]
pub fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(pair).collect()
}

/// Status and body of a reply that has to be whole.
///
/// # Panics
/// When it is a stream.
#[must_use]
pub fn whole(reply: Reply) -> (u16, Bytes) {
    match reply.body {
        ReplyBody::Whole(body) => (reply.status.as_u16(), body),
        ReplyBody::Stream(_) => panic!("a whole reply was due"),
    }
}

/// The stream of a reply that has to be one.
///
/// # Panics
/// When it is whole.
#[must_use]
pub fn stream(reply: Reply) -> Box<dyn FrameStream> {
    match reply.body {
        ReplyBody::Stream(stream) => stream,
        ReplyBody::Whole(body) => panic!("a stream was due, not {body:?}"),
    }
}

/// Everything a stream has to say.
pub async fn frames(stream: &mut dyn FrameStream) -> Vec<Result<(Mark, String), SendError>> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|cx| stream.poll_frame(cx)).await {
        all.push(frame.map(|frame| (frame.mark, String::from_utf8(frame.bytes.to_vec()).unwrap())));
    }
    all
}
