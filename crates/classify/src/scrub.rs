//! Takes out of an upstream's words what no caller may read: keys, tokens, accounts and inner addresses.
//!
//! It errs on the side of hiding; what a message means is not its business.

/// Stands for what was taken out.
const HIDDEN: &str = "***";
/// Starts of words that are secrets or name an account.
const SECRET_STARTS: [&str; 22] = [
    "sk-",
    "sk_",
    "pk-",
    "rk-",
    "gsk_",
    "xai-",
    "aiza",
    "eyj",
    "hf_",
    "nvapi-",
    "r8_",
    "pplx-",
    "fw_",
    "csk-",
    "ghp_",
    "gho_",
    "ghu_",
    "github_pat_",
    "org-",
    "proj_",
    "akia",
    "org_",
];
/// Bytes from which a word without structure is taken for a key.
const KEY_BYTES_MIN: usize = 24;

/// What each byte is to a word.
mod part {
    /// No part of one.
    pub(super) const NONE: u8 = 0;
    pub(super) const LETTER: u8 = 1;
    /// A part that secrets have and few other words.
    pub(super) const RARE: u8 = 2;
    /// Not shown at all, or the first byte of what may not be.
    pub(super) const HIDDEN: u8 = 4;
}

static PART: [u8; 256] = {
    let mut table = [part::NONE; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'*' | b'+' | b'~' | b'.' => part::LETTER,
            b'0'..=b'9' | b'-' | b'_' | b'@' => part::RARE,
            b'\n' => part::NONE,
            0..b' ' | 0x7f | 0xC2 => part::HIDDEN,
            _ => part::NONE,
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// `text` without secrets, cut to `bytes_max`.
pub(crate) fn scrub(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    // What lies between `done` and the place we are at is harmless and not copied yet.
    let (mut done, mut start) = (0, 0);
    let bytes = text.as_bytes();
    while start <= bytes.len() {
        let (mut at, mut made) = (start, part::NONE);
        // The end of the text ends its last word.
        let mut part = part::NONE;
        for byte in &bytes[start..] {
            part = PART[usize::from(*byte)];
            if part & (part::LETTER | part::RARE) == 0 {
                break;
            }
            made |= part;
            at += 1;
        }
        if out.len() + (start - done) >= bytes_max {
            break;
        }
        if start < at && may_be_secret(bytes, start, at, made) && is_secret(&text[start..at], &text[..start])
        {
            out.push_str(&text[done..start]);
            out.push_str(HIDDEN);
            done = at;
        }
        start = at + 1;
        if part == part::HIDDEN {
            let after = text[at..].chars().next().filter(|c| c.is_control()).map(char::len_utf8);
            if let Some(len) = after {
                out.push_str(&text[done..at]);
                done = at + len;
                start = done;
            }
        }
    }
    let mut end = text.len().min(done + bytes_max.saturating_sub(out.len()));
    while !text.is_char_boundary(end) {
        end += 1;
    }
    out.push_str(&text[done..end]);
    truncate(&mut out, bytes_max);
    out
}

/// Whether a word is worth a closer look.
fn may_be_secret(text: &[u8], start: usize, end: usize, made: u8) -> bool {
    made & part::RARE != 0 || has_secret_start(&text[start..end]) || is_announced(text, start)
}

/// Whether a word of letters alone begins like one of the secrets that may be made of them, or names this machine.
fn has_secret_start(word: &[u8]) -> bool {
    let (first, second) = match word {
        [first, second, ..] if word.len() > 5 => (first | 0x20, second | 0x20),
        _ => return false,
    };
    match first {
        b'a' => matches!(second, b'i' | b'k'),
        b'e' => second == b'y',
        b'l' => second == b'o' && word.len() == 9,
        _ => false,
    }
}

/// Whether a key may come at `start`: after `key: `, `key=` or `bearer `.
fn is_announced(text: &[u8], start: usize) -> bool {
    let before = |bytes: usize| start.checked_sub(bytes).map_or(0, |at| text[at]);
    match before(1) {
        b' ' => matches!(before(2), b':' | b'r' | b'R'),
        sign => sign == b'=',
    }
}

/// Cuts `text` to at most `bytes_max` bytes, between two characters.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

/// Words behind which a secret stands.
const ANNOUNCEMENTS: [&str; 8] =
    ["bearer ", "api key: ", "api_key: ", "apikey: ", "key provided: ", "token: ", "key=", "token="];

fn is_secret(word: &str, before: &str) -> bool {
    let starts = |text: &str, start: &str| {
        text.as_bytes().get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start.as_bytes()))
    };
    if SECRET_STARTS.iter().any(|start| starts(word, start)) && word.len() > 5 {
        return true;
    }
    let is_address = word.split('.').count() == 4 && word.split('.').all(|part| part.parse::<u8>().is_ok());
    let is_mail = word.contains('@') && word.contains('.') && !word.starts_with('@');
    let ends = |end: &str| {
        let from = before.len().checked_sub(end.len());
        from.and_then(|from| before.as_bytes().get(from..))
            .is_some_and(|found| found.eq_ignore_ascii_case(end.as_bytes()))
    };
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let is_random = word.len() >= KEY_BYTES_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !word.contains(['-', '_', '.']);
    let is_local = word.eq_ignore_ascii_case("localhost");
    is_address || is_mail || is_random || is_local || ANNOUNCEMENTS.iter().any(|end| ends(end))
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
