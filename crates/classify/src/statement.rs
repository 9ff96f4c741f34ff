//! Reads a text statement by statement, and notes what is said in each.
//!
//! No phrase goes on where a statement ends. So one that stood in the text before says nothing new, and is passed over:
//! gateways repeat themselves, and what they relay, more often than not.

use fearless_simd::prelude::*;

use crate::{
    beginnings::first_bytes,
    block::{Answers, BLOCK, Near, Question, is, within},
    hits::{Hits, Place, number},
    index::Index,
    trie::Trie,
};

/// How many spellings of one text are looked at.
const FINDS_MAX: u32 = 512;
/// How many statements are remembered.
const KNOWN: usize = 8;
/// Bytes of the shortest one that is: to read less again costs nothing.
const STATEMENT_BYTES_MIN: usize = 16;

/// A statement that was read.
#[derive(Debug, Clone, Copy, Default)]
struct Statement {
    start: u32,
    /// How many bytes it is of; 0 for none.
    len: u32,
    /// How many spellings were found in it.
    finds: u32,
    /// Which of the cues stand in it.
    cues: (u32, u32),
}

/// One pass over one text.
pub(crate) struct Pass<'a> {
    spellings: &'a Trie,
    /// What each spelling is to the phrases of this kind of text.
    index: &'a Index,
    hits: &'a mut Hits,
    /// Where the places of cues go, if they are wanted.
    cues: Option<&'a mut Vec<usize>>,
    finds: u32,
    /// Where the statement begins that is read.
    statement: usize,
    /// How many finds and cues there were in front of it.
    before: (u32, u32),
    /// Whether something in it reaches into the next one, or into it from the one before.
    is_crossed: (bool, bool),
    known: [Statement; KNOWN],
}

impl<'a> Pass<'a> {
    pub(crate) fn new(
        spellings: &'a Trie,
        index: &'a Index,
        hits: &'a mut Hits,
        cues: Option<&'a mut Vec<usize>>,
    ) -> Self {
        hits.end_statement();
        let before = (0, cues.as_ref().map_or(0, |cues| number(cues.len())));
        Self {
            spellings,
            index,
            hits,
            cues,
            finds: 0,
            statement: 0,
            before,
            is_crossed: (false, false),
            known: [Statement::default(); KNOWN],
        }
    }

    /// Reads the whole text.
    pub(crate) fn read(mut self, text: &[u8]) {
        let (mut block, mut from, mut statement) = (0, 0, 0);
        let mut answers = Answers::new(text, BeginsAndEnds);
        while block < text.len() && self.finds < FINDS_MAX {
            let (starts, ends) = answers.of(block);
            let starts = starts & (u64::MAX << (from.max(block) - block));
            match self.block(text, block, starts, ends, statement) {
                Some(known) => {
                    (block, from, statement) = (known / BLOCK * BLOCK, known, known);
                }
                None => {
                    if ends != 0 {
                        statement = begins_behind(block, ends);
                    }
                    block += BLOCK;
                }
            }
        }
    }

    /// Finds what begins at those places of a block; answers where to go on if a known statement begins in it.
    #[inline]
    fn block(
        &mut self,
        text: &[u8],
        block: usize,
        mut starts: u64,
        mut ends: u64,
        mut statement: usize,
    ) -> Option<usize> {
        loop {
            // Up to where the next statement ends.
            let inside = ends ^ ends.wrapping_sub(1);
            let mut left = starts & inside;
            while left != 0 {
                let start = block + left.trailing_zeros() as usize;
                left &= left - 1;
                let rest = text.get(start..)?;
                let first = first_bytes(rest);
                if !self.spellings.may_begin(first) {
                    continue;
                }
                if statement != self.statement {
                    let known = self.enter(text, statement);
                    if known != statement {
                        return Some(known);
                    }
                }
                // All that begins at a place counts, or nothing.
                if self.finds >= FINDS_MAX {
                    return None;
                }
                let spellings = self.spellings;
                spellings.walk(rest, first, |number, len| {
                    self.note(text, number, start, start + usize::from(len));
                });
            }
            if ends == 0 {
                return None;
            }
            starts &= !inside;
            statement = block + ends.trailing_zeros() as usize + 1;
            ends &= ends - 1;
        }
    }

    /// Notes the spelling with this number, which stands between `start` and `end`.
    #[inline(never)]
    fn note(&mut self, text: &[u8], number: u16, start: usize, end: usize) {
        let Some(spelling) = self.index.spelling(usize::from(number)) else {
            if let Some(cues) = &mut self.cues {
                cues.push(end);
            }
            return;
        };
        if spelling.ends_word && text.get(end).is_some_and(u8::is_ascii_alphanumeric) {
            return;
        }
        self.finds += 1;
        self.is_crossed.1 |= spelling.last_statement != 0;
        self.hits.found(self.index, spelling, Place::new(start, end, self.statement));
    }

    /// Goes on to the statement that begins at `start`; answers where one begins that is not known yet.
    #[inline(never)]
    fn enter(&mut self, text: &[u8], mut start: usize) -> usize {
        let len = start - self.statement;
        if len >= STATEMENT_BYTES_MIN && self.is_crossed == (false, false) {
            let (finds, cues) = self.counts();
            let (finds, cues) = (finds - self.before.0, (self.before.1, cues));
            let ended = Statement { start: number(self.statement), len: number(len), finds, cues };
            if let Some(known) = self.known(text, self.statement) {
                *known = ended;
            }
        }
        self.is_crossed = (self.is_crossed.1, false);
        if !self.is_crossed.0 {
            self.hits.end_statement();
        }
        while !self.is_crossed.0
            && let Some(len) = self.repeats(text, start)
        {
            start += len;
        }
        self.statement = start;
        self.before = self.counts();
        start
    }

    /// How many finds and cues there are.
    fn counts(&self) -> (u32, u32) {
        (self.finds, self.cues.as_ref().map_or(0, |cues| number(cues.len())))
    }

    /// How many bytes the statement that begins at `start` is of, if it is known and was taken account of once more.
    fn repeats(&mut self, text: &[u8], start: usize) -> Option<usize> {
        let known = *self.known(text, start)?;
        // What is found in a statement may reach that far behind it.
        let (from, len) = (known.start as usize, known.len as usize + self.spellings.reach());
        let is_same = known.len > 0 && text.get(from..from + len)? == text.get(start..start + len)?;
        if !is_same || self.finds + known.finds >= FINDS_MAX {
            return None;
        }
        self.finds += known.finds;
        if let Some(cues) = &mut self.cues {
            for at in known.cues.0..known.cues.1 {
                cues.push(cues[at as usize] - from + start);
            }
        }
        Some(known.len as usize)
    }

    /// Where a statement that begins like that is remembered; the last one of several.
    fn known(&mut self, text: &[u8], start: usize) -> Option<&mut Statement> {
        let first = u64::from_le_bytes(*text.get(start..)?.first_chunk()?);
        self.known.get_mut((first.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61) as usize)
    }
}

/// Where the statement begins that follows the last of these ends.
const fn begins_behind(block: usize, ends: u64) -> usize {
    block + (u64::BITS - ends.leading_zeros()) as usize
}

/// Where in a block of a text in small letters a spelling may begin, and before which places a statement ends.
///
/// A spelling begins where a word or a sign does, never inside of either, and none begins with a blank. A statement has
/// ended at the end of a line, and at a blank behind the end of a sentence.
struct BeginsAndEnds;

impl Question for BeginsAndEnds {
    type Answer = (u64, u64);

    #[inline(always)]
    fn ask<S: Simd>(&self, near: &Near<'_, S>) -> (u64, u64) {
        let (here, before) = (near.here(), near.before());
        let letters = (within(here, b'a', b'z') | within(here, b'0', b'9')).to_bitmask();
        let stops = (is(here, b'.') | is(here, b'!') | is(here, b'?')).to_bitmask();
        let blanks = is(here, b' ').to_bitmask();
        let behind = |places: u64, is_first: bool| places << 1 | u64::from(is_first);
        let is_letter = before.is_ascii_lowercase() || before.is_ascii_digit();
        let insides = letters & behind(letters, is_letter) | within(here, 0x80, 0xBF).to_bitmask();
        let ends = blanks & behind(stops, matches!(before, b'.' | b'!' | b'?'));
        (!(insides | blanks), ends | is(here, b'\n').to_bitmask())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        delay::CUES,
        index::{Sizes, Slot},
        rule::{ATOMS, RULES},
    };

    /// All that a pass notes: where each condition of each rule is fulfilled, and the cues.
    type Notes = (Vec<Option<(usize, usize)>>, Vec<usize>);

    /// Reads `text` in one way or the other.
    fn notes(text: &str, read: impl FnOnce(Pass<'_>, &[u8])) -> Notes {
        let spellings = Trie::new(ATOMS.iter().map(|atom| atom.text).chain(CUES)).unwrap();
        let mut sizes = Sizes::default();
        let slots = |rule: &'static crate::rule::Rule| {
            vec![(Slot::Text, rule.text), (Slot::Also, rule.also), (Slot::Unless, rule.unless)]
        };
        let index = Index::new(&mut sizes, slots).unwrap();
        let (mut hits, mut cues) = (Hits::default(), Vec::new());
        hits.prepare(sizes);
        hits.clear();
        read(Pass::new(&spellings, &index, &mut hits, Some(&mut cues)), text.as_bytes());
        let slots = [Slot::Text, Slot::Also, Slot::Unless];
        let all = (0..RULES.len()).flat_map(|rule| slots.map(|slot| hits.hit(rule, slot))).collect();
        (all, cues)
    }

    fn statementwise(pass: Pass<'_>, text: &[u8]) {
        pass.read(text);
    }

    /// Looks at every place by itself and remembers no statement.
    fn plainly(mut pass: Pass<'_>, text: &[u8]) {
        let is_letter = |at: usize| text[at].is_ascii_alphanumeric();
        for start in 0..text.len() {
            if matches!(text[..start], [.., b'\n'] | [.., b'.' | b'!' | b'?', b' ']) {
                pass.statement = start;
            }
            let is_inside = start > 0 && is_letter(start) && is_letter(start - 1);
            if !is_inside && text[start] != b' ' && pass.finds < FINDS_MAX {
                let spellings = pass.spellings;
                let rest = &text[start..];
                spellings.walk(rest, first_bytes(rest), |number, len| {
                    pass.note(text, number, start, start + usize::from(len))
                });
            }
        }
    }

    /// A statement of spellings, cues and words that mean nothing.
    fn statement() -> impl Strategy<Value = String> {
        let spellings: Vec<&str> = ATOMS.iter().map(|atom| atom.text).chain(CUES).collect();
        let piece = prop_oneof![
            6 => proptest::sample::select(spellings),
            2 => Just("model"),
            1 => Just("something else"),
        ];
        let end =
            prop_oneof![3 => Just(". "), 1 => Just("? "), 2 => Just("\n"), 1 => Just(" "), 1 => Just(".")];
        (proptest::collection::vec(piece, 1..5), end).prop_map(|(pieces, end)| pieces.join(" ") + end)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_said_again_and_again_is_noted_as_if_every_word_were_read(
            statements in proptest::collection::vec(statement(), 1..5),
            order in proptest::collection::vec(any::<proptest::sample::Index>(), 1..150),
        ) {
            let text: String = order.iter().map(|at| at.get(&statements).as_str()).collect();
            let text = format!("\n{text}\n");
            prop_assert_eq!(notes(&text, statementwise), notes(&text, plainly));
        }
    }

    /// Longer than any spelling reaches, and not too long for a gap in a phrase.
    const FILLER: &str = "one two three four five six seven eight nine ten and so on up to what";

    #[test]
    fn a_delay_told_again_and_again_is_noted_every_time() {
        let text = format!("\n{}{FILLER}\n", "please try again in 5s. ".repeat(5));
        assert_eq!(notes(&text, statementwise).1, [21, 45, 69, 93, 117]);
    }

    #[test]
    fn what_reaches_into_the_next_statement_is_not_passed_over() {
        let ends = [
            // What follows makes a phrase of the end of a statement.
            format!("{FILLER}\nit is here\nonly {FILLER} support"),
            // What it makes goes on differently, far behind.
            format!("only {FILLER} nothing at all\nit is here\nonly {FILLER} support"),
        ];
        for end in ends {
            let text = format!("\nno words\nit is here\n{end} {FILLER}\n");
            let (all, _) = notes(&text, statementwise);
            assert!(all.iter().flatten().any(|(_, end)| text[..*end].ends_with(" support")), "{text}");
            assert_eq!(all, notes(&text, plainly).0);
        }
    }

    #[test]
    fn what_stands_again_counts_among_what_is_looked_at() {
        let is_noted = |times: usize| {
            let text = format!("\n{}it is overloaded now\n", "the model is not here. ".repeat(times));
            let (hits, _) = notes(&text, statementwise);
            hits.iter().flatten().any(|(start, _)| *start > text.len() - 20)
        };
        assert!(is_noted(1) && is_noted(20) && !is_noted(FINDS_MAX as usize));
    }
}
