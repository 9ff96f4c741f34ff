//! Sixteen bytes of a text at a time: a question is answered for all of them at once.
//!
//! Most of a text is words that mean nothing to anybody, so what costs is not what is done about the few places that
//! matter but passing over the others. What matters is the business of whoever asks.

use wide::u8x16;

/// Bytes whose answers are kept in one mask.
pub(crate) const BLOCK: usize = 64;
/// Bytes of one vector.
pub(crate) const VECTOR: usize = 16;
/// How many bytes before itself a byte may be judged by.
const BACK: usize = 3;
/// What makes a letter small, and changes a few signs.
pub(crate) const SMALL: u8 = 0x20;

/// Sixteen bytes and those before them.
pub(crate) struct Near<'a>(&'a [u8; BACK + VECTOR]);

impl Near<'_> {
    /// The bytes themselves.
    #[inline]
    pub(crate) fn here(&self) -> u8x16 {
        self.back(0)
    }

    /// For each of them the one that stands so many before it, at most three; zero in front of the text.
    #[inline]
    pub(crate) fn back(&self, bytes: usize) -> u8x16 {
        let mut vector = [0; VECTOR];
        vector.copy_from_slice(&self.0[BACK - bytes..][..VECTOR]);
        u8x16::new(vector)
    }
}

/// The same bytes with all letters of ASCII small; a few signs become others.
#[inline]
pub(crate) fn small(bytes: u8x16) -> u8x16 {
    bytes | u8x16::splat(SMALL)
}

/// Which bytes are `byte`.
#[inline]
pub(crate) fn is(bytes: u8x16, byte: u8) -> u8x16 {
    bytes.simd_eq(u8x16::splat(byte))
}

/// Which bytes lie between `low` and `high`, both included.
#[inline]
pub(crate) fn within(bytes: u8x16, low: u8, high: u8) -> u8x16 {
    let above = bytes - u8x16::splat(low);
    above.min(u8x16::splat(high - low)).simd_eq(above)
}

/// One bit for each of the [`BLOCK`] bytes of `text` from `at` on for which `question` sets all bits. `at` is a multiple of
/// [`BLOCK`]; zeros stand in front of the text and behind its end.
#[inline]
pub(crate) fn mask(text: &[u8], at: usize, question: impl Fn(&Near<'_>) -> u8x16) -> u64 {
    let [mask] = masks(text, at, |near| [question(near)]);
    mask
}

/// The same for several questions, which are answered in one go.
#[inline]
pub(crate) fn masks<const N: usize>(
    text: &[u8],
    at: usize,
    questions: impl Fn(&Near<'_>) -> [u8x16; N],
) -> [u64; N] {
    match at.checked_sub(BACK).and_then(|from| text.get(from..)?.first_chunk()) {
        Some(inside) => answers(inside, BLOCK / VECTOR, questions),
        None => {
            let from = at.saturating_sub(BACK);
            let part = &text[from..text.len().min(at + BLOCK)];
            let mut padded = [0; BACK + BLOCK];
            padded[from + BACK - at..][..part.len()].copy_from_slice(part);
            let bytes = text.len().saturating_sub(at).min(BLOCK);
            answers_at_edge(&padded, bytes.div_ceil(VECTOR), questions)
        }
    }
}

#[inline]
fn answers<const N: usize>(
    bytes: &[u8; BACK + BLOCK],
    vectors: usize,
    questions: impl Fn(&Near<'_>) -> [u8x16; N],
) -> [u64; N] {
    let mut masks = [0; N];
    for at in 0..vectors {
        if let Some(near) = bytes.get(at * VECTOR..).and_then(<[u8]>::first_chunk) {
            for (mask, answer) in masks.iter_mut().zip(questions(&Near(near))) {
                *mask |= u64::from(answer.to_bitmask()) << (at * VECTOR);
            }
        }
    }
    masks
}

/// A text has two edges; what many blocks have in common is kept apart from them. Many texts are of a few bytes, so what
/// lies behind the end is not asked.
#[inline(never)]
fn answers_at_edge<const N: usize>(
    bytes: &[u8; BACK + BLOCK],
    vectors: usize,
    questions: impl Fn(&Near<'_>) -> [u8x16; N],
) -> [u64; N] {
    answers(bytes, vectors, questions)
}

/// The places in a text for which a question sets all bits, in their order.
pub(crate) struct Places<'a, Q> {
    text: &'a [u8],
    question: Q,
    /// Where the block at hand begins.
    block: usize,
    /// What is left of it.
    left: u64,
}

impl<'a, Q: Fn(&Near<'_>) -> u8x16> Places<'a, Q> {
    pub(crate) fn new(text: &'a [u8], question: Q) -> Self {
        let left = mask(text, 0, &question);
        Self { text, question, block: 0, left }
    }

    /// The first place at or behind `from`, which never goes back; the end of the text if there is none.
    #[inline]
    pub(crate) fn next(&mut self, from: usize) -> usize {
        if from >= self.block + BLOCK {
            self.go_to(from / BLOCK * BLOCK);
        }
        // The block at hand may lie behind: there was nothing up to it.
        self.left &= u64::MAX << from.saturating_sub(self.block);
        while self.left == 0 {
            if self.block + BLOCK >= self.text.len() {
                return self.text.len();
            }
            self.go_to(self.block + BLOCK);
        }
        // What stands behind the end of the text is none of it.
        (self.block + self.left.trailing_zeros() as usize).min(self.text.len())
    }

    #[inline]
    fn go_to(&mut self, block: usize) {
        self.block = block;
        self.left = if block < self.text.len() { mask(self.text, block, &self.question) } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_every_block_and_none_behind_the_end() {
        for len in [0, 1, 63, 64, 65, 130, 300] {
            let text: Vec<u8> = (0..len).map(|at| if at % 7 == 3 { b',' } else { b'x' }).collect();
            for step in [1, 5, 70, 150] {
                let mut places = Places::new(&text, |near| is(near.here(), b',') | is(near.here(), 0));
                for from in (0..len).step_by(step) {
                    let wanted = (from..len).find(|at| at % 7 == 3).unwrap_or(len);
                    assert_eq!(places.next(from), wanted, "{len} {from}");
                }
                assert_eq!(places.next(len), len);
            }
        }
    }

    #[test]
    fn bytes_are_told_by_their_range_their_size_and_what_stands_before() {
        let text: &[u8] = &(0..=255).collect::<Vec<u8>>();
        let found = |question: fn(&Near<'_>) -> u8x16| {
            let masks = (0..text.len()).step_by(BLOCK).map(move |at| mask(text, at, question));
            masks.enumerate().flat_map(|(block, mask)| {
                (0..BLOCK).filter(move |bit| mask >> bit & 1 == 1).map(move |bit| block * BLOCK + bit)
            })
        };
        assert!(found(|near| within(near.here(), b'a', b'z')).eq(0x61..=0x7a));
        assert!(found(|near| within(near.here(), 0xE4, 0xFF)).eq(0xE4..=0xFF));
        assert!(found(|near| is(small(near.here()), b'x')).eq([0x58, 0x78]));
        assert!(found(|near| is(near.back(3), 62) | is(near.back(1), 63)).eq([64, 65]));
        assert!(found(|near| is(near.back(2), 0)).eq([0, 1, 2]));
    }
}
