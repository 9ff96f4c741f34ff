//! A small digest for telling conversations apart. It keeps nothing secret: whoever uses it as a key adds a salt.

use rapidhash::v3::rapidhash_v3;

/// Mixes what is known with what comes next; odd, so that nothing is lost.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Samples that are taken of a long text, as long as they are: texts that differ nowhere in 2 KiB, spread over them, and
/// are of one length are the same for whoever asks.
const SAMPLES: usize = 32;
/// Bytes of a sample.
const SAMPLE: usize = 64;

/// A digest of pieces, in their order. Prompts are long, so a piece is read eight bytes at a time and not one by one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn write(&mut self, piece: &[u8]) {
        self.join(rapidhash_v3(piece));
    }

    /// Adds a text of which it is enough to know what it is like: a prompt of a coding agent has tens of kilobytes, and a
    /// picture megabytes.
    pub(crate) fn write_text(&mut self, text: &[u8]) {
        if text.len() <= SAMPLES * SAMPLE {
            return self.write(text);
        }
        let mut samples = [[0; SAMPLE]; SAMPLES];
        let step = (text.len() - SAMPLE) / (SAMPLES - 1);
        // The last one ends with the text, or a few bytes before it.
        for (nth, sample) in samples.iter_mut().enumerate() {
            sample.copy_from_slice(&text[nth * step..][..SAMPLE]);
        }
        self.write(samples.as_flattened());
        self.join(text.len() as u64);
    }

    /// Takes up another digest as one piece.
    pub(crate) fn join(&mut self, digest: u64) {
        self.0 = (self.0.rotate_left(23) ^ digest).wrapping_mul(SPREAD);
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.write_text(text);
        digest.finish()
    }

    #[test]
    fn long_texts_are_told_apart_by_their_length_and_by_what_stands_all_over_them() {
        for length in [1, SAMPLE, 2047, 2048, 2049, 2050, 4096, 32_000, 1_000_003] {
            let text = vec![b'a'; length];
            assert_ne!(of(&text), of(&text[1..]), "{length}");
            // Sixty-four bytes of every part: a difference as long as what lies between them is always seen.
            let between = (length / (SAMPLES - 1)).max(1);
            for at in [0, length / 3, length / 2, length - between] {
                let mut other = text.clone();
                other[at..(at + between).min(length)].fill(b'b');
                assert_ne!(of(&text), of(&other), "{at} of {length}");
            }
        }
    }
}
