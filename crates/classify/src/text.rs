//! Brings the words of a message into one form: case, quotes and blanks alike, and names of models masked.
//!
//! Ids contain dots, digits and words like `image`; unless they are out of the way, no phrase can be trusted.

/// Stands for a masked id in normal form.
pub(crate) const MASK: char = '@';
/// Bytes of normal text that are kept of one body.
pub(crate) const NORMAL_BYTES_MAX: usize = crate::BODY_BYTES_MAX;

/// How many words after one like *model* its name may still come.
const NAME_WORDS_MAX: u8 = 3;

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

/// Appends the normal form of `text` to `out`, edged by newlines; answers whether a name was masked.
pub(crate) fn normalise(text: &str, models: &[&str], out: &mut String) -> bool {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let bytes = text.as_bytes();
    let lengths = lengths(models);
    let mut masked = false;
    // How many words ago one like `model` stood, counted down.
    let mut name_near = 0;
    // What lies between `done` and `at` stays as it is, and is not copied yet.
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() && out.len() + (at - done) < NORMAL_BYTES_MAX {
        if MADE_OF[usize::from(bytes[at])] == 0 {
            if stays(bytes, at, done) {
                at += 1;
            } else {
                out.push_str(&text[done..at]);
                at = mark(text, at, &mut name_near, out);
                done = at;
            }
            continue;
        }
        let start = at;
        let mut made = 0;
        for byte in &bytes[start..] {
            let class = MADE_OF[usize::from(*byte)];
            if class == 0 {
                break;
            }
            made |= class;
            at += 1;
        }
        // A plain word behind a blank is a name only if it is one we asked for.
        let is_plain = made == made_of::LOWER
            && (name_near == 0 || bytes[start - 1] == b' ')
            && (lengths >> (at - start).min(63) & 1 == 0 || !is_asked_for(&text[start..at], models));
        if !is_plain {
            out.push_str(&text[done..start]);
            let word = Word { text: &text[start..at], made, name_near: name_near > 0 };
            masked |= word.push(models, text[at..].starts_with(is_quote), out);
            done = at;
        }
        let end = at;
        if is_plain && bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        name_near = if tells_name(&bytes[start..end]) { NAME_WORDS_MAX } else { name_near.saturating_sub(1) };
    }
    out.push_str(&text[done..at]);
    while out.ends_with(' ') {
        out.pop();
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    masked
}

/// Appends a code with its words apart: `AccessDenied.Unpurchased` becomes `access denied unpurchased`.
pub(crate) fn split_code(code: &str, out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let mut was_lower = false;
    for c in code.chars() {
        if matches!(c, '_' | '-' | '.' | ':' | '/' | ' ') {
            if !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
            was_lower = false;
        } else {
            if c.is_ascii_uppercase() && was_lower {
                out.push(' ');
            }
            was_lower = c.is_ascii_lowercase();
            out.push(c.to_ascii_lowercase());
        }
    }
    out.push('\n');
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{300c}' | '\u{300d}'
    )
}

/// A bit for every length that a name in `models`, or the last part of one, has; the last for all longer ones.
fn lengths(models: &[&str]) -> u64 {
    models.iter().fold(0, |bits, name| {
        let last = name.rsplit_once('/').map_or(name.len(), |(_, last)| last.len());
        bits | 1 << name.len().min(63) | 1 << last.min(63)
    })
}

/// Whether the sign at `at` stays as it is: no quote that may fall away, no blank beside another one.
fn stays(bytes: &[u8], at: usize, done: usize) -> bool {
    let before = if at > done { bytes[at - 1] } else { b' ' };
    match bytes[at] {
        b' ' => before != b' ',
        b'\'' => before != b'@' && at > done,
        b'"' | b'`' => false,
        byte => (b'!'..0x7f).contains(&byte),
    }
}

/// Appends what stands at `at` and is no word; answers where to go on.
fn mark(text: &str, at: usize, name_near: &mut u8, out: &mut String) -> usize {
    let byte = text.as_bytes()[at];
    match byte {
        b'\'' | b'"' | b'`' => quote(out),
        0..=b' ' | 0x7f => blank(out),
        ..0x80 => out.push(char::from(byte)),
        _ => {
            let Some(c) = text[at..].chars().next() else { return text.len() };
            foreign(c, name_near, out);
            return at + c.len_utf8();
        }
    }
    at + 1
}

/// A masked id loses its quotes, so that one phrase fits both ways of writing it.
fn quote(out: &mut String) {
    if !out.ends_with(MASK) {
        out.push('\'');
    }
}

fn blank(out: &mut String) {
    if !out.ends_with([' ', '\n']) {
        out.push(' ');
    }
}

/// Appends a character beyond ASCII.
fn foreign(c: char, name_near: &mut u8, out: &mut String) {
    let plain = match c {
        quoted if is_quote(quoted) => return quote(out),
        '\u{ff0c}' | '\u{3001}' => ',',
        '\u{3002}' => '.',
        '\u{ff1a}' => ':',
        '\u{ff01}' => '!',
        '\u{ff08}' => '(',
        '\u{ff09}' => ')',
        '\u{ff1b}' => ';',
        empty if empty.is_whitespace() || empty.is_control() => return blank(out),
        other => {
            if other == '型' {
                *name_near = NAME_WORDS_MAX;
            }
            return out.extend(other.to_lowercase());
        }
    };
    out.push(plain);
    out.push(' ');
}

/// One word as it stands.
struct Word<'a> {
    text: &'a str,
    /// What it is made of.
    made: u8,
    /// Whether a word before it may have announced a model's name.
    name_near: bool,
}

impl Word<'_> {
    /// Appends it, masked if it names a model; answers whether it was.
    fn push(&self, models: &[&str], quote_follows: bool, out: &mut String) -> bool {
        const ENDS: u8 = made_of::LINK | made_of::JOIN | made_of::OTHER;
        let end = match self.made & ENDS {
            0 => self.text.len(),
            _ => self.text.trim_end_matches(['.', ':', '/', '*']).len(),
        };
        let (core, tail) = self.text.split_at(end);
        if self.is_model(core, quote_follows, models, out) {
            if out.ends_with('\'') {
                out.pop();
            }
            // Two ids in a row read like one: `openai/gpt-4o-mini`, `models/x y`.
            out.push(MASK);
            push_lower(tail, out);
            return true;
        }
        // `key=value` splits at the sign, but `model:name` must, too.
        if self.made & made_of::LINK != 0
            && let Some((key, name)) = core.split_once(':')
            && key.ends_with("model")
            && !name.is_empty()
        {
            push_lower(key, out);
            out.push(':');
            out.push(MASK);
            push_lower(tail, out);
            return true;
        }
        if self.made & made_of::UPPER == 0 {
            out.push_str(self.text)
        } else {
            push_lower(self.text, out)
        }
        false
    }

    /// Whether it names a model: we asked for it, it stands where a name stands, or it is built like one.
    fn is_model(&self, core: &str, quote_follows: bool, models: &[&str], before: &str) -> bool {
        if core.is_empty() {
            return false;
        }
        if is_asked_for(core, models) {
            return true;
        }
        let has = |what: u8| self.made & what != 0;
        let is_joined =
            has(made_of::LINK | made_of::JOIN) && core.bytes().any(|byte| b"-/:._".contains(&byte));
        if self.name_near && stands_as_name(core, quote_follows, is_joined || has(made_of::DIGIT), before) {
            return true;
        }
        has(made_of::DIGIT)
            && has(made_of::LINK)
            && has(made_of::LOWER | made_of::UPPER)
            && is_built_like_name(core)
    }
}

/// Whether a model's name may follow this word.
fn tells_name(word: &[u8]) -> bool {
    let may = |byte: &u8| matches!(byte, b'm' | b'd' | b'l' | b's' | b'M' | b'D' | b'L' | b'S' | b':');
    let [first, .., last] = word else { return false };
    if word.len() < 5 || !may(first) && !may(last) {
        return false;
    }
    let has = |part: &[u8], at: usize| {
        word.get(at..at + part.len()).is_some_and(|found| found.eq_ignore_ascii_case(part))
    };
    let ends = |part: &[u8]| word.len().checked_sub(part.len()).is_some_and(|at| has(part, at));
    has(b"model", 0) || has(b"deployment", 0) || ends(b"model") || ends(b"models") || ends(b"model:")
}

fn push_lower(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    out[start..].make_ascii_lowercase();
}

/// Whether `core` is one of the names we asked for; a single letter never is.
fn is_asked_for(core: &str, models: &[&str]) -> bool {
    core.len() > 1 && models.iter().any(|name| is_name(name, core))
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

/// Whether a word of letters, digits and links is built like a model's name, and is no path, address or count.
fn is_built_like_name(core: &str) -> bool {
    let starts_as_path =
        core.starts_with('/') || core.starts_with("http") || core.starts_with("v1") || core.contains("//");
    let first_part = core.split(['-', ':']).next().unwrap_or(core);
    let is_count = first_part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_linked = core.bytes().any(|byte| matches!(byte, b'-' | b'/' | b':'));
    is_linked && !starts_as_path && !is_count
}

/// Whether the words before say that a model's name comes now.
fn stands_as_name(core: &str, quote_follows: bool, is_built_like_name: bool, before: &str) -> bool {
    if !before.ends_with(['=', '\'']) && !is_built_like_name {
        return false;
    }
    if ["none", "null", "undefined", "nil"].iter().any(|nothing| core.eq_ignore_ascii_case(nothing)) {
        return false;
    }
    let (unquoted, is_quoted) = match before.strip_suffix('\'') {
        Some(unquoted) => (unquoted, true),
        None => (before, false),
    };
    let ends = |ends: &[&str]| ends.iter().any(|end| unquoted.ends_with(end));
    if ends(&["model=", "model_name=", "model id="]) {
        return true;
    }
    let after_model = ends(&[
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

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        let mut out = String::new();
        normalise(text, &["local"], &mut out);
        out.trim_matches('\n').to_owned()
    }

    #[test]
    fn names_of_models_are_masked_however_they_are_written() {
        for (text, expected) in [
            ("The model `gpt-4o` does not exist", "the model @ does not exist"),
            ("model qwen3.6-plus is not supported.", "model @ is not supported."),
            ("model \"llama\" not found", "model @ not found"),
            ("models/gemini-9 is not found", "@ is not found"),
            ("passed in model=custom/kimi. Call", "passed in model=@. call"),
            ("Unknown model: deepseek/deepseek-v3", "unknown model: @"),
            ("local isn\u{2019}t here", "@ isn't here"),
            ("对于模型 gpt-5 无可用渠道", "对于模型 @ 无可用渠道"),
        ] {
            assert_eq!(normal(text), expected);
        }
    }

    #[test]
    fn what_is_no_name_stays() {
        for (text, expected) in [
            ("Unsupported parameter: 'max_tokens'", "unsupported parameter: 'max_tokens'"),
            ("passed in model=None. Call", "passed in model=none. call"),
            ("see /v1/models or v1/chat/completions", "see /v1/models or v1/chat/completions"),
            ("roles must alternate user/assistant", "roles must alternate user/assistant"),
            ("5-hour usage limit", "5-hour usage limit"),
            ("messages.0.content.1: no", "messages.0.content.1: no"),
            ("the model is not available", "the model is not available"),
            ("余额不足，请充值。", "余额不足, 请充值."),
            ("a\n\n  b", "a b"),
        ] {
            assert_eq!(normal(text), expected);
        }
    }

    #[test]
    fn codes_fall_apart_into_words() {
        let mut out = String::new();
        for code in ["AccessDenied.Unpurchased", "rate_limit_error", "RESOURCE_EXHAUSTED"] {
            split_code(code, &mut out);
        }
        assert_eq!(out, "\naccess denied unpurchased\nrate limit error\nresource exhausted\n");
    }
}
