//! Percent escapes of paths and queries.

use std::borrow::Cow;

/// Text without its percent escapes; what is no escape stays.
pub(crate) fn unescape(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| *first == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes_and_what_only_looks_like_one_stays() {
        for (text, bytes) in [
            ("a/b", &b"a/b"[..]),
            ("a%2Fb%2f", b"a/b/"),
            ("100%", b"100%"),
            ("%+1%zz%é", "%+1%zz%é".as_bytes()),
            ("%00%ff", b"\0\xff"),
        ] {
            assert_eq!(&*unescape(text), bytes, "{text}");
        }
    }
}
