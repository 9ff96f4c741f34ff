//! The names that a model was asked for by, which may be words like any other.

use crate::block::SMALL;

/// Beginnings of names that are looked for.
const STARTS_MAX: usize = 4;

/// The first two bytes of a name in small letters, and the third if there is one.
pub(crate) type Start = (u8, u8, Option<u8>);

/// The names, and what tells most words to be none of them.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    names: &'a [&'a str],
    /// A bit for every length that a name, or the last part of one, has; the last for all longer ones.
    lengths: u64,
    starts: [Start; STARTS_MAX],
    count: usize,
    /// Whether there are more starts than are kept.
    pub(crate) are_many: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(names: &'a [&'a str]) -> Self {
        let mut asked = Self { names, ..Self::default() };
        for name in names {
            let last = name.rsplit_once('/').map_or(*name, |(_, last)| last);
            asked.lengths |= 1 << name.len().min(63) | 1 << last.len().min(63);
            // With such a link in it a word is looked at anyway.
            if !last.contains(['-', ':']) {
                asked.add_start(last.as_bytes());
            }
        }
        asked
    }

    fn add_start(&mut self, name: &[u8]) {
        let [first, second, rest @ ..] = name else { return };
        let small = |byte: &u8| byte | SMALL;
        let start = (small(first), small(second), rest.first().map(small));
        if self.starts().contains(&start) {
            return;
        }
        match self.starts.get_mut(self.count) {
            Some(free) => (*free, self.count) = (start, self.count + 1),
            None => self.are_many = true,
        }
    }

    /// How the names begin that are built like any other word.
    pub(crate) fn starts(&self) -> &[Start] {
        &self.starts[..self.count]
    }

    /// Whether a word of so many bytes may be one of the names.
    #[inline]
    pub(crate) const fn may_be_of(&self, bytes: usize) -> bool {
        let bit = if bytes < 63 { bytes } else { 63 };
        self.lengths >> bit & 1 == 1
    }

    /// Whether `core` is one of the names; a single letter never is.
    pub(crate) fn has(&self, core: &str) -> bool {
        core.len() > 1 && self.names.iter().any(|name| is_name(name, core))
    }
}

/// Whether `core` is a name we asked for, or the last part of one such as `openai/gpt-4o`.
fn is_name(name: &str, core: &str) -> bool {
    match name.len().checked_sub(core.len()) {
        None => false,
        Some(0) => name.eq_ignore_ascii_case(core),
        Some(more) => {
            core.len() > 2
                && name.as_bytes()[more - 1] == b'/'
                && name.as_bytes()[more..].eq_ignore_ascii_case(core.as_bytes())
        }
    }
}
