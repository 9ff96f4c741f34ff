//! The executor of one ChatGPT login.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use standin_core::{Dialect, Operation, UpstreamModel};
use standin_upstream::{
    BuildError, CallerRequest, Endpoint, Executor, Keyed, Reply, ReplyBody, SendError, Settings,
    TransportBody, Wanted, collect, read_reply,
};

use crate::{family::CHATGPT, gather::gathered, login::Login, prepare::prepared};

/// Which of the accounts of a login is meant.
const ACCOUNT: HeaderName = HeaderName::from_static("chatgpt-account-id");

/// Sends with whatever token its login has at the moment.
pub struct ChatGpt {
    keyed: Keyed,
    login: Arc<Login>,
}

impl ChatGpt {
    /// Builds everything that will not change. The key of `settings` is not used.
    ///
    /// # Errors
    ///
    /// When an address is none, or when a header cannot be sent.
    pub fn new(settings: Settings, login: Arc<Login>) -> Result<Self, BuildError> {
        Ok(Self { keyed: Keyed::new(&CHATGPT, settings)?, login })
    }

    /// Where its connections go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.keyed.endpoint()
    }

    async fn attempt(&self, request: &CallerRequest, model: &UpstreamModel) -> Result<Reply, SendError> {
        let held = self.login.usable().await?;
        let mut more: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(2);
        more.push((AUTHORIZATION, held.bearer.clone()));
        more.extend(held.account.clone().map(|account| (ACCOUNT, account)));
        let streams = request.operation == Operation::Responses;
        let wanted = if streams { Wanted::Stream } else { Wanted::Whole };
        let body = prepared(request, model);
        let reply = self.keyed.exchange(request, model, body, wanted, &more).await?;
        if streams && !request.is_streaming && reply.status().is_success() && is_stream(reply.headers()) {
            return whole(reply).await;
        }
        read_reply(request, reply).await
    }
}

fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

/// The answer of a stream for a caller that wants it in one piece.
async fn whole(reply: Response<TransportBody>) -> Result<Reply, SendError> {
    let (head, body) = reply.into_parts();
    let stream = collect(body).await?;
    let body = gathered(&stream)
        .ok_or_else(|| SendError::malformed("the stream ended before the response was complete"))?;
    let mut headers = head.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Reply { status: head.status, headers, body: ReplyBody::Whole(body) })
}

impl Executor for ChatGpt {
    fn serves(&self, dialect: Dialect, operation: Operation) -> bool {
        self.keyed.serves(dialect, operation)
    }

    fn send<'a>(
        &'a self,
        request: &'a CallerRequest,
        model: &'a UpstreamModel,
    ) -> BoxFuture<'a, Result<Reply, SendError>> {
        Box::pin(self.attempt(request, model))
    }

    fn epoch(&self) -> u64 {
        self.login.epoch()
    }

    fn renew(&self, epoch: u64) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(self.login.renew(epoch))
    }
}

impl fmt::Debug for ChatGpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatGpt").field("login", &self.login).finish_non_exhaustive()
    }
}
