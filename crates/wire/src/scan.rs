//! JSON read once and in place: every byte is judged, nothing is copied.
//!
//! It takes exactly the texts that `serde_json` takes, down to [`DEPTH_MAX`] levels, at several times its speed: bodies
//! of coding agents are mostly long strings, and those are looked through in blocks. What it refuses it does not
//! explain; a parser that can is asked then.

mod block;
mod long;

use std::ops::Range;

use fearless_simd::Level;
use wide::u8x16;

use self::block::{VECTOR, quotes, specials};
use crate::depth::DEPTH_MAX;

/// This is no JSON, or it nests too deeply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

/// A position in a text, and what is known of what lies before it.
pub(crate) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Levels that are open around the position.
    depth: usize,
    /// All bytes of strings so far, joined by "or": tells whether there was any beyond ASCII.
    seen: u8x16,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0, seen: u8x16::splat(0) }
    }

    /// How far the text was taken.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The first byte of what comes next, blanks aside. It is not taken.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at).copied() {
                // Hardly anything but blanks is as low as they are.
                Some(byte) if byte > b' ' => return Some(byte),
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Nothing but blanks may follow, and all of it has to be UTF-8.
    pub(crate) fn end(mut self) -> Result<(), Broken> {
        let is_ascii = self.seen.to_bitmask() == 0;
        let is_text = || is_ascii || simdutf8::basic::from_utf8(self.text).is_ok();
        if self.peek().is_none() && is_text() { Ok(()) } else { Err(Broken) }
    }

    /// Takes an object; `each` gets the raw key, without its quotes, and has to take the value.
    pub(crate) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, &'a [u8]) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.descend(b'{')?;
        if !self.takes(b'}') {
            loop {
                let key = self.key()?;
                each(self, key)?;
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Takes an array; `each` has to take the element.
    pub(crate) fn array(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.descend(b'[')?;
        if !self.takes(b']') {
            loop {
                each(self)?;
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Takes one value, whatever it is, and says where it stands.
    #[inline]
    pub(crate) fn value(&mut self) -> Result<Range<usize>, Broken> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.at += 1;
                self.string()?;
            }
            Some(b'{' | b'[') => self.nested(first)?,
            other => self.scalar(other)?,
        }
        Ok(start..self.at)
    }

    /// Takes the value that begins with `first`, with all that is nested within it.
    fn nested(&mut self, first: Option<u8>) -> Result<(), Broken> {
        let mut open = Open::within(self.depth);
        let mut next = first;
        loop {
            match next {
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    open.push(true)?;
                    if !self.takes(b'}') {
                        self.key()?;
                        next = self.peek();
                        continue;
                    }
                    open.pop();
                }
                Some(b'[') => {
                    self.at += 1;
                    open.push(false)?;
                    if !self.takes(b']') {
                        next = self.peek();
                        continue;
                    }
                    open.pop();
                }
                other => self.scalar(other)?,
            }
            // A value has ended; the brackets around it may end with it.
            loop {
                let Some(is_object) = open.last() else { return Ok(()) };
                if self.goes_on(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.key()?;
                    }
                    next = self.peek();
                    break;
                }
                open.pop();
            }
        }
    }

    /// Takes a word or a number that begins with `first`.
    fn scalar(&mut self, first: Option<u8>) -> Result<(), Broken> {
        self.at += 1;
        match first.ok_or(Broken)? {
            b't' => self.word(b"rue"),
            b'f' => self.word(b"alse"),
            b'n' => self.word(b"ull"),
            digit => self.number(digit),
        }
    }

    /// Takes one value and answers with it as it stands.
    pub(crate) fn raw_value(&mut self) -> Result<&'a [u8], Broken> {
        self.value().map(|span| &self.text[span])
    }

    fn descend(&mut self, bracket: u8) -> Result<(), Broken> {
        self.depth += 1;
        if self.takes(bracket) && self.depth <= DEPTH_MAX { Ok(()) } else { Err(Broken) }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == Some(byte);
        self.at += usize::from(is_it);
        is_it
    }

    /// Whether another element follows; if not, the closing bracket is taken.
    fn goes_on(&mut self, close: u8) -> Result<bool, Broken> {
        let byte = self.peek().ok_or(Broken)?;
        self.at += 1;
        match byte {
            b',' => Ok(true),
            byte if byte == close => Ok(false),
            _ => Err(Broken),
        }
    }

    /// Takes a key and its colon.
    fn key(&mut self) -> Result<&'a [u8], Broken> {
        if self.peek() != Some(b'"') {
            return Err(Broken);
        }
        self.at += 1;
        let start = self.at;
        self.string()?;
        let end = self.at - 1;
        if self.peek() != Some(b':') {
            return Err(Broken);
        }
        self.at += 1;
        Ok(&self.text[start..end])
    }

    fn word(&mut self, rest: &[u8]) -> Result<(), Broken> {
        let is_it = self.text[self.at..].starts_with(rest);
        self.at += rest.len();
        if is_it { Ok(()) } else { Err(Broken) }
    }

    fn number(&mut self, first: u8) -> Result<(), Broken> {
        let mut first = first;
        if first == b'-' {
            first = self.next().ok_or(Broken)?;
            self.at += 1;
        }
        match first {
            b'0' => {}
            b'1'..=b'9' => _ = self.digits(),
            _ => return Err(Broken),
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            self.digits().ok_or(Broken)?;
        }
        if let Some(b'e' | b'E') = self.next() {
            self.at += 1;
            self.at += usize::from(matches!(self.next(), Some(b'+' | b'-')));
            self.digits().ok_or(Broken)?;
        }
        Ok(())
    }

    /// The next byte, blank or not. It is not taken.
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Takes digits; `None` if there are none.
    #[inline]
    fn digits(&mut self) -> Option<()> {
        let (text, mut at) = (self.text, self.at);
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        let taken = at - self.at;
        self.at = at;
        (taken > 0).then_some(())
    }

    /// Takes the rest of a string, behind its opening quote. Most are keys and names, and end within a few bytes.
    #[inline]
    fn string(&mut self) -> Result<(), Broken> {
        match self.ends_within(self.at) {
            Some(true) => Ok(()),
            is_plain => self.long_string(is_plain.is_some()),
        }
    }

    /// Takes the rest of a string if its end stands in the next few bytes behind `from`, and nothing of note before it.
    /// `Some(false)` if there is nothing of note at all.
    #[inline]
    fn ends_within(&mut self, from: usize) -> Option<bool> {
        let bytes = u8x16::new(*self.text.get(from..)?.first_chunk()?);
        // What follows the string does no harm here.
        self.seen |= bytes;
        let special = specials(bytes);
        let first = special & special.wrapping_neg();
        if first & quotes(bytes) != 0 {
            self.at = from + first.trailing_zeros() as usize + 1;
            return Some(true);
        }
        (special == 0).then_some(false)
    }

    /// The same for any string; `is_plain` says that its first few bytes hold nothing of note.
    #[inline(never)]
    fn long_string(&mut self, is_plain: bool) -> Result<(), Broken> {
        // Names of models, and some keys.
        if is_plain && self.ends_within(self.at + VECTOR) == Some(true) {
            return Ok(());
        }
        let long = long::read(Level::new(), self.text, self.at)?;
        self.at = long.end;
        if !long.is_ascii {
            self.seen |= u8x16::splat(u8::MAX);
        }
        Ok(())
    }
}

/// The brackets that are open within a value, one bit each: whether it is an object's.
struct Open {
    kinds: u128,
    depth: usize,
    around: usize,
}

impl Open {
    const fn within(around: usize) -> Self {
        Self { kinds: 0, depth: around, around }
    }

    fn push(&mut self, is_object: bool) -> Result<(), Broken> {
        self.depth += 1;
        self.kinds = self.kinds << 1 | u128::from(is_object);
        if self.depth <= DEPTH_MAX { Ok(()) } else { Err(Broken) }
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.kinds >>= 1;
    }

    fn last(&self) -> Option<bool> {
        (self.depth > self.around).then_some(self.kinds & 1 == 1)
    }
}

#[cfg(test)]
mod tests;
