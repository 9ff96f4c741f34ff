//! Sixty-four bytes of a text at a time: a question is answered for all of them at once, in masks of one bit each.
//!
//! Most of a text is words that mean nothing to anybody, so what costs is not what is done about the few places that
//! matter but passing over the others. What matters is the business of whoever asks.

use fearless_simd::{Level, dispatch, mask8x64, prelude::*, u8x64};

/// Bytes that are looked at together.
pub(crate) const BLOCK: usize = 64;
/// How many blocks are asked in one go: to find out what the processor can costs as much as a block does.
const PAGE: usize = 8;
/// How many bytes before itself a byte may be judged by.
const BACK: usize = 3;
/// What makes a letter small, and changes a few signs.
pub(crate) const SMALL: u8 = 0x20;

/// What is asked about the bytes of a text. It has to stand within the function that is made for one kind of processor, so
/// nothing of it may be left to the compiler's taste.
pub(crate) trait Question {
    /// What is answered for one block.
    type Answer: Copy + Default;

    /// The answer for the bytes at hand.
    fn ask<S: Simd>(&self, near: &Near<'_, S>) -> Self::Answer;
}

/// A block and the bytes before it.
pub(crate) struct Near<'a, S: Simd> {
    simd: S,
    bytes: &'a [u8; BACK + BLOCK],
}

impl<S: Simd> Near<'_, S> {
    /// The bytes themselves.
    #[inline(always)]
    pub(crate) fn here(&self) -> u8x64<S> {
        self.back::<0>()
    }

    /// For each of them the one that stands so many before it, at most three; zero in front of the text.
    #[inline(always)]
    pub(crate) fn back<const BYTES: usize>(&self) -> u8x64<S> {
        u8x64::from_slice(self.simd, &self.bytes[BACK - BYTES..BACK - BYTES + BLOCK])
    }

    /// The byte before the first one.
    #[inline(always)]
    pub(crate) const fn before(&self) -> u8 {
        self.bytes[BACK - 1]
    }
}

/// The same bytes with all letters of ASCII small; a few signs become others.
#[inline(always)]
pub(crate) fn small<S: Simd>(bytes: u8x64<S>) -> u8x64<S> {
    bytes | SMALL
}

/// Which bytes are `byte`.
#[inline(always)]
pub(crate) fn is<S: Simd>(bytes: u8x64<S>, byte: u8) -> mask8x64<S> {
    bytes.simd_eq(byte)
}

/// Which bytes lie between `low` and `high`, both included.
#[inline(always)]
pub(crate) fn within<S: Simd>(bytes: u8x64<S>, low: u8, high: u8) -> mask8x64<S> {
    (bytes - low).simd_le(high - low)
}

/// The answers about a text, block by block.
pub(crate) struct Answers<'a, Q: Question> {
    text: &'a [u8],
    question: Q,
    /// Where the blocks begin that were asked last.
    first: usize,
    page: [Q::Answer; PAGE],
}

impl<'a, Q: Question> Answers<'a, Q> {
    pub(crate) fn new(text: &'a [u8], question: Q) -> Self {
        let mut answers = Self { text, question, first: 0, page: [Q::Answer::default(); PAGE] };
        answers.turn_to(0);
        answers
    }

    /// The answer for the block that begins at `block`, a multiple of [`BLOCK`] that never goes back. Zeros stand in front
    /// of the text and behind its end.
    #[inline]
    pub(crate) fn of(&mut self, block: usize) -> Q::Answer {
        let at = (block - self.first) / BLOCK;
        if at >= PAGE {
            self.turn_to(block);
            return self.page[0];
        }
        self.page[at]
    }

    #[inline(never)]
    fn turn_to(&mut self, block: usize) {
        self.first = block;
        let (text, question, page) = (self.text, &self.question, &mut self.page);
        dispatch!(Level::new(), simd => ask(simd, text, block, question, page));
    }
}

/// Asks as many blocks of a text from `at` on as there are, and as there is room for.
#[inline(always)]
fn ask<S: Simd, Q: Question>(
    simd: S,
    text: &[u8],
    mut at: usize,
    question: &Q,
    page: &mut [Q::Answer; PAGE],
) {
    for answer in page {
        if at >= text.len() {
            break;
        }
        let mut padded;
        let inside = at.checked_sub(BACK).and_then(|from| text.get(from..)?.first_chunk());
        let bytes = match inside {
            Some(bytes) => bytes,
            None => {
                padded = [0; BACK + BLOCK];
                let from = at.saturating_sub(BACK);
                let part = &text[from..text.len().min(at + BLOCK)];
                padded[from + BACK - at..][..part.len()].copy_from_slice(part);
                &padded
            }
        };
        *answer = question.ask(&Near { simd, bytes });
        at += BLOCK;
    }
}

/// The places in a text for which a question is answered by a bit, in their order.
pub(crate) struct Places<'a, Q: Question<Answer = u64>> {
    answers: Answers<'a, Q>,
    /// Where the block at hand begins.
    block: usize,
    /// What is left of it.
    left: u64,
}

impl<'a, Q: Question<Answer = u64>> Places<'a, Q> {
    pub(crate) fn new(text: &'a [u8], question: Q) -> Self {
        let mut answers = Answers::new(text, question);
        let left = answers.of(0);
        Self { answers, block: 0, left }
    }

    /// The first place at or behind `from`, which never goes back; the end of the text if there is none.
    #[inline]
    pub(crate) fn next(&mut self, from: usize) -> usize {
        let end = self.answers.text.len();
        if from >= self.block + BLOCK {
            self.go_to(from / BLOCK * BLOCK);
        }
        // The block at hand may lie behind: there was nothing up to it.
        self.left &= u64::MAX << from.saturating_sub(self.block);
        while self.left == 0 {
            if self.block + BLOCK >= end {
                return end;
            }
            self.go_to(self.block + BLOCK);
        }
        // What stands behind the end of the text is none of it.
        (self.block + self.left.trailing_zeros() as usize).min(end)
    }

    #[inline]
    fn go_to(&mut self, block: usize) {
        self.block = block;
        self.left = if block < self.answers.text.len() { self.answers.of(block) } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Commas, and what stands behind the end.
    struct Commas;

    impl Question for Commas {
        type Answer = u64;

        #[inline(always)]
        fn ask<S: Simd>(&self, near: &Near<'_, S>) -> u64 {
            (is(near.here(), b',') | is(near.here(), 0)).to_bitmask()
        }
    }

    #[test]
    fn places_are_found_in_every_block_and_none_behind_the_end() {
        for len in [0, 1, 63, 64, 65, 130, 300, 512, 513, 1500] {
            let text: Vec<u8> = (0..len).map(|at| if at % 7 == 3 { b',' } else { b'x' }).collect();
            for step in [1, 5, 70, 150, 700] {
                let mut places = Places::new(&text, Commas);
                for from in (0..len).step_by(step) {
                    let wanted = (from..len).find(|at| at % 7 == 3).unwrap_or(len);
                    assert_eq!(places.next(from), wanted, "{len} {from}");
                }
                assert_eq!(places.next(len), len);
            }
        }
    }

    /// Bytes by their range, their size and what stands before them.
    struct Kinds;

    impl Question for Kinds {
        type Answer = [u64; 5];

        #[inline(always)]
        fn ask<S: Simd>(&self, near: &Near<'_, S>) -> [u64; 5] {
            [
                within(near.here(), b'a', b'z').to_bitmask(),
                within(near.here(), 0xE4, 0xFF).to_bitmask(),
                is(small(near.here()), b'x').to_bitmask(),
                (is(near.back::<3>(), 62) | is(near.back::<1>(), 63)).to_bitmask(),
                is(near.back::<2>(), 0).to_bitmask(),
            ]
        }
    }

    #[test]
    fn bytes_are_told_by_their_range_their_size_and_what_stands_before_on_every_processor() {
        let text: &[u8] = &(0..=255).collect::<Vec<u8>>();
        for level in [Level::new(), Level::baseline()] {
            let mut page = [[0; 5]; PAGE];
            dispatch!(level, simd => ask(simd, text, 0, &Kinds, &mut page));
            let found =
                |kind: usize| (0..256).filter(move |at| page[at / BLOCK][kind] >> (at % BLOCK) & 1 == 1);
            assert!(found(0).eq(0x61..=0x7a));
            assert!(found(1).eq(0xE4..=0xFF));
            assert!(found(2).eq([0x58, 0x78]));
            assert!(found(3).eq([64, 65]));
            assert!(found(4).eq([0, 1, 2]));
        }
    }
}
