//! What a scripted upstream has seen of one request.

use std::time::Instant;

use bytes::Bytes;

use crate::Head;

/// One request as it arrived, byte for byte.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its position among all requests of this upstream, from 0.
    pub number: usize,
    /// On which connection it came, from 0: equal numbers mean that a connection was used again.
    pub connection: usize,
    /// First line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Bytes,
    /// When its last byte had come.
    pub at: Instant,
    /// When the other side closed the connection, if it did before the answer had been played to its end.
    pub gone_at: Option<Instant>,
}

impl Received {
    /// The path and query of the request line.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.line.split(' ').nth(1).unwrap_or_default()
    }

    /// The key of `Authorization: Bearer KEY`, `x-api-key` or `x-goog-api-key`, or an empty text.
    #[must_use]
    pub fn key(&self) -> &str {
        let bearer = self.head.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let named = || self.head.header("x-api-key").or_else(|| self.head.header("x-goog-api-key"));
        bearer.or_else(named).unwrap_or_default()
    }

    /// The names of its headers in lower case and alphabetical order.
    #[must_use]
    pub fn header_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.head.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    }

    /// Whether the body asks for a stream, judged by its text: the kit parses no JSON.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        text.contains(r#""stream":true"#) || text.contains(r#""stream": true"#)
    }
}
