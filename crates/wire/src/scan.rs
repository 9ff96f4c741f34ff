//! JSON read once and in place: every byte is judged, nothing is copied.
//!
//! It takes exactly the texts that `serde_json` takes, down to [`DEPTH_MAX`] levels, at several times its speed: bodies
//! of coding agents are mostly long strings, and those are looked through in blocks. What it refuses it does not
//! explain; a parser that can is asked then.

use std::ops::Range;

use wide::u8x16;

use crate::depth::DEPTH_MAX;

/// Bytes of a string that are looked at together.
const BLOCK: usize = 32;
/// The highest of the control characters, which no string may hold as they are.
const CONTROL_MAX: u8 = 0x1f;

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
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
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
    pub(crate) fn value(&mut self) -> Result<Range<usize>, Broken> {
        let first = self.peek();
        let start = self.at;
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
                let Some(is_object) = open.last() else { return Ok(start..self.at) };
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

    /// Takes the rest of a string, behind its opening quote. Most are keys and names, and end within sixteen bytes.
    #[inline]
    fn string(&mut self) -> Result<(), Broken> {
        if let Some((bytes, _)) = self.text.get(self.at..).and_then(<[u8]>::split_first_chunk::<16>) {
            let bytes = u8x16::new(*bytes);
            let first = specials(bytes).trailing_zeros() as usize;
            if self.text.get(self.at + first) == Some(&b'"') && first < 16 {
                self.seen |= bytes;
                self.at += first + 1;
                return Ok(());
            }
        }
        self.long_string()
    }

    fn long_string(&mut self) -> Result<(), Broken> {
        while let Some((low, high)) = self.block() {
            self.seen |= low | high;
            let mut special = specials(low) | specials(high) << (BLOCK / 2);
            let mut taken = BLOCK;
            while special != 0 {
                let offset = special.trailing_zeros() as usize;
                let at = self.at + offset;
                match self.text[at] {
                    b'"' => {
                        self.at = at + 1;
                        return Ok(());
                    }
                    b'\\' => {
                        let behind = offset + escape(&self.text[at..])?;
                        taken = taken.max(behind);
                        special = if behind < BLOCK { special & (u32::MAX << behind) } else { 0 };
                    }
                    _ => return Err(Broken),
                }
            }
            self.at += taken;
        }
        self.last_string()
    }

    fn block(&self) -> Option<(u8x16, u8x16)> {
        let (low, rest) = self.text.get(self.at..)?.split_first_chunk::<16>()?;
        let (high, _) = rest.split_first_chunk::<16>()?;
        Some((u8x16::new(*low), u8x16::new(*high)))
    }

    /// Takes the rest of a string that ends within the last bytes of the text.
    fn last_string(&mut self) -> Result<(), Broken> {
        loop {
            match *self.text.get(self.at).ok_or(Broken)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.at += escape(&self.text[self.at..])?,
                0..=CONTROL_MAX => return Err(Broken),
                byte => {
                    self.seen |= u8x16::splat(byte);
                    self.at += 1;
                }
            }
        }
    }
}

/// Which of sixteen bytes need a look: quotes, backslashes and control characters.
fn specials(bytes: u8x16) -> u32 {
    let control = bytes.min(u8x16::splat(CONTROL_MAX)).simd_eq(bytes);
    let quotes = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
    (control | quotes).to_bitmask()
}

/// The length of the escape that `text` begins with.
#[inline]
fn escape(text: &[u8]) -> Result<usize, Broken> {
    let length = text.get(1).map_or(0, |kind| ESCAPES[usize::from(*kind)]);
    let is_whole = || text.get(2..6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    match length {
        2 => Ok(2),
        6 if is_whole() => Ok(6),
        _ => Err(Broken),
    }
}

/// By the byte behind the backslash, how long an escape is; zero for those that are none.
const ESCAPES: [u8; 256] = {
    let mut lengths = [0; 256];
    let simple = b"\"\\/bfnrt";
    let mut at = 0;
    while at < simple.len() {
        lengths[simple[at] as usize] = 2;
        at += 1;
    }
    lengths[b'u' as usize] = 6;
    lengths
};

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
