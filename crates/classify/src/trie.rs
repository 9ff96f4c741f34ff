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
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// The bytes as a number; spellings hold no zeros, so zero is a free place.
    bytes: u32,
    next: Next,
    ends: Ends,
}

/// Where the steps lie that may follow another.
#[derive(Debug, Clone, Copy, Default)]
struct Next {
    /// What spreads them over their places, so that no two meet.
    factor: u32,
    /// Their first place; 0 if there are none.
    first: u16,
    /// How many bits the number of a place among them has.
    bits: u8,
}

impl Next {
    /// Where the step with such bytes lies, if there is one.
    #[inline]
    fn place(self, bytes: u32) -> usize {
        usize::from(self.first) + self.number(bytes)
    }

    /// Which of the places is the one of a step with such bytes.
    #[inline]
    fn number(self, bytes: u32) -> usize {
        let number = u64::from(bytes.wrapping_mul(self.factor)) >> (u32::BITS - u32::from(self.bits));
        (number & 0xFFFF) as usize
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

/// What ends with a step or before the next one does: a part of the list of all [`End`]s.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    first: u16,
    count: u8,
}

/// A spelling that ends not a whole step behind another.
#[derive(Debug, Clone, Copy)]
struct End {
    /// Its last bytes, as a number.
    bytes: u32,
    /// The number of the spelling.
    number: u16,
    /// How many bytes it is of.
    len: u16,
}

impl End {
    /// Whether the next step of a text begins like the end of the spelling.
    #[inline]
    fn is_at(self, bytes: u32) -> bool {
        let differs = u64::from(bytes ^ self.bytes);
        let more = u32::from(self.len) % (u32::BITS / 8);
        // What stands behind the end is pushed out of the lower half.
        differs << (u32::BITS - 8 * more) & 0xFFFF_FFFF == 0
    }
}

/// A spelling that stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its number.
    pub(crate) number: u16,
    /// How many bytes it is of.
    pub(crate) len: u16,
    /// Where it begins.
    pub(crate) start: usize,
}

/// All spellings, as a tree that is walked several bytes at a time.
#[derive(Debug)]
pub(crate) struct Trie {
    /// First those that begin a spelling, each where its own number says or at the next free place behind. Then those that
    /// follow, so that what is walked in one go lies close together.
    steps: Vec<Step>,
    /// What is shorter than a step, by the first byte.
    shorts: Box<[Ends; 256]>,
    /// Those of one step stand side by side, shortest first.
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
            steps: vec![Step::default(); FIRST_STEPS],
            shorts: Box::new([Ends::default(); 256]),
            ends: Vec::new(),
            reach: 0,
            beginnings: Beginnings::none(),
        };
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
            trie.shorts[usize::from(alike[0].0[0])] = trie.add_ends(alike, 0)?;
        }
        for alike in long.chunk_by(|one, other| step_bytes(one.0, 0) == step_bytes(other.0, 0)) {
            let step = trie.grow(alike, STEP_BYTES)?;
            let first_place = Self::FIRST.place(step.bytes);
            let mut places = (0..FIRST_STEPS).map(|more| (first_place + more) % FIRST_STEPS);
            let free = places.find(|place| trie.steps[*place].bytes == 0)?;
            trie.steps[free] = step;
        }
        // What is not there is looked for up to the next free place.
        trie.steps[..FIRST_STEPS].iter().any(|step| step.bytes == 0).then_some(trie)
    }

    /// Where first steps are looked for.
    const FIRST: Next = Next { factor: FACTOR, first: 0, bits: FIRST_STEPS_BITS };

    /// The step that leads to those spellings, which share so many bytes, with all that follow; `None` if there is no more
    /// room.
    fn grow(&mut self, spellings: &[Numbered], depth: usize) -> Option<Step> {
        let bytes = step_bytes(spellings[0].0, depth - STEP_BYTES);
        let is_end = |(text, _): &Numbered| text.len() < depth + STEP_BYTES;
        // Most that is left is the rest of a single spelling.
        if let [one] = spellings {
            let ends = self.add_ends(if is_end(one) { spellings } else { &[] }, depth)?;
            let next = if is_end(one) { Next::default() } else { self.grow_branches(spellings, depth)? };
            return Some(Step { bytes, next, ends });
        }
        let (ends, longer): (Vec<Numbered>, Vec<_>) = spellings.iter().partition(|spelling| is_end(spelling));
        let ends = self.add_ends(&ends, depth)?;
        Some(Step { bytes, next: self.grow_branches(&longer, depth)?, ends })
    }

    /// The steps that lead to those spellings from where they share so many bytes, which none of them ends soon behind.
    fn grow_branches(&mut self, spellings: &[Numbered], depth: usize) -> Option<Next> {
        let branches =
            || spellings.chunk_by(|one, other| step_bytes(one.0, depth) == step_bytes(other.0, depth));
        let next = match spellings {
            [] => return Some(Next::default()),
            [one] => self.make_room(&[step_bytes(one.0, depth)])?,
            _ => {
                let bytes: Vec<u32> = branches().map(|branch| step_bytes(branch[0].0, depth)).collect();
                self.make_room(&bytes)?
            }
        };
        for branch in branches() {
            let step = self.grow(branch, depth + STEP_BYTES)?;
            self.steps[next.place(step.bytes)] = step;
        }
        Some(next)
    }

    /// Places for steps with such bytes, behind all others.
    fn make_room(&mut self, bytes: &[u32]) -> Option<Next> {
        let first = u16::try_from(self.steps.len()).ok()?;
        let bits_min = u8::try_from(bytes.len().next_power_of_two().trailing_zeros()).ok()?;
        let tries =
            (bits_min..FIRST_STEPS_BITS).flat_map(|bits| (0..FACTORS).map(move |number| (bits, number)));
        let mut nexts =
            tries.map(|(bits, number)| Next { factor: FACTOR.wrapping_mul(2 * number + 1), first, bits });
        let next = nexts.find(|next| bytes.len() == 1 || next.keeps_apart(bytes))?;
        self.steps.resize(self.steps.len() + (1 << next.bits), Step::default());
        Some(next)
    }

    /// Takes up those spellings, which end not a whole step behind so many bytes.
    fn add_ends(&mut self, spellings: &[Numbered], depth: usize) -> Option<Ends> {
        let first = self.ends.len();
        for (text, number) in spellings {
            let len = u16::try_from(text.len()).ok()?;
            self.ends.push(End { bytes: step_bytes(text, depth), number: *number, len });
        }
        self.ends[first..].sort_by_key(|end| (end.len, end.number));
        Some(Ends { first: u16::try_from(first).ok()?, count: u8::try_from(spellings.len()).ok()? })
    }

    /// Whether a spelling may begin like `text`; of what begins none, few texts seem to.
    #[inline]
    pub(crate) fn may_begin(&self, text: &[u8]) -> bool {
        self.beginnings.has(text)
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
            if step.bytes == 0 {
                return None;
            }
            place += 1;
        }
    }

    /// How many bytes of a text a walk may depend on, and what follows on what is found with them.
    pub(crate) const fn reach(&self) -> usize {
        self.reach
    }

    /// Appends every spelling that `text`, which stands at `start`, begins with, shortest first.
    #[inline(never)]
    pub(crate) fn walk(&self, text: &[u8], start: usize, found: &mut Vec<Found>) {
        let mut bytes = step_bytes(text, 0);
        let [first, ..] = bytes.to_le_bytes();
        self.end(self.shorts[usize::from(first)], bytes, start, found);
        let (mut len, mut next) = (0, self.first(bytes));
        while let Some(step) = next {
            len += STEP_BYTES;
            bytes = step_bytes(text, len);
            self.end(step.ends, bytes, start, found);
            if step.next.first == 0 {
                return;
            }
            next = self.steps.get(step.next.place(bytes)).filter(|next| next.bytes == bytes);
        }
    }

    /// Appends those of some spellings that end in a step of such bytes.
    #[inline]
    fn end(&self, ends: Ends, bytes: u32, start: usize, found: &mut Vec<Found>) {
        if ends.count == 0 {
            return;
        }
        let first = usize::from(ends.first);
        let ends = self.ends.get(first..first + usize::from(ends.count)).unwrap_or_default();
        for end in ends {
            if end.is_at(bytes) {
                found.push(Found { number: end.number, len: end.len, start });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(trie: &Trie, text: &str) -> Vec<(u16, u16)> {
        let mut all = Vec::new();
        trie.walk(text.as_bytes(), 0, &mut all);
        all.iter().map(|found| (found.number, found.len)).collect()
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
            let at = (u16::try_from(number).unwrap(), u16::try_from(text.len()).unwrap());
            assert!(found(&trie, text).contains(&at), "{text}");
            assert!(found(&trie, &format!("{text} and so on")).contains(&at), "{text}");
            let mut of_cut = Vec::new();
            trie.walk(&text.as_bytes()[..text.len() - 1], 0, &mut of_cut);
            assert!(of_cut.iter().all(|found| found.number != at.0), "{text}");
        }
    }
}
