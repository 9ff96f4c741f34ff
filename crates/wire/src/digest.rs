//! A small digest for telling conversations apart. It keeps nothing secret: whoever uses it as a key adds a salt.

use rapidhash::v3::rapidhash_v3;

/// Mixes what is known with what comes next; odd, so that nothing is lost.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A digest of pieces, in their order. Prompts are long, so a piece is read eight bytes at a time and not one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn write(&mut self, piece: &[u8]) {
        self.join(rapidhash_v3(piece));
    }

    /// Takes up another digest as one piece.
    pub(crate) fn join(&mut self, digest: u64) {
        self.0 = (self.0.rotate_left(23) ^ digest).wrapping_mul(SPREAD);
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0
    }
}
