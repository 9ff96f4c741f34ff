//! The place where tokens are renewed: one exchange with it, and what its answer means.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;
use standin_core::Secret;
use standin_upstream::{
    Endpoint, EndpointError, Limits, SendError, Template, Transport, Wanted, collect, collect_error,
};

use crate::{auth_file::Tokens, claims::Claims};

/// What the office says of a refresh token that will never be good again.
const REFUSED: [&str; 4] =
    ["invalid_grant", "refresh_token_expired", "refresh_token_reused", "refresh_token_invalidated"];

/// Where and how tokens are renewed.
pub struct Office {
    endpoint: Endpoint,
    target: Uri,
    template: Template,
    transport: Arc<dyn Transport>,
    limits: Limits,
}

/// Why there are no new tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotRenewed {
    /// The old ones are good for nothing any more; somebody has to log in.
    Refused(String),
    /// The office could not be asked, or had a bad moment.
    Failed(String),
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    refresh_token: Option<String>,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Denied {
    error: Code,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Plain(String),
    Nested { code: String },
}

impl Office {
    /// Reads the addresses: where tokens are renewed, and the credential's own way out.
    ///
    /// # Errors
    ///
    /// When an address is none.
    pub fn new(
        token_url: &str,
        proxy: Option<&str>,
        transport: Arc<dyn Transport>,
        limits: Limits,
    ) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::parse(token_url, proxy)?;
        let path = if endpoint.path().is_empty() { "/" } else { endpoint.path() };
        let target = Endpoint::target(path)?;
        let template = Template::new(&endpoint);
        Ok(Self { endpoint, target, template, transport, limits })
    }

    /// Exchanges the refresh token for new tokens.
    pub(crate) async fn renew(&self, old: &Tokens) -> Result<Tokens, NotRenewed> {
        let claims =
            [old.id.as_ref(), Some(&old.access)].map(|token| token.map(|token| Claims::of(token.expose())));
        let client = claims.iter().flatten().find_map(Claims::client);
        let body = json!({
            "client_id": client, "grant_type": "refresh_token", "refresh_token": old.refresh.expose()
        });
        let body = Bytes::from(body.to_string()).into();
        let request = self.template.request(self.target.clone(), Wanted::Whole, &HeaderMap::new(), &[], body);
        let failed = |error: SendError| NotRenewed::Failed(error.message);
        let reply = self.transport.request(&self.endpoint, request, &self.limits).await.map_err(failed)?;
        let status = reply.status();
        if !status.is_success() {
            return Err(denied(status, &collect_error(reply.into_body()).await));
        }
        let body = collect(reply.into_body()).await.map_err(failed)?;
        // What the parser says could repeat a token.
        let granted: Granted = serde_json::from_slice(&body)
            .map_err(|_| NotRenewed::Failed("the answer to a renewal holds no access token".to_owned()))?;
        Ok(Tokens {
            access: Secret::new(granted.access_token),
            refresh: granted.refresh_token.map_or_else(|| old.refresh.clone(), Secret::new),
            id: granted.id_token.map(Secret::new).or_else(|| old.id.clone()),
            account: old.account.clone(),
        })
    }
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

fn denied(status: StatusCode, body: &[u8]) -> NotRenewed {
    let said = serde_json::from_slice::<Denied>(body).ok().map(|denied| match denied.error {
        Code::Plain(code) | Code::Nested { code } => code,
    });
    let known = said.as_deref().and_then(|code| REFUSED.into_iter().find(|known| *known == code));
    match known {
        Some(code) => NotRenewed::Refused(format!("the login was refused ({code}); log in again")),
        None if status == StatusCode::UNAUTHORIZED => {
            NotRenewed::Refused("the login was refused (401); log in again".to_owned())
        }
        None => NotRenewed::Failed(format!("the renewal of the login was answered with status {status}")),
    }
}
