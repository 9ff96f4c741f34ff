//! Where connections go: a parsed base URL and, perhaps, an outbound proxy.
//!
//! An endpoint holds no connection and does no lookup; the pool is the transport's.

use std::{fmt, sync::Arc};

use http::{HeaderValue, Uri, uri::PathAndQuery};
use rustls::pki_types::ServerName;
use standin_core::EndpointId;

use crate::outbound::Outbound;

/// Where connections of one credential go. Cloning shares it.
#[derive(Clone)]
pub struct Endpoint(Arc<Place>);

pub(crate) struct Place {
    id: EndpointId,
    /// What connections are kept under: scheme, host, port and the proxy, without the path.
    pub(crate) origin: Arc<str>,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The name a certificate must carry; none means plain HTTP.
    pub(crate) tls: Option<ServerName<'static>>,
    pub(crate) proxy: Option<Outbound>,
    pub(crate) proxy_authorization: Option<HeaderValue>,
    host_header: HeaderValue,
    path: String,
}

impl Endpoint {
    /// Reads a base URL and the address of an outbound proxy.
    ///
    /// # Errors
    ///
    /// When either is not an address, the base URL carries a login, a query or a fragment, or the scheme is unknown.
    pub fn parse(base_url: &str, proxy: Option<&str>) -> Result<Self, EndpointError> {
        let refuse = |why: &'static str| EndpointError::BaseUrl(why);
        // `Uri` drops a fragment silently.
        if base_url.contains('#') {
            return Err(refuse("must not have a fragment"));
        }
        let uri: Uri = base_url.parse().map_err(|_| refuse("is not a URL"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refuse("must begin with https:// or http://")),
        };
        let authority = uri.authority().ok_or(refuse("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("must not carry a login; keys have their own setting"));
        }
        if uri.query().is_some() {
            return Err(refuse("must not have a query"));
        }
        let host = authority.host().to_ascii_lowercase();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if bare.is_empty() {
            return Err(refuse("names no host"));
        }
        let default_port = if is_tls { 443 } else { 80 };
        let port = match (authority.port(), authority.port_u16()) {
            (None, _) if authority.as_str().len() == authority.host().len() => default_port,
            (_, Some(port)) if port > 0 => port,
            _ => return Err(refuse("has a port that is none")),
        };
        let shown_host = if port == default_port { host.clone() } else { format!("{host}:{port}") };
        let tls = match is_tls {
            true => Some(
                ServerName::try_from(bare.clone())
                    .map_err(|_| refuse("has a host no certificate can name"))?,
            ),
            false => None,
        };
        let proxy = proxy.map(Outbound::parse).transpose()?;
        let via = proxy.as_ref().map(|proxy| format!(" via {}", proxy.shown())).unwrap_or_default();
        let scheme = if is_tls { "https" } else { "http" };
        let path = uri.path().trim_end_matches('/').to_owned();
        let login = proxy.as_ref().and_then(|proxy| proxy.login.as_ref());
        Ok(Self(Arc::new(Place {
            id: EndpointId::new(format!("{scheme}://{shown_host}{path}{via}")),
            origin: format!("{scheme}://{host}:{port}{via}").into(),
            host_header: HeaderValue::try_from(shown_host).map_err(|_| refuse("names no host"))?,
            proxy_authorization: login.map(|login| login.basic()).transpose()?,
            host: bare,
            port,
            tls,
            proxy,
            path,
        })))
    }

    /// The name of this endpoint in suspensions, logs and reports: base URL and proxy, without any login.
    #[must_use]
    pub fn id(&self) -> &EndpointId {
        &self.0.id
    }

    /// The path of the base URL, without a slash at its end; empty for none.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.tls.is_some()
    }

    /// Whether the host is this machine, by name or by a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = &self.0.host;
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The value of the `host` header.
    #[must_use]
    pub fn host_header(&self) -> &HeaderValue {
        &self.0.host_header
    }

    /// The origin-form target of `path` (with its leading slash) at this host. Build it once, then clone it.
    ///
    /// # Errors
    ///
    /// When `path` cannot stand in a request line.
    pub fn target(path: &str) -> Result<Uri, EndpointError> {
        let parsed =
            PathAndQuery::try_from(path).map_err(|_| EndpointError::BaseUrl("has a path that is none"))?;
        Ok(Uri::from(parsed))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(self.id()).finish()
    }
}

/// Why an address is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The base URL.
    #[error("read the base URL: it {0}")]
    BaseUrl(&'static str),
    /// The outbound proxy.
    #[error("read the proxy's address: it {0}")]
    Proxy(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(base: &str, proxy: Option<&str>) -> String {
        Endpoint::parse(base, proxy).unwrap().id().to_string()
    }

    #[test]
    fn one_address_has_one_name_however_it_is_written() {
        assert_eq!(id("https://API.example:443/v1/", None), "https://api.example/v1");
        assert_eq!(id("http://[::1]:8080", None), "http://[::1]:8080");
        assert_eq!(
            id("https://api.example", Some("http://exit:3128")),
            "https://api.example via http://exit:3128"
        );
    }

    #[test]
    fn paths_at_one_host_share_connections_and_exits_do_not() {
        let origin = |base, proxy| Endpoint::parse(base, proxy).unwrap().place().origin.clone();
        assert_eq!(origin("https://a.example/v1", None), origin("https://a.example/api", None));
        assert_ne!(origin("https://a.example", None), origin("http://a.example:443", None));
        assert_ne!(origin("https://a.example", None), origin("https://a.example", Some("http://exit")));
    }

    #[test]
    fn s3_a_base_url_with_a_login_is_refused_without_repeating_it() {
        let said = Endpoint::parse("https://me:hunter2@api.example/v1", None).unwrap_err().to_string();
        assert!(said.contains("login") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "",
            "api.example/v1",
            "ftp://api.example",
            "https://",
            "https://api.example/v1?key=1",
            "https://api.example/#x",
            "https://api.example:0",
            "https://api.example:99999",
            "https://api.example:",
            "https://a b",
            "https://exa_mple!.com",
        ] {
            assert!(Endpoint::parse(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_by_address() {
        let loopback = |base| Endpoint::parse(base, None).unwrap().is_loopback();
        assert!(loopback("http://localhost:1") && loopback("http://127.9.9.9") && loopback("http://[::1]:1"));
        assert!(!loopback("http://10.0.0.1") && !loopback("http://localhost.example"));
    }
}
