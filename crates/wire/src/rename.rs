//! Showing the caller the model name it asked for, in every reply.

use std::ops::Range;

use memchr::memmem::Finder;
use standin_core::Dialect;

use crate::{splice::quoted, value::find};

/// Where a dialect writes the model's name, in the order in which it is looked for.
pub(crate) const fn paths(dialect: Dialect) -> &'static [&'static [&'static str]] {
    match dialect {
        Dialect::OpenaiChat => &[&["model"]],
        Dialect::OpenaiResponses => &[&["response", "model"], &["model"]],
        Dialect::AnthropicMessages => &[&["message", "model"], &["model"]],
        // The second is the envelope of Code Assist.
        Dialect::Gemini => &[&["modelVersion"], &["response", "modelVersion"]],
    }
}

/// Where the model's JSON string stands in a reply or in the data of an event, quotes included.
pub(crate) fn model_span(dialect: Dialect, json: &[u8]) -> Option<Range<usize>> {
    let mut spans = paths(dialect).iter().filter_map(|path| find(json, path));
    spans.find(|span| json[span.clone()].len() >= 2 && json[span.start] == b'"')
}

/// Replaces the model's name in the JSON of an event.
#[derive(Debug, Clone)]
pub(crate) struct Rename {
    dialect: Dialect,
    shown: String,
    finder: Finder<'static>,
}

impl Rename {
    pub(crate) fn new(dialect: Dialect, shown: &str) -> Self {
        let key: &[u8] = if dialect == Dialect::Gemini { b"\"modelVersion\"" } else { b"\"model\"" };
        Self { dialect, shown: quoted(shown), finder: Finder::new(key) }
    }

    /// The event with the name replaced, or `None` if nothing has to change. `json` is where its data stands.
    pub(crate) fn apply(&self, event: &[u8], json: Range<usize>) -> Option<Vec<u8>> {
        let data = &event[json.clone()];
        self.finder.find(data)?;
        let span = model_span(self.dialect, data)?;
        let (start, end) = (json.start + span.start, json.start + span.end);
        if &event[start..end] == self.shown.as_bytes() {
            return None;
        }
        Some([&event[..start], self.shown.as_bytes(), &event[end..]].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(dialect: Dialect, event: &str) -> String {
        let json = event.find('{').unwrap()..event.len();
        let changed = Rename::new(dialect, "shown").apply(event.as_bytes(), json);
        changed.map_or_else(|| event.to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn only_the_name_in_its_own_place_changes() {
        let cases = [
            (Dialect::OpenaiChat, r#"data: {"a":{"model":"x"},"b":"\"model\":\"y\"","model" : "UP","c":1}"#),
            (
                Dialect::OpenaiResponses,
                r#"data: {"response":{"tools":[{"model":"x"}],"model":"UP"},"type":"response.created"}"#,
            ),
            (Dialect::AnthropicMessages, r#"data: {"message":{"model":"UP"},"type":"message_start"}"#),
            (Dialect::Gemini, r#"data: {"candidates":[],"modelVersion": "UP"}"#),
            (Dialect::Gemini, r#"data: {"response":{"modelVersion":"UP","model":"x"}}"#),
        ];
        for (dialect, event) in cases {
            assert_eq!(renamed(dialect, &event.replace("UP", "up")), event.replace("UP", "shown"));
        }
    }

    #[test]
    fn what_is_no_name_stays() {
        for event in [r#"data: {"model":null}"#, r#"data: {"a":"model"}"#, r#"data: {"m":["model"]}"#] {
            assert_eq!(renamed(Dialect::OpenaiChat, event), event);
        }
        let item = r#"data: {"item":{"model":"x"},"type":"response.output_item.added"}"#;
        assert_eq!(renamed(Dialect::OpenaiResponses, item), item);
    }
}
