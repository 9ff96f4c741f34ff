//! Which phrases of which rules stand in an answer, kept from one answer to the next without being cleared.
//!
//! It is told of spellings in the order in which they stand, and never looks at the text itself.

use crate::{
    matching::Candidates,
    rule::{RULES, Rule},
};

/// Bytes that `..` in a phrase may stand for.
const GAP_BYTES_MAX: u32 = 90;
/// Conditions of a rule that phrases can fulfil.
const SLOTS: usize = 4;

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

/// A spelling that carries a beginning on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// What must stand before it, if it is not the first.
    pub(crate) before: Option<Chain>,
    /// What then stands there.
    pub(crate) chain: Chain,
}

/// A spelling that completes a phrase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// What must stand before it, if it is the whole phrase.
    pub(crate) before: Option<Chain>,
    /// The number of the condition that the phrase fulfils, as of [`Slot::of`].
    pub(crate) condition: u16,
    /// Which phrase of the condition.
    pub(crate) pattern: u16,
}

/// All that one spelling is to the phrases of one kind of text.
#[derive(Debug)]
pub(crate) struct Places {
    /// Its number among all spellings of all kinds of text.
    pub(crate) number: usize,
    pub(crate) ends: Vec<End>,
    /// Later segments first, so that one spelling cannot be two links of one chain.
    pub(crate) links: Vec<Link>,
}

/// How much there is to take notes of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) chains: usize,
    pub(crate) spellings: usize,
}

/// Where a spelling stands: its bytes, and the numbers of the statements it begins and ends in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Where a beginning stands that later segments may carry on.
#[derive(Debug, Clone, Copy, Default)]
struct Begun {
    start: u32,
    end: u32,
    /// The statement it ends in.
    statement: u32,
}

/// The two nearest places where a beginning stands.
#[derive(Debug, Clone, Copy, Default)]
struct Nearest {
    round: u32,
    last: Begun,
    before: Begun,
}

/// The best phrase that fulfils a condition.
#[derive(Debug, Clone, Copy, Default)]
struct Hit {
    round: u32,
    pattern: u16,
    start: u32,
    end: u32,
}

/// All conditions that are fulfilled.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    /// Whatever was noted in an earlier round does not count.
    round: u32,
    chains: Vec<Nearest>,
    conditions: Vec<Hit>,
    /// The round in which all that a spelling completes was said already.
    settled: Vec<u32>,
    pub(crate) touched: Candidates,
}

impl Hits {
    /// Forgets what was noted before.
    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.chains.fill(Nearest::default());
            self.conditions.fill(Hit::default());
            self.settled.fill(0);
            self.round = 1;
        }
    }

    /// Makes room for all there is to note, once.
    pub(crate) fn prepare(&mut self, sizes: Sizes) {
        if self.settled.len() != sizes.spellings {
            self.chains.resize(sizes.chains, Nearest::default());
            self.conditions.resize(RULES.len() * SLOTS, Hit::default());
            self.settled.resize(sizes.spellings, 0);
        }
    }

    /// Where the phrase stands that fulfils a condition of the rule with this number.
    pub(crate) fn hit(&self, rule: usize, slot: Slot) -> Option<(usize, usize)> {
        let hit = self.conditions.get(slot.of(rule))?;
        (hit.round == self.round).then_some((hit.start as usize, hit.end as usize))
    }

    /// Whether a spelling has nothing more to say.
    pub(crate) fn is_settled(&self, places: &Places) -> bool {
        places.links.is_empty() && self.settled[places.number] == self.round
    }

    /// Notes a spelling that stands at `span`.
    pub(crate) fn found(&mut self, places: &Places, span: Span) {
        let is_settled = places.ends.iter().fold(true, |is_settled, end| is_settled & self.end(end, span));
        if is_settled {
            self.settled[places.number] = self.round;
        }
        for link in &places.links {
            let Some(start) = self.begin(link.before, span) else { continue };
            let nearest = &mut self.chains[usize::from(link.chain.0)];
            let before = if nearest.round == self.round { nearest.last } else { Begun::default() };
            let last = Begun { start, end: span.end, statement: span.to };
            *nearest = Nearest { round: self.round, last, before };
        }
    }

    /// Notes the end of a phrase; answers whether its condition needs to hear no more of this phrase.
    fn end(&mut self, end: &End, span: Span) -> bool {
        let condition = usize::from(end.condition);
        let hit = &self.conditions[condition];
        if hit.round == self.round && hit.pattern <= end.pattern {
            // An earlier phrase says already what this one could say.
            return true;
        }
        let Some(start) = self.begin(end.before, span) else { return false };
        self.conditions[condition] = Hit { round: self.round, pattern: end.pattern, start, end: span.end };
        let rule = condition / SLOTS;
        if calls(&RULES[rule], condition % SLOTS) {
            self.touched.add(rule);
        }
        true
    }

    /// Where the phrase begins that this spelling continues.
    fn begin(&self, before: Option<Chain>, span: Span) -> Option<u32> {
        let Some(chain) = before else { return Some(span.start) };
        let nearest = &self.chains[usize::from(chain.0)];
        let is_near = |begun: &&Begun| {
            begun.end > 0
                && begun.end <= span.start
                && span.start - begun.end <= GAP_BYTES_MAX
                && begun.statement == span.from
        };
        if nearest.round != self.round {
            return None;
        }
        [&nearest.last, &nearest.before].into_iter().find(is_near).map(|begun| begun.start)
    }
}

/// Whether a condition makes its rule worth asking: the first one of a rule does.
fn calls(rule: &Rule, slot: usize) -> bool {
    slot == Slot::Text as usize || slot == Slot::Words as usize && rule.text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { chains: 1, spellings: 2 };
    const CONDITION: u16 = Slot::Text as u16;

    fn span(start: u32, end: u32, statement: u32) -> Span {
        Span { start, end, from: statement, to: statement }
    }

    /// Whether a phrase of two segments is complete after these two spellings.
    fn completes(first: Span, second: Span) -> bool {
        let mut hits = Hits::default();
        hits.clear();
        hits.prepare(SIZES);
        let link = Link { before: None, chain: Chain(0) };
        hits.found(&Places { number: 0, ends: vec![], links: vec![link] }, first);
        let end = End { before: Some(Chain(0)), condition: CONDITION, pattern: 0 };
        hits.found(&Places { number: 1, ends: vec![end], links: vec![] }, second);
        hits.hit(0, Slot::Text).is_some()
    }

    #[test]
    fn a_phrase_is_complete_within_one_statement_and_a_few_words() {
        assert!(completes(span(0, 5, 0), span(6, 9, 0)));
        assert!(completes(span(0, 5, 0), span(5, 9, 0)));
        assert!(!completes(span(0, 5, 0), span(4, 9, 0)), "they overlap");
        assert!(!completes(span(0, 5, 0), span(6, 9, 1)), "a statement ended between them");
        assert!(!completes(span(0, 5, 0), span(200, 204, 0)), "they stand too far apart");
    }

    #[test]
    fn a_spelling_is_heard_until_the_first_phrase_is_said() {
        let end = |pattern| End { before: None, condition: CONDITION, pattern };
        let late = &Places { number: 0, ends: vec![end(1)], links: vec![] };
        let early = &Places { number: 1, ends: vec![end(0)], links: vec![] };
        let mut hits = Hits::default();
        hits.clear();
        hits.prepare(SIZES);
        hits.found(late, span(0, 5, 0));
        hits.found(late, span(6, 11, 0));
        assert_eq!(hits.hit(0, Slot::Text), Some((0, 5)), "the first place counts");
        hits.found(early, span(12, 17, 0));
        hits.found(late, span(18, 23, 0));
        assert_eq!(hits.hit(0, Slot::Text), Some((12, 17)), "the first phrase counts");
    }

    #[test]
    fn nothing_of_an_earlier_answer_counts() {
        let end = End { before: None, condition: CONDITION, pattern: 0 };
        let places = &Places { number: 0, ends: vec![end], links: vec![] };
        let mut hits = Hits::default();
        for _ in 0..2 {
            hits.clear();
            hits.prepare(SIZES);
            assert!(hits.hit(0, Slot::Text).is_none());
            assert_eq!(hits.touched.rules().count(), 0);
            hits.found(places, span(0, 5, 0));
            assert!(hits.hit(0, Slot::Text).is_some());
        }
    }
}
