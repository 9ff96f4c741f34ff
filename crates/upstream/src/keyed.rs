//! The executor of every family whose credentials are plain keys: one credential at one upstream.
//!
//! The caller's bytes go out as they are, with only the model name replaced and our own key in the head. What differs
//! between families is data ([`Family`]); nothing is translated, retried or judged here.

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE},
};
use standin_core::{Dialect, ErrorClass, Operation, Progress, Secret, UpstreamModel};

use crate::{
    CallerRequest, Endpoint, EndpointError, Executor, Family, HeaderError, Limits, Payload, Reply, SendError,
    Template, Transport, TransportBody, Wanted, collect, read_reply,
    targets::{Targets, base},
};

/// Models of one list that are taken over; a longer list is cut.
pub const MODELS_MAX: usize = 4096;

/// What a [`Keyed`] is built from.
pub struct Settings {
    /// The address of the API. A path that names a version anywhere (`/v1`, `/api/v3`, `/v1beta/openai`) is complete;
    /// one without gets the family's; one that ends in a call (`/chat/completions`) is cut off before it and then
    /// complete.
    pub base_url: String,
    /// An outbound proxy: `http://`, `socks5://` or `socks5h://`, with a login if need be.
    pub proxy: Option<String>,
    /// The key. Empty means that none is sent, for servers on one's own machine.
    pub key: Secret,
    /// The operator's own headers.
    pub headers: Vec<(String, String)>,
    /// The way out, shared by all executors.
    pub transport: Arc<dyn Transport>,
    /// The time limits of one attempt.
    pub limits: Limits,
}

/// The executor of one key.
pub struct Keyed {
    family: &'static Family,
    endpoint: Endpoint,
    targets: Targets,
    template: Template,
    transport: Arc<dyn Transport>,
    limits: Limits,
}

impl Keyed {
    /// Reads the addresses and builds every header that will not change.
    ///
    /// # Errors
    ///
    /// When an address is none, or when the key or a header cannot be sent.
    pub fn new(family: &'static Family, settings: Settings) -> Result<Self, BuildError> {
        let endpoint = Endpoint::parse(&settings.base_url, settings.proxy.as_deref())?;
        let targets = Targets::new(family, &endpoint)?;
        let mut template = Template::new(&endpoint);
        template.defaults(family.defaults);
        if !settings.key.expose().is_empty() {
            let (name, prefix) = &family.key;
            template.secret(name, prefix, &settings.key)?;
        }
        template.operator(&settings.headers)?;
        let Settings { transport, limits, .. } = settings;
        Ok(Self { family, endpoint, targets, template, transport, limits })
    }

    /// Where its connections go: the key of suspensions that blame the way and not the credential.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks the upstream for the names of its models, in its own order.
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or answers with anything but a list.
    pub async fn models(&self) -> Result<Vec<String>, SendError> {
        let path = format!("{}{}", base(self.family, &self.endpoint), self.family.list);
        let target = Endpoint::target(&path).map_err(|error| SendError::malformed(error.to_string()))?;
        let mut request =
            self.template.request(target, Wanted::Whole, &HeaderMap::new(), &[], Payload::default());
        *request.method_mut() = Method::GET;
        request.headers_mut().remove(CONTENT_TYPE);
        request.headers_mut().remove(CONTENT_LENGTH);
        let reply = self.transport.request(&self.endpoint, request, &self.limits).await?;
        if !reply.status().is_success() {
            let status = reply.status();
            return Err(SendError::malformed(format!("the model list was refused with status {status}")));
        }
        let body = collect(reply.into_body()).await?;
        let mut names = (self.family.names)(&body)
            .ok_or_else(|| SendError::malformed("the model list is not in the shape of this family's"))?;
        names.truncate(MODELS_MAX);
        Ok(names)
    }

    /// One exchange with this body and these headers beside the usual ones, up to the head of the reply: for families
    /// that need more than a key and a name.
    ///
    /// # Errors
    /// When no reply comes.
    pub fn exchange(
        &self,
        request: &CallerRequest,
        model: &UpstreamModel,
        body: Payload,
        wanted: Wanted,
        more: &[(HeaderName, HeaderValue)],
    ) -> impl Future<Output = Result<Response<TransportBody>, SendError>> + Send {
        let sent = match self.targets.find(request, model) {
            Some(target) => Ok(self.head(target, request, body, wanted, more)),
            None => Err(not_served(request)),
        };
        let begun = sent.map(|sent| self.transport.request(&self.endpoint, sent, &self.limits));
        // What is sent is not kept here as well: this is no more than a wait.
        async move { begun?.await }
    }

    fn head(
        &self,
        target: Uri,
        request: &CallerRequest,
        body: Payload,
        wanted: Wanted,
        more: &[(HeaderName, HeaderValue)],
    ) -> Request<Payload> {
        let mut sent = self.template.request(target, wanted, &request.headers, self.family.allowed, body);
        let headers = sent.headers_mut();
        if request.operation == Operation::Passthrough {
            headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
            if let Some(kind) = request.headers.get(CONTENT_TYPE) {
                // Forms have their boundary in it.
                headers.insert(CONTENT_TYPE, kind.clone());
            }
        }
        for (name, value) in more {
            headers.insert(name, value.clone());
        }
        sent
    }

    async fn attempt(&self, request: &CallerRequest, model: &UpstreamModel) -> Result<Reply, SendError> {
        let wanted = if request.is_streaming { Wanted::Stream } else { Wanted::Whole };
        let body = (self.family.body)(request, model);
        let reply = self.exchange(request, model, body, wanted, &[]).await?;
        read_reply(request, reply).await
    }
}

impl Executor for Keyed {
    fn serves(&self, dialect: Dialect, operation: Operation) -> bool {
        self.targets.serves(dialect, operation)
    }

    fn send<'a>(
        &'a self,
        request: &'a CallerRequest,
        model: &'a UpstreamModel,
    ) -> BoxFuture<'a, Result<Reply, SendError>> {
        Box::pin(self.attempt(request, model))
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyed").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Only for callers that did not ask [`Executor::serves`] first.
fn not_served(request: &CallerRequest) -> SendError {
    let message = format!("{} in {} is not spoken here", request.operation, request.dialect);
    SendError::new(ErrorClass::Malformed, Progress::NotSent, message)
}

/// Why an executor cannot be built. No variant repeats a key or a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An address is none.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The key or a header cannot be sent.
    #[error(transparent)]
    Header(#[from] HeaderError),
}
