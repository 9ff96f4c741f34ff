//! Looking into JSON without parsing it: where one value stands, and whether a value says anything.

use std::ops::Range;

use memchr::memmem::Finder;
use serde_json::value::RawValue;

use crate::depth::string_end;

/// Where the value at `path`, a chain of keys from the top-level object down, stands in `json`.
///
/// It reads no further than it must and trusts the brackets: what is broken JSON is somebody else's to find.
pub(crate) fn find(json: &[u8], path: &[&str]) -> Option<Range<usize>> {
    let (key, rest) = path.split_first()?;
    let mut at = skip_blank(json, 0);
    if json.get(at) != Some(&b'{') {
        return None;
    }
    loop {
        at = skip_blank(json, at + 1);
        if json.get(at) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(json, at + 1);
        let is_it = json.get(at + 1..key_end) == Some(key.as_bytes());
        let colon = skip_blank(json, key_end + 1);
        if json.get(colon) != Some(&b':') {
            return None;
        }
        let start = skip_blank(json, colon + 1);
        if is_it {
            return match rest {
                [] => Some(start..value_end(json, start)),
                _ => find(&json[start..], rest).map(|span| span.start + start..span.end + start),
            };
        }
        at = skip_blank(json, value_end(json, start));
        if json.get(at) != Some(&b',') {
            return None;
        }
    }
}

pub(crate) fn skip_blank(json: &[u8], from: usize) -> usize {
    let blanks = json.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace());
    from + blanks.count()
}

/// The end of the value that begins at `from`.
fn value_end(json: &[u8], from: usize) -> usize {
    let (mut depth, mut at) = (0_usize, from);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at = string_end(json, at + 1);
                if depth == 0 {
                    return (at + 1).min(json.len());
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    json.len()
}

/// The number behind a key that is written with its colon and without blanks, as every known server does; a number
/// that is written otherwise is looked for no further.
pub(crate) fn number_after(finder: &Finder<'_>, data: &[u8]) -> Option<u64> {
    let after = &data[finder.find(data)? + finder.needle().len()..];
    let after = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).take(18);
    let (mut number, mut is_some) = (0, false);
    for digit in digits {
        (number, is_some) = (number * 10 + u64::from(digit - b'0'), true);
    }
    is_some.then_some(number)
}

/// Whether the key that `finder` looks for is there with a value other than null.
pub(crate) fn is_set(finder: &Finder<'_>, data: &[u8]) -> bool {
    finder.find_iter(data).any(|at| {
        let after = data[at + finder.needle().len()..].trim_ascii_start();
        after.strip_prefix(b":").is_none_or(|value| !value.trim_ascii_start().starts_with(b"null"))
    })
}

/// Whether these bytes begin and end as an object does: the cheapest sign that nothing was cut off.
pub(crate) fn looks_whole(data: &[u8]) -> bool {
    let data = data.trim_ascii();
    data.first() == Some(&b'{') && data.last() == Some(&b'}')
}

/// Whether a value is more than an empty shape.
pub(crate) fn is_something(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "\"\"" | "[]" | "{}" | "false")
}

/// Whether this is an object with an error in it.
pub(crate) fn has_error(json: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Carrier<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Carrier<'_>>(json).is_ok_and(|carrier| carrier.error.is_some_and(is_something))
}

/// Whether an object holds anything beside the fields that name its kind.
pub(crate) fn says_something(raw: &RawValue, silent: &[&str]) -> bool {
    fields(raw).is_some_and(|fields| {
        fields.iter().any(|(key, value)| !silent.contains(&&**key) && is_something(value))
    })
}

/// The fields of an object as they stand.
pub(crate) fn fields(raw: &RawValue) -> Option<Vec<(std::borrow::Cow<'_, str>, &RawValue)>> {
    struct Fields<'a>(Vec<(std::borrow::Cow<'a, str>, &'a RawValue)>);
    impl<'de> serde::Deserialize<'de> for Fields<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Visit;
            impl<'de> serde::de::Visitor<'de> for Visit {
                type Value = Fields<'de>;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Fields<'de>, A::Error> {
                    let mut fields = Vec::new();
                    while let Some(key) = map.next_key()? {
                        fields.push((key, map.next_value()?));
                    }
                    Ok(Fields(fields))
                }
            }
            from.deserialize_map(Visit)
        }
    }
    serde_json::from_str::<Fields<'_>>(raw.get()).ok().map(|fields| fields.0)
}

/// A JSON string without its quotes, or any other value as it stands.
pub(crate) fn word(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'j>(json: &'j str, path: &[&str]) -> Option<&'j str> {
        find(json.as_bytes(), path).map(|span| &json[span])
    }

    #[test]
    fn a_value_is_found_by_its_path_and_nowhere_else() {
        let json =
            r#" {"a":{"model":"x"},"b":"\"model\":\"y\"", "c" : [1,{"model":2}] ,"model" : "up","z":1}"#;
        assert_eq!(found(json, &["model"]), Some("\"up\""));
        assert_eq!(found(json, &["a", "model"]), Some("\"x\""));
        assert_eq!(found(json, &["z"]), Some("1"));
        assert_eq!(found(json, &["b", "model"]), None);
        assert_eq!(found(json, &["none"]), None);
    }

    #[test]
    fn broken_json_is_left_alone() {
        for json in ["", "{", "[]", "{\"model\"", "{\"model\":", "{\"a\" 1,\"model\":2}", "{\"a\":\"\\"] {
            assert!(found(json, &["model"]).is_none_or(str::is_empty), "{json}");
        }
    }

    #[test]
    fn a_number_is_read_where_it_is_one() {
        let finder = Finder::new(b"\"n\"");
        assert_eq!(number_after(&finder, b"{\"n\" : 12,"), Some(12));
        assert_eq!(number_after(&finder, b"{\"n\":null}"), None);
        assert_eq!(number_after(&finder, b"{\"m\":1}"), None);
    }
}
