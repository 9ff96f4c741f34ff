//! Words, and which of them name a model: those we asked for, those that stand where a name stands, and those that are
//! built like one.
//!
//! What becomes of a name is not decided here.

use crate::{asked::Asked, block::SMALL};

/// Stands for a masked id in normal form.
pub(crate) const MASK: char = '@';

/// What bytes a word is made of.
mod made_of {
    pub(super) const LOWER: u8 = 1;
    pub(super) const UPPER: u8 = 1 << 1;
    pub(super) const DIGIT: u8 = 1 << 2;
    /// `-`, `/`, `:`.
    pub(super) const LINK: u8 = 1 << 3;
    /// `.`, `_`.
    pub(super) const JOIN: u8 = 1 << 4;
    /// `+`, `*`.
    pub(super) const OTHER: u8 = 1 << 5;
}

/// What each byte is to a word; 0 for what no word is made of.
static MADE_OF: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'a'..=b'z' => made_of::LOWER,
            b'A'..=b'Z' => made_of::UPPER,
            b'0'..=b'9' => made_of::DIGIT,
            b'-' | b'/' | b':' => made_of::LINK,
            b'.' | b'_' => made_of::JOIN,
            b'+' | b'*' => made_of::OTHER,
            _ => 0,
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

pub(crate) fn is_word(byte: u8) -> bool {
    MADE_OF[usize::from(byte)] != 0
}

/// One word as it stands.
pub(crate) struct Word<'a> {
    text: &'a str,
    /// What it is made of.
    made: u8,
    /// Whether a word before it may have announced a model's name.
    name_near: bool,
}

impl<'a> Word<'a> {
    /// The word at `start`, if one begins there.
    #[inline]
    pub(crate) fn at(text: &'a str, start: usize, name_near: bool) -> Option<Self> {
        let bytes = &text.as_bytes()[start..];
        let mut made = 0;
        let mut len = 0;
        while let Some(byte) = bytes.get(len)
            && MADE_OF[usize::from(*byte)] != 0
        {
            made |= MADE_OF[usize::from(*byte)];
            len += 1;
        }
        (len > 0).then(|| Self { text: &text[start..start + len], made, name_near })
    }

    /// How many bytes it is of.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    /// How many bytes are left of it without the signs that follow a word.
    #[inline]
    fn core_bytes(&self) -> usize {
        const ENDS: u8 = made_of::LINK | made_of::JOIN | made_of::OTHER;
        match self.made & ENDS {
            0 => self.text.len(),
            _ => self.text.trim_end_matches(['.', ':', '/', '*']).len(),
        }
    }

    /// Whether it has to be looked at closer.
    #[inline]
    pub(crate) fn may_be_name(&self, is_behind_blank: bool, asked: &Asked<'_>) -> bool {
        const LETTERS: u8 = made_of::LOWER | made_of::UPPER;
        // Where a name stands, a word of letters is one only in quotes or behind a sign.
        if self.name_near && (self.made & !LETTERS != 0 || !is_behind_blank) {
            return true;
        }
        // A dash between words is a link, too.
        if self.made & made_of::LINK != 0 {
            return self.text.len() > 1;
        }
        let core = self.core_bytes();
        asked.may_be_of(core) && asked.has(&self.text[..core])
    }

    /// Appends it, masked if it names a model; answers whether it was.
    pub(crate) fn push(&self, asked: &Asked<'_>, quote_follows: bool, out: &mut String) -> bool {
        let (core, tail) = self.text.split_at(self.core_bytes());
        if self.is_model(core, quote_follows, asked, out) {
            if out.ends_with(is_plain_quote) {
                out.pop();
            }
            // Two ids in a row read like one: `openai/gpt-4o-mini`, `models/x y`.
            out.push(MASK);
            out.push_str(tail);
            return true;
        }
        // `key=value` splits at the sign, but `model:name` must, too.
        if self.made & made_of::LINK != 0
            && let Some((key, name)) = core.split_once(':')
            && key.ends_with("model")
            && !name.is_empty()
        {
            out.push_str(key);
            out.push(':');
            out.push(MASK);
            out.push_str(tail);
            return true;
        }
        out.push_str(self.text);
        false
    }

    /// Whether a model's name may follow it.
    #[inline]
    pub(crate) fn tells_name(&self) -> bool {
        let may = |byte: &u8| matches!(byte | SMALL, b'm' | b'd' | b'l' | b's' | b':');
        let word = self.text.as_bytes();
        let [first, .., last] = word else { return false };
        if word.len() < 5 || !may(first) && !may(last) {
            return false;
        }
        let starts = |start: &str| {
            word.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
        };
        starts("model")
            || starts("deployment")
            || ["model", "models", "model:"].iter().any(|end| ends(self.text, end))
    }

    /// Whether it names a model: we asked for it, it stands where a name stands, or it is built like one.
    fn is_model(&self, core: &str, quote_follows: bool, asked: &Asked<'_>, before: &str) -> bool {
        if core.is_empty() {
            return false;
        }
        if asked.has(core) {
            return true;
        }
        let has = |what: u8| self.made & what != 0;
        let is_joined = || has(made_of::LINK | made_of::JOIN) && core.bytes().any(is_joint);
        if self.name_near && stands_as_name(core, quote_follows, has(made_of::DIGIT) || is_joined(), before) {
            return true;
        }
        has(made_of::DIGIT)
            && has(made_of::LINK)
            && has(made_of::LOWER | made_of::UPPER)
            && is_built_like_name(core)
    }
}

/// Whether `c` is one of the quotes that stay as they are until the end.
pub(crate) const fn is_plain_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

/// Whether `text` ends with `end`, in whatever case.
fn ends(text: &str, end: &str) -> bool {
    let from = text.len().checked_sub(end.len());
    from.is_some_and(|from| text.as_bytes()[from..].eq_ignore_ascii_case(end.as_bytes()))
}

/// Whether a sign joins the parts of a name.
const fn is_joint(byte: u8) -> bool {
    MADE_OF[byte as usize] & (made_of::LINK | made_of::JOIN) != 0
}

/// Whether a word of letters, digits and links is built like a model's name, and is no path, address or count.
fn is_built_like_name(core: &str) -> bool {
    let core = core.as_bytes();
    if matches!(core, [b'/', ..] | [b'v', b'1', ..] | [b'h', b't', b't', b'p', ..]) {
        return false;
    }
    let is_link = |byte: &u8| MADE_OF[usize::from(*byte)] & made_of::LINK != 0;
    let first_part = core.iter().position(|byte| matches!(byte, b'-' | b':')).unwrap_or(core.len());
    let is_count = core[..first_part].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    !is_count && core.iter().any(is_link) && !core.windows(2).any(|two| two == b"//")
}

/// Whether the words before say that a model's name comes now.
fn stands_as_name(core: &str, quote_follows: bool, is_built_like_name: bool, before: &str) -> bool {
    if !before.ends_with(|c| c == '=' || is_plain_quote(c)) && !is_built_like_name {
        return false;
    }
    if ["none", "null", "undefined", "nil"].iter().any(|nothing| core.eq_ignore_ascii_case(nothing)) {
        return false;
    }
    let (unquoted, is_quoted) = match before.strip_suffix(is_plain_quote) {
        Some(unquoted) => (unquoted, true),
        None => (before, false),
    };
    let ends_with = |all: &[&str]| all.iter().any(|end| ends(unquoted, end));
    if ends_with(&["model=", "model_name=", "model id="]) {
        return true;
    }
    let after_model = ends_with(&[
        "model ",
        "models ",
        "model: ",
        "model:",
        "model name ",
        "deployment ",
        "model name: ",
        "模型 ",
        "模型",
        "模型: ",
        "model id ",
    ]);
    after_model && ((is_quoted && quote_follows) || is_built_like_name && !core.starts_with("v1/"))
}
