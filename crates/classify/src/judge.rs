//! Picks the rule that explains a reading best: own structure before own wording, before what others mean by it.
//!
//! It does not build verdicts, and knows no operator.

use crate::{
    Observed, Packs, Trust,
    docket::Candidates,
    index::Slot,
    matching::Matcher,
    reading::Reading,
    rule::{FAMILIES, Order, RULES, Rule},
};

/// One rule that fits.
#[derive(Debug, Clone)]
pub(crate) struct Opinion {
    pub(crate) rule: &'static Rule,
    /// Smaller is better: standing first, then the order of the packs.
    pub(crate) rank: (u8, usize),
    /// What of the answer it fits.
    pub(crate) matched: Matched,
}

/// What a rule was matched by.
#[derive(Debug, Clone)]
pub(crate) enum Matched {
    /// A piece of the words in normal form.
    Words(usize, usize),
    /// A piece of the codes as words.
    CodeWords(usize, usize),
    /// The code at this place of the reading.
    Code(usize),
    /// Status, headers or kind of body.
    Shape,
}

/// All opinions on one reading, the best one first if `all`; else only the best one.
pub(crate) fn judge(
    seen: &Observed<'_>,
    reading: &Reading,
    matcher: &Matcher,
    all: Option<&mut Vec<Opinion>>,
) -> Option<Opinion> {
    let named = reading.codes.iter().map(|code| &code.rules);
    let candidates = matcher.docket.rules(reading.status, &reading.hits.touched, named);
    let mut court = Court { seen, reading, best: None, best_generic: None, all };
    court.hear(&candidates);
    court.prefer_generic();
    if let Some(all) = court.all {
        all.sort_by_key(|opinion| opinion.rank);
    }
    court.best
}

/// How near rules stand that are about no provider in particular, without those of a bare status.
const GENERIC: std::ops::RangeInclusive<u8> = 5..=6;
/// How near rules of a provider stand that did not answer.
const FOREIGN: std::ops::RangeInclusive<u8> = 3..=4;

struct Court<'a> {
    seen: &'a Observed<'a>,
    reading: &'a Reading,
    best: Option<Opinion>,
    best_generic: Option<Opinion>,
    all: Option<&'a mut Vec<Opinion>>,
}

impl Court<'_> {
    fn hear(&mut self, candidates: &Candidates) {
        for at in candidates.rules() {
            let Some(rule) = RULES.get(at) else { continue };
            let Some(standing) = self.standing(rule) else { continue };
            let rank = (standing, at);
            let is_before = |best: &Option<Opinion>| best.as_ref().is_none_or(|best| rank < best.rank);
            let is_better = is_before(&self.best);
            let is_better_generic = GENERIC.contains(&standing) && is_before(&self.best_generic);
            if !is_better && !is_better_generic && self.all.is_none() {
                continue;
            }
            let Some(matched) = self.fits(at, rule) else { continue };
            let opinion = Opinion { rule, rank, matched };
            if let Some(all) = &mut self.all {
                all.push(opinion.clone());
            }
            if is_better_generic {
                self.best_generic = Some(opinion.clone());
            }
            if is_better {
                self.best = Some(opinion);
            }
        }
    }

    /// Where a stranger's words are read alike by another provider's rule and by one for everybody, the latter explains
    /// them, unless the former knows more.
    fn prefer_generic(&mut self) {
        let (Some(best), Some(generic)) = (&self.best, &mut self.best_generic) else { return };
        let knows_more = best.rule.scope.is_some();
        if !FOREIGN.contains(&best.rank.0) || knows_more || best.rule.class != generic.rule.class {
            return;
        }
        let own_rank = generic.rank;
        // In front of everything else that is as near as the one it replaces.
        generic.rank = (best.rank.0, 0);
        for opinion in self.all.iter_mut().flat_map(|all| all.iter_mut()) {
            if opinion.rank == own_rank {
                opinion.rank = generic.rank;
            }
        }
        self.best = self.best_generic.take();
    }

    /// How near a rule stands to this answer; `None` if it may not speak at all.
    fn standing(&self, rule: &Rule) -> Option<u8> {
        let family = &FAMILIES[rule.family];
        if family.is_generic {
            return Some(match rule.order {
                Order::Guard => 0,
                Order::GenericStructure => *GENERIC.start(),
                Order::GenericWording => *GENERIC.end(),
                _ => 7,
            });
        }
        let is_heard = match self.seen.packs {
            Packs::All => true,
            Packs::Generic => false,
            Packs::HeldOut => self.reading.family != Some(rule.family),
        };
        if !is_heard {
            return None;
        }
        let is_own = self
            .reading
            .family
            .is_some_and(|own| own == rule.family || FAMILIES[own].kin.contains(&family.name));
        match (is_own, rule.order) {
            (true, Order::Structure) => Some(1),
            (true, _) => Some(2),
            (false, _) if rule.is_own => None,
            (false, Order::Structure) => Some(*FOREIGN.start()),
            (false, _) => Some(*FOREIGN.end()),
        }
    }

    /// By what the rule with the number `at` fits, if it does; its status was looked at already.
    fn fits(&self, at: usize, rule: &Rule) -> Option<Matched> {
        let reading = self.reading;
        if !reading.has(self.seen, rule.is, rule.not) {
            return None;
        }
        if let Some((name, part)) = rule.header {
            self.seen.headers.value(name).filter(|value| value.contains(part))?;
        }
        if !rule.params.is_empty()
            && !reading.params().any(|param| rule.params.iter().any(|known| is(known, param)))
        {
            return None;
        }
        let mut matched = Matched::Shape;
        if !rule.codes.is_empty() {
            matched = Matched::Code(self.code(at, rule)?);
        }
        if !rule.words.is_empty() {
            let (start, end) = reading.hits.hit(at, Slot::Words)?;
            matched = Matched::CodeWords(start, end);
        }
        if !rule.text.is_empty() {
            let (start, end) = reading.hits.hit(at, Slot::Text)?;
            matched = Matched::Words(start, end);
        }
        if !rule.also.is_empty() {
            reading.hits.hit(at, Slot::Also)?;
        }
        if reading.hits.hit(at, Slot::Unless).is_some() {
            return None;
        }
        Some(matched)
    }

    /// The first code of the answer that the rule with the number `at` names.
    fn code(&self, at: usize, rule: &Rule) -> Option<usize> {
        let own = self.reading.family;
        let is_fabricated =
            self.seen.trust == Trust::WordsOnly || own.is_some_and(|own| FAMILIES[own].fabricates_codes);
        let is_believed = !is_fabricated || own == Some(rule.family);
        self.reading.codes.iter().position(|code| (is_believed || code.is_inner) && code.rules.has(at))
    }
}

/// Whether `said` is `known`, which may end in `*`.
fn is(known: &str, said: &str) -> bool {
    match known.strip_suffix('*') {
        Some(start) => said.starts_with(start),
        None => said == known,
    }
}
