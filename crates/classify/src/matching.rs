//! Asks all rules at once: one pass over the words finds every spelling, and a rule hears of a phrase when its last
//! spelling is found.
//!
//! What a phrase means is the rules' business, what follows from them the classifier's.

use std::sync::OnceLock;

use regex::bytes::Regex;

use crate::{
    beginnings::first_bytes,
    delay::CUES,
    hits::Hits,
    index::{Index, Sizes, Slot},
    page,
    rule::{ATOMS, RULES, Rule},
    statement::Pass,
    trie::Trie,
};

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
    /// Rules by whole code, sorted; in front of each its first bytes, by which nearly all others are told from it.
    by_code: Vec<(u64, &'static str, u16)>,
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
                by_code.extend(rule.codes.iter().map(|code| (first_bytes(code.as_bytes()), *code, at)));
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
        let (index, cues) = match which {
            Text::Words => (&self.words, Some(cues)),
            Text::Codes => (&self.codes, None),
        };
        Pass::new(&self.spellings, index, hits, cues).read(text.as_bytes());
    }

    /// The rules worth asking.
    pub(crate) fn candidates<'a>(&self, hits: &Hits, codes: impl Iterator<Item = &'a str>) -> Candidates {
        let mut candidates = hits.touched.clone();
        for (own, always) in candidates.0.iter_mut().zip(&self.always.0) {
            *own |= always;
        }
        for code in codes {
            let first = first_bytes(code.as_bytes());
            let from = self.by_code.partition_point(|(known, ..)| *known < first);
            for (_, known, rule) in self.by_code[from..].iter().take_while(|(known, ..)| *known == first) {
                if *known == code {
                    candidates.add(usize::from(*rule));
                }
            }
        }
        candidates
    }
}
