//! Which phrases of which rules stand in an answer, kept from one answer to the next without being cleared.
//!
//! It is told of spellings in the order in which they stand, and never looks at the text itself.

use crate::{matching::Candidates, rule::RULES};

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

/// What one spelling is to one phrase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) rule: u16,
    /// Which phrase of the condition.
    pub(crate) pattern: u16,
    pub(crate) slot: Slot,
    /// Whether the phrase makes its rule worth asking.
    pub(crate) calls: bool,
    pub(crate) is_first: bool,
    pub(crate) is_last: bool,
    /// The number of this segment among all segments; the one before it belongs to the segment before.
    pub(crate) chain: usize,
}

/// Where a spelling stands: its bytes, and the numbers of the statements it begins and ends in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// The two nearest ends of a phrase that is complete up to some segment.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    round: u32,
    last: Span,
    before: Span,
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
    chains: Vec<Chain>,
    slots: Vec<Hit>,
    pub(crate) touched: Candidates,
}

impl Hits {
    /// Forgets what was noted before.
    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.chains.fill(Chain::default());
            self.slots.fill(Hit::default());
            self.round = 1;
        }
    }

    /// Makes room for so many segments, once.
    pub(crate) fn prepare(&mut self, chains: usize) {
        if self.chains.len() != chains {
            self.chains.resize(chains, Chain::default());
            self.slots.resize(RULES.len() * SLOTS, Hit::default());
        }
    }

    /// Where the phrase stands that fulfils a condition of the rule with this number.
    pub(crate) fn hit(&self, rule: usize, slot: Slot) -> Option<(usize, usize)> {
        let hit = self.slots.get(rule * SLOTS + slot as usize)?;
        (hit.round == self.round).then_some((hit.start as usize, hit.end as usize))
    }

    /// Notes a spelling that stands at `span`.
    pub(crate) fn found(&mut self, places: &[Place], span: Span) {
        for place in places {
            let hit = &self.slots[usize::from(place.rule) * SLOTS + place.slot as usize];
            if hit.round == self.round && hit.pattern <= place.pattern {
                // An earlier phrase says already what this one could say.
                continue;
            }
            let Some(start) = self.begin(place, span) else { continue };
            if place.is_last {
                self.complete(place, start, span.end);
            } else {
                let chain = &mut self.chains[place.chain];
                let before = if chain.round == self.round { chain.last } else { Span::default() };
                let last = Span { start, end: span.end, from: span.from, to: span.to };
                *chain = Chain { round: self.round, last, before };
            }
        }
    }

    /// Where the phrase begins that this spelling continues.
    fn begin(&self, place: &Place, span: Span) -> Option<u32> {
        if place.is_first {
            return Some(span.start);
        }
        let chain = &self.chains[place.chain - 1];
        let is_near = |end: &&Span| {
            end.end > 0
                && end.end <= span.start
                && span.start - end.end <= GAP_BYTES_MAX
                && end.to == span.from
        };
        let nearest = [&chain.last, &chain.before].into_iter().find(is_near)?;
        (chain.round == self.round).then_some(nearest.start)
    }

    fn complete(&mut self, place: &Place, start: u32, end: u32) {
        self.slots[usize::from(place.rule) * SLOTS + place.slot as usize] =
            Hit { round: self.round, pattern: place.pattern, start, end };
        if place.calls {
            self.touched.add(place.rule);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: u32, end: u32, statement: u32) -> Span {
        Span { start, end, from: statement, to: statement }
    }

    /// Whether a phrase of two segments is complete after these two spellings.
    fn completes(first: Span, second: Span) -> bool {
        let place = |segment: usize| Place {
            rule: 0,
            pattern: 0,
            slot: Slot::Text,
            calls: true,
            is_first: segment == 0,
            is_last: segment == 1,
            chain: segment,
        };
        let mut hits = Hits::default();
        hits.clear();
        hits.prepare(2);
        hits.found(&[place(0)], first);
        hits.found(&[place(1)], second);
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
    fn nothing_of_an_earlier_answer_counts() {
        let place = Place {
            rule: 0,
            pattern: 0,
            slot: Slot::Text,
            calls: true,
            is_first: true,
            is_last: true,
            chain: 0,
        };
        let mut hits = Hits::default();
        hits.clear();
        hits.prepare(1);
        hits.found(&[place], span(0, 5, 0));
        assert!(hits.hit(0, Slot::Text).is_some());
        hits.clear();
        assert!(hits.hit(0, Slot::Text).is_none());
        assert_eq!(hits.touched.rules().count(), 0);
    }
}
