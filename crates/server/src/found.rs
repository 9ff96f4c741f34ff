//! The headers of a request that mean something here, found in one walk over all of them: a request has a handful, and
//! looking each one up by its name costs more than the walk does.

use http::{HeaderMap, HeaderValue, header};

/// Headers that name a conversation, as agents send them; the first that is there counts.
const SESSIONS: [&str; 4] = ["x-session-affinity", "session-id", "x-claude-code-session-id", "x-session-id"];

/// What was found. Of a header that is there several times it is the first value.
#[derive(Debug, Default)]
pub(crate) struct Found<'h> {
    pub(crate) host: Option<&'h HeaderValue>,
    pub(crate) has_several_hosts: bool,
    pub(crate) authorization: Option<&'h HeaderValue>,
    pub(crate) content_length: Option<&'h HeaderValue>,
    pub(crate) content_type: Option<&'h HeaderValue>,
    pub(crate) content_encoding: Option<&'h HeaderValue>,
    pub(crate) has_several_encodings: bool,
    pub(crate) has_origin: bool,
    pub(crate) anthropic_key: Option<&'h HeaderValue>,
    pub(crate) google_key: Option<&'h HeaderValue>,
    pub(crate) timeout: Option<&'h HeaderValue>,
    pub(crate) pin: Option<&'h HeaderValue>,
    /// The caller's own name for the request.
    pub(crate) caller_id: Option<&'h HeaderValue>,
    pub(crate) retry_count: Option<&'h HeaderValue>,
    /// Whether it says how many gateways like this one it has passed.
    pub(crate) has_passed: bool,
    /// By place in [`SESSIONS`].
    sessions: [Option<&'h HeaderValue>; SESSIONS.len()],
}

impl<'h> Found<'h> {
    pub(crate) fn within(headers: &'h HeaderMap) -> Self {
        let mut found = Self::default();
        for (name, value) in headers {
            let place = match *name {
                header::HOST => {
                    found.has_several_hosts = found.host.is_some();
                    &mut found.host
                }
                header::AUTHORIZATION => &mut found.authorization,
                header::CONTENT_LENGTH => &mut found.content_length,
                header::CONTENT_TYPE => &mut found.content_type,
                header::CONTENT_ENCODING => {
                    found.has_several_encodings = found.content_encoding.is_some();
                    &mut found.content_encoding
                }
                header::ACCEPT | header::USER_AGENT => continue,
                header::ORIGIN => {
                    found.has_origin = true;
                    continue;
                }
                _ => match found.place(name.as_str()) {
                    Some(place) => place,
                    None => continue,
                },
            };
            place.get_or_insert(value);
        }
        found
    }

    /// Where the value of a header goes whose name no standard knows.
    fn place(&mut self, name: &str) -> Option<&mut Option<&'h HeaderValue>> {
        Some(match name {
            "x-standin-hops" => {
                self.has_passed = true;
                return None;
            }
            "x-api-key" => &mut self.anthropic_key,
            "x-goog-api-key" => &mut self.google_key,
            "x-standin-timeout" => &mut self.timeout,
            "x-standin-credential" => &mut self.pin,
            "x-request-id" => &mut self.caller_id,
            "x-stainless-retry-count" => &mut self.retry_count,
            other => {
                let at = SESSIONS.iter().position(|session| *session == other)?;
                &mut self.sessions[at]
            }
        })
    }

    /// What names the conversation.
    pub(crate) fn session(&self) -> Option<&'h HeaderValue> {
        self.sessions.into_iter().flatten().next()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn the_first_value_counts_and_two_hosts_or_encodings_are_noticed() {
        let pair = |(name, value): (&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            pairs.iter().copied().map(pair).for_each(|(name, value)| _ = headers.append(name, value));
            headers
        };
        let twice = headers(&[
            ("host", "a"),
            ("x-api-key", "k"),
            ("host", "b"),
            ("content-encoding", "gzip"),
            ("content-encoding", "zstd"),
            ("x-session-id", "2"),
            ("session-id", "1"),
        ]);
        let found = Found::within(&twice);
        assert_eq!(found.host.map(HeaderValue::as_bytes), Some(&b"a"[..]));
        assert!(found.has_several_hosts && found.has_several_encodings && !found.has_passed);
        assert_eq!(found.content_encoding.map(HeaderValue::as_bytes), Some(&b"gzip"[..]));
        assert_eq!(found.session().map(HeaderValue::as_bytes), Some(&b"1"[..]));
        let once = headers(&[("host", "a"), ("content-encoding", "gzip"), ("x-standin-hops", "1")]);
        let found = Found::within(&once);
        assert!(!found.has_several_hosts && !found.has_several_encodings && found.has_passed);
    }
}
