//! The bytes of a string, sixty-four at a time: where it ends, what is escaped, and what may not stand in it.
//!
//! Every question is answered for all bytes at once, in masks of one bit each. Text of coding agents has an escape in
//! every line, at no distance that a processor could foresee: looked for one by one they cost more than the text does.

use wide::u8x16;

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;
/// Bytes of one vector.
pub(super) const VECTOR: usize = 16;
/// The highest of the control characters, which no string may hold as they are.
const CONTROL_MAX: u8 = 0x1f;

/// Part of a string, and of what follows it if it ends here.
pub(super) struct Block<'b> {
    bytes: &'b [u8; BLOCK],
    vectors: [u8x16; BLOCK / VECTOR],
}

/// What the blocks of one string have to know of those before.
pub(super) struct Before {
    /// The lowest byte of each place of a vector.
    lowest: u8x16,
    /// Whether the next byte stands behind a backslash.
    is_escaping: bool,
}

impl Default for Before {
    fn default() -> Self {
        Self { lowest: u8x16::splat(u8::MAX), is_escaping: false }
    }
}

/// What a block holds of a string.
pub(super) struct Part {
    /// Where the closing quote stands.
    pub(super) end: Option<usize>,
    /// Bytes of the string that stand behind a backslash.
    escaped: u64,
    /// Whether one of them begins no escape, or one that is longer than two bytes.
    pub(super) has_rare: bool,
    /// Whether a control character was seen: known when the string ends.
    pub(super) has_control: bool,
}

impl<'b> Block<'b> {
    /// Whether there is nothing in it that needs a look: neither an end, nor an escape, nor a control character.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        let [a, b, c, d] = self.vectors.map(turned);
        let low = is_low(a.min(b).min(c.min(d)));
        let backslash = u8x16::splat(b'\\');
        let [a, b, c, d] = self.vectors.map(|vector| vector.simd_eq(backslash));
        (low | ((a | b) | (c | d))).to_bitmask() == 0
    }

    #[inline]
    pub(super) fn new(bytes: &'b [u8; BLOCK]) -> Self {
        let vectors = std::array::from_fn(|at| {
            let mut vector = [0; VECTOR];
            vector.copy_from_slice(&bytes[at * VECTOR..][..VECTOR]);
            u8x16::new(vector)
        });
        Self { bytes, vectors }
    }

    /// All bytes, joined by "or".
    #[inline]
    pub(super) fn joined(&self) -> u8x16 {
        let [a, b, c, d] = self.vectors;
        (a | b) | (c | d)
    }

    /// What of the string stands here, and what the next block has to know.
    #[inline]
    pub(super) fn read(&self, before: &mut Before) -> Part {
        let behind = behind_backslashes(self.places(b'\\'), &mut before.is_escaping);
        let ends = self.places(b'"') & !behind;
        // All places before the first end, or all.
        let inside = ends.wrapping_sub(1) & !ends;
        let escaped = behind & inside;
        let end = (ends != 0).then_some(ends.trailing_zeros() as usize);
        let has_control = match end {
            Some(_) => any_control(before.lowest) || self.controls() & inside != 0,
            None => {
                let [a, b, c, d] = self.vectors;
                before.lowest = before.lowest.min(a.min(b).min(c.min(d)));
                false
            }
        };
        Part { end, escaped, has_rare: self.has_rare(escaped), has_control }
    }

    #[inline]
    fn has_rare(&self, mut escaped: u64) -> bool {
        let mut rare = 0;
        while escaped != 0 {
            rare |= RARE[usize::from(self.bytes[escaped.trailing_zeros() as usize % BLOCK])];
            escaped &= escaped - 1;
        }
        rare != 0
    }

    #[inline]
    fn places(&self, byte: u8) -> u64 {
        let byte = u8x16::splat(byte);
        self.mask(|vector| vector.simd_eq(byte))
    }

    #[inline]
    fn controls(&self) -> u64 {
        self.mask(controls)
    }

    #[inline]
    fn mask(&self, matches: impl Fn(u8x16) -> u8x16) -> u64 {
        let vectors = self.vectors.iter().rev();
        vectors.fold(0, |mask, vector| mask << VECTOR | u64::from(matches(*vector).to_bitmask()))
    }
}

impl Part {
    /// The places of the bytes behind backslashes.
    pub(super) fn escaped(&self) -> impl Iterator<Item = usize> {
        let mut left = self.escaped;
        std::iter::from_fn(move || {
            let at = (left != 0).then_some(left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            at
        })
    }
}

/// Which of sixteen bytes need a look: quotes, backslashes and control characters.
#[inline]
pub(super) fn specials(bytes: u8x16) -> u32 {
    special(bytes).to_bitmask()
}

/// Which of sixteen bytes are quotes.
#[inline]
pub(super) fn quotes(bytes: u8x16) -> u32 {
    bytes.simd_eq(u8x16::splat(b'"')).to_bitmask()
}

#[inline]
fn special(bytes: u8x16) -> u8x16 {
    is_low(turned(bytes)) | bytes.simd_eq(u8x16::splat(b'\\'))
}

/// With this bit turned over, a quote is the next byte above the control characters, and a blank beyond it.
#[inline]
fn turned(bytes: u8x16) -> u8x16 {
    bytes ^ u8x16::splat(b'"' ^ (CONTROL_MAX + 1))
}

/// Which of these bytes, turned over, are quotes or control characters.
#[inline]
fn is_low(turned: u8x16) -> u8x16 {
    turned.min(u8x16::splat(CONTROL_MAX + 1)).simd_eq(turned)
}

#[inline]
fn controls(bytes: u8x16) -> u8x16 {
    bytes.min(u8x16::splat(CONTROL_MAX)).simd_eq(bytes)
}

fn any_control(bytes: u8x16) -> bool {
    controls(bytes).to_bitmask() != 0
}

/// The bytes that a backslash makes special, the first of the next block among them.
#[inline]
fn behind_backslashes(backslashes: u64, is_escaping: &mut bool) -> u64 {
    let first = u64::from(*is_escaping);
    let behind = backslashes << 1 | first;
    if backslashes & behind == 0 {
        *is_escaping = backslashes >> (BLOCK - 1) != 0;
        return behind;
    }
    // Where backslashes stand side by side, every other one is itself escaped.
    let (mut behind, mut left) = (first, backslashes & !first);
    *is_escaping = false;
    while left != 0 {
        let escape = left & left.wrapping_neg();
        *is_escaping = escape >> (BLOCK - 1) != 0;
        behind |= escape << 1;
        left &= !(escape | escape << 1);
    }
    behind
}

/// By the byte behind a backslash: whether it is none of those that make an escape of two bytes.
const RARE: [u8; 256] = {
    let mut rare = [1; 256];
    let simple = b"\"\\/bfnrt";
    let mut at = 0;
    while at < simple.len() {
        rare[simple[at] as usize] = 0;
        at += 1;
    }
    rare
};
