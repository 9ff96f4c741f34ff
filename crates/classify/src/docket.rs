//! Which rules are worth hearing about an answer, told by its codes and its status before any of them is looked at.
//!
//! What a rule asks for besides is the court's business.

use crate::{beginnings::first_bytes, rule::RULES};

/// Words of the bit set over all rules.
const RULE_WORDS: usize = RULES.len().div_ceil(64);
/// Bytes of the shortest code that may stand for all that begin like it: by so many all are told apart at first.
const CODE_START_BYTES_MIN: usize = 8;

/// Some of the rules, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    pub(crate) fn has(&self, rule: usize) -> bool {
        self.0[rule / 64] >> (rule % 64) & 1 == 1
    }

    /// Those that are among the others, too.
    fn and(mut self, other: &Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own &= other;
        }
        self
    }

    /// Those and the others.
    fn or(mut self, other: &Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
        self
    }

    /// The numbers of the rules, in the order of the packs.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(word * 64 + bit)
            })
        })
    }
}

/// What rules say of a code.
#[derive(Debug)]
struct Code {
    /// Its first bytes, by which nearly all others are told from it.
    first: u64,
    /// It, or what it begins with.
    text: &'static str,
    is_start: bool,
    /// The rules that name it.
    rules: Candidates,
}

impl Code {
    /// One that a rule names; `None` if it stands for all that begin like it, and is too short for that.
    fn new(code: &'static str, rule: usize) -> Option<Self> {
        let text = code.strip_suffix('*').unwrap_or(code);
        let is_start = text.len() < code.len();
        let mut rules = Candidates::default();
        rules.add(rule);
        let code = Self { first: first_bytes(text.as_bytes()), text, is_start, rules };
        (!is_start || text.len() >= CODE_START_BYTES_MIN).then_some(code)
    }
}

/// All rules by what makes them worth hearing.
#[derive(Debug)]
pub(crate) struct Docket {
    /// Sorted by their first bytes.
    codes: Vec<Code>,
    /// Rules that a code alone calls: no phrase does.
    by_code: Candidates,
    /// Rules that neither a phrase nor a code calls.
    always: Candidates,
    /// The rules that may speak under a status, from the first one on for which they are the same.
    statuses: Vec<(u16, Candidates)>,
}

impl Docket {
    /// `None` if a code is too short, as of [`Code::new`].
    pub(crate) fn new() -> Option<Self> {
        let mut docket = Self {
            codes: Vec::new(),
            by_code: Candidates::default(),
            always: Candidates::default(),
            statuses: statuses(),
        };
        for (at, rule) in RULES.iter().enumerate() {
            if rule.text.is_empty() && rule.words.is_empty() {
                let called_by = if rule.codes.is_empty() { &mut docket.always } else { &mut docket.by_code };
                called_by.add(at);
            }
            for code in rule.codes {
                docket.codes.push(Code::new(code, at)?);
            }
        }
        docket.codes.sort_unstable_by_key(|code| (code.first, code.text, code.is_start));
        docket.codes.dedup_by(|next, code| {
            let is_same = (next.text, next.is_start) == (code.text, code.is_start);
            if is_same {
                code.rules = code.rules.or(&next.rules);
            }
            is_same
        });
        Some(docket)
    }

    /// The rules that name this code.
    pub(crate) fn rules_of(&self, code: &str) -> Candidates {
        let first = first_bytes(code.as_bytes());
        let from = self.codes.partition_point(|known| known.first < first);
        let alike = self.codes[from..].iter().take_while(|known| known.first == first);
        let named =
            alike.filter(|known| code == known.text || known.is_start && code.starts_with(known.text));
        named.fold(Candidates::default(), |all, known| all.or(&known.rules))
    }

    /// The rules worth hearing under `status`: some were called by phrases, others name one of the codes.
    pub(crate) fn rules<'a>(
        &self,
        status: u16,
        called: &Candidates,
        named: impl Iterator<Item = &'a Candidates>,
    ) -> Candidates {
        let named = named.fold(Candidates::default(), |all, of_one| all.or(of_one));
        let last = self.statuses.partition_point(|(from, _)| *from <= status).saturating_sub(1);
        let all = named.and(&self.by_code).or(called).or(&self.always);
        self.statuses.get(last).map_or(all, |(_, may_speak)| all.and(may_speak))
    }
}

/// The rules that may speak under each status, from every status on at which others may than below it.
fn statuses() -> Vec<(u16, Candidates)> {
    let ranges = || RULES.iter().flat_map(|rule| rule.statuses);
    let mut from: Vec<u16> = ranges().flat_map(|(low, high)| [*low, high.saturating_add(1)]).collect();
    from.push(0);
    from.sort_unstable();
    from.dedup();
    from.into_iter()
        .map(|status| {
            let mut may_speak = Candidates::default();
            for (at, rule) in RULES.iter().enumerate() {
                let is_within = |(low, high): &(u16, u16)| (*low..=*high).contains(&status);
                if rule.statuses.is_empty() || rule.statuses.iter().any(is_within) {
                    may_speak.add(at);
                }
            }
            (status, may_speak)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_to_the_rules_that_name_it_and_to_no_others() {
        let docket = Docket::new().unwrap();
        for rule in RULES {
            for code in rule.codes {
                let plain = code.trim_end_matches('*');
                for said in [plain.to_owned(), format!("{plain}x"), format!("x{plain}")] {
                    let names = |known: &&str| match known.strip_suffix('*') {
                        Some(start) => said.starts_with(start),
                        None => *known == said,
                    };
                    let naming = (0..RULES.len()).filter(|at| RULES[*at].codes.iter().any(names));
                    assert!(docket.rules_of(&said).rules().eq(naming), "{said}");
                }
            }
        }
        assert_eq!(docket.rules_of(""), Candidates::default());
    }

    #[test]
    fn under_every_status_those_rules_are_heard_that_may_speak() {
        let docket = Docket::new().unwrap();
        let mut all = Candidates::default();
        (0..RULES.len()).for_each(|rule| all.add(rule));
        for status in (0..1000).chain([u16::MAX]) {
            let may_speak = |at: &usize| {
                let statuses = RULES[*at].statuses;
                statuses.is_empty() || statuses.iter().any(|(low, high)| (*low..=*high).contains(&status))
            };
            let heard = docket.rules(status, &all, std::iter::empty());
            assert!(heard.rules().eq((0..RULES.len()).filter(may_speak)), "{status}");
        }
    }
}
