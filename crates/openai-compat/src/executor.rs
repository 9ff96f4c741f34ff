//! One credential at one OpenAI-compatible upstream.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{HeaderName, header::AUTHORIZATION};
use standin_core::{Dialect, ErrorClass, Operation, Progress, Secret, UpstreamModel};
use standin_upstream::{
    CallerRequest, Endpoint, EndpointError, Executor, HeaderError, Limits, Reply, SendError, Template,
    Transport, Wanted, read_reply,
};
use standin_wire::splice_model;

use crate::{
    base::base_path,
    route::{Targets, Wire},
};

/// Headers of the caller that mean something to this family. Its keys, organisation and project are not among them:
/// they would be billed to, or refused by, an account that is not the caller's.
const ALLOWED: [HeaderName; 1] = [HeaderName::from_static("openai-beta")];

/// What an [`OpenAiCompat`] is built from.
pub struct Settings {
    /// The address of the API. A path that names a version anywhere (`/v1`, `/api/v3`, `/v1beta/openai`) is complete;
    /// one without gets `/v1`; one that ends in a call (`/chat/completions`) is cut off before it and then complete.
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
    /// The family of routes.
    pub wire: Wire,
}

/// The executor of one credential.
pub struct OpenAiCompat {
    pub(crate) endpoint: Endpoint,
    targets: Targets,
    pub(crate) template: Template,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) limits: Limits,
}

impl OpenAiCompat {
    /// Reads the addresses and builds every header that will not change.
    ///
    /// # Errors
    ///
    /// When an address is none, or when the key or a header cannot be sent.
    pub fn new(settings: Settings) -> Result<Self, BuildError> {
        let endpoint = Endpoint::parse(&settings.base_url, settings.proxy.as_deref())?;
        let targets = Targets::new(settings.wire, &base_path(endpoint.path()))?;
        let mut template = Template::new(&endpoint);
        if !settings.key.expose().is_empty() {
            template.secret(&AUTHORIZATION, "Bearer ", &settings.key)?;
        }
        template.operator(&settings.headers)?;
        Ok(Self { endpoint, targets, template, transport: settings.transport, limits: settings.limits })
    }

    /// Where its connections go: the key of suspensions that blame the way and not the credential.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    async fn attempt(&self, request: &CallerRequest, model: &UpstreamModel) -> Result<Reply, SendError> {
        let Some(target) = self.targets.find(request.dialect, request.operation) else {
            return Err(not_served(request));
        };
        let body = match &request.model_span {
            Some(span) => splice_model(&request.body, span, model.as_str()),
            None => request.body.clone(),
        };
        let wanted = if request.is_streaming { Wanted::Stream } else { Wanted::Whole };
        let sent = self.template.request(target.clone(), wanted, &request.headers, &ALLOWED, body);
        read_reply(request, self.transport.request(&self.endpoint, sent, &self.limits).await?).await
    }
}

impl Executor for OpenAiCompat {
    fn serves(&self, dialect: Dialect, operation: Operation) -> bool {
        self.targets.find(dialect, operation).is_some()
    }

    fn send<'a>(
        &'a self,
        request: &'a CallerRequest,
        model: &'a UpstreamModel,
    ) -> BoxFuture<'a, Result<Reply, SendError>> {
        Box::pin(self.attempt(request, model))
    }
}

/// Only for callers that did not ask [`Executor::serves`] first.
fn not_served(request: &CallerRequest) -> SendError {
    let message = format!("{} in {} is not spoken here", request.operation, request.dialect);
    SendError { class: ErrorClass::Malformed, progress: Progress::NotSent, message }
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
