//! Just enough HTTP/1.1 to see what is on a wire: heads, and the two ways a body is framed.

use bytes::{Bytes, BytesMut};

/// First line and headers of a request or reply, as they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The first line, for example `POST /v1/chat/completions HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub line: String,
    /// Names and values in the order and spelling of the wire.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Takes a complete head off the front of `buffer`, or leaves it alone when its end has not come yet.
    ///
    /// # Panics
    /// When the head is not HTTP/1.1: a test wants to see that at once.
    pub(crate) fn take(buffer: &mut BytesMut) -> Option<Self> {
        let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let bytes = buffer.split_to(end + 4);
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .map(|line| {
                line.split_once(':').unwrap_or_else(|| panic!("no colon in the header line {line:?}"))
            })
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { line, headers })
    }

    /// The first value of a header, whatever the spelling of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The status of a reply's first line.
    ///
    /// # Panics
    /// When this is not the head of a reply.
    #[must_use]
    pub fn status(&self) -> u16 {
        let status = self.line.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {:?}", self.line))
    }

    pub(crate) fn body(&self) -> Body {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Body::Chunked { done: false };
        }
        let length =
            self.header("content-length").map(|value| value.parse().expect("a content length is a number"));
        length.map_or(Body::UntilClose, Body::Sized)
    }
}

/// How a body is framed, and how much of it is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Sized(usize),
    Chunked { done: bool },
    UntilClose,
}

impl Body {
    /// Takes the next piece of the body off `buffer`: one chunk, or what is there of a sized one.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        match self {
            Self::Sized(left) => {
                let size = (*left).min(buffer.len());
                *left -= size;
                (size > 0).then(|| buffer.split_to(size).freeze())
            }
            Self::UntilClose => (!buffer.is_empty()).then(|| buffer.split().freeze()),
            Self::Chunked { done } => {
                let end = buffer.windows(2).position(|two| two == b"\r\n")?;
                let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
                let size = line.split(';').next().unwrap_or_default().trim().to_owned();
                let size =
                    usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
                if *done || buffer.len() < end + 2 + size + 2 {
                    return None;
                }
                let mut chunk = buffer.split_to(end + 2 + size + 2);
                *done = size == 0;
                let chunk = chunk.split_off(end + 2);
                (size > 0).then(|| chunk.freeze().slice(..size))
            }
        }
    }

    /// Whether the framing says that all of it has come; a body that lasts until the close never says so.
    pub(crate) const fn is_over(self) -> bool {
        matches!(self, Self::Sized(0) | Self::Chunked { done: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_comes_out_chunk_by_chunk_however_it_was_cut() {
        let wire = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\nrest";
        for cut in 0..wire.len() {
            let (mut body, mut buffer, mut seen) =
                (Body::Chunked { done: false }, BytesMut::new(), Vec::new());
            for part in [&wire[..cut], &wire[cut..]] {
                buffer.extend_from_slice(part);
                while let Some(chunk) = (!body.is_over()).then(|| body.take(&mut buffer)).flatten() {
                    seen.push(chunk);
                }
            }
            assert_eq!(seen, ["hello", " world"], "cut at {cut}");
            assert!(body.is_over());
            assert_eq!(&buffer[..], b"rest", "cut at {cut}");
        }
    }

    #[test]
    fn a_head_is_taken_only_when_its_end_has_come() {
        let mut buffer = BytesMut::from(&b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n"[..]);
        assert_eq!(Head::take(&mut buffer), None);
        buffer.extend_from_slice(b"\r\n");
        let head = Head::take(&mut buffer).unwrap();
        assert_eq!((head.status(), head.header("content-LENGTH")), (204, Some("0")));
    }
}
