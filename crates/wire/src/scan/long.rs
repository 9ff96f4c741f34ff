//! The rest of a long string, as fast as the processor at hand can look through it.
//!
//! Bodies of coding agents are mostly such strings. The loop is made once for every kind of vectors that processors
//! have, and the best that this one has is taken when it runs.

use fearless_simd::{Level, dispatch, prelude::*};

use super::{
    Broken,
    block::{BLOCK, Before, Block},
};

/// A string that is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Long {
    /// The place behind its closing quote.
    pub(super) end: usize,
    /// Whether all of its bytes are ASCII. If a byte that is not stands close behind it, it may be said not to be.
    pub(super) is_ascii: bool,
}

/// Reads the rest of a string from `at` on; `level` says what the processor can do.
pub(super) fn read(level: Level, text: &[u8], at: usize) -> Result<Long, Broken> {
    dispatch!(level, simd => read_with(simd, text, at))
}

#[inline(always)]
fn read_with<S: Simd>(simd: S, text: &[u8], mut at: usize) -> Result<Long, Broken> {
    let mut before = Before::new(simd);
    // Text with escapes has one in nearly every block, and other text has none: as long as there was nothing to find,
    // all that is asked is whether there is anything.
    while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk) {
        if !Block::new(simd, bytes).takes_plain(&mut before) {
            break;
        }
        at += BLOCK;
    }
    // Behind the end of the text stand quotes: every string ends, and one without an end too late.
    let mut tail;
    loop {
        let rest = text.get(at..).ok_or(Broken)?;
        let bytes = match rest.first_chunk() {
            Some(bytes) => bytes,
            None => {
                tail = [b'"'; BLOCK];
                tail[..rest.len()].copy_from_slice(rest);
                &tail
            }
        };
        let part = Block::new(simd, bytes).read(&mut before);
        if part.rare != 0 && !are_escapes(text, at, part.rare) {
            return Err(Broken);
        }
        let Some(end) = part.end else {
            at += BLOCK;
            continue;
        };
        let long = Long { end: at + end + 1, is_ascii: before.is_ascii() };
        return if part.has_control || long.end > text.len() { Err(Broken) } else { Ok(long) };
    }
}

/// Whether an escape of six bytes begins at each of these places of a block that stands at `start`.
#[cold]
#[inline(never)]
fn are_escapes(text: &[u8], start: usize, mut places: u64) -> bool {
    while places != 0 {
        let at = start + places.trailing_zeros() as usize;
        let hex = text.get(at + 1..at + 5).filter(|_| text[at] == b'u');
        if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return false;
        }
        places &= places - 1;
    }
    true
}
