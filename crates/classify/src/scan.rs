//! A forgiving JSON lexer: it reads what providers really send, which is not always JSON.
//!
//! Raw newlines in strings, a cut end, trailing commas and Python's quotes and literals are accepted. It builds nothing,
//! never recurses, and looks at every byte once. Whether the text was valid is nobody's business here.

use wide::u8x16;

/// One token of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `[`
    OpenList,
    /// `]`
    CloseList,
    /// A string that a colon follows: the name of a member. Escapes are left in it.
    Key(&'a str),
    /// Any other string, escapes left in it.
    Text(&'a str),
    /// A number, `true`, `null` and the like, as it stands.
    Bare(&'a str),
}

/// Walks over the tokens of a text.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// How many bytes have been read.
    pub(crate) const fn taken(&self) -> usize {
        self.at
    }

    fn string(&mut self, quote: u8) -> Token<'a> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut end = start;
        loop {
            match first_of(quote, b'\\', &bytes[end.min(bytes.len())..]) {
                None => {
                    end = bytes.len();
                    break;
                }
                Some(more) if bytes[end + more] == b'\\' => end = (end + more + 2).min(bytes.len()),
                Some(more) => {
                    end += more;
                    break;
                }
            }
        }
        // A step over an escape may end inside a character of several bytes.
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        let inner = &self.text[start.min(end)..end];
        self.at = (end + 1).min(bytes.len());
        if end < bytes.len() && self.colon_follows() { Token::Key(inner) } else { Token::Text(inner) }
    }

    fn colon_follows(&self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        if let Some(next) = rest.first().filter(|next| !next.is_ascii_whitespace()) {
            return *next == b':';
        }
        // Only a few blanks stand there; a longer run is not worth a second look at every string.
        rest.iter().take(16).find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }

    fn bare(&mut self) -> Token<'a> {
        let rest = &self.text[self.at..];
        let len = rest
            .bytes()
            .position(|byte| byte.is_ascii_whitespace() || b",:{}[]\"'".contains(&byte))
            .unwrap_or(rest.len());
        self.at += len;
        Token::Bare(&rest[..len])
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        while is_between(*bytes.get(self.at)?) {
            self.at += 1;
            // Half of what a person is to read is indentation.
            while bytes[self.at..].starts_with(INDENTATION) {
                self.at += INDENTATION.len();
            }
        }
        let token = match bytes[self.at] {
            b'{' => Token::Open,
            b'}' => Token::Close,
            b'[' => Token::OpenList,
            b']' => Token::CloseList,
            quote @ (b'"' | b'\'') => return Some(self.string(quote)),
            _ => return Some(self.bare()),
        };
        self.at += 1;
        Some(token)
    }
}

/// Blanks that are passed over at once.
const INDENTATION: &[u8; 4] = b"    ";

/// Whether a byte only stands between tokens.
const fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b':')
}

/// Bytes of one vector.
const VECTOR: usize = 16;
/// Vectors that are looked at before a search is begun, which is worth it only for a long text.
const VECTORS: usize = 4;

/// Where the first byte stands that is one or the other.
#[inline]
fn first_of(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < VECTORS * VECTOR
        && let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk)
    {
        let bytes = u8x16::new(*bytes);
        let found = (bytes.simd_eq(u8x16::splat(one)) | bytes.simd_eq(u8x16::splat(other))).to_bitmask();
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += VECTOR;
    }
    memchr::memchr2(one, other, text.get(at..)?).map(|more| at + more)
}

/// Appends `raw` to `out` with its JSON escapes resolved. Unknown escapes stand for themselves.
pub(crate) fn unescape(raw: &str, out: &mut String) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        match after.next() {
            None => return,
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('b' | 'f') => out.push(' '),
            Some('u') => {
                let (found, len) = code_point(after.as_str());
                out.push(found);
                rest = &after.as_str()[len..];
                continue;
            }
            Some(other) => out.push(other),
        }
        rest = after.as_str();
    }
    out.push_str(rest);
}

/// The character after `\u`, and how many bytes of `text` it took.
fn code_point(text: &str) -> (char, usize) {
    let unit = |text: &str| text.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(high) = unit(text) else { return (char::REPLACEMENT_CHARACTER, 0) };
    if let Some(plain) = char::from_u32(high) {
        return (plain, 4);
    }
    let low = text.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(unit);
    match low {
        Some(low) if (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low) => {
            let both = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER), 10)
        }
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        Lexer::new(text).collect()
    }

    #[test]
    fn keys_texts_and_bare_words_are_told_apart() {
        assert_eq!(
            tokens(r#"{"a" : "b", "c": [1, null], }"#),
            [
                Token::Open,
                Token::Key("a"),
                Token::Text("b"),
                Token::Key("c"),
                Token::OpenList,
                Token::Bare("1"),
                Token::Bare("null"),
                Token::CloseList,
                Token::Close
            ]
        );
    }

    #[test]
    fn pythons_way_of_printing_is_read_too() {
        assert_eq!(tokens("{'a': None}"), [Token::Open, Token::Key("a"), Token::Bare("None"), Token::Close]);
    }

    #[test]
    fn a_cut_string_ends_with_the_text_even_inside_an_escape() {
        assert_eq!(tokens(r#"{"a": "b\"#).last(), Some(&Token::Text("b\\")));
        assert_eq!(tokens("\"a\\é").last(), Some(&Token::Text("a\\é")));
    }

    #[test]
    fn escapes_are_resolved_and_halves_of_pairs_do_no_harm() {
        let read = |raw: &str| {
            let mut out = String::new();
            unescape(raw, &mut out);
            out
        };
        assert_eq!(read(r"a\n\u6a21\u578b \ud83d\ude00 \/"), "a\n模型 😀 /");
        assert_eq!(read(r"\ud83d x \uzz \"), "\u{fffd} x \u{fffd}zz ");
    }
}
