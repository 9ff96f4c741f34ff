//! Which phrases of which rules stand in an answer, kept from one answer to the next without being cleared.
//!
//! It is told of spellings in the order in which they stand, and never looks at the text itself.

use crate::{
    docket::Candidates,
    index::{Chain, Index, SLOTS, SPELLING_BYTES_MAX, Sizes, Slot, Span, Spelling, Tail},
    rule::RULES,
};

/// Bytes that `..` in a phrase may stand for.
const GAP_BYTES_MAX: u32 = 90;
/// How far in front of a place a beginning may stand that is carried on there: a gap and a spelling, of which none is
/// longer.
const BACK_BYTES_MAX: u32 = GAP_BYTES_MAX + SPELLING_BYTES_MAX;

/// Where a spelling stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Where the statement begins that it begins in.
    pub(crate) statement: u32,
}

impl Place {
    #[inline]
    pub(crate) const fn new(start: usize, end: usize, statement: usize) -> Self {
        Self { start: number(start), end: number(end), statement: number(statement) }
    }
}

/// A place in a text; none is so long that it could be too far behind, see [`NORMAL_BYTES_MAX`](crate::text::NORMAL_BYTES_MAX).
#[inline]
pub(crate) const fn number(at: usize) -> u32 {
    (at as u64 & 0xFFFF_FFFF) as u32
}

/// Beginnings that later segments may carry on; all end with the same spelling.
#[derive(Debug, Clone, Copy)]
struct Begun {
    /// Which they are, as of [`Chain::bit`].
    bits: u64,
    /// Where they lie.
    links: Span,
    /// Where the whole of each begins.
    start: u32,
    /// Where its last spelling begins.
    last: u32,
    end: u32,
    /// Where the statement begins that it ends in.
    statement: u32,
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
    conditions: Vec<Hit>,
    /// The round in which all phrases of a tail were said already.
    settled: Vec<u32>,
    pub(crate) touched: Candidates,
    /// The beginnings that were met in this statement, in the order in which they stand.
    begun: Vec<Begun>,
    /// Which they are, as of [`Chain::bit`].
    begun_bits: u64,
}

impl Hits {
    /// Forgets what was noted before.
    pub(crate) fn clear(&mut self) {
        self.touched.clear();
        self.end_statement();
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.conditions.fill(Hit::default());
            self.settled.fill(0);
            self.round = 1;
        }
    }

    /// Makes room for all there is to note, once.
    pub(crate) fn prepare(&mut self, sizes: Sizes) {
        if self.settled.len() != sizes.tails {
            self.conditions.resize(RULES.len() * SLOTS, Hit::default());
            self.settled.resize(sizes.tails, 0);
        }
    }

    /// Forgets what was begun, which nothing can carry on any more.
    pub(crate) fn end_statement(&mut self) {
        self.begun.clear();
        self.begun_bits = 0;
    }

    /// Where the phrase stands that fulfils a condition of the rule with this number.
    pub(crate) fn hit(&self, rule: usize, slot: Slot) -> Option<(usize, usize)> {
        let hit = self.conditions.get(slot.of(rule))?;
        (hit.round == self.round).then_some((hit.start as usize, hit.end as usize))
    }

    /// Notes a spelling that stands at `place`.
    #[inline]
    pub(crate) fn found(&mut self, index: &Index, spelling: &Spelling, place: Place) {
        // Most of what stands in a text was said before, or carries on nothing that was begun.
        let whole = self.settled.get(usize::from(spelling.whole));
        if whole.is_some_and(|round| *round != self.round)
            && let Some(whole) = index.tails(spelling).first()
        {
            self.complete(index, *whole, (place.start, place.end));
        }
        if spelling.before & self.begun_bits != 0 {
            self.go_on(index, spelling, place);
        }
        if spelling.begins != 0 {
            self.begin(spelling.firsts, spelling.begins, place.start, spelling, place);
        }
    }

    /// Notes what a spelling at `place` carries on.
    #[inline(never)]
    fn go_on(&mut self, index: &Index, spelling: &Spelling, place: Place) {
        self.say(index, index.tails(spelling), place);
        for (at, link) in index.links(spelling) {
            if let Some(start) = link.before.and_then(|chain| self.carry_on(index, chain, place)) {
                self.begin(at, link.chain.bit(), start, spelling, place);
            }
        }
    }

    /// Notes what begins at `start` and ends with a spelling at `place`.
    #[inline]
    fn begin(&mut self, links: Span, bits: u64, start: u32, spelling: &Spelling, place: Place) {
        let inside = u32::from(spelling.last_statement);
        let statement = if inside == 0 { place.statement } else { place.start + inside };
        self.begun.push(Begun { bits, links, start, last: place.start, end: place.end, statement });
        self.begun_bits |= bits;
    }

    /// Notes what phrases a spelling at `place` completes behind what was begun.
    #[inline]
    fn say(&mut self, index: &Index, tails: &[Tail], place: Place) {
        for tail in tails {
            let settled = self.settled.get(usize::from(tail.number));
            if settled.is_some_and(|round| *round != self.round)
                && let Some(start) = tail.before.and_then(|chain| self.carry_on(index, chain, place))
            {
                self.complete(index, *tail, (start, place.end));
            }
        }
    }

    /// Notes all phrases of a tail; that happens once in a round.
    #[inline(never)]
    fn complete(&mut self, index: &Index, tail: Tail, (start, end): (u32, u32)) {
        for said in index.ends(tail) {
            let condition = usize::from(said.condition);
            let hit = &mut self.conditions[condition];
            if hit.round == self.round && hit.pattern <= said.pattern {
                // An earlier phrase says already what this one could say.
                continue;
            }
            *hit = Hit { round: self.round, pattern: said.pattern, start, end };
            if said.calls {
                self.touched.add(condition / SLOTS);
            }
        }
        self.settled[usize::from(tail.number)] = self.round;
    }

    /// Where the nearest beginning begins that is carried on at `place`. One that the spelling itself overlaps is none, so
    /// the one before it counts, too.
    #[inline(never)]
    fn carry_on(&self, index: &Index, chain: Chain, place: Place) -> Option<u32> {
        if chain.bit() & self.begun_bits == 0 {
            return None;
        }
        let is_near = |begun: &&Begun| {
            begun.end <= place.start
                && place.start - begun.end <= GAP_BYTES_MAX
                && begun.statement == place.statement
        };
        let behind = self.begun.iter().rev().take_while(|begun| place.start - begun.last <= BACK_BYTES_MAX);
        let is_it = |begun: &&Begun| begun.bits & chain.bit() != 0 && index.has_link(begun.links, chain);
        behind.filter(is_it).take(2).find(is_near).map(|begun| begun.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{End, Link, Parts};

    const CONDITION: u16 = Slot::Text as u16;

    /// The phrases that a spelling completes behind a beginning, and the beginnings that it is itself.
    type Said = (&'static [(Option<Chain>, u16)], &'static [Chain]);

    /// What such spellings are to phrases, and notes of them.
    fn noted(spellings: &[Said]) -> (Index, Hits) {
        let (mut index, mut sizes) = (Index::default(), Sizes { chains: 1, ..Sizes::default() });
        for (ends, links) in spellings {
            let end = |(before, pattern): &(_, u16)| {
                (*before, End { condition: CONDITION, pattern: *pattern, calls: true })
            };
            let link = |chain: &Chain| (0, Link { before: None, chain: *chain });
            let parts =
                Parts { ends: ends.iter().map(end).collect(), links: links.iter().map(link).collect() };
            index.add(false, 0, parts, &mut sizes).unwrap();
        }
        let mut hits = Hits::default();
        hits.clear();
        hits.prepare(sizes);
        (index, hits)
    }

    fn find(hits: &mut Hits, index: &Index, number: usize, place: Place) {
        hits.found(index, index.spelling(number).unwrap(), place);
    }

    /// Whether a phrase of two segments is complete after these two spellings.
    fn completes(first: Place, second: Place) -> bool {
        let (index, mut hits) = noted(&[(&[], &[Chain(0)]), (&[(Some(Chain(0)), 0)], &[])]);
        find(&mut hits, &index, 0, first);
        find(&mut hits, &index, 1, second);
        hits.hit(0, Slot::Text).is_some()
    }

    #[test]
    fn a_phrase_is_complete_within_one_statement_and_a_few_words() {
        assert!(completes(Place::new(0, 5, 0), Place::new(6, 9, 0)));
        assert!(completes(Place::new(0, 5, 0), Place::new(5, 9, 0)));
        assert!(!completes(Place::new(0, 5, 0), Place::new(4, 9, 0)), "they overlap");
        assert!(!completes(Place::new(0, 5, 0), Place::new(6, 9, 1)), "a statement ended between them");
        assert!(!completes(Place::new(0, 5, 0), Place::new(200, 204, 0)), "they stand too far apart");
    }

    #[test]
    fn a_spelling_is_heard_until_the_first_phrase_is_said() {
        let (late, early) = (0, 1);
        let (index, mut hits) = noted(&[(&[(None, 1)], &[]), (&[(None, 0)], &[])]);
        find(&mut hits, &index, late, Place::new(0, 5, 0));
        find(&mut hits, &index, late, Place::new(6, 11, 0));
        assert_eq!(hits.hit(0, Slot::Text), Some((0, 5)), "the first place counts");
        find(&mut hits, &index, early, Place::new(12, 17, 0));
        find(&mut hits, &index, late, Place::new(18, 23, 0));
        assert_eq!(hits.hit(0, Slot::Text), Some((12, 17)), "the first phrase counts");
    }

    #[test]
    fn a_spelling_is_heard_until_its_beginning_stands_before_it() {
        let (index, mut hits) = noted(&[(&[], &[Chain(0)]), (&[(Some(Chain(0)), 0)], &[])]);
        find(&mut hits, &index, 1, Place::new(0, 5, 0));
        assert_eq!(hits.hit(0, Slot::Text), None);
        find(&mut hits, &index, 0, Place::new(6, 9, 0));
        find(&mut hits, &index, 1, Place::new(10, 15, 0));
        find(&mut hits, &index, 1, Place::new(16, 21, 0));
        assert_eq!(hits.hit(0, Slot::Text), Some((6, 15)));
    }

    #[test]
    fn nothing_of_an_earlier_answer_counts() {
        let (index, mut hits) = noted(&[(&[(None, 0)], &[])]);
        for _ in 0..2 {
            hits.clear();
            assert!(hits.hit(0, Slot::Text).is_none());
            assert_eq!(hits.touched.rules().count(), 0);
            find(&mut hits, &index, 0, Place::new(0, 5, 0));
            assert!(hits.hit(0, Slot::Text).is_some());
        }
    }
}
