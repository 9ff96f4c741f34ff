//! The bytes of a string, sixty-four at a time: where it ends, what is escaped, and what may not stand in it.
//!
//! Every question is answered for all bytes at once, in masks of one bit each. Text of coding agents has an escape in
//! every line, at no distance that a processor could foresee: looked for one by one they cost more than the text does.

use fearless_simd::{prelude::*, u8x64};
use wide::u8x16;

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;
/// Bytes of one vector of those that every processor has.
pub(super) const VECTOR: usize = 16;
/// The highest of the control characters, which no string may hold as they are.
const CONTROL_MAX: u8 = 0x1f;

/// Part of a string, and of what follows it if it ends here.
pub(super) struct Block<'b, S: Simd> {
    bytes: &'b [u8; BLOCK],
    vector: u8x64<S>,
}

/// What the blocks of one string have to know of those before.
pub(super) struct Before<S: Simd> {
    /// The lowest byte of each place of a block.
    lowest: u8x64<S>,
    /// All bytes of each place, joined by "or".
    joined: u8x64<S>,
    /// Whether the next byte stands behind a backslash.
    is_escaping: bool,
}

impl<S: Simd> Before<S> {
    #[inline(always)]
    pub(super) fn new(simd: S) -> Self {
        Self { lowest: u8x64::splat(simd, u8::MAX), joined: u8x64::splat(simd, 0), is_escaping: false }
    }

    /// Whether all bytes so far are ASCII.
    #[inline(always)]
    pub(super) fn is_ascii(&self) -> bool {
        !self.joined.simd_ge(0x80).any_true()
    }
}

/// What a block holds of a string.
pub(super) struct Part {
    /// Where the closing quote stands.
    pub(super) end: Option<usize>,
    /// The bytes behind a backslash that begin no escape, or one that is longer than two bytes.
    pub(super) rare: u64,
    /// Whether a control character was seen: known when the string ends.
    pub(super) has_control: bool,
}

// All of it has to stand within the function that is made for one kind of processor, so nothing is left to the
// compiler's taste.
impl<'b, S: Simd> Block<'b, S> {
    #[inline(always)]
    pub(super) fn new(simd: S, bytes: &'b [u8; BLOCK]) -> Self {
        Self { bytes, vector: u8x64::load_array_ref(simd, bytes) }
    }

    /// Takes it up and says so if nothing in it needs a look: neither an end, nor an escape, nor a control character.
    #[inline(always)]
    pub(super) fn takes_plain(&self, before: &mut Before<S>) -> bool {
        // With this bit turned over, a quote is the next byte above the control characters, and a blank beyond it.
        let turned = self.vector ^ (b'"' ^ (CONTROL_MAX + 1));
        let needs_look = turned.simd_le(CONTROL_MAX + 1) | self.vector.simd_eq(b'\\');
        let is_plain = !needs_look.any_true();
        if is_plain {
            before.joined |= self.vector;
        }
        is_plain
    }

    /// What of the string stands here, and what the next block has to know.
    #[inline(always)]
    pub(super) fn read(&self, before: &mut Before<S>) -> Part {
        let (backslashes, quotes) = (self.places(b'\\'), self.places(b'"'));
        let behind = behind_backslashes(backslashes, &mut before.is_escaping);
        let ends = quotes & !behind;
        // All places before the first end, or all.
        let inside = ends.wrapping_sub(1) & !ends;
        let end = (ends != 0).then_some(ends.trailing_zeros() as usize);
        before.joined |= self.vector;
        let has_control = match end {
            Some(_) => {
                let controls = self.vector.simd_le(CONTROL_MAX).to_bitmask();
                before.lowest.simd_le(CONTROL_MAX).any_true() || controls & inside != 0
            }
            None => {
                before.lowest = before.lowest.min(self.vector);
                false
            }
        };
        // What most escapes are is known for all of them at once.
        let common = backslashes | quotes | self.places(b'n');
        Part { end, rare: self.rare(behind & inside & !common), has_control }
    }

    /// Those of the bytes behind backslashes of which an escape of two bytes cannot be made.
    #[inline(always)]
    fn rare(&self, escaped: u64) -> u64 {
        let (mut rare, mut left) = (0, escaped);
        while left != 0 {
            let at = left.trailing_zeros() as usize % BLOCK;
            rare |= u64::from(!matches!(self.bytes[at], b'/' | b'b' | b'f' | b'r' | b't')) << at;
            left &= left - 1;
        }
        rare
    }

    #[inline(always)]
    fn places(&self, byte: u8) -> u64 {
        self.vector.simd_eq(byte).to_bitmask()
    }
}

/// Which of sixteen bytes need a look: quotes, backslashes and control characters.
#[inline]
pub(super) fn specials(bytes: u8x16) -> u32 {
    let turned = bytes ^ u8x16::splat(b'"' ^ (CONTROL_MAX + 1));
    let is_low = turned.min(u8x16::splat(CONTROL_MAX + 1)).simd_eq(turned);
    (is_low | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
}

/// Which of sixteen bytes are quotes.
#[inline]
pub(super) fn quotes(bytes: u8x16) -> u32 {
    bytes.simd_eq(u8x16::splat(b'"')).to_bitmask()
}

/// The bytes that a backslash makes special, the first of the next block among them.
///
/// Of backslashes side by side every other one is itself escaped. They are a run of ones: where it is taken away from
/// all odd places and itself, moved by one, its first, third and fifth place come out changed, wherever it begins; what is
/// borrowed beyond its end changes a place that is no backslash.
#[inline(always)]
fn behind_backslashes(backslashes: u64, is_escaping: &mut bool) -> u64 {
    const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
    let first = u64::from(*is_escaping);
    let behind = backslashes << 1 | first;
    // In most texts none stand so, and no block has to wait for what the one before it comes to.
    if backslashes & behind == 0 {
        *is_escaping = backslashes >> (BLOCK - 1) != 0;
        return behind;
    }
    let runs = backslashes & !first;
    let escapes = (((runs << 1) | ODD).wrapping_sub(runs) ^ ODD) & runs;
    *is_escaping = escapes >> (BLOCK - 1) != 0;
    escapes << 1 | first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_backslashes_side_by_side_every_other_one_is_escaped() {
        for length in 0..=BLOCK {
            for start in 0..=BLOCK - length {
                for was_escaping in [false, true] {
                    let run = if length == 0 { 0 } else { u64::MAX >> (BLOCK - length) << start };
                    let (mut behind, mut escaping) = (0, was_escaping);
                    for place in 0..BLOCK {
                        behind |= u64::from(escaping) << place;
                        escaping = !escaping && run >> place & 1 == 1;
                    }
                    let mut is_escaping = was_escaping;
                    assert_eq!(behind_backslashes(run, &mut is_escaping), behind, "{length} from {start}");
                    assert_eq!(is_escaping, escaping, "{length} from {start}");
                }
            }
        }
    }
}
