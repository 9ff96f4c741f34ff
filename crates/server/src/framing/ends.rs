//! Where lines end, sixteen bytes at a time: a head has many short lines, and looking each end up for itself costs more
//! than all of them together.

use wide::u8x16;

/// Bytes that are looked at together.
const VECTOR: usize = 16;

/// The places of all line feeds in `bytes`, in order.
pub(super) fn line_ends(bytes: &[u8]) -> LineEnds<'_> {
    LineEnds { bytes, next: 0, base: 0, found: 0 }
}

pub(super) struct LineEnds<'b> {
    bytes: &'b [u8],
    /// Where the bytes begin that were not looked at.
    next: usize,
    /// Where those begin that were looked at last.
    base: usize,
    /// Line feeds among these, one bit each, without those that were handed out.
    found: u32,
}

impl Iterator for LineEnds<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.bytes.get(self.next..).filter(|rest| !rest.is_empty())?;
            let bytes = rest.first_chunk().copied().unwrap_or_else(|| {
                let mut tail = [0; VECTOR];
                tail[..rest.len()].copy_from_slice(rest);
                tail
            });
            self.found = u8x16::new(bytes).simd_eq(u8x16::splat(b'\n')).to_bitmask();
            (self.base, self.next) = (self.next, self.next + VECTOR);
        }
        let at = self.base + self.found.trailing_zeros() as usize;
        self.found &= self.found - 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_feed_is_found_and_nothing_else() {
        for length in 0..70 {
            for step in 1..9 {
                let bytes: Vec<u8> =
                    (0..length).map(|at| if at % step == 0 { b'\n' } else { b'\r' }).collect();
                assert!(line_ends(&bytes).eq((0..length).step_by(step)), "{length} {step}");
            }
        }
    }
}
