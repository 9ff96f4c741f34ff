//! The address of an outbound proxy: what stands in `proxy = "..."`.
//!
//! Only the address is known here; the words spoken to the proxy are in `tunnel`.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri};
use sha2::{Digest, Sha256};
use standin_core::Secret;

use crate::EndpointError;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// `CONNECT host:port` over plain HTTP.
    Http,
    /// SOCKS 5; the proxy resolves the name, so that nothing about the upstream reaches the local resolver.
    Socks5,
}

/// A parsed outbound proxy.
#[derive(Debug, Clone)]
pub(crate) struct Outbound {
    pub(crate) kind: ProxyKind,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
}

/// Name and password for a proxy.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: Secret,
    pub(crate) password: Secret,
}

impl Outbound {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let refuse = |why: &'static str| EndpointError::Proxy(why);
        let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| refuse("is not an address"))?;
        let kind = match uri.scheme_str() {
            Some("http") => ProxyKind::Http,
            Some("socks5" | "socks5h") => ProxyKind::Socks5,
            _ => return Err(refuse("must begin with http://, socks5:// or socks5h://")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(refuse("must end after host and port"));
        }
        let authority = uri.authority().ok_or(refuse("names no host"))?;
        let login = match authority.as_str().rsplit_once('@') {
            Some((userinfo, _)) => Some(Login::parse(userinfo)?),
            None => None,
        };
        let port = authority.port_u16().unwrap_or(match kind {
            ProxyKind::Http => 80,
            ProxyKind::Socks5 => 1080,
        });
        Ok(Self { kind, host: authority.host().to_ascii_lowercase(), port, login })
    }

    /// The proxy as it may be shown: two logins at one proxy differ, and neither can be read.
    pub(crate) fn shown(&self) -> String {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Socks5 => "socks5",
        };
        let login = self.login.as_ref().map(Login::fingerprint).unwrap_or_default();
        format!("{scheme}://{login}{}:{}", self.host, self.port)
    }
}

impl Login {
    fn parse(userinfo: &str) -> Result<Self, EndpointError> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Ok(Self {
            user: Secret::new(percent_decode(user)?),
            password: Secret::new(percent_decode(password)?),
        })
    }

    /// The value of `proxy-authorization`.
    pub(crate) fn basic(&self) -> Result<HeaderValue, EndpointError> {
        let pair = format!("{}:{}", self.user.expose(), self.password.expose());
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| EndpointError::Proxy("has a login that no header can carry"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn fingerprint(&self) -> String {
        let mut digest = Sha256::new();
        for part in [&self.user, &self.password] {
            // The length stands before the text, so that two logins never run into the same bytes.
            digest.update(part.expose().len().to_be_bytes());
            digest.update(part.expose());
        }
        let sum = digest.finalize();
        let shown = sum.iter().take(4).fold(0_u32, |all, byte| (all << 8) | u32::from(*byte));
        format!("#{shown:08x}@")
    }
}

fn percent_decode(text: &str) -> Result<String, EndpointError> {
    let broken = || EndpointError::Proxy("has a login with a broken %-escape");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|at| char::from(at).to_digit(16));
        let (high, low) = (digit().ok_or_else(broken)?, digit().ok_or_else(broken)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| broken())?);
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_decoded_and_never_shown() {
        let proxy = Outbound::parse("socks5://me%40work:p%3Ass@Exit.example:9000").unwrap();
        let login = proxy.login.as_ref().unwrap();
        assert_eq!((login.user.expose(), login.password.expose()), ("me@work", "p:ss"));
        assert_eq!((proxy.kind, proxy.host.as_str(), proxy.port), (ProxyKind::Socks5, "exit.example", 9000));
        let shown = format!("{} {proxy:?}", proxy.shown());
        assert!(!shown.contains("work") && !shown.contains("p:ss") && !shown.contains("p%3A"), "{shown}");
    }

    #[test]
    fn two_logins_at_one_proxy_are_two_exits() {
        let shown = |text| Outbound::parse(text).unwrap().shown();
        assert_ne!(shown("http://a:b@exit:80"), shown("http://a:c@exit:80"));
        assert_ne!(shown("http://ab:c@exit:80"), shown("http://a:bc@exit:80"));
        assert_eq!(shown("http://exit"), "http://exit:80");
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for text in
            ["exit:3128", "https://exit", "ftp://exit", "http://", "http://exit/path", "http://a%4@exit"]
        {
            assert!(Outbound::parse(text).is_err(), "{text}");
        }
    }
}
