//! Finds which of many spellings begin at a place.
//!
//! Spellings are looked for only where words begin, and there most of them end after a word or two. So there is nothing
//! that the failure links of an Aho-Corasick automaton could save. A plain walk costs a fraction of one, and the longer
//! its steps are, the less.

use crate::beginnings::Beginnings;

/// Bytes of one step.
const STEP_BYTES: usize = 4;
/// Places for first steps: several times as many as there are, so that most of what is looked up meets no other.
const FIRST_STEPS: usize = 1 << FIRST_STEPS_BITS;
const FIRST_STEPS_BITS: u8 = 11;
/// How many factors are tried before the steps that follow another get more room.
const FACTORS: u32 = 64;
/// A factor that mixes bits well; odd multiples of it do so differently.
const FACTOR: u32 = 0x9E37_79B1;

/// Some bytes that spellings go on with.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The bytes as a number.
    bytes: u32,
    next: Next,
    ends: Ends,
}

impl Step {
    /// A free place. No text has such bytes, as no character has any of them.
    const FREE: Self = Self { bytes: u32::MAX, next: Next::NONE, ends: Ends::NONE };
}

/// Where the steps lie that may follow another.
#[derive(Debug, Clone, Copy)]
struct Next {
    /// What spreads them over their places, so that no two meet; 0 if there is one place.
    factor: u32,
    /// Their first place.
    first: u16,
    /// How many bits of the product of bytes and factor are no part of the number of a place.
    shift: u8,
}

impl Next {
    /// Where no step lies.
    const NONE: Self = Self::at(1 << FIRST_STEPS_BITS);

    /// One place.
    const fn at(first: u16) -> Self {
        Self { factor: 0, first, shift: 0 }
    }

    /// How many places there are.
    const fn places(self) -> usize {
        if self.factor == 0 { 1 } else { 1 << (u32::BITS - self.shift as u32) }
    }

    /// Where the step with such bytes lies, if there is one.
    #[inline]
    const fn place(self, bytes: u32) -> usize {
        self.first as usize + self.number(bytes)
    }

    /// Which of the places is the one of a step with such bytes.
    #[inline]
    const fn number(self, bytes: u32) -> usize {
        (bytes.wrapping_mul(self.factor) >> self.shift) as usize
    }

    /// Whether each of some steps has a place of its own.
    fn keeps_apart(self, bytes: &[u32]) -> bool {
        let mut taken = [0_u64; FIRST_STEPS / 64];
        bytes.iter().all(|bytes| {
            let number = self.number(*bytes);
            let (word, bit) = (&mut taken[number / 64 % (FIRST_STEPS / 64)], 1 << (number % 64));
            let is_free = *word & bit == 0;
            *word |= bit;
            is_free
        })
    }
}

/// Spellings that a text may begin with: the number of the first one in the list of all [`End`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends(u16);

impl Ends {
    /// A list of its own: one that no text has.
    const NONE: Self = Self(0);
}

/// A spelling that ends with a step, before it, or before the next one does.
#[derive(Debug, Clone, Copy)]
struct End {
    /// Its last bytes, if it ends behind the step.
    bytes: u32,
    /// Which bits of them count.
    mask: u32,
    /// The number of the spelling.
    number: u16,
    /// How many bytes it is of.
    len: u8,
    /// Whether no other stands behind it.
    is_last: bool,
}

impl End {
    /// What no text has.
    const NONE: Self = Self { bytes: u32::MAX, mask: u32::MAX, number: 0, len: 0, is_last: true };

    /// Whether the next step of a text begins like the end of the spelling.
    #[inline]
    const fn is_at(self, bytes: u32) -> bool {
        (bytes ^ self.bytes) & self.mask == 0
    }
}

/// All spellings, as a tree that is walked several bytes at a time.
#[derive(Debug)]
pub(crate) struct Trie {
    /// First those that begin a spelling, each where its own number says or at the next free place behind. Then those that
    /// follow, so that what is walked in one go lies close together.
    steps: Vec<Step>,
    /// What is shorter than a step, by the first byte.
    shorts: Box<[Ends; 256]>,
    /// Those of one step stand side by side, shortest first. What the last step of a walk has says all that was met on the
    /// way to it.
    ends: Vec<End>,
    /// How many bytes of a text a walk may depend on.
    reach: usize,
    beginnings: Beginnings,
}

/// The bytes of a step from `at` on as a number; zeros stand behind the end of `text`.
#[inline]
fn step_bytes(text: &[u8], at: usize) -> u32 {
    match text.get(at..) {
        Some([first, second, third, last, ..]) => u32::from_le_bytes([*first, *second, *third, *last]),
        rest => last_bytes(rest.unwrap_or_default()),
    }
}

/// Less than a step as a number. Few places lie so near to the end.
#[cold]
#[inline(never)]
fn last_bytes(rest: &[u8]) -> u32 {
    rest.iter().rev().fold(0, |bytes, byte| bytes << 8 | u32::from(*byte))
}

/// A spelling and its number.
type Numbered = (&'static [u8], u16);

impl Trie {
    /// `None` if there are more spellings than numbers, or more beginnings of them than places.
    pub(crate) fn new(spellings: impl Iterator<Item = &'static str>) -> Option<Self> {
        let mut trie = Self {
            steps: vec![Step::FREE; FIRST_STEPS],
            shorts: Box::new([Ends::NONE; 256]),
            ends: vec![End::NONE],
            reach: 0,
            beginnings: Beginnings::none(),
        };
        trie.steps.push(Step::FREE);
        let mut all = Vec::new();
        for (number, text) in spellings.enumerate() {
            all.push((text.as_bytes(), u16::try_from(number).ok()?));
            trie.beginnings.add(text.as_bytes());
            trie.reach = trie.reach.max(text.len() + STEP_BYTES);
        }
        all.sort_unstable();
        let (long, short): (Vec<Numbered>, Vec<_>) =
            all.iter().partition(|(text, _)| text.len() >= STEP_BYTES);
        for alike in short.chunk_by(|one, other| one.0[0] == other.0[0]) {
            trie.shorts[usize::from(alike[0].0[0])] = trie.add_ends(Ends::NONE, 0, alike, 0)?;
        }
        for alike in long.chunk_by(|one, other| step_bytes(one.0, 0) == step_bytes(other.0, 0)) {
            let step = trie.grow(alike, STEP_BYTES, trie.shorts[usize::from(alike[0].0[0])])?;
            let first_place = Self::FIRST.place(step.bytes);
            let mut places = (0..FIRST_STEPS).map(|more| (first_place + more) % FIRST_STEPS);
            let free = places.find(|place| trie.steps[*place].bytes == Step::FREE.bytes)?;
            trie.steps[free] = step;
        }
        trie.steps.shrink_to_fit();
        trie.ends.shrink_to_fit();
        // What is not there is looked for up to the next free place.
        trie.steps[..FIRST_STEPS].iter().any(|step| step.bytes == Step::FREE.bytes).then_some(trie)
    }

    /// Where first steps are looked for.
    const FIRST: Next = Next { factor: FACTOR, first: 0, shift: 32 - FIRST_STEPS_BITS };

    /// The step that leads to those spellings, which share so many bytes, with all that follow; some shorter ones may be
    /// `before` it. `None` if there is no more room.
    fn grow(&mut self, spellings: &[Numbered], depth: usize, before: Ends) -> Option<Step> {
        let bytes = step_bytes(spellings[0].0, depth - STEP_BYTES);
        let is_near = |(text, _): &Numbered| text.len() < depth + STEP_BYTES;
        let (near, far): (Vec<Numbered>, Vec<_>);
        let (near, far) = match spellings {
            // Most that is left is the rest of a single spelling.
            [one] if is_near(one) => (spellings, &[][..]),
            [_] => (&[][..], spellings),
            _ => {
                (near, far) = spellings.iter().partition(|spelling| is_near(spelling));
                (&*near, &*far)
            }
        };
        let ends = self.add_ends(before, bytes, near, depth)?;
        Some(Step { bytes, next: self.grow_branches(far, depth, ends)?, ends })
    }

    /// The steps that lead to those spellings from where they share so many bytes, which none of them ends soon behind.
    fn grow_branches(&mut self, spellings: &[Numbered], depth: usize, before: Ends) -> Option<Next> {
        let branches =
            || spellings.chunk_by(|one, other| step_bytes(one.0, depth) == step_bytes(other.0, depth));
        let next = match spellings {
            [] => return Some(Next::NONE),
            [_] => self.make_room(&[])?,
            _ => {
                let bytes: Vec<u32> = branches().map(|branch| step_bytes(branch[0].0, depth)).collect();
                self.make_room(&bytes)?
            }
        };
        for branch in branches() {
            let step = self.grow(branch, depth + STEP_BYTES, before)?;
            self.steps[next.place(step.bytes)] = step;
        }
        Some(next)
    }

    /// Places for steps with such bytes, behind all others; one if there are none.
    fn make_room(&mut self, bytes: &[u32]) -> Option<Next> {
        let first = u16::try_from(self.steps.len()).ok()?;
        let next = if bytes.len() < 2 {
            Next::at(first)
        } else {
            let bits_min = u8::try_from(bytes.len().next_power_of_two().trailing_zeros()).ok()?;
            let shifts = (bits_min..FIRST_STEPS_BITS).map(|bits| 32 - bits);
            let mut nexts = shifts.flat_map(|shift| {
                (0..FACTORS).map(move |number| Next {
                    factor: FACTOR.wrapping_mul(2 * number + 1),
                    first,
                    shift,
                })
            });
            nexts.find(|next| next.keeps_apart(bytes))?
        };
        self.steps.resize(self.steps.len() + next.places(), Step::FREE);
        Some(next)
    }

    /// Takes up what of the spellings `before` a step of such bytes is met with it, and those that end less than a step
    /// behind so many bytes.
    fn add_ends(&mut self, before: Ends, bytes: u32, near: &[Numbered], depth: usize) -> Option<Ends> {
        let first = self.ends.len();
        let mut are_same = near.is_empty();
        for at in usize::from(before.0).. {
            let end = *self.ends.get(at)?;
            are_same &= end.mask == 0;
            if end.is_at(bytes) {
                self.ends.push(End { mask: 0, is_last: false, ..end });
            }
            if end.is_last {
                break;
            }
        }
        if are_same {
            self.ends.truncate(first);
            return Some(before);
        }
        for (text, number) in near {
            let bits = u32::try_from(8 * (text.len() - depth)).ok()?;
            let (bytes, mask) = (step_bytes(text, depth), (1 << bits) - 1);
            let len = u8::try_from(text.len()).ok()?;
            self.ends.push(End { bytes, mask, number: *number, len, is_last: false });
        }
        let ends = &mut self.ends[first..];
        ends.sort_by_key(|end| (end.len, end.number));
        let Some(last) = ends.last_mut() else { return Some(Ends::NONE) };
        last.is_last = true;
        Some(Ends(u16::try_from(first).ok()?))
    }

    /// Whether a spelling may begin like a text of such first bytes; of what begins none, few texts seem to.
    #[inline]
    pub(crate) fn may_begin(&self, first: u64) -> bool {
        self.beginnings.has(first)
    }

    /// The first step of a text with such bytes.
    #[inline]
    fn first(&self, bytes: u32) -> Option<&Step> {
        let mut place = Self::FIRST.place(bytes);
        loop {
            let step = self.steps.get(place % FIRST_STEPS)?;
            if step.bytes == bytes {
                return Some(step);
            }
            if step.bytes == Step::FREE.bytes {
                return None;
            }
            place += 1;
        }
    }

    /// How many bytes of a text a walk may depend on, and what follows on what is found with them.
    pub(crate) const fn reach(&self) -> usize {
        self.reach
    }

    /// Tells the number and the bytes of every spelling that `text` begins with, shortest first. Its `first` bytes were read
    /// already, as of [`first_bytes`](crate::beginnings::first_bytes).
    #[inline]
    pub(crate) fn walk(&self, text: &[u8], first: u64, mut found: impl FnMut(u16, u8)) {
        let (ends, bytes) = self.last_step(text, first);
        // A plain loop: there are many walks, and nearly all of them end with a spelling or two.
        let mut at = usize::from(ends.0);
        while let Some(end) = self.ends.get(at) {
            if end.is_at(bytes) {
                found(end.number, end.len);
            }
            if end.is_last {
                return;
            }
            at += 1;
        }
    }

    /// What the last step has that `text` begins with, and the bytes behind it.
    #[inline]
    fn last_step(&self, text: &[u8], first: u64) -> (Ends, u32) {
        let mut bytes = (first & 0xFFFF_FFFF) as u32;
        let Some(mut step) = self.first(bytes) else {
            return (self.shorts[(bytes & 0xFF) as usize], bytes);
        };
        bytes = (first >> 32) as u32;
        let mut rest = text.get(2 * STEP_BYTES..).unwrap_or_default();
        while let Some(next) = self.steps.get(step.next.place(bytes)).filter(|next| next.bytes == bytes) {
            step = next;
            (bytes, rest) = match rest.split_first_chunk() {
                Some((bytes, rest)) => (u32::from_le_bytes(*bytes), rest),
                None => (last_bytes(rest), &[][..]),
            };
        }
        (step.ends, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beginnings::first_bytes;

    fn found(trie: &Trie, text: &str) -> Vec<(u16, u8)> {
        let mut all = Vec::new();
        trie.walk(text.as_bytes(), first_bytes(text.as_bytes()), |number, len| all.push((number, len)));
        all
    }

    #[test]
    fn all_spellings_at_a_place_are_found_and_no_others() {
        let spellings =
            ["model", "model not", "mod", "模型", "model", "@", "@ not", "no such deployment here"];
        let trie = Trie::new(spellings.into_iter()).unwrap();
        assert_eq!(found(&trie, "model nothing"), [(2, 3), (0, 5), (4, 5), (1, 9)]);
        assert_eq!(found(&trie, "模型"), [(3, 6)]);
        assert_eq!(found(&trie, "@ not"), [(5, 1), (6, 5)]);
        assert_eq!(found(&trie, "no such deployment here"), [(7, 23)]);
        for text in
            ["mo", "m", "a model", "", "\0", "no such deployment her", "no such deployment there", "ÿ"]
        {
            assert_eq!(found(&trie, text), [], "{text}");
        }
    }

    #[test]
    fn more_beginnings_than_places_are_refused_and_nothing_is_looked_for_without_end() {
        let tree = |count: usize| Trie::new((0..count).map(|number| &*format!("{number:04}").leak()));
        assert_eq!(found(&tree(FIRST_STEPS - 1).unwrap(), "none"), []);
        assert!(tree(FIRST_STEPS).is_none());
    }

    #[test]
    fn every_spelling_of_many_is_found_at_its_own_length() {
        let spellings = crate::rule::ATOMS.iter().map(|atom| atom.text);
        let trie = Trie::new(spellings.clone()).unwrap();
        for (number, text) in spellings.enumerate() {
            let at = (u16::try_from(number).unwrap(), u8::try_from(text.len()).unwrap());
            assert!(found(&trie, text).contains(&at), "{text}");
            assert!(found(&trie, &format!("{text} and so on")).contains(&at), "{text}");
            let of_cut = found(&trie, &text[..text.floor_char_boundary(text.len() - 1)]);
            assert!(of_cut.iter().all(|found| found.0 != at.0), "{text}");
        }
    }
}
