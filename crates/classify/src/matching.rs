//! Asks all rules at once: one pass over the words finds every spelling, and a rule hears of a phrase when its last
//! spelling is found.
//!
//! What a phrase means is the rules' business, what follows from them the classifier's.

use std::{collections::HashMap, sync::OnceLock};

use crate::{
    delay::CUES,
    hits::{Chain, End, Hits, Link, Places, Sizes, Slot, Span},
    rule::{ATOMS, Pattern, RULES, Rule},
    trie::Trie,
};

/// How many spellings of one text are looked at.
const FINDS_MAX: usize = 512;
/// Words of the bit set over all rules.
const RULE_WORDS: usize = RULES.len().div_ceil(64);

/// What each byte is to a text.
mod kind {
    /// A part of a word.
    pub(super) const LETTER: u8 = 1;
    /// A spelling begins with it.
    pub(super) const BEGINS: u8 = 1 << 1;
    /// A statement may end with it.
    pub(super) const STOP: u8 = 1 << 2;
}

/// The rules worth asking, one bit each.
#[derive(Debug, Clone)]
pub(crate) struct Candidates([u64; RULE_WORDS]);

impl Default for Candidates {
    fn default() -> Self {
        Self([0; RULE_WORDS])
    }
}

impl Candidates {
    pub(crate) fn add(&mut self, rule: usize) {
        self.0[rule / 64] |= 1 << (rule % 64);
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

/// One spelling, as far as one kind of text is concerned.
#[derive(Debug)]
struct Spelling {
    /// Whether no letter may follow.
    ends_word: bool,
    /// How many statements end inside of it.
    breaks: u32,
    places: Places,
}

/// The compiled form of all packs.
pub(crate) struct Matcher {
    spellings: Trie,
    /// What each byte is, as bits of `kind`.
    kinds: [u8; 256],
    /// What each spelling is to phrases about words.
    words: Vec<Spelling>,
    /// What each spelling is to phrases about codes.
    codes: Vec<Spelling>,
    sizes: Sizes,
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
                always.add(usize::from(at));
            }
        }
        by_code.sort_unstable();
        let mut sizes = Sizes::default();
        let words = index(&mut sizes, |rule| {
            vec![(Slot::Text, rule.text), (Slot::Also, rule.also), (Slot::Unless, rule.unless)]
        })?;
        let codes = index(&mut sizes, |rule| vec![(Slot::Words, rule.words)])?;
        let kinds = kinds(&spellings);
        Some(Self { spellings, kinds, words, codes, sizes, by_code, always })
    }

    /// Notes which phrases stand in `text`, and the places behind words that tell a delay.
    pub(crate) fn scan(&self, text: &str, which: Text, hits: &mut Hits, cues: &mut Vec<usize>) {
        hits.prepare(self.sizes);
        let index = if which == Text::Words { &self.words } else { &self.codes };
        let bytes = text.as_bytes();
        let mut scan = Scan { matcher: self, index, bytes, hits, cues, which, finds: 0, statement: 0 };
        let mut next = 0;
        while let Some(byte) = bytes.get(next) {
            let start = next;
            let kind = self.kinds[usize::from(*byte)];
            // A spelling begins where a word or a sign does, never inside of either.
            next += 1;
            if kind & kind::LETTER != 0 {
                next += bytes[next..].iter().take_while(|byte| self.is_letter(**byte)).count();
                // Nothing begins or ends with a blank.
                next += usize::from(bytes.get(next) == Some(&b' '));
            }
            if kind & kind::BEGINS != 0 {
                self.spellings.walk(&bytes[start..], |number, len| scan.found(number, start, start + len));
                if scan.finds >= FINDS_MAX {
                    break;
                }
            }
            if kind & kind::STOP != 0 && ends_statement(*byte, bytes.get(next)) {
                scan.statement += 1;
            }
        }
    }

    fn is_letter(&self, byte: u8) -> bool {
        self.kinds[usize::from(byte)] & kind::LETTER != 0
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
                candidates.add(usize::from(*rule));
            }
        }
        candidates
    }
}

/// One pass over one text.
struct Scan<'a> {
    matcher: &'a Matcher,
    /// What each spelling is to the phrases of this kind of text.
    index: &'a [Spelling],
    bytes: &'a [u8],
    hits: &'a mut Hits,
    cues: &'a mut Vec<usize>,
    which: Text,
    finds: usize,
    /// How many statements have ended.
    statement: u32,
}

impl Scan<'_> {
    /// Notes the spelling with this number. Most walks find nothing, so what finds cost is kept out of their way.
    #[inline(never)]
    fn found(&mut self, number: u16, start: usize, end: usize) {
        let Some(spelling) = self.index.get(usize::from(number)) else {
            if self.which == Text::Words {
                self.cues.push(end);
            }
            return;
        };
        if spelling.ends_word && self.bytes.get(end).is_some_and(|byte| self.matcher.is_letter(*byte)) {
            return;
        }
        self.finds += 1;
        if !self.hits.is_settled(&spelling.places) {
            let span = span(start, end, self.statement, spelling.breaks);
            self.hits.found(&spelling.places, span);
        }
    }
}

/// Sorts the segments of all phrases in `slots` by spelling; phrases that begin alike share their beginning.
fn index(
    sizes: &mut Sizes,
    slots: impl Fn(&'static Rule) -> Vec<(Slot, &'static [Pattern])>,
) -> Option<Vec<Spelling>> {
    let mut ends = vec![Vec::new(); ATOMS.len()];
    let mut links = vec![Vec::new(); ATOMS.len()];
    let mut chains = HashMap::new();
    for (rule, found) in RULES.iter().enumerate() {
        for (slot, patterns) in slots(found) {
            for (pattern, Pattern(segments)) in patterns.iter().enumerate() {
                let (last, first) = segments.split_last()?;
                let mut before = None;
                for (depth, spellings) in first.iter().enumerate() {
                    let next = Chain(u16::try_from(sizes.chains).ok()?);
                    let chain = *chains.entry((before, *spellings)).or_insert(next);
                    if chain == next {
                        sizes.chains += 1;
                        for atom in *spellings {
                            links[usize::from(*atom)].push((depth, Link { before, chain }));
                        }
                    }
                    before = Some(chain);
                }
                let condition = u16::try_from(slot.of(rule)).ok()?;
                let end = End { before, condition, pattern: u16::try_from(pattern).ok()? };
                for atom in *last {
                    ends[usize::from(*atom)].push(end);
                }
            }
        }
    }
    let index = ATOMS.iter().zip(ends.into_iter().zip(links)).map(|(atom, (mut ends, mut links))| {
        // Of two phrases that one spelling completes, the first one of a condition is the one that counts.
        ends.sort_by_key(|end: &End| (end.condition, end.before, end.pattern));
        ends.dedup_by_key(|end| (end.condition, end.before));
        // Later segments first, so that one spelling cannot be two links of one chain.
        links.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
        let links = links.into_iter().map(|(_, link)| link).collect();
        let number = sizes.spellings;
        sizes.spellings += 1;
        let breaks = breaks(atom.text.as_bytes());
        Spelling { ends_word: atom.ends_word, breaks, places: Places { number, ends, links } }
    });
    Some(index.collect())
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

/// What each byte is, as bits of `kind`.
fn kinds(spellings: &Trie) -> [u8; 256] {
    let mut kinds = [0; 256];
    for (byte, kind) in (0..=u8::MAX).zip(&mut kinds) {
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        *kind = bit(byte.is_ascii_alphanumeric(), kind::LETTER)
            | bit(spellings.begins(byte), kind::BEGINS)
            | bit(ends_statement(byte, Some(&b' ')), kind::STOP);
    }
    kinds
}

fn breaks(text: &[u8]) -> u32 {
    let ends = text.iter().enumerate().filter(|(at, byte)| ends_statement(**byte, text.get(at + 1)));
    u32::try_from(ends.count()).unwrap_or(u32::MAX)
}
