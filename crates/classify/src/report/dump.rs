//! A reply as `curl -i` prints it. Interim and proxy replies in front of the last one are passed over.

/// Head and body of one reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The status of the last head.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Everything behind it.
    pub body: Vec<u8>,
}

/// How many heads may stand in front of a body.
const HEADS_MAX: usize = 8;

impl Dump {
    /// Reads a dump; `None` if it does not begin with a status line.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut found = None;
        let mut rest = bytes.trim_ascii_start();
        for _ in 0..HEADS_MAX {
            let Some((head, body)) = head(rest) else { break };
            let status = head.split_ascii_whitespace().nth(1)?.parse().ok()?;
            let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            let headers =
                headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
            found = Some(Self { status, headers, body: body.to_vec() });
            rest = body;
        }
        found
    }
}

/// Splits a head from what follows it.
fn head(bytes: &[u8]) -> Option<(String, &[u8])> {
    if !bytes.starts_with(b"HTTP/") {
        return None;
    }
    let long = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at, at + 4));
    let short = bytes.windows(2).position(|two| two == b"\n\n").map(|at| (at, at + 2));
    let (end, next) = match (long, short) {
        (Some(long), Some(short)) => long.min(short),
        (one, other) => one.or(other).unwrap_or((bytes.len(), bytes.len())),
    };
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[next..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_head_counts() {
        let dump = Dump::parse(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 429 \r\nretry-after: 7\r\nX: a: b\r\n\r\n{}\n\n",
        )
        .unwrap();
        assert_eq!((dump.status, dump.body.as_slice()), (429, b"{}\n\n".as_slice()));
        assert_eq!(dump.headers[0], ("retry-after".to_owned(), "7".to_owned()));
        assert_eq!(dump.headers[1].1, "a: b");
    }

    #[test]
    fn line_ends_of_either_kind_and_a_missing_body_are_read() {
        assert_eq!(Dump::parse(b"HTTP/1.1 404 Not Found\nA: b\n\nno").unwrap().body, b"no");
        assert_eq!(Dump::parse(b"HTTP/1.1 404 Not Found").unwrap().status, 404);
        assert_eq!(Dump::parse(b"{}"), None);
    }
}
