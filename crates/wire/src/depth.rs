//! A limit on nesting that stands before every recursive parser.

/// Deepest nesting of objects and arrays that is accepted.
pub const DEPTH_MAX: usize = 128;

/// Walks the brackets outside of strings. It accepts much that is no JSON: the parser behind it judges that.
pub(crate) fn check(body: &[u8]) -> Result<(), String> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        match byte {
            b'"' => at = string_end(body, at + 1),
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(format!("The JSON body nests deeper than {DEPTH_MAX} levels."));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// The position of the quote that closes the string whose content begins at `from`, or the end.
pub(crate) fn string_end(body: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &body[at.min(body.len())..]) {
        at += found;
        if body[at] == b'"' {
            return at;
        }
        at += 2;
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_within_strings_do_not_count() {
        let text = format!("{{\"a\":\"{}\\\"{}\"}}", "[".repeat(500), "{".repeat(500));
        assert_eq!(check(text.as_bytes()), Ok(()));
    }

    #[test]
    fn one_level_too_many_is_refused_and_the_last_allowed_one_is_not() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(nested(DEPTH_MAX).as_bytes()), Ok(()));
        assert!(check(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(check(&vec![b'['; 8 << 20]).is_err());
    }
}
