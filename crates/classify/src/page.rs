//! Web pages: what proxies, load balancers and firewalls answer with instead of an API's error.
//!
//! Only told apart and stripped here; what a page means is said by rules.

use regex::bytes::Regex;

/// Bytes at the start of a body in which a page shows itself.
const HEAD_BYTES: usize = 512;
/// Bytes of a page's words that are kept: titles and headings come first.
const WORDS_BYTES_MAX: usize = 2048;

/// Bytes that are sooner looked at than a search for one of them is begun.
const NEAR_BYTES: usize = 8;

/// Whether `body` is a web page.
pub(crate) fn is_page(body: &str) -> bool {
    let start = body.trim_start();
    if !start.starts_with('<') {
        return false;
    }
    let head = &start.as_bytes()[..start.len().min(HEAD_BYTES)];
    ["<html", "<!doctype html", "<head", "<body", "<title", "<center", "<h1"]
        .iter()
        .any(|mark| contains(head, mark))
}

/// What Cloudflare's firewall writes on its pages, letter by letter.
const CHALLENGES: &str = concat!(
    r"Just a moment\.\.\.|Attention Required! \| Cloudflare|cf-chl-|challenge-platform|cf_chl_opt|cf-browser-verification",
    "|error code: 1010|error code: 1020|error code: 1006|Sorry, you have been blocked",
    "|Enable JavaScript and cookies to continue"
);

/// What tells a challenge or a block of Cloudflare's firewall from other pages; all of it is looked for at once.
pub(crate) fn challenges() -> Option<Regex> {
    Regex::new(CHALLENGES).ok()
}

/// The words of a page, without its tags, styles and scripts.
pub(crate) fn words(body: &str, out: &mut String) {
    let mut rest = body;
    let limit = out.len() + WORDS_BYTES_MAX;
    while let Some(open) = find(b'<', rest) {
        push(&rest[..open], limit, out);
        let tag = &rest[open..];
        let is_hidden =
            |name: &str| tag.get(1..=name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        // Most tags are told by their second byte to be none of those that hide something.
        let end = match tag.as_bytes().get(1) {
            Some(b'!') if tag.starts_with("<!--") => tag.find("-->").map(|at| at + 3),
            Some(b's' | b'S') if is_hidden("script") || is_hidden("style") => {
                tag.find("</").and_then(|close| Some(close + tag[close..].find('>')? + 1))
            }
            _ => find(b'>', tag).map(|at| at + 1),
        };
        let Some(end) = end.filter(|_| out.len() < limit) else { return };
        out.push(' ');
        rest = &tag[end..];
    }
    push(rest, limit, out);
}

/// Where `byte` stands in `text`. Tags are short and lie close together, so the nearest bytes are looked at one by one.
#[inline]
fn find(byte: u8, text: &str) -> Option<usize> {
    let (near, far) = text.as_bytes().split_at_checked(NEAR_BYTES).unwrap_or((text.as_bytes(), &[]));
    let at = near.iter().position(|found| *found == byte);
    at.or_else(|| memchr::memchr(byte, far).map(|at| NEAR_BYTES + at))
}

fn push(text: &str, limit: usize, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let mut end = text.len().min(limit.saturating_sub(out.len()));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.push_str(&text[..end]);
}

/// Whether `mark` (in lower case) stands in `bytes`, in whatever case.
fn contains(bytes: &[u8], mark: &str) -> bool {
    let mark = mark.as_bytes();
    let first = mark[0];
    bytes
        .windows(mark.len())
        .any(|window| window[0].to_ascii_lowercase() == first && window.eq_ignore_ascii_case(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_first_tags() {
        assert!(is_page(" <!DOCTYPE html>\n<html>"));
        assert!(is_page("<html>\r\n<head><title>502 Bad Gateway</title>"));
        assert!(!is_page("<think>hm</think>"));
        assert!(!is_page("{\"error\":\"<html>\"}"));
    }

    #[test]
    fn a_challenge_is_known_by_what_it_says() {
        let challenges = challenges().unwrap();
        for page in
            ["<title>Just a moment...</title>", "error code: 1020", "<a class='cf-chl-x'>", "x cf_chl_opt"]
        {
            assert!(challenges.is_match(page.as_bytes()), "{page}");
        }
        for page in ["<title>Just a moment!!!</title>", "error code: 1000", "just a moment...", ""] {
            assert!(!challenges.is_match(page.as_bytes()), "{page}");
        }
    }

    #[test]
    fn only_the_words_of_a_page_are_kept() {
        let mut out = String::new();
        words("<title>502 Bad</title><style>p{}</style><h1>Gate<br>way</h1><!-- x > -->", &mut out);
        assert_eq!(
            out.split_whitespace().collect::<Vec<_>>(),
            ["502", "Bad", "Gate", "way"][..].iter().copied().filter(|w| *w != "p{}").collect::<Vec<_>>()
        );
    }
}
