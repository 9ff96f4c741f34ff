//! JSON read once and in place: every byte is judged, nothing is copied.
//!
//! It takes exactly the texts that `serde_json` takes, down to [`DEPTH_MAX`] levels, at several times its speed: bodies
//! of coding agents are mostly long strings, and those are looked through in blocks. What it refuses it does not
//! explain; a parser that can is asked then.

mod block;

use std::ops::Range;

use wide::u8x16;

use self::block::{BLOCK, Before, Block, quotes, specials};
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
        let is_text = || is_ascii || std::str::from_utf8(self.text).is_ok();
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
        if first == Some(b'"') {
            self.at += 1;
            self.string()?;
        } else {
            self.any_value(first)?;
        }
        Ok(start..self.at)
    }

    /// Takes the value that begins with `first`, with all that is nested within it.
    fn any_value(&mut self, first: Option<u8>) -> Result<(), Broken> {
        let mut open = Open::within(self.depth);
        let mut next = first;
        loop {
            self.at += 1;
            match next.ok_or(Broken)? {
                b'"' => self.string()?,
                b'{' => {
                    open.push(true)?;
                    if !self.takes(b'}') {
                        self.key()?;
                        next = self.peek();
                        continue;
                    }
                    open.pop();
                }
                b'[' => {
                    open.push(false)?;
                    if !self.takes(b']') {
                        next = self.peek();
                        continue;
                    }
                    open.pop();
                }
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                digit => self.number(digit)?,
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
        if !self.takes(b'"') {
            return Err(Broken);
        }
        let start = self.at;
        self.string()?;
        let key = &self.text[start..self.at - 1];
        if self.takes(b':') { Ok(key) } else { Err(Broken) }
    }

    fn word(&mut self, rest: &[u8]) -> Result<(), Broken> {
        let is_it = self.text[self.at..].starts_with(rest);
        self.at += rest.len();
        if is_it { Ok(()) } else { Err(Broken) }
    }

    fn number(&mut self, first: u8) -> Result<(), Broken> {
        let first = match first {
            b'-' => {
                self.at += 1;
                self.text.get(self.at - 1).copied()
            }
            other => Some(other),
        };
        match first {
            Some(b'0') => {}
            Some(b'1'..=b'9') => _ = self.digits(),
            _ => return Err(Broken),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits().ok_or(Broken)?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            self.digits().ok_or(Broken)?;
        }
        Ok(())
    }

    /// Takes digits; `None` if there are none.
    fn digits(&mut self) -> Option<()> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    /// Takes the rest of a string, behind its opening quote. Most are keys and names, and end within a few bytes.
    #[inline]
    fn string(&mut self) -> Result<(), Broken> {
        if let Some(bytes) = self.text.get(self.at..).and_then(<[u8]>::first_chunk) {
            let bytes = u8x16::new(*bytes);
            let special = specials(bytes);
            let first = special & special.wrapping_neg();
            if first & quotes(bytes) != 0 {
                self.seen |= bytes;
                self.at += first.trailing_zeros() as usize + 1;
                return Ok(());
            }
        }
        self.long_string()
    }

    #[inline(never)]
    fn long_string(&mut self) -> Result<(), Broken> {
        // Kept here while it changes with every block.
        let (text, mut at, mut seen) = (self.text, self.at, self.seen);
        let mut before = Before::default();
        // Text with escapes has one in nearly every block, and other text has none: what the last block was like says
        // whether it is worth a look at this one whether there is anything to find in it at all.
        let mut is_plain = true;
        // Behind the end of the text stand quotes: every string ends, and one without an end too late.
        let mut tail = [b'"'; BLOCK];
        loop {
            let rest = text.get(at..).ok_or(Broken)?;
            let bytes = rest.first_chunk().unwrap_or_else(|| {
                tail[..rest.len()].copy_from_slice(rest);
                &tail
            });
            let block = Block::new(bytes);
            if is_plain {
                is_plain = block.is_plain();
                if is_plain {
                    seen |= block.joined();
                    at += BLOCK;
                }
                // If it is not, it is loaded once more: what both looks have in common would have to be kept somewhere.
                continue;
            }
            let part = block.read(&mut before);
            seen |= block.joined();
            if part.has_rare && !part.escaped().all(|escaped| self.is_escape(at + escaped)) {
                return Err(Broken);
            }
            let Some(end) = part.end else {
                at += BLOCK;
                continue;
            };
            (self.at, self.seen) = (at + end + 1, seen);
            return if part.has_control || self.at > text.len() { Err(Broken) } else { Ok(()) };
        }
    }

    /// Whether an escape is whole of which the byte behind the backslash stands at `at`.
    #[cold]
    fn is_escape(&self, at: usize) -> bool {
        match self.text.get(at) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
            Some(b'u') => {
                let hex = self.text.get(at + 1..at + 5);
                hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            _ => false,
        }
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
