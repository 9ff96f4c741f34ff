//! Asks all rules at once: one pass over the words finds every spelling, and a rule hears of a phrase when its last
//! spelling is found.
//!
//! What a phrase means is the rules' business, what follows from them the classifier's.

use std::sync::OnceLock;

use regex::bytes::Regex;

use crate::{
    delay::CUES,
    docket::Docket,
    hits::Hits,
    index::{Index, Sizes, Slot},
    page,
    rule::ATOMS,
    statement::Pass,
    trie::Trie,
};

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
    /// What makes rules worth hearing.
    pub(crate) docket: Docket,
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
        let mut sizes = Sizes::default();
        let words = Index::new(&mut sizes, |rule| {
            vec![(Slot::Text, rule.text), (Slot::Also, rule.also), (Slot::Unless, rule.unless)]
        })?;
        let codes = Index::new(&mut sizes, |rule| vec![(Slot::Words, rule.words)])?;
        Some(Self { spellings, words, codes, sizes, docket: Docket::new()?, challenges: page::challenges()? })
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
}
