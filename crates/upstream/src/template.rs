//! The head of every request of one credential, built once.
//!
//! A template knows how a head is put together and guarded, not which headers a provider wants.

use bytes::Buf;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
};
use standin_core::Secret;

use crate::{Endpoint, HOPS, Payload, copy_allowed, hops};

/// What we call ourselves towards upstreams.
pub const PRODUCT: &str = concat!("standin/", env!("CARGO_PKG_VERSION"));

/// Headers that belong to framing, to this hop or to the transport: nobody's setting may touch them.
const RESERVED: [HeaderName; 14] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONNECTION,
    TE,
    TRAILER,
    UPGRADE,
    EXPECT,
    PROXY_AUTHORIZATION,
    PROXY_AUTHENTICATE,
    ACCEPT_ENCODING,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HOPS,
];

/// What kind of reply is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// One JSON document.
    Whole,
    /// An event stream.
    Stream,
}

/// Prebuilt headers; one copy of them begins every attempt.
pub struct Template {
    whole: HeaderMap,
    stream: HeaderMap,
    /// Sent where neither the operator nor the caller says otherwise.
    defaults: &'static [(HeaderName, &'static str)],
}

impl Template {
    /// The headers that every request to `endpoint` has.
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Self {
        let mut whole = HeaderMap::with_capacity(12);
        whole.insert(HOST, endpoint.host_header().clone());
        whole.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        whole.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Compressed bytes could not be read for errors and model names without being inflated first.
        whole.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        whole.insert(HOPS, HeaderValue::from_static("1"));
        // Has its place here, and its value with every body: a copy has no room for one header more.
        whole.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let mut stream = whole.clone();
        whole.insert(ACCEPT, HeaderValue::from_static("application/json"));
        stream.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        Self { whole, stream, defaults: &[] }
    }

    /// Headers to send where neither the operator nor the caller says otherwise.
    pub fn defaults(&mut self, headers: &'static [(HeaderName, &'static str)]) {
        self.defaults = headers;
    }

    /// Sets a header to a prefix and a secret, for example `Bearer ` and a key.
    ///
    /// # Errors
    ///
    /// When the secret holds bytes that no header can carry.
    pub fn secret(&mut self, name: &HeaderName, prefix: &str, secret: &Secret) -> Result<(), HeaderError> {
        let value = HeaderValue::try_from(format!("{prefix}{}", secret.expose()))
            .map_err(|_| HeaderError::Value(name.to_string()))?;
        self.set(name.clone(), value);
        Ok(())
    }

    /// Sets the operator's own headers. They win over ours, except where they would break the exchange.
    ///
    /// # Errors
    ///
    /// When a name or value is none, or the name is reserved.
    pub fn operator(&mut self, headers: &[(String, String)]) -> Result<(), HeaderError> {
        for (name, value) in headers {
            let parsed: HeaderName = name.parse().map_err(|_| HeaderError::Name(name.clone()))?;
            if RESERVED.contains(&parsed) {
                return Err(HeaderError::Reserved(parsed));
            }
            let value = HeaderValue::try_from(value).map_err(|_| HeaderError::Value(name.clone()))?;
            self.set(parsed, value);
        }
        Ok(())
    }

    /// One request: the template, the caller's headers named by `allowed` that the operator did not set, the
    /// defaults, and the hop count.
    #[must_use]
    pub fn request(
        &self,
        target: Uri,
        wanted: Wanted,
        caller: &HeaderMap,
        allowed: &[HeaderName],
        body: Payload,
    ) -> Request<Payload> {
        let mut headers = match wanted {
            Wanted::Whole => self.whole.clone(),
            Wanted::Stream => self.stream.clone(),
        };
        if let Some(length) = headers.get_mut(CONTENT_LENGTH) {
            *length = number(body.remaining());
        }
        copy_allowed(caller, allowed, &mut headers);
        for (name, value) in self.defaults {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        // Most callers are no gateways: the template counts the first hop.
        let before = hops(caller);
        if before > 0 {
            headers.insert(HOPS, HeaderValue::from(before.saturating_add(1)));
        }
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target;
        *request.headers_mut() = headers;
        request
    }

    fn set(&mut self, name: HeaderName, mut value: HeaderValue) {
        // Operators put keys into their own headers too, so none of these values is ever shown.
        value.set_sensitive(true);
        self.whole.insert(name.clone(), value.clone());
        self.stream.insert(name, value);
    }
}

/// A number as a value. The conversion that comes with values makes room for the largest one, and keeps it.
fn number(number: usize) -> HeaderValue {
    let digits = HeaderValue::from_str(itoa::Buffer::new().format(number));
    digits.unwrap_or_else(|_| HeaderValue::from(number))
}

/// Why a header cannot be sent. Values are never repeated: they may be keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a header name.
    #[error("use `{0}` as the name of a header")]
    Name(String),
    /// A value with bytes that no header can carry.
    #[error("use the value of header `{0}`: it holds bytes that no header can carry")]
    Value(String),
    /// A header that belongs to the transport.
    #[error("set header `{0}`: it belongs to the connection, not to a setting")]
    Reserved(HeaderName),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template::new(&Endpoint::parse("http://127.0.0.1:9/v1", None).unwrap())
    }

    fn caller(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a13_of_the_caller_only_what_is_listed_goes_out() {
        let mut template = template();
        template.secret(&http::header::AUTHORIZATION, "Bearer ", &Secret::new("ours")).unwrap();
        let sent = caller(&[
            ("authorization", "Bearer theirs"),
            ("x-api-key", "theirs"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("openai-organization", "org-theirs"),
            ("anthropic-beta", "x"),
            ("openai-beta", "assistants=v2"),
            ("user-agent", "theirs"),
        ]);
        let allowed = [HeaderName::from_static("openai-beta")];
        let uri = Endpoint::target("/v1/x").unwrap();
        let request = template.request(uri, Wanted::Whole, &sent, &allowed, Payload::default());
        let mut names: Vec<_> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "accept-encoding",
                "authorization",
                "content-length",
                "content-type",
                "host",
                "openai-beta",
                "user-agent",
                "x-standin-hops"
            ]
        );
        assert_eq!(request.headers()["authorization"], "Bearer ours");
        assert!(!format!("{:?}", request.headers()).contains("ours"));
        assert_eq!(request.headers()["user-agent"], PRODUCT);
    }

    #[test]
    fn a12_every_pass_counts_one_hop() {
        let hops = |pairs| {
            let uri = Endpoint::target("/").unwrap();
            let request = template().request(uri, Wanted::Stream, &caller(pairs), &[], Payload::default());
            request.headers()[HOPS].to_str().unwrap().to_owned()
        };
        assert_eq!(hops(&[]), "1");
        assert_eq!(hops(&[("x-standin-hops", "2")]), "3");
        assert_eq!(hops(&[("x-standin-hops", "4294967295")]), "4294967295");
    }

    #[test]
    fn an_operator_may_add_headers_but_not_break_the_exchange() {
        let set = |name: &str, value: &str| template().operator(&[(name.to_owned(), value.to_owned())]);
        assert_eq!(set("X-Title", "standin"), Ok(()));
        assert_eq!(set("User-Agent", "mine"), Ok(()));
        for name in
            ["Host", "content-length", "Transfer-Encoding", "connection", "accept-encoding", "X-Standin-Hops"]
        {
            assert!(matches!(set(name, "1"), Err(HeaderError::Reserved(_))), "{name}");
        }
        assert!(matches!(set("a b", "1"), Err(HeaderError::Name(_))));
        let said = set("x-key", "line\nbreak").unwrap_err().to_string();
        assert!(said.contains("x-key") && !said.contains("break"), "{said}");
    }
}
