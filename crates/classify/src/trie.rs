//! Finds which of many spellings begin at a place.
//!
//! Spellings are looked for only where words begin, and there most of them end after a word or two. So there is nothing
//! that the failure links of an Aho-Corasick automaton could save. A plain walk costs a fraction of one, and the longer
//! its steps are, the less.

/// Bytes of one step.
const STEP_BYTES: usize = 4;
/// Places for steps: several times as many as there are steps, so that most of what is looked up meets no other.
const STEPS: usize = 1 << STEPS_BITS;
const STEPS_BITS: u32 = 14;
/// How many nodes there may be, so that free places stay between the steps that lead to them.
const NODES_MAX: usize = STEPS / 2;
/// Bytes by which most places are told to begin nothing.
const BEGINNING_BYTES: usize = 6;
/// How many numbers there are for beginnings of so many bytes, most of which none has.
const BEGINNINGS: usize = 1 << BEGINNING_BITS;
const BEGINNING_BITS: u32 = 14;
/// How many numbers there are for the first three bytes of a text, five bits of each.
const TRIPLES: usize = 1 << 15;
/// The number of the root, which no step leads to.
const ROOT: u16 = 0;

/// What leads from one node to another.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// As of [`key`].
    key: u64,
    /// The node it leads to.
    to: u16,
    /// What ends with it or before the next one does.
    ends: Ends,
    /// Whether any other step follows.
    goes_on: bool,
}

impl Step {
    /// Comes from no node.
    const FREE: Self = Self { key: u64::MAX, to: ROOT, ends: Ends { first: 0, count: 0 }, goes_on: false };
}

/// A part of the list of all [`End`]s.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    first: u16,
    count: u8,
}

/// A spelling that ends with a step or not a whole step behind it.
#[derive(Debug, Clone, Copy)]
struct End {
    /// The bytes behind the step, as a number.
    bytes: u32,
    /// The number of the spelling.
    number: u16,
    /// How many bytes the whole spelling is of.
    len: u16,
    /// How many bits of a step stand behind those bytes.
    other_bits: u8,
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

impl End {
    /// Whether the next step of a text begins like the end of the spelling.
    #[inline]
    fn is_at(self, bytes: u32) -> bool {
        let differs = u64::from(bytes ^ self.bytes);
        // What stands behind the end is pushed out of the lower half.
        differs << self.other_bits & 0xFFFF_FFFF == 0
    }
}

/// All spellings, as a tree that is walked several bytes at a time.
#[derive(Debug)]
pub(crate) struct Trie {
    /// Each where its own number says or at the next free place behind.
    steps: Box<[Step; STEPS]>,
    /// What is shorter than a step, by the first byte.
    shorts: Box<[Ends; 256]>,
    /// Those of one step stand side by side, shortest first.
    ends: Vec<End>,
    /// How many bytes of a text a walk may depend on.
    reach: usize,
    /// The beginnings of all spellings that are long enough.
    beginnings: Bits<{ BEGINNINGS / 64 }>,
    /// The first three bytes of texts that begin with a spelling shorter than a beginning.
    short_beginnings: Bits<{ TRIPLES / 64 }>,
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
    let [first, second, third, ..] = bytes.to_le_bytes();
    (first & 0x1F) as usize | ((second & 0x1F) as usize) << 5 | ((third & 0x1F) as usize) << 10
}

/// What tells the step from a node with such bytes from all others.
#[inline]
fn key(from: u16, bytes: u32) -> u64 {
    u64::from(from) << u32::BITS | u64::from(bytes)
}

/// Where a step is looked for.
#[inline]
const fn place(key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - STEPS_BITS)) as usize
}

/// The first eight bytes of `text` as a number; zeros stand behind its end.
#[inline]
fn first_bytes(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
    }
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

impl Trie {
    /// `None` if there are more spellings than numbers.
    pub(crate) fn new(spellings: impl Iterator<Item = &'static str>) -> Option<Self> {
        let mut trie = Self {
            steps: vec![Step::FREE; STEPS].into_boxed_slice().try_into().ok()?,
            shorts: Box::new([Ends::default(); 256]),
            ends: Vec::new(),
            reach: 0,
            beginnings: Bits::none(),
            short_beginnings: Bits::none(),
        };
        let (mut of_steps, mut shorts) = (Vec::new(), Vec::new());
        let mut nodes = ROOT + 1;
        for (number, text) in spellings.enumerate() {
            let text = text.as_bytes();
            trie.note_beginning(text);
            trie.reach = trie.reach.max(text.len() + STEP_BYTES);
            let (mut from, mut len, mut step) = (ROOT, 0, None);
            while text.len() >= len + STEP_BYTES {
                let place = trie.lead(from, step_bytes(text, len), &mut nodes)?;
                len += STEP_BYTES;
                trie.steps[place].goes_on |= text.len() >= len + STEP_BYTES;
                (from, step) = (trie.steps[place].to, Some(place));
            }
            let end = End {
                bytes: step_bytes(text, len),
                number: u16::try_from(number).ok()?,
                len: u16::try_from(text.len()).ok()?,
                other_bits: 8 * u8::try_from(STEP_BYTES - (text.len() - len)).ok()?,
            };
            match step {
                Some(place) => of_steps.push((place, end)),
                None => shorts.push((usize::from(*text.first()?), end)),
            }
        }
        for (place, ends) in trie.list(of_steps)? {
            trie.steps[place].ends = ends;
        }
        for (first, ends) in trie.list(shorts)? {
            trie.shorts[first] = ends;
        }
        Some(trie)
    }

    /// Takes up those ends, which belong to what has such a number; `None` if there is no more room.
    fn list(&mut self, mut ends: Vec<(usize, End)>) -> Option<Vec<(usize, Ends)>> {
        ends.sort_by_key(|(owner, end)| (*owner, end.len, end.number));
        let alike = ends.chunk_by(|one, other| one.0 == other.0);
        alike
            .map(|alike| {
                let first = u16::try_from(self.ends.len()).ok()?;
                self.ends.extend(alike.iter().map(|(_, end)| *end));
                Some((alike[0].0, Ends { first, count: u8::try_from(alike.len()).ok()? }))
            })
            .collect()
    }

    /// Where a step lies, which is made if there is none; `None` if there is no more room.
    fn lead(&mut self, from: u16, bytes: u32, nodes: &mut u16) -> Option<usize> {
        let key = key(from, bytes);
        let mut places = (0..STEPS).map(|more| (place(key) + more) % STEPS);
        let place = places.find(|place| [key, Step::FREE.key].contains(&self.steps[*place].key))?;
        if self.steps[place].key != key {
            self.steps[place] = Step { key, to: *nodes, ..Step::FREE };
            *nodes += 1;
        }
        (usize::from(*nodes) <= NODES_MAX).then_some(place)
    }

    /// Notes how texts begin that begin with `spelling`.
    fn note_beginning(&mut self, spelling: &[u8]) {
        if spelling.len() >= BEGINNING_BYTES {
            self.beginnings.add(beginning(first_bytes(spelling)));
            return;
        }
        let bits = |at: usize| match spelling.get(at) {
            Some(byte) => *byte..=*byte,
            None => 0..=31,
        };
        for (second, third) in bits(1).flat_map(|second| bits(2).map(move |third| (second, third))) {
            self.short_beginnings.add(triple(first_bytes(&[spelling[0], second, third])));
        }
    }

    /// Whether a spelling may begin like `text`; of what begins none, few texts seem to.
    #[inline]
    pub(crate) fn may_begin(&self, text: &[u8]) -> bool {
        let bytes = first_bytes(text);
        self.beginnings.has(beginning(bytes)) || self.short_beginnings.has(triple(bytes))
    }

    /// The step from a node with such bytes.
    #[inline]
    fn step(&self, from: u16, bytes: u32) -> Option<&Step> {
        let key = key(from, bytes);
        let mut place = place(key);
        loop {
            let step = &self.steps[place % STEPS];
            if step.key == key {
                return Some(step);
            }
            if step.key == Step::FREE.key {
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
        let (mut from, mut len) = (ROOT, 0);
        while let Some(step) = self.step(from, bytes) {
            len += STEP_BYTES;
            bytes = step_bytes(text, len);
            self.end(step.ends, bytes, start, found);
            if !step.goes_on {
                return;
            }
            from = step.to;
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
