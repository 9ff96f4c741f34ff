//! Brings the words of a message into one form: case, quotes and blanks alike, and names of models masked.
//!
//! Ids contain dots, digits and words like `image`; unless they are out of the way, no phrase can be trusted.

/// Stands for a masked id in normal form.
pub(crate) const MASK: char = '@';
/// Bytes of normal text that are kept of one body.
pub(crate) const NORMAL_BYTES_MAX: usize = crate::BODY_BYTES_MAX;

/// Appends the normal form of `text` to `out`, edged by newlines; answers whether a name was masked.
pub(crate) fn normalise(text: &str, models: &[&str], out: &mut String) -> bool {
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let mut masked = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if out.len() >= NORMAL_BYTES_MAX {
            break;
        }
        if is_word(first) {
            let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            masked |= word(&rest[..len], rest[len..].starts_with(is_quote), models, out);
            rest = &rest[len..];
        } else {
            mark(first, out);
            rest = &rest[first.len_utf8()..];
        }
    }
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

/// Characters that ids are made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '+' | '*')
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"' | '`' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{300c}' | '\u{300d}'
    )
}

/// Appends anything that is no word.
fn mark(c: char, out: &mut String) {
    let plain = match c {
        quote if is_quote(quote) => {
            // A masked id loses its quotes, so that one phrase fits both ways of writing it.
            if out.ends_with(MASK) {
                return;
            }
            '\''
        }
        '\u{ff0c}' | '\u{3001}' => ',',
        '\u{3002}' => '.',
        '\u{ff1a}' => ':',
        '\u{ff01}' => '!',
        '\u{ff08}' => '(',
        '\u{ff09}' => ')',
        '\u{ff1b}' => ';',
        blank if blank.is_whitespace() || blank.is_control() => {
            if !out.ends_with([' ', '\n']) {
                out.push(' ');
            }
            return;
        }
        other => {
            out.extend(other.to_lowercase());
            return;
        }
    };
    out.push(plain);
    if c.len_utf8() == 3 && plain != '\'' {
        out.push(' ');
    }
}

/// Appends one word, masked if it names a model.
fn word(text: &str, quote_follows: bool, models: &[&str], out: &mut String) -> bool {
    let end = text.trim_end_matches(['.', ':', '/', '*']).len();
    let (core, tail) = text.split_at(end);
    if is_model(core, quote_follows, models, out) {
        if out.ends_with('\'') {
            out.pop();
        }
        // Two ids in a row read like one: `openai/gpt-4o-mini`, `models/x y`.
        out.push(MASK);
        push_lower(tail, out);
        return true;
    }
    // `key=value` splits at the sign, but `model:name` must, too.
    if let Some((key, name)) =
        core.split_once(':').filter(|(key, name)| key.ends_with("model") && !name.is_empty())
    {
        push_lower(key, out);
        out.push(':');
        out.push(MASK);
        let _ = name;
        push_lower(tail, out);
        return true;
    }
    push_lower(core, out);
    push_lower(tail, out);
    false
}

fn push_lower(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    out[start..].make_ascii_lowercase();
}

/// Whether a word names a model: we asked for it, it stands where a name stands, or it is built like one.
fn is_model(core: &str, quote_follows: bool, models: &[&str], before: &str) -> bool {
    if core.is_empty() {
        return false;
    }
    if core.len() > 1
        && models.iter().any(|name| name.eq_ignore_ascii_case(core) || ends_with_name(name, core))
    {
        return true;
    }
    let bytes = core.as_bytes();
    let has = |test: fn(&u8) -> bool| bytes.iter().any(test);
    let is_joined = has(|byte| matches!(byte, b'-' | b'/' | b':' | b'.' | b'_'));
    if stands_as_name(core, quote_follows, is_joined || has(u8::is_ascii_digit), before) {
        return true;
    }
    let has_digit = has(u8::is_ascii_digit);
    let starts_as_path =
        bytes[0] == b'/' || core.starts_with("http") || core.starts_with("v1") || core.contains("//");
    let is_linked = has(|byte| matches!(byte, b'-' | b'/' | b':'));
    let first_part = core.split(['-', ':']).next().unwrap_or(core);
    let is_count = first_part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    has_digit && is_linked && has(u8::is_ascii_alphabetic) && !starts_as_path && !is_count
}

/// Whether `core` is the last part of a requested name such as `openai/gpt-4o`.
fn ends_with_name(name: &str, core: &str) -> bool {
    name.rsplit_once('/').is_some_and(|(_, last)| last.len() > 2 && last.eq_ignore_ascii_case(core))
}

/// Whether the words before say that a model's name comes now.
fn stands_as_name(core: &str, quote_follows: bool, is_built_like_name: bool, before: &str) -> bool {
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
