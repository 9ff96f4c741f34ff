//! What each spelling is to the phrases of all rules: which of them it completes, and which it carries on.
//!
//! Nothing is looked for here; it is the compiled form of the phrases of one kind of text.

use std::{collections::HashMap, ops::Range};

use crate::rule::{ATOMS, Pattern, RULES, Rule};

/// Conditions of a rule that phrases can fulfil.
pub(crate) const SLOTS: usize = 4;
/// Bytes of the longest spelling that may be.
pub(crate) const SPELLING_BYTES_MAX: u32 = 128;

/// A condition of a rule that phrases can fulfil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Text,
    Also,
    Unless,
    Words,
}

impl Slot {
    /// The number of this condition of the rule with the number `rule` among all conditions.
    pub(crate) const fn of(self, rule: usize) -> usize {
        rule * SLOTS + self as usize
    }
}

/// The beginning that phrases share, up to some segment. Phrases of many rules begin alike, so that most of what a text
/// begins is noted once for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Chain(pub(crate) u16);

impl Chain {
    /// One of so many bits as there are. Others may have the same, so it tells only which beginnings were not met.
    #[inline]
    pub(crate) const fn bit(self) -> u64 {
        1 << (self.0 % 64)
    }
}

/// A spelling that carries a beginning on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// What must stand before it, if it is not the first.
    pub(crate) before: Option<Chain>,
    /// What then stands there.
    pub(crate) chain: Chain,
}

/// All phrases that one spelling completes behind the same beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    /// What must stand before it, if it is not the whole phrase.
    pub(crate) before: Option<Chain>,
    /// Its number among the tails of all kinds of text.
    pub(crate) number: u16,
    ends: Span,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    from: u16,
    to: u16,
}

impl Span {
    /// `None` if the list is longer than numbers reach.
    fn new(range: Range<usize>) -> Option<Self> {
        Some(Self { from: u16::try_from(range.start).ok()?, to: u16::try_from(range.end).ok()? })
    }

    #[inline]
    fn of<T>(self, list: &[T]) -> &[T] {
        list.get(usize::from(self.from)..usize::from(self.to)).unwrap_or_default()
    }
}

/// A phrase that a spelling completes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// The number of the condition that the phrase fulfils, as of [`Slot::of`].
    pub(crate) condition: u16,
    /// Which phrase of the condition.
    pub(crate) pattern: u16,
    /// Whether the condition makes its rule worth asking: the first one of a rule does.
    pub(crate) calls: bool,
}

/// One spelling, as far as one kind of text is concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spelling {
    /// Whether no letter may follow.
    pub(crate) ends_word: bool,
    /// How many of its bytes stand before the last statement that begins inside of it; 0 if none does.
    pub(crate) last_statement: u8,
    /// The number of the tail that is a whole phrase; [`Spelling::NONE`] if none is.
    pub(crate) whole: u16,
    /// The beginnings that its other tails and its links carry on, as of [`Chain::bit`].
    pub(crate) before: u64,
    /// The beginnings that it is whatever stands before it, as of [`Chain::bit`].
    pub(crate) begins: u64,
    /// The one that is a whole phrase comes first.
    tails: Span,
    /// Those that carry on what was begun before it.
    links: Span,
    /// Those that begin with it.
    pub(crate) firsts: Span,
}

impl Spelling {
    /// No number of any tail.
    pub(crate) const NONE: u16 = u16::MAX;
}

/// How much there is to take notes of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) chains: usize,
    pub(crate) tails: usize,
}

/// All spellings, as far as one kind of text is concerned.
#[derive(Debug, Default)]
pub(crate) struct Index {
    spellings: Vec<Spelling>,
    tails: Vec<Tail>,
    ends: Vec<End>,
    links: Vec<Link>,
}

impl Index {
    /// Sorts the segments of all phrases in `slots` by spelling; phrases that begin alike share their beginning. `None`
    /// if there are more of them than numbers.
    pub(crate) fn new(
        sizes: &mut Sizes,
        slots: impl Fn(&'static Rule) -> Vec<(Slot, &'static [Pattern])>,
    ) -> Option<Self> {
        let mut parts = vec![Parts::default(); ATOMS.len()];
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
                                parts[usize::from(*atom)].links.push((depth, Link { before, chain }));
                            }
                        }
                        before = Some(chain);
                    }
                    let condition = u16::try_from(slot.of(rule)).ok()?;
                    let pattern = u16::try_from(pattern).ok()?;
                    let calls = slot == Slot::Text || slot == Slot::Words && found.text.is_empty();
                    let end = End { condition, pattern, calls };
                    for atom in *last {
                        parts[usize::from(*atom)].ends.push((before, end));
                    }
                }
            }
        }
        let mut index = Self::default();
        for (atom, parts) in ATOMS.iter().zip(parts) {
            if atom.text.len() > SPELLING_BYTES_MAX as usize {
                return None;
            }
            index.add(atom.ends_word, last_statement(atom.text.as_bytes()), parts, sizes)?;
        }
        Some(index)
    }

    /// Takes up one spelling; `None` if there is no more room.
    pub(crate) fn add(
        &mut self,
        ends_word: bool,
        last_statement: u8,
        mut parts: Parts,
        sizes: &mut Sizes,
    ) -> Option<()> {
        // Of two phrases that one spelling completes, the first one of a condition is the one that counts.
        parts.ends.sort_by_key(|(before, end)| (*before, end.condition, end.pattern));
        parts.ends.dedup_by_key(|(before, end)| (*before, end.condition));
        let first_tail = self.tails.len();
        for alike in parts.ends.chunk_by(|one, other| one.0 == other.0) {
            let first_end = self.ends.len();
            self.ends.extend(alike.iter().map(|(_, end)| *end));
            let ends = Span::new(first_end..self.ends.len())?;
            self.tails.push(Tail { before: alike[0].0, number: u16::try_from(sizes.tails).ok()?, ends });
            sizes.tails += 1;
        }
        // Later segments first, so that one spelling cannot be two links of one chain.
        parts.links.sort_by_key(|(depth, _)| std::cmp::Reverse(*depth));
        let first_link = self.links.len();
        self.links.extend(parts.links.into_iter().map(|(_, link)| link));
        let firsts = self.links[first_link..].iter().filter(|link| link.before.is_none());
        let begins = firsts.clone().fold(0, |bits, link| bits | link.chain.bit());
        let first_first = self.links.len() - firsts.count();
        let tails = Span::new(first_tail..self.tails.len())?;
        let links = Span::new(first_link..first_first)?;
        let firsts = Span::new(first_first..self.links.len())?;
        let whole = tails.of(&self.tails).iter().find(|tail| tail.before.is_none());
        let whole = whole.map_or(Spelling::NONE, |tail| tail.number);
        let of_tails = tails.of(&self.tails).iter().filter_map(|tail| tail.before);
        let of_links = links.of(&self.links).iter().filter_map(|link| link.before);
        let before = of_tails.chain(of_links).fold(0, |bits, chain| bits | chain.bit());
        self.spellings.push(Spelling {
            ends_word,
            last_statement,
            whole,
            before,
            begins,
            tails,
            links,
            firsts,
        });
        Some(())
    }

    /// The spelling with this number.
    #[inline]
    pub(crate) fn spelling(&self, number: usize) -> Option<&Spelling> {
        self.spellings.get(number)
    }

    /// What a spelling completes; the one that is a whole phrase comes first.
    #[inline]
    pub(crate) fn tails(&self, spelling: &Spelling) -> &[Tail] {
        spelling.tails.of(&self.tails)
    }

    /// What a spelling carries on, with their places; later segments first.
    #[inline]
    pub(crate) fn links(&self, spelling: &Spelling) -> impl Iterator<Item = (Span, &Link)> {
        let places = (spelling.links.from..spelling.links.to).map(|at| Span { from: at, to: at + 1 });
        places.zip(spelling.links.of(&self.links))
    }

    /// Whether a chain is one of those that lie there.
    #[inline]
    pub(crate) fn has_link(&self, links: Span, chain: Chain) -> bool {
        links.of(&self.links).iter().any(|link| link.chain == chain)
    }

    /// The phrases that are complete with a tail.
    #[inline]
    pub(crate) fn ends(&self, tail: Tail) -> &[End] {
        tail.ends.of(&self.ends)
    }
}

/// All that one spelling is to phrases, while they are sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) ends: Vec<(Option<Chain>, End)>,
    /// With the number of the segment.
    pub(crate) links: Vec<(usize, Link)>,
}

/// How many bytes of `text` stand before the last statement that begins inside of it; 0 if none does.
fn last_statement(text: &[u8]) -> u8 {
    let begins = |at: &usize| matches!(text[..*at], [.., b'\n'] | [.., b'.' | b'!' | b'?', b' ']);
    let last = (0..=text.len()).rev().find(begins);
    last.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}
