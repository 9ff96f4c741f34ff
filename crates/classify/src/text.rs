//! Brings the words of a message into one form: case, quotes and blanks alike, and names of models masked.
//!
//! Ids contain dots, digits and words like `image`; unless they are out of the way, no phrase can be trusted.

use fearless_simd::prelude::*;

use crate::{
    asked::{Asked, Start},
    block::{Near, Places, Question, is, small, within},
    name::{MASK, Word, is_word},
};

/// Bytes of normal text that are kept of one body.
pub(crate) const NORMAL_BYTES_MAX: usize = crate::BODY_BYTES_MAX;

/// How many words after one like *model* its name may still come.
const NAME_WORDS_MAX: u8 = 3;

/// Appends the normal form of `text` to `out`, edged by newlines; answers whether a name was masked. Plain quotes are
/// left for [`one_quote`].
pub(crate) fn normalise(text: &str, asked: &Asked<'_>, out: &mut String) -> bool {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let from = out.len();
    let mut places = Places::new(text.as_bytes(), Eventful { starts: asked.starts() });
    let mut pass = Pass { text, asked, name_near: 0, done: 0, at: 0, masked: false, out };
    while pass.at < text.len() && pass.room() > 0 {
        let may_skip = pass.name_near == 0 && !asked.are_many && !pass.is_behind_change();
        if !(may_skip && pass.skip(places.next(pass.at))) {
            pass.step();
        }
    }
    pass.out.push_str(&text[pass.done..pass.at]);
    let masked = pass.masked;
    out[from..].make_ascii_lowercase();
    out.truncate(out.trim_end_matches(' ').len());
    if !out.ends_with('\n') {
        out.push('\n');
    }
    masked
}

/// Makes all plain quotes of normal texts alike.
pub(crate) fn one_quote(normal: &mut String) {
    if memchr::memchr2(b'"', b'`', normal.as_bytes()).is_some() {
        let mut bytes = std::mem::take(normal).into_bytes();
        for byte in &mut bytes {
            *byte = if matches!(byte, b'"' | b'`') { b'\'' } else { *byte };
        }
        // One sign of ASCII in the place of another does no harm.
        *normal = String::from_utf8(bytes).unwrap_or_default();
    }
}

/// One pass over one text. What it appends keeps the size of its letters until the end.
struct Pass<'a> {
    text: &'a str,
    asked: &'a Asked<'a>,
    /// How many words ago one like `model` stood, counted down.
    name_near: u8,
    /// What lies between `done` and `at` stays as it is, and is not copied yet.
    done: usize,
    at: usize,
    /// Whether a name was masked.
    masked: bool,
    out: &'a mut String,
}

impl Pass<'_> {
    /// How many bytes may still be appended.
    #[inline]
    fn room(&self) -> usize {
        NORMAL_BYTES_MAX.saturating_sub(self.out.len() + (self.at - self.done))
    }

    /// Whether a blank or a quote stands behind something that was changed, so that it may have to go.
    #[inline]
    fn is_behind_change(&self) -> bool {
        self.at == self.done && matches!(self.text.as_bytes()[self.at], b' ' | b'\'' | b'"' | b'`')
    }

    /// Passes over what stays as it is, up to the word or the sign at `event`; answers whether there was any.
    #[inline]
    fn skip(&mut self, event: usize) -> bool {
        let bytes = self.text.as_bytes();
        let mut start = event;
        if event < bytes.len() {
            start -= bytes[self.at..event].iter().rev().take_while(|byte| is_word(**byte)).count();
            while !self.text.is_char_boundary(start) {
                start -= 1;
            }
        }
        let limit = self.at + self.room();
        let is_any = start > self.at;
        self.at = if start > limit { whole(self.text, limit) } else { start };
        is_any
    }

    /// Takes the word or the sign that stands here.
    #[inline]
    fn step(&mut self) {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let Some(word) = Word::at(self.text, start, self.name_near > 0) else { return self.sign() };
        let end = start + word.len();
        self.at = end;
        let is_behind_blank = start > 0 && bytes[start - 1] == b' ';
        if word.may_be_name(is_behind_blank, self.asked) {
            self.out.push_str(&self.text[self.done..start]);
            self.masked |= word.push(self.asked, self.text[end..].starts_with(is_quote), self.out);
            self.done = end;
        } else if bytes.get(end) == Some(&b' ') {
            self.at += 1;
        }
        self.name_near = if word.tells_name() { NAME_WORDS_MAX } else { self.name_near.saturating_sub(1) };
    }

    /// Takes a sign.
    #[inline]
    fn sign(&mut self) {
        let bytes = self.text.as_bytes();
        if HAN_LEADS.contains(&bytes[self.at]) {
            // These have no case and mean nothing to the words around, but for one.
            if self.text[self.at..].starts_with('型') {
                self.name_near = NAME_WORDS_MAX;
            }
            self.at += HAN_BYTES;
        } else if stays(bytes, self.at, self.done) {
            self.at += 1;
        } else {
            self.out.push_str(&self.text[self.done..self.at]);
            self.at = mark(self.text, self.at, self.out);
            self.done = self.at;
        }
    }
}

/// First bytes of U+4000 to U+9FFF, which are of three bytes each and all of Chinese writing that is in use.
const HAN_LEADS: std::ops::RangeInclusive<u8> = 0xE4..=0xE9;
const HAN_BYTES: usize = 3;

/// Where a word or a sign stands that may not stay as it is, or that tells something about what follows. It may be any
/// byte of a word or the one behind it, and the last one of another character.
///
/// A word is built like a name only if it is linked. Words are as often followed as joined by `:` and `/`.
struct Eventful<'a> {
    starts: &'a [Start],
}

impl Question for Eventful<'_> {
    type Answer = u64;

    #[inline(always)]
    fn ask<S: Simd>(&self, near: &Near<'_, S>) -> u64 {
        let here = near.here();
        let (before, before_that) = (near.back::<1>(), near.back::<2>());
        let (small_here, small_before, small_before_that) = (small(here), small(before), small(before_that));
        let links = is(here, b'-') | (is(before, b':') | is(before, b'/')) & !is(here, b' ');
        // With what deletes comes `_`, and with quotes behind `@` whatever else stands there.
        let signs = is(small_here, 0x7f)
            | is(before, b'@')
            | is(here, b' ') & is(before, b' ')
            | within(here, 0, b' ' - 1);
        // `model`, `deployment`.
        let tells_name = (is(small_here, b'l') | is(small_here, b'p'))
            & is(small_before, b'e')
            & is(small_before_that, b'd');
        let mut events = links | signs | tells_name;
        for (first, second, third) in self.starts {
            events |= match third {
                Some(third) => {
                    is(small_before_that, *first) & is(small_before, *second) & is(small_here, *third)
                }
                None => is(small_before, *first) & is(small_here, *second),
            };
        }
        if here.simd_ge(0x80).any_true() {
            let han = within(here, *HAN_LEADS.start(), *HAN_LEADS.end());
            // `型`.
            events |= is(here, 0x8B) & is(before, 0x9E) & is(before_that, 0xE5) | here.simd_ge(0xC0) & !han;
        }
        events.to_bitmask()
    }
}

/// The end of the word or the character that `at` lies in, and of the blank behind the word; `at` if it lies in none.
fn whole(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let (before, behind) = text.as_bytes().split_at(at);
    if !before.last().is_some_and(|byte| is_word(*byte)) {
        return at;
    }
    at += behind.iter().take_while(|byte| is_word(**byte)).count();
    at + usize::from(text.as_bytes().get(at) == Some(&b' '))
}

/// Appends a code with its words apart: `AccessDenied.Unpurchased` becomes `access denied unpurchased`. The same code in
/// small letters comes along, as it is known already.
pub(crate) fn split_code(code: &str, small: &str, out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let bytes = code.as_bytes();
    let mut places = Places::new(bytes, PartsWords);
    // What lies from `done` on is not copied yet.
    let (mut done, mut at) = (0, places.next(0));
    while at < bytes.len() {
        out.push_str(&small[done..at]);
        let is_sign = !bytes[at].is_ascii_uppercase();
        done = at + usize::from(is_sign);
        if !is_sign || !out.ends_with([' ', '\n']) {
            out.push(' ');
        }
        at = places.next(at + 1);
    }
    out.push_str(&small[done..]);
    out.push('\n');
}

/// Where one word of a code ends: at a sign between words, and before a big letter behind a small one.
struct PartsWords;

impl Question for PartsWords {
    type Answer = u64;

    #[inline(always)]
    fn ask<S: Simd>(&self, near: &Near<'_, S>) -> u64 {
        let here = near.here();
        let signs = within(here, b'-', b'/') | is(here, b':') | is(here, b'_') | is(here, b' ');
        (signs | within(here, b'A', b'Z') & within(near.back::<1>(), b'a', b'z')).to_bitmask()
    }
}

/// `text` without the blanks around it; nearly no text has any, and that is seen at two bytes.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{300c}' | '\u{300d}'
    )
}

/// Whether the sign at `at` stays as it is: no quote that may fall away, no blank beside another one.
fn stays(bytes: &[u8], at: usize, done: usize) -> bool {
    let before = if at > done { bytes[at - 1] } else { b' ' };
    match bytes[at] {
        b' ' => before != b' ',
        b'\'' | b'"' | b'`' => before != b'@' && at > done,
        byte => (b'!'..0x7f).contains(&byte),
    }
}

/// Appends what stands at `at` and is no word; answers where to go on.
fn mark(text: &str, at: usize, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    match bytes[at] {
        b'\'' | b'"' | b'`' => quote(out),
        blank if is_blank(blank) => {
            push_blank(out);
            // However many there are, they are one.
            return at + bytes[at..].iter().take_while(|byte| is_blank(**byte)).count();
        }
        plain @ ..0x80 => out.push(char::from(plain)),
        _ => {
            let Some(c) = text[at..].chars().next() else { return text.len() };
            foreign(c, out);
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

const fn is_blank(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

fn push_blank(out: &mut String) {
    if !out.ends_with([' ', '\n']) {
        out.push(' ');
    }
}

/// Appends a character beyond ASCII.
fn foreign(c: char, out: &mut String) {
    let plain = match c {
        quoted if is_quote(quoted) => return quote(out),
        '\u{ff0c}' | '\u{3001}' => ',',
        '\u{3002}' => '.',
        '\u{ff1a}' => ':',
        '\u{ff01}' => '!',
        '\u{ff08}' => '(',
        '\u{ff09}' => ')',
        '\u{ff1b}' => ';',
        empty if empty.is_whitespace() || empty.is_control() => return push_blank(out),
        other => return out.extend(other.to_lowercase()),
    };
    out.push(plain);
    out.push(' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        let mut out = String::new();
        normalise(text, &Asked::of(&["local"]), &mut out);
        one_quote(&mut out);
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
            split_code(code, &code.to_ascii_lowercase(), &mut out);
        }
        assert_eq!(out, "\naccess denied unpurchased\nrate limit error\nresource exhausted\n");
    }
}
