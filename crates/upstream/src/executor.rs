//! What a provider family has to do: send one attempt, and hand back the reply.
//!
//! An executor decides no retry and judges no error; it sees one credential and one endpoint.

use std::{
    fmt,
    ops::Range,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use standin_core::{Dialect, ModelAlias, Operation, RequestId, UpstreamModel};
use standin_wire::{Frame, StreamForm, StreamTail, Usage};

use crate::SendError;

/// One caller's request as all its attempts see it. The body is shared, never copied for an attempt as it is.
pub struct CallerRequest {
    /// The dialect, fixed by the route.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// The path below the base URL; only for [`Operation::Passthrough`].
    pub path: Option<String>,
    /// The query as it came, without the question mark.
    pub query: Option<String>,
    /// The body as it came.
    pub body: Bytes,
    /// Where in the body the model name stands, quotes included.
    pub model_span: Option<Range<usize>>,
    /// The model asked for: what the reply has to be called, too.
    pub model: ModelAlias,
    /// Whether the reply is to be a stream.
    pub is_streaming: bool,
    /// The caller's headers as they came, its credentials among them: copy by allow-list only.
    pub headers: HeaderMap,
    /// Our id of the request.
    pub request_id: RequestId,
}

impl CallerRequest {
    /// How a stream has to be framed for the caller.
    #[must_use]
    pub fn stream_form(&self) -> StreamForm {
        StreamForm::asked(self.dialect, self.query.as_deref())
    }
}

impl fmt::Debug for CallerRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither headers (the caller's key) nor body (its prompt) may reach a log by accident.
        f.debug_struct("CallerRequest")
            .field("request_id", &self.request_id)
            .field("dialect", &self.dialect)
            .field("operation", &self.operation)
            .field("model", &self.model)
            .field("is_streaming", &self.is_streaming)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Sends requests with one credential. One instance per credential: what does not change is built once.
pub trait Executor: Send + Sync + 'static {
    /// Whether this operation can be sent at all, without asking the upstream.
    fn serves(&self, dialect: Dialect, operation: Operation) -> bool;

    /// One attempt, with `model` in the place of the caller's name for it.
    ///
    /// Returns after the head for a stream and after the whole body for everything else, errors of the upstream
    /// included: any status but a redirect is a reply. Dropping the future closes the connection at once.
    fn send<'a>(
        &'a self,
        request: &'a CallerRequest,
        model: &'a UpstreamModel,
    ) -> BoxFuture<'a, Result<Reply, SendError>>;

    /// Which secret the next attempt would be sent with: another number after every renewal. A key has only one.
    fn epoch(&self) -> u64 {
        0
    }

    /// Gets a new secret in place of the one of `epoch`, if nobody has done so since.
    ///
    /// However many callers wait for it, one exchange is made; it goes on if all of them leave.
    ///
    /// # Errors
    ///
    /// [`ErrorClass::AuthFailed`](standin_core::ErrorClass::AuthFailed) when the upstream refuses for good, anything
    /// else when it could not be asked.
    fn renew(&self, epoch: u64) -> BoxFuture<'_, Result<(), SendError>> {
        let _ = epoch;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What an upstream answered, any status.
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers as they came; [`crate::relay_headers`] says which the caller may see.
    pub headers: HeaderMap,
    /// Its body.
    pub body: ReplyBody,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = match &self.body {
            ReplyBody::Whole(bytes) => format!("{} bytes", bytes.len()),
            ReplyBody::Stream(_) => "stream".to_owned(),
        };
        f.debug_struct("Reply").field("status", &self.status).field("body", &body).finish_non_exhaustive()
    }
}

/// The body of a reply.
pub enum ReplyBody {
    /// All of it. A success for a streaming request that is no event stream comes so, too.
    Whole(Bytes),
    /// A stream, event by event: a success for a request that asked for one.
    Stream(Box<dyn FrameStream>),
}

/// An upstream's stream, event by event. Dropping it closes the upstream connection at once, wherever it stands.
pub trait FrameStream: Send + Unpin {
    /// The next frame; `None` once the stream has ended. After an error nothing more comes.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, SendError>>>;
    /// Whether the event that completes the answer was seen.
    fn is_complete(&self) -> bool;
    /// Whether the answer is complete and says nothing.
    fn is_empty(&self) -> bool;
    /// What it used, as far as it has said.
    fn usage(&self) -> Usage;
    /// What of it has gone out, for an ending in the upstream's place.
    fn tail(&self) -> StreamTail;
    /// What ends a complete stream if the upstream did not say it itself.
    fn trailer(&self) -> Option<Bytes>;
}
