//! Asks all rules at once: one pass over the words finds every phrase, and only rules that a find points at are looked at.
//!
//! What the finds mean is the rules' business, what follows from them the classifier's.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::{
    delay::CUES,
    rule::{ATOMS, Pattern, RULES, Rule},
};

/// How many finds of one text are kept.
const FINDS_MAX: usize = 512;
/// Bytes that `..` in a phrase may stand for.
const GAP_BYTES_MAX: usize = 90;
/// Words of the bit set over all rules.
const RULE_WORDS: usize = RULES.len().div_ceil(64);

/// One find of a spelling.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Find {
    atom: u16,
    start: usize,
    end: usize,
}

/// The rules that some find or code points at, one bit each.
#[derive(Debug, Clone)]
pub(crate) struct Candidates([u64; RULE_WORDS]);

impl Candidates {
    fn add(&mut self, rule: u16) {
        self.0[usize::from(rule) / 64] |= 1 << (rule % 64);
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

/// The compiled form of all packs.
pub(crate) struct Matcher {
    automaton: AhoCorasick,
    /// Rules whose words can only be there if this spelling is.
    by_atom: Vec<Vec<u16>>,
    /// Rules by whole code, sorted.
    by_code: Vec<(&'static str, u16)>,
    /// Rules that neither a word nor a whole code points at.
    always: Candidates,
}

impl Matcher {
    pub(crate) fn get() -> Option<&'static Self> {
        static MATCHER: OnceLock<Option<Matcher>> = OnceLock::new();
        MATCHER.get_or_init(Self::build).as_ref()
    }

    fn build() -> Option<Self> {
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(ATOMS.iter().map(|atom| atom.text).chain(CUES))
            .ok()?;
        let mut by_atom = vec![Vec::new(); ATOMS.len()];
        let mut by_code = Vec::new();
        let mut always = Candidates([0; RULE_WORDS]);
        for (at, rule) in RULES.iter().enumerate() {
            let at = u16::try_from(at).ok()?;
            let words = if rule.text.is_empty() { rule.words } else { rule.text };
            if !words.is_empty() {
                for atom in words.iter().filter_map(|pattern| pattern.0.first()).copied().flatten() {
                    by_atom[usize::from(*atom)].push(at);
                }
            } else if !rule.codes.is_empty() && rule.codes.iter().all(|code| !code.ends_with('*')) {
                by_code.extend(rule.codes.iter().map(|code| (*code, at)));
            } else {
                always.add(at);
            }
        }
        by_code.sort_unstable();
        Some(Self { automaton, by_atom, by_code, always })
    }

    /// Finds all spellings in `text`, and the places behind words that tell a delay.
    pub(crate) fn find(&self, text: &str, finds: &mut Vec<Find>, cues: &mut Vec<usize>) {
        finds.clear();
        cues.clear();
        let bytes = text.as_bytes();
        for found in self.automaton.find_overlapping_iter(text).take(FINDS_MAX * 4) {
            let Some(atom) = ATOMS.get(found.pattern().as_usize()) else {
                cues.push(found.end());
                continue;
            };
            let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
            let starts = !atom.starts_word || found.start() == 0 || !is_letter(found.start() - 1);
            let ends = !atom.ends_word || !is_letter(found.end());
            if starts && ends && finds.len() < FINDS_MAX {
                let atom = u16::try_from(found.pattern().as_usize()).unwrap_or(u16::MAX);
                finds.push(Find { atom, start: found.start(), end: found.end() });
            }
        }
        finds.sort_unstable_by_key(|find| (find.start, find.end));
    }

    /// The rules worth asking.
    pub(crate) fn candidates<'a>(
        &self,
        finds: impl Iterator<Item = &'a Find>,
        codes: impl Iterator<Item = &'a str>,
    ) -> Candidates {
        let mut candidates = self.always.clone();
        for find in finds {
            for rule in &self.by_atom[usize::from(find.atom)] {
                candidates.add(*rule);
            }
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

/// Where the first of `patterns` stands in `text`, looking only at `finds`.
pub(crate) fn first(patterns: &[Pattern], finds: &[Find], text: &str) -> Option<(usize, usize)> {
    patterns.iter().find_map(|pattern| stands(pattern, finds, text))
}

fn stands(pattern: &Pattern, finds: &[Find], text: &str) -> Option<(usize, usize)> {
    if let [only] = pattern.0 {
        return finds.iter().find(|find| only.contains(&find.atom)).map(|find| (find.start, find.end));
    }
    // The latest end of a chain of each length: the nearest one is the best to go on from.
    let mut chains: [Option<(usize, usize)>; 6] = [None; 6];
    for find in finds {
        for (at, segment) in pattern.0.iter().enumerate().take(chains.len()).rev() {
            if !segment.contains(&find.atom) {
                continue;
            }
            let start = match at {
                0 => Some(find.start),
                _ => {
                    chains[at - 1].filter(|(_, end)| is_near(*end, find.start, text)).map(|(start, _)| start)
                }
            };
            if let Some(start) = start {
                if at + 1 == pattern.0.len() {
                    return Some((start, find.end));
                }
                chains[at] = Some((start, find.end));
            }
        }
    }
    None
}

/// Whether the words between two finds may belong to one statement.
fn is_near(end: usize, start: usize, text: &str) -> bool {
    if start < end || start - end > GAP_BYTES_MAX {
        return false;
    }
    let between = &text.as_bytes()[end..start];
    !between.contains(&b'\n') && !between.windows(2).any(|two| matches!(two, b". " | b"! " | b"? "))
}
