//! Asks all rules at once: one pass over the words finds every spelling, and a rule hears of a phrase when its last
//! spelling is found.
//!
//! What a phrase means is the rules' business, what follows from them the classifier's.

use std::sync::OnceLock;

use crate::{
    delay::CUES,
    hits::{Hits, Place, Slot, Span},
    rule::{ATOMS, Pattern, RULES, Rule},
    trie::Trie,
};

/// How many spellings of one text are looked at.
const FINDS_MAX: usize = 512;
/// Words of the bit set over all rules.
const RULE_WORDS: usize = RULES.len().div_ceil(64);

/// The bytes of words.
static IS_LETTER: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric();
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// The rules worth asking, one bit each.
#[derive(Debug, Clone)]
pub(crate) struct Candidates([u64; RULE_WORDS]);

impl Default for Candidates {
    fn default() -> Self {
        Self([0; RULE_WORDS])
    }
}

impl Candidates {
    pub(crate) fn add(&mut self, rule: u16) {
        self.0[usize::from(rule) / 64] |= 1 << (rule % 64);
    }

    pub(crate) fn clear(&mut self) {
        self.0 = [0; RULE_WORDS];
    }

    /// The rules, in the order of the packs.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (usize, &'static Rule)> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                RULES.get(word * 64 + bit).map(|rule| (word * 64 + bit, rule))
            })
        })
    }
}

/// Which text is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// The words of the messages.
    Words,
    /// The codes, split into words.
    Codes,
}

/// For every spelling the places it has in phrases.
struct Index {
    /// The end of each spelling's places; they begin where those of the one before end.
    ends: Vec<usize>,
    places: Vec<Place>,
}

impl Index {
    fn places(&self, atom: usize) -> &[Place] {
        let start = atom.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[start..self.ends[atom]]
    }
}

/// The compiled form of all packs.
pub(crate) struct Matcher {
    spellings: Trie,
    /// How many statements end inside of each spelling.
    breaks: Vec<u32>,
    words: Index,
    codes: Index,
    chains: usize,
    /// Rules by whole code, sorted.
    by_code: Vec<(&'static str, u16)>,
    /// Rules that neither a phrase nor a whole code points at.
    always: Candidates,
}

impl Matcher {
    pub(crate) fn get() -> Option<&'static Self> {
        static MATCHER: OnceLock<Option<Matcher>> = OnceLock::new();
        MATCHER.get_or_init(Self::build).as_ref()
    }

    fn build() -> Option<Self> {
        let spellings = Trie::new(ATOMS.iter().map(|atom| atom.text).chain(CUES))?;
        let mut by_code = Vec::new();
        let mut always = Candidates::default();
        for (at, rule) in RULES.iter().enumerate() {
            let at = u16::try_from(at).ok()?;
            let has_phrases = !rule.text.is_empty() || !rule.words.is_empty();
            if !rule.codes.is_empty() && !has_phrases && rule.codes.iter().all(|code| !code.ends_with('*')) {
                by_code.extend(rule.codes.iter().map(|code| (*code, at)));
            } else if !has_phrases {
                always.add(at);
            }
        }
        by_code.sort_unstable();
        let mut chains = 0;
        let words = index(&mut chains, |rule| {
            vec![(Slot::Text, rule.text), (Slot::Also, rule.also), (Slot::Unless, rule.unless)]
        })?;
        let codes = index(&mut chains, |rule| vec![(Slot::Words, rule.words)])?;
        let breaks = ATOMS.iter().map(|atom| breaks(atom.text.as_bytes())).collect();
        Some(Self { spellings, breaks, words, codes, chains, by_code, always })
    }

    /// Notes which phrases stand in `text`, and the places behind words that tell a delay.
    pub(crate) fn scan(&self, text: &str, which: Text, hits: &mut Hits, cues: &mut Vec<usize>) {
        let index = if which == Text::Words { &self.words } else { &self.codes };
        hits.prepare(self.chains);
        let bytes = text.as_bytes();
        let (mut finds, mut statement) = (0, 0);
        let mut next = 0;
        while let Some(byte) = bytes.get(next) {
            let start = next;
            let is_letter = IS_LETTER[usize::from(*byte)];
            // A spelling begins where a word or a sign does, never inside of either.
            next += 1;
            if is_letter {
                next += bytes[next..].iter().take_while(|byte| IS_LETTER[usize::from(**byte)]).count();
            }
            if self.spellings.begins(*byte) {
                self.spellings.walk(&bytes[start..], |number, len| {
                    let end = start + len;
                    let Some(atom) = ATOMS.get(usize::from(number)) else {
                        if which == Text::Words {
                            cues.push(end);
                        }
                        return;
                    };
                    if atom.ends_word && bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
                        return;
                    }
                    finds += 1;
                    hits.found(
                        index.places(usize::from(number)),
                        span(start, end, statement, self.breaks[usize::from(number)]),
                    );
                });
                if finds >= FINDS_MAX {
                    break;
                }
            }
            statement += u32::from(!is_letter && ends_statement(*byte, bytes.get(start + 1)));
        }
    }

    /// The rules worth asking.
    pub(crate) fn candidates<'a>(&self, hits: &Hits, codes: impl Iterator<Item = &'a str>) -> Candidates {
        let mut candidates = hits.touched.clone();
        for (own, always) in candidates.0.iter_mut().zip(&self.always.0) {
            *own |= always;
        }
        for code in codes {
            let from = self.by_code.partition_point(|(known, _)| *known < code);
            for (_, rule) in self.by_code[from..].iter().take_while(|(known, _)| *known == code) {
                candidates.add(*rule);
            }
        }
        candidates
    }
}

/// Numbers the chains of all phrases in `slots`, and sorts their segments by spelling.
fn index(
    chains: &mut usize,
    slots: impl Fn(&'static Rule) -> Vec<(Slot, &'static [Pattern])>,
) -> Option<Index> {
    let mut by_atom = vec![Vec::new(); ATOMS.len()];
    for (rule, found) in RULES.iter().enumerate() {
        for (slot, patterns) in slots(found) {
            // Only the first condition of a rule calls it.
            let calls = match slot {
                Slot::Text => true,
                Slot::Words => found.text.is_empty(),
                Slot::Also | Slot::Unless => false,
            };
            for (pattern, segments) in patterns.iter().enumerate() {
                for (segment, spellings) in segments.0.iter().enumerate() {
                    let place = Place {
                        rule: u16::try_from(rule).ok()?,
                        pattern: u16::try_from(pattern).ok()?,
                        slot,
                        calls,
                        is_first: segment == 0,
                        is_last: segment + 1 == segments.0.len(),
                        chain: *chains + segment,
                    };
                    for atom in *spellings {
                        by_atom[usize::from(*atom)].push(place);
                    }
                }
                *chains += segments.0.len();
            }
        }
    }
    let mut index = Index { ends: Vec::new(), places: Vec::new() };
    for mut places in by_atom {
        // Later segments first, so that one spelling cannot be two links of one chain.
        places.sort_by_key(|place| std::cmp::Reverse(place.chain));
        index.places.append(&mut places);
        index.ends.push(index.places.len());
    }
    Some(index)
}

/// A spelling's place; no text is longer than the numbers reach.
fn span(start: usize, end: usize, statement: u32, breaks: u32) -> Span {
    let number = |at| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: number(start), end: number(end), from: statement, to: statement + breaks }
}

/// Whether a statement ends with this byte.
fn ends_statement(byte: u8, next: Option<&u8>) -> bool {
    byte == b'\n' || matches!(byte, b'.' | b'!' | b'?') && next == Some(&b' ')
}

fn breaks(text: &[u8]) -> u32 {
    let ends = text.iter().enumerate().filter(|(at, byte)| ends_statement(**byte, text.get(at + 1)));
    u32::try_from(ends.count()).unwrap_or(u32::MAX)
}
