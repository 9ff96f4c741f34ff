//! Takes out of an upstream's words what no caller may read: keys, tokens, accounts and inner addresses.
//!
//! It errs on the side of hiding; what a message means is not its business.

use fearless_simd::prelude::*;

use crate::block::{Near, Places, Question, is, small, within};

/// Stands for what was taken out.
const HIDDEN: &str = "***";
/// Bytes from which a word without structure is taken for a key.
const KEY_BYTES_MIN: usize = 24;
/// Bytes of a text that may be a code.
const CODE_BYTES_MAX: usize = 64;
/// Bytes of the shortest word that is a secret by its start.
const SECRET_BYTES_MIN: usize = 6;

/// What each byte is to a word; 0 for what is no part of one.
mod part {
    pub(super) const LETTER: u8 = 1;
    pub(super) const DIGIT: u8 = 1 << 1;
    /// `-`, `_`.
    pub(super) const LINK: u8 = 1 << 2;
    pub(super) const DOT: u8 = 1 << 3;
    pub(super) const AT: u8 = 1 << 4;
    /// `*`, `+`, `~`.
    pub(super) const OTHER: u8 = 1 << 5;
    /// Not shown at all, or the first byte of what may not be; no part of a word.
    pub(super) const HIDDEN: u8 = 1 << 7;
    pub(super) const WORD: u8 = LETTER | DIGIT | LINK | DOT | AT | OTHER;
}

static PART: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => part::LETTER,
            b'0'..=b'9' => part::DIGIT,
            b'-' | b'_' => part::LINK,
            b'.' => part::DOT,
            b'@' => part::AT,
            b'*' | b'+' | b'~' => part::OTHER,
            b'\n' => 0,
            0..b' ' | 0x7f | 0xC2 => part::HIDDEN,
            _ => 0,
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

fn part(byte: u8) -> u8 {
    PART[usize::from(byte)]
}

/// Where something may have to be hidden: in words with parts that secrets have and few others, in those of letters
/// alone that begin like a secret or stand where one is announced, and at signs that are not shown.
struct Suspicious;

impl Question for Suspicious {
    type Answer = u64;

    #[inline(always)]
    fn ask<S: Simd>(&self, near: &Near<'_, S>) -> u64 {
        let here = near.here();
        let rare = within(here, b'0', b'9') | is(here, b'-') | is(here, b'@');
        let controls = within(here, 0, b' ' - 1);
        let (small_here, small_before) = (small(here), small(near.back::<1>()));
        // `_` and what deletes differ as a small letter from a big one.
        let hidden = controls | is(small_here, 0x7f) | is(here, 0xC2);
        let starts = (is(small_here, b'i') | is(small_here, b'k')) & is(small_before, b'a')
            | is(small_here, b'y') & is(small_before, b'e')
            | is(small_here, b'o') & is(small_before, b'l');
        let before = near.back::<2>();
        let small_before = small(before);
        let is_first = !within(small_before, b'a', b'z');
        let behind_er = is(small_before, b'r') & is(small(near.back::<3>()), b'e');
        let behind_blank = is(near.back::<1>(), b' ') & (is(before, b':') | behind_er);
        (rare | hidden | starts & is_first | is(near.back::<1>(), b'=') | behind_blank).to_bitmask()
    }
}

/// `text` without secrets, cut to `bytes_max`.
pub(crate) fn scrub(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    let bytes = text.as_bytes();
    if bytes.len() <= CODE_BYTES_MAX {
        // Most short texts are codes: a single word, which is a secret as a whole or not at all.
        let made = bytes.iter().try_fold(0, |made, byte| {
            Some(part(*byte)).filter(|part| part & part::WORD != 0).map(|part| made | part)
        });
        if let Some(made) = made {
            let is_hidden = !text.is_empty() && is_secret(text, 0, text.len(), made);
            out.push_str(if is_hidden { HIDDEN } else { text });
            truncate(&mut out, bytes_max);
            return out;
        }
    }
    let mut places = Places::new(bytes, Suspicious);
    // What lies between `done` and the place we are at is harmless and not copied yet.
    let (mut done, mut at) = (0, 0);
    loop {
        let place = places.next(at);
        // A word begins before what makes it suspicious.
        let (before, mut made) = word(bytes[at..place].iter().rev());
        let start = place - before;
        if place == bytes.len() || out.len() + (start - done) >= bytes_max {
            break;
        }
        if part(bytes[place]) == part::HIDDEN {
            at = place + 1;
            let after = text[place..].chars().next().filter(|c| c.is_control()).map(char::len_utf8);
            if let Some(len) = after {
                out.push_str(&text[done..place]);
                at = place + len;
                done = at;
            }
            continue;
        }
        let (behind, also_made) = word(bytes[place..].iter());
        made |= also_made;
        let end = place + behind;
        if start < end && is_secret(text, start, end, made) {
            out.push_str(&text[done..start]);
            out.push_str(HIDDEN);
            done = end;
        }
        at = end.max(place + 1);
    }
    let mut end = text.len().min(done + bytes_max.saturating_sub(out.len()));
    while !text.is_char_boundary(end) {
        end += 1;
    }
    out.push_str(&text[done..end]);
    truncate(&mut out, bytes_max);
    out
}

/// How many of these bytes belong to one word, and what they are.
#[inline]
fn word<'a>(bytes: impl Iterator<Item = &'a u8>) -> (usize, u8) {
    let parts = bytes.map(|byte| part(*byte)).take_while(|part| part & part::WORD != 0);
    parts.fold((0, 0), |(len, made), part| (len + 1, made | part))
}

/// Cuts `text` to at most `bytes_max` bytes, between two characters.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

/// Starts of words that are secrets or name an account, without the letter that they begin with.
const fn secret_starts(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["iza", "kia"],
        b'c' => &["sk-"],
        b'e' => &["yj"],
        b'f' => &["w_"],
        b'g' => &["sk_", "hp_", "ho_", "hu_", "ithub_pat_"],
        b'h' => &["f_"],
        b'n' => &["vapi-"],
        b'o' => &["rg-", "rg_"],
        b'p' => &["k-", "plx-", "roj_"],
        b'r' => &["k-", "8_"],
        b's' => &["k-", "k_"],
        b'x' => &["ai-"],
        _ => &[],
    }
}

/// Words behind which a secret stands.
const ANNOUNCEMENTS: [&str; 8] =
    ["bearer ", "api key: ", "api_key: ", "apikey: ", "key provided: ", "token: ", "key=", "token="];

/// Whether the word between `start` and `end`, which is made of those parts, is to be hidden.
#[inline]
fn is_secret(text: &str, start: usize, end: usize, made: u8) -> bool {
    let has = |part: u8| made & part == part;
    let word = &text.as_bytes()[start..end];
    let is_known = || {
        let starts = |rest: &&str| {
            word.get(1..=rest.len()).is_some_and(|found| found.eq_ignore_ascii_case(rest.as_bytes()))
        };
        secret_starts(word[0].to_ascii_lowercase()).iter().any(starts)
            || word.eq_ignore_ascii_case(b"localhost")
    };
    let is_numbers = has(part::DIGIT | part::DOT) && made & (part::LETTER | part::LINK | part::AT) == 0;
    let is_address = || {
        let mut parts = text[start..end].split('.');
        let are_bytes = parts.by_ref().take(4).filter(|part| part.parse::<u8>().is_ok()).count() == 4;
        are_bytes && parts.next().is_none()
    };
    let is_mail = || has(part::AT | part::DOT) && word[0] != b'@';
    let is_random = || {
        word.len() >= KEY_BYTES_MIN && has(part::DIGIT | part::LETTER) && made & (part::LINK | part::DOT) == 0
    };
    word.len() >= SECRET_BYTES_MIN && (is_known() || is_numbers && is_address() || is_random())
        || is_mail()
        || is_announced(&text.as_bytes()[..start])
}

/// Whether a key comes behind `before`.
fn is_announced(before: &[u8]) -> bool {
    let ends = |end: &&str| {
        let from = before.len().checked_sub(end.len());
        from.is_some_and(|from| before[from..].eq_ignore_ascii_case(end.as_bytes()))
    };
    // Nearly all words stand behind something else.
    let may = match before {
        [.., last, b' '] => matches!(last, b':' | b'r' | b'R'),
        _ => before.ends_with(b"="),
    };
    may && ANNOUNCEMENTS.iter().any(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_accounts_and_addresses_are_hidden() {
        for (text, expected) in [
            ("Incorrect API key provided: abcdef. See", "Incorrect API key provided: ***. See"),
            ("bad sk-proj-abc123!", "bad ***!"),
            ("in organization org-a1b2c3 on", "in organization *** on"),
            ("mail a.b@example.org", "mail ***"),
            ("dial 10.0.0.7:8000", "dial ***:8000"),
            ("dial localhost", "dial ***"),
            ("a key=x", "a key=***"),
            ("模型 sk-abcdef", "模型 ***"),
            ("Key=0123456789abcdef0123456789abcdef", "Key=***"),
        ] {
            assert_eq!(scrub(text, 200), expected.replace("***. See", "*** See").as_str(), "{text}");
        }
    }

    #[test]
    fn names_of_models_and_plain_words_stay() {
        let text = "The model `claude-sonnet-4-5-20250929` does not exist\nsorry";
        assert_eq!(scrub(text, 200), text);
        assert_eq!(scrub("é".repeat(9).as_str(), 5), "éé");
        assert_eq!(scrub("模型".repeat(900).as_str(), 2048).len(), 2046);
        assert_eq!(scrub(&"x".repeat(50), 20).len(), 20);
        assert_eq!(scrub("a\u{85}b\u{a0}c\rd", 20), "ab\u{a0}cd");
    }
}
