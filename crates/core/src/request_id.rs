//! The name of one request.

use std::fmt;

use serde::{Serialize, Serializer};

/// Bytes of an id, at most; ours have twenty.
const BYTES_MAX: usize = 23;

/// Our id of one request, shown to the caller as `x-request-id`.
///
/// Every request has one, and hardly any is ever read: it is kept where it is needed, not in a box of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    text: [u8; BYTES_MAX],
    length: u8,
}

impl RequestId {
    /// Takes over a text, or of a longer one the first 23 bytes: it is no id of ours.
    #[must_use]
    pub fn new(text: impl AsRef<[u8]>) -> Self {
        let given = text.as_ref();
        let given = &given[..given.len().min(BYTES_MAX)];
        let mut text = [0; BYTES_MAX];
        text[..given.len()].copy_from_slice(given);
        Self { text, length: u8::try_from(given.len()).unwrap_or(0) }
    }

    /// The id as it stands in headers.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    /// The id as text; empty if it was made of something else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl From<&str> for RequestId {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_text_and_what_is_longer_is_no_other_id() {
        let id = RequestId::new("req_0123456789abcdef");
        assert_eq!((id.as_str(), id.to_string().as_str()), ("req_0123456789abcdef", "req_0123456789abcdef"));
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""req_0123456789abcdef""#);
        assert_eq!(format!("{:?}", RequestId::new("")), r#"RequestId("")"#);
        assert_ne!(RequestId::new("req_0123456789abcdef0123456789"), id);
        assert_eq!(RequestId::new(b"\xff").as_str(), "");
        assert_eq!(RequestId::new("twenty-two letters an ü").as_str(), "");
    }
}
