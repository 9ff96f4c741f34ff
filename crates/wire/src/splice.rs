//! Putting another model name into a body without touching any other byte.

use std::ops::Range;

use bytes::Bytes;

/// The body with `model` at `span`, in one exactly sized buffer: as a JSON string where one stands there (the span
/// includes its quotes), else as it is, for forms.
///
/// A span that does not lie within the body leaves it as it is.
#[must_use]
pub fn splice_model(body: &Bytes, span: &Range<usize>, model: &str) -> Bytes {
    let Some(before) = body.get(span.clone()) else { return body.clone() };
    let is_quoted = before.first() == Some(&b'"');
    if !is_quoted || !is_plain(model) {
        return match other_name(body, span, model) {
            None => body.clone(),
            Some(name) => [&body[..span.start], name.as_bytes(), &body[span.end..]].concat().into(),
        };
    }
    // Names that need no escape are put there without being written anywhere else before.
    if before.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) == Some(model.as_bytes()) {
        return body.clone();
    }
    [&body[..=span.start], model.as_bytes(), b"\"", &body[span.end..]].concat().into()
}

/// What has to stand at `span` for the body to name `model`; `None` if it stays as it is.
#[must_use]
pub fn other_name(body: &[u8], span: &Range<usize>, model: &str) -> Option<String> {
    let before = body.get(span.clone())?;
    let name = if before.first() == Some(&b'"') { quoted(model) } else { model.to_owned() };
    (before != name.as_bytes()).then_some(name)
}

/// Whether a text can stand in a JSON string as it is.
fn is_plain(text: &str) -> bool {
    // Joined and not one after the other: names are short, and this way they are looked at many bytes at a time.
    let is_special = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |any, byte| any | is_special(byte))
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    quote(&mut json, text);
    json
}

/// Adds `text` as a JSON string.
pub(crate) fn quote(json: &mut String, text: &str) {
    if is_plain(text) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes_and_it_is_escaped() {
        let body = Bytes::from_static(br#"{"a":1, "model": "x" ,"b":2}"#);
        assert_eq!(splice_model(&body, &(17..20), "q\"w/e"), r#"{"a":1, "model": "q\"w/e" ,"b":2}"#);
    }

    #[test]
    fn in_a_form_the_name_stands_bare() {
        let body = Bytes::from_static(b"\r\n\r\nwhisper-1\r\n--x");
        assert_eq!(splice_model(&body, &(4..13), "large \"v3\""), "\r\n\r\nlarge \"v3\"\r\n--x");
    }

    #[test]
    fn the_same_name_costs_no_copy_and_a_wrong_span_changes_nothing() {
        let body = Bytes::from_static(br#"{"model":"x"}"#);
        assert_eq!(splice_model(&body, &(9..12), "x").as_ptr(), body.as_ptr());
        assert_eq!(splice_model(&body, &(9..99), "y"), body);
    }
}
