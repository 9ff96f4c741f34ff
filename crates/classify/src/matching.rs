//! Asks all rules at once: one pass over the words finds every spelling, and a rule hears of a phrase when its last
//! spelling is found.
//!
//! What a phrase means is the rules' business, what follows from them the classifier's.

use std::sync::OnceLock;

use regex::bytes::Regex;
use wide::u8x16;

use crate::{
    block::{BLOCK, Near, is, mask, small, within},
    delay::CUES,
    hits::{Hits, Place},
    index::{Index, Sizes, Slot},
    page,
    rule::{ATOMS, RULES, Rule},
    trie::Trie,
};

/// How many spellings of one text are looked at.
const FINDS_MAX: usize = 512;
/// Words of the bit set over all rules.
const RULE_WORDS: usize = RULES.len().div_ceil(64);

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

/// The compiled form of all packs.
pub(crate) struct Matcher {
    spellings: Trie,
    /// What each spelling is to phrases about words.
    words: Index,
    /// What each spelling is to phrases about codes.
    codes: Index,
    sizes: Sizes,
    /// Rules by whole code, sorted.
    by_code: Vec<(&'static str, u16)>,
    /// Rules that neither a phrase nor a whole code points at.
    always: Candidates,
    /// What a firewall says.
    challenges: Regex,
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
        let words = Index::new(&mut sizes, |rule| {
            vec![(Slot::Text, rule.text), (Slot::Also, rule.also), (Slot::Unless, rule.unless)]
        })?;
        let codes = Index::new(&mut sizes, |rule| vec![(Slot::Words, rule.words)])?;
        Some(Self { spellings, words, codes, sizes, by_code, always, challenges: page::challenges()? })
    }

    /// Whether a page is a challenge or a block of Cloudflare's firewall.
    pub(crate) fn is_challenge(&self, page: &[u8]) -> bool {
        self.challenges.is_match(page)
    }

    /// Notes which phrases stand in `text`, and the places behind words that tell a delay.
    pub(crate) fn scan(&self, text: &str, which: Text, hits: &mut Hits, cues: &mut Vec<usize>) {
        hits.prepare(self.sizes);
        let index = if which == Text::Words { &self.words } else { &self.codes };
        let bytes = text.as_bytes();
        let mut scan = Scan { spellings: &self.spellings, index, hits, cues, which, finds: 0 };
        // Where the last statement began before the block.
        let mut statement = 0;
        for block in (0..bytes.len()).step_by(BLOCK) {
            let ends = mask(bytes, block, ends_before);
            let mut starts = mask(bytes, block, may_begin);
            while starts != 0 {
                let bit = starts.trailing_zeros();
                starts &= starts - 1;
                let start = block + bit as usize;
                let Some(rest) = bytes.get(start..) else { break };
                if !self.spellings.may_begin(rest) {
                    continue;
                }
                let before = ends & ((1 << bit) - 1);
                scan.walk(rest, start, if before == 0 { statement } else { begins_behind(block, before) });
                if scan.finds >= FINDS_MAX {
                    return;
                }
            }
            if ends != 0 {
                statement = begins_behind(block, ends);
            }
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
                candidates.add(usize::from(*rule));
            }
        }
        candidates
    }
}

/// One pass over one text.
struct Scan<'a> {
    spellings: &'a Trie,
    /// What each spelling is to the phrases of this kind of text.
    index: &'a Index,
    hits: &'a mut Hits,
    cues: &'a mut Vec<usize>,
    which: Text,
    finds: usize,
}

impl Scan<'_> {
    /// Notes all spellings that `rest` begins with, which stands at `start` in a statement that begins at `statement`.
    /// Few places are worth it, so what it costs is kept out of the way of the others.
    #[inline(never)]
    fn walk(&mut self, rest: &[u8], start: usize, statement: usize) {
        let spellings = self.spellings;
        spellings
            .walk(rest, |number, len| self.found(usize::from(number), rest, Place { start, len, statement }));
    }

    /// Notes the spelling with this number at the beginning of `rest`.
    #[inline(never)]
    fn found(&mut self, number: usize, rest: &[u8], place: Place) {
        let Some(spelling) = self.index.spelling(number) else {
            if self.which == Text::Words {
                self.cues.push(place.start + place.len);
            }
            return;
        };
        if spelling.ends_word && rest.get(place.len).is_some_and(u8::is_ascii_alphanumeric) {
            return;
        }
        self.finds += 1;
        self.hits.found(self.index, spelling, place);
    }
}

/// Where the statement begins that follows the last of these ends.
const fn begins_behind(block: usize, ends: u64) -> usize {
    block + (u64::BITS - ends.leading_zeros()) as usize
}

/// Where a spelling may begin: where a word or a sign does, never inside of either. Nothing begins with a blank.
#[inline]
fn may_begin(near: &Near<'_>) -> u8x16 {
    let (here, letters) = (near.here(), letters(near.here()));
    let is_inside = letters & self::letters(near.back(1));
    !(is_inside | is(here, b' ') | within(here, 0x80, 0xBF))
}

/// Which bytes are parts of words.
#[inline]
fn letters(bytes: u8x16) -> u8x16 {
    within(small(bytes), b'a', b'z') | within(bytes, b'0', b'9')
}

/// At the end of a line, and at a blank behind the end of a sentence, a statement has ended.
#[inline]
fn ends_before(near: &Near<'_>) -> u8x16 {
    let before = near.back(1);
    let is_behind_end = is(before, b'.') | is(before, b'!') | is(before, b'?');
    is(near.here(), b'\n') | is(near.here(), b' ') & is_behind_end
}
