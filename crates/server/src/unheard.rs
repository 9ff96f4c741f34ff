//! What hyper answers by itself, said again in the caller's dialect.
//!
//! A head that is no HTTP, or is too large, never becomes a request: hyper writes a status without a body and closes.
//! To find out before hyper would mean to parse every head twice. Here its answer is caught on its way to the socket
//! instead, at the only moment when it can be there: while no request is being answered and all answers are out.

use std::sync::Arc;

use http::{Method, StatusCode};
use standin_core::Dialect;
use standin_wire::{CallerError, ErrorKind, render_error};

use crate::{framing::FirstLine, handle::id_headers, routes::route, site::Site, talk::Talk};

/// The answers of hyper's own on one connection.
pub(crate) struct Unheard {
    site: Arc<Site>,
    /// How many requests had been answered when nothing was left to write.
    out: u64,
    /// What is said in place of hyper's answer, and how much of it is said.
    words: Vec<u8>,
    said: usize,
}

impl Unheard {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self { site, out: 0, words: Vec::new(), said: 0 }
    }

    /// hyper has nothing left to write.
    pub(crate) fn all_is_out(&mut self, talk: &Talk) {
        if let Some(answered) = talk.answered() {
            self.out = answered;
        }
    }

    /// The number of the request that is not answered by us, if what is being written now can only be hyper's.
    pub(crate) fn asked(&self, talk: &Talk) -> Option<u64> {
        talk.answered().filter(|answered| *answered == self.out)
    }

    /// Takes an answer of hyper's in, and ours in its place. `false` if it is none that we know.
    pub(crate) fn replace(&mut self, bytes: &[u8], line: Option<FirstLine<'_>>) -> bool {
        let Some(status) = status(bytes) else { return false };
        let is_cut = line.is_some_and(|line| !line.is_whole);
        let (method, dialect) = line.map_or((Method::GET, Dialect::OpenaiChat), |line| asked_of(line.bytes));
        let id = self.site.ids.next();
        let rendered = render_error(dialect, &error(status, is_cut), id.as_str());
        tracing::debug!(request = %id, status = rendered.status.as_u16(), "a request that cannot be read");

        let reason = rendered.status.canonical_reason().unwrap_or_default();
        let mut words = format!("HTTP/1.1 {} {reason}\r\n", rendered.status.as_str()).into_bytes();
        let length = rendered.body.len().to_string();
        let mut header = |name: &str, value: &[u8]| {
            words.extend_from_slice(name.as_bytes());
            words.extend_from_slice(b": ");
            words.extend_from_slice(value);
            words.extend_from_slice(b"\r\n");
        };
        rendered.headers.iter().for_each(|(name, value)| header(name.as_str(), value.as_bytes()));
        id_headers(dialect).for_each(|name| header(name.as_str(), id.as_bytes()));
        header("content-length", length.as_bytes());
        header("connection", b"close");
        if let Some(date) = date(bytes) {
            header("date", date);
        }
        words.extend_from_slice(b"\r\n");
        if method != Method::HEAD {
            words.extend_from_slice(&rendered.body);
        }
        (self.words, self.said) = (words, 0);
        true
    }

    /// What is still to be said.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.words[self.said..]
    }

    /// So much more was said.
    pub(crate) fn said(&mut self, size: usize) {
        self.said += size;
    }

    /// Whether the caller was told something that hyper would have said otherwise.
    pub(crate) fn has_spoken(&self) -> bool {
        !self.words.is_empty()
    }
}

/// The status of an answer that hyper makes up for a head it cannot read.
fn status(bytes: &[u8]) -> Option<StatusCode> {
    let digits = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?.get(..3)?;
    let status = StatusCode::from_bytes(digits).ok()?;
    let own =
        [StatusCode::BAD_REQUEST, StatusCode::URI_TOO_LONG, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];
    own.contains(&status).then_some(status)
}

fn date(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"date: ")).map(<[u8]>::trim_ascii)
}

fn error(status: StatusCode, is_first_line_cut: bool) -> CallerError {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if !is_first_line_cut => CallerError::new(
            ErrorKind::HeadersTooLarge,
            "The request's head is longer than it may be, or has more headers.",
        ),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => CallerError::new(
            ErrorKind::UriTooLong,
            "The request's path and query are longer than they may be.",
        ),
        _ => {
            CallerError::new(ErrorKind::InvalidRequest, "The request's head is no HTTP/1.1 that can be read.")
        }
    }
}

/// Method and dialect of a request, as far as the beginning of its first line tells them.
fn asked_of(line: &[u8]) -> (Method, Dialect) {
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().and_then(|word| Method::from_bytes(word).ok()).unwrap_or_default();
    let target = words.next().and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default();
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let dialect = route(&method, path, false, false).dialect;
    (method, dialect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_known_by_the_beginning_of_a_line() {
        for (line, dialect) in [
            ("POST /v1/messages HTTP/1.1", Dialect::AnthropicMessages),
            ("POST /v1/messages?beta=tr", Dialect::AnthropicMessages),
            ("POST /v1/responses HTTP", Dialect::OpenaiResponses),
            ("POST /v1beta/models/gemini-3-pro:streamGener", Dialect::Gemini),
            ("GET /v1/chat/completions", Dialect::OpenaiChat),
            ("GE\0T", Dialect::OpenaiChat),
            ("", Dialect::OpenaiChat),
        ] {
            assert_eq!(asked_of(line.as_bytes()).1, dialect, "{line:?}");
        }
    }

    #[test]
    fn only_what_hyper_makes_up_is_taken_for_its_own() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
        assert_eq!(status(own), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        assert_eq!(date(own), Some(&b"Thu, 01 Jan 1970 00:00:00 GMT"[..]));
        for other in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 4", b""] {
            assert_eq!(status(other), None);
        }
    }
}
