//! Which models an upstream lists: asked once, for configurations that declare none.

use bytes::Bytes;
use http::{HeaderMap, Method, header::CONTENT_TYPE};
use serde::Deserialize;
use standin_upstream::{Endpoint, SendError, Wanted, collect};

use crate::{OpenAiCompat, base::base_path};

/// Models of one list that are taken over; a longer list is cut.
pub const MODELS_MAX: usize = 4096;

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
}

impl OpenAiCompat {
    /// Asks the upstream for the names of its models, in its own order.
    ///
    /// # Errors
    /// When it cannot be reached, refuses, or answers with anything but a list.
    pub async fn models(&self) -> Result<Vec<String>, SendError> {
        let path = format!("{}/models", base_path(self.endpoint.path()));
        let target = Endpoint::target(&path).map_err(|error| SendError::malformed(error.to_string()))?;
        let mut request = self.template.request(target, Wanted::Whole, &HeaderMap::new(), &[], Bytes::new());
        *request.method_mut() = Method::GET;
        request.headers_mut().remove(CONTENT_TYPE);
        let reply = self.transport.request(&self.endpoint, request, &self.limits).await?;
        if !reply.status().is_success() {
            return Err(SendError::malformed(format!(
                "the model list was refused with status {}",
                reply.status()
            )));
        }
        let body = collect(reply.into_body()).await?;
        let list: List = serde_json::from_slice(&body)
            .map_err(|_| SendError::malformed("the model list is not in the shape of OpenAI's"))?;
        Ok(list.data.into_iter().map(|entry| entry.id).take(MODELS_MAX).collect())
    }
}
