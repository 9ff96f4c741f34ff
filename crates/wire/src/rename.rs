//! Showing the caller the model name it asked for, in every reply.

use std::{ops::Range, sync::LazyLock};

use memchr::memmem::Finder;
use standin_core::Dialect;

use crate::{
    depth::string_end,
    splice::quoted,
    value::{find, skip_blank},
};

static MODEL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"model\""));
static MODEL_VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"modelVersion\""));

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
}

impl Rename {
    pub(crate) fn new(dialect: Dialect, shown: &str) -> Self {
        Self { dialect, shown: quoted(shown) }
    }

    /// Finds the key before the name. Set up once for all streams, of which none has to keep it.
    fn finder(&self) -> &'static Finder<'static> {
        if self.dialect == Dialect::Gemini { &MODEL_VERSION } else { &MODEL }
    }

    /// The name's place in the top-level object, if the key at `key` stands there: known by what is closed behind it,
    /// which is far less to look at than all before it where the name comes last.
    fn near_the_end(&self, data: &[u8], key: usize) -> Option<Range<usize>> {
        if self.dialect != Dialect::Gemini || key < data.len() / 2 {
            return None;
        }
        let colon = skip_blank(data, key + self.finder().needle().len());
        let start = skip_blank(data, colon + 1);
        if data.get(colon) != Some(&b':') || data.get(start) != Some(&b'"') {
            return None;
        }
        let end = string_end(data, start + 1) + 1;
        (closed_behind(data.get(end..)?) == 1).then_some(start..end)
    }

    /// The event with the name replaced, or `None` if nothing has to change. `json` is where its data stands.
    pub(crate) fn apply(&self, event: &[u8], json: Range<usize>) -> Option<Vec<u8>> {
        let data = &event[json.clone()];
        let key = self.finder().find(data)?;
        let span = self.near_the_end(data, key).or_else(|| model_span(self.dialect, data))?;
        let (start, end) = (json.start + span.start, json.start + span.end);
        if &event[start..end] == self.shown.as_bytes() {
            return None;
        }
        Some([&event[..start], self.shown.as_bytes(), &event[end..]].concat())
    }
}

/// How many brackets are closed that were open before.
fn closed_behind(rest: &[u8]) -> i32 {
    let (mut closed, mut at) = (0, 0);
    while let Some(byte) = rest.get(at) {
        match byte {
            b'"' => at = string_end(rest, at + 1),
            b'{' | b'[' => closed -= 1,
            b'}' | b']' => closed += 1,
            _ => {}
        }
        at += 1;
    }
    closed
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
            (Dialect::Gemini, r#"data: {"response":{"candidates":[],"modelVersion":"UP"},"traceId":"}"}"#),
            (Dialect::Gemini, r#"data: {"usageMetadata":{"a":[1]},"modelVersion":"UP","responseId":"}\"]"}"#),
            (Dialect::Gemini, r#"data: {"a":{"long":"before it","modelVersion":"x"},"modelVersion":"UP"}"#),
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
