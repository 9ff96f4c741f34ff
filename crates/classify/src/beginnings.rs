//! Which texts may begin with a spelling, told by a few bytes: most places of a text begin nothing, and should cost next to
//! nothing.

/// Bytes by which most places are told to begin nothing.
const BEGINNING_BYTES: usize = 6;
/// How many numbers there are for beginnings of so many bytes, most of which none has.
const BEGINNINGS: usize = 1 << BEGINNING_BITS;
const BEGINNING_BITS: u32 = 14;
/// How many numbers there are for the first three bytes of a text.
const TRIPLES: usize = 1 << TRIPLE_BITS;
const TRIPLE_BITS: u32 = 15;

/// How spellings begin.
#[derive(Debug)]
pub(crate) struct Beginnings {
    /// The beginnings of all spellings that are long enough.
    long: Bits<{ BEGINNINGS / 64 }>,
    /// The first three bytes of texts that begin with a spelling shorter than a beginning.
    short: Bits<{ TRIPLES / 64 }>,
}

impl Beginnings {
    pub(crate) fn none() -> Self {
        Self { long: Bits::none(), short: Bits::none() }
    }

    /// Notes how texts begin that begin with `spelling`.
    pub(crate) fn add(&mut self, spelling: &[u8]) {
        if spelling.len() >= BEGINNING_BYTES {
            self.long.add(beginning(first_bytes(spelling)));
            return;
        }
        let bits = |at: usize| match spelling.get(at) {
            Some(byte) => *byte..=*byte,
            None => 0..=31,
        };
        for (second, third) in bits(1).flat_map(|second| bits(2).map(move |third| (second, third))) {
            self.short.add(triple(first_bytes(&[spelling[0], second, third])));
        }
    }

    /// Whether a spelling may begin like a text of such first bytes; of what begins none, few texts seem to.
    #[inline]
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.long.has(beginning(bytes)) || self.short.has(triple(bytes))
    }
}

/// A set of numbers.
#[derive(Debug)]
struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    fn none() -> Self {
        Self(Box::new([0; WORDS]))
    }

    fn add(&mut self, number: usize) {
        self.0[number / 64 % WORDS] |= 1 << (number % 64);
    }

    #[inline]
    fn has(&self, number: usize) -> bool {
        self.0[number / 64 % WORDS] >> (number % 64) & 1 == 1
    }
}

/// The number of the beginning of a text of such first bytes, as of [`BEGINNINGS`].
#[inline]
const fn beginning(bytes: u64) -> usize {
    // What bytes are too many is pushed out, and bits of all that are left make the highest ones.
    let beginning = bytes << (8 * (8 - BEGINNING_BYTES));
    (beginning.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BEGINNING_BITS)) as usize
}

/// The number of the first three of these bytes, as of [`TRIPLES`].
#[inline]
const fn triple(bytes: u64) -> usize {
    // Five bits of each make all the difference between letters.
    let three = (bytes & 0x1F_1F1F) as u32;
    (three.wrapping_mul(0x9E37_79B1) >> (u32::BITS - TRIPLE_BITS)) as usize
}

/// The first eight bytes of `text` as a number; zeros stand behind its end.
#[inline]
pub(crate) fn first_bytes(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
    }
}
