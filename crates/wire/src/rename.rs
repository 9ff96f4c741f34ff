//! Showing the caller the model name it asked for, in every event of a stream.

use memchr::memmem::Finder;

use crate::{depth::string_end, splice::quoted};

/// Replaces the value of the top-level `model` in the JSON of an event.
#[derive(Debug)]
pub(crate) struct Rename {
    shown: String,
    finder: Finder<'static>,
}

impl Rename {
    pub(crate) fn new(shown: &str) -> Self {
        Self { shown: quoted(shown), finder: Finder::new(b"\"model\"") }
    }

    /// The event with the name replaced, or `None` if nothing has to change. `json` is where its data begins.
    pub(crate) fn apply(&self, event: &[u8], json: usize) -> Option<Vec<u8>> {
        let key = self.finder.find_iter(event).find(|at| *at >= json && is_at_top(&event[json..*at]))?;
        let after = key + b"\"model\"".len();
        let colon = after + event[after..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        if event[colon] != b':' {
            return None;
        }
        let start = colon + 1 + event[colon + 1..].iter().position(|byte| !byte.is_ascii_whitespace())?;
        if event[start] != b'"' {
            return None;
        }
        let end = (string_end(event, start + 1) + 1).min(event.len());
        if &event[start..end] == self.shown.as_bytes() {
            return None;
        }
        Some([&event[..start], self.shown.as_bytes(), &event[end..]].concat())
    }
}

/// Whether what comes before a key leaves exactly one bracket open, outside of strings.
fn is_at_top(before: &[u8]) -> bool {
    let (mut depth, mut at) = (0_i32, 0);
    while let Some(byte) = before.get(at) {
        match byte {
            b'"' => at = string_end(before, at + 1),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    depth == 1 && at == before.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(event: &str) -> String {
        let json = event.find('{').unwrap();
        let changed = Rename::new("shown").apply(event.as_bytes(), json);
        changed.map_or_else(|| event.to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_the_top_level_name_changes_wherever_it_stands() {
        assert_eq!(renamed(r#"data: {"id":"1","model":"up"}"#), r#"data: {"id":"1","model":"shown"}"#);
        assert_eq!(
            renamed(r#"data: {"a":{"model":"x"},"b":"\"model\":\"y\"","model" : "up","c":1}"#),
            r#"data: {"a":{"model":"x"},"b":"\"model\":\"y\"","model" : "shown","c":1}"#
        );
    }

    #[test]
    fn what_is_no_name_stays() {
        for event in [r#"data: {"model":null}"#, r#"data: {"a":"model"}"#, r#"data: {"m":["model"]}"#] {
            assert_eq!(renamed(event), event);
        }
    }
}
