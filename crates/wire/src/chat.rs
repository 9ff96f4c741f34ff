//! OpenAI Chat Completions, and completions and embeddings beside it: what their JSON says about an answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::usage::{ChatUsage, Usage};

/// The parts of an answer, or of one chunk of it, that say how it stands.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Part<'a> {
    #[serde(borrow, default)]
    pub(crate) model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) choices: Option<Vec<Choice<'a>>>,
    /// Embeddings and lists.
    #[serde(borrow, default)]
    pub(crate) data: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<ChatUsage>,
}

/// Usage in a shape that nobody expects is unknown usage, not a broken answer.
fn lenient<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<ChatUsage>, D::Error> {
    let raw = <&RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// One choice.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Choice<'a> {
    #[serde(default)]
    pub(crate) index: Option<u64>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

impl Choice<'_> {
    /// Why the choice ended, if it has.
    pub(crate) fn finish(&self) -> Option<&str> {
        self.finish_reason
            .map(|raw| raw.get().trim_matches('"'))
            .filter(|reason| !matches!(*reason, "null" | ""))
    }

    /// Whether it says anything: text, reasoning, a refusal, a tool call; a role alone says nothing.
    pub(crate) fn has_content(&self) -> bool {
        let parts = [self.delta, self.message];
        self.text.is_some_and(is_something) || parts.into_iter().flatten().any(says_something)
    }
}

impl Part<'_> {
    /// Whether it carries an error beside or instead of an answer.
    pub(crate) fn has_error(&self) -> bool {
        let finished_in_error =
            |choices: &Vec<Choice<'_>>| choices.iter().any(|choice| choice.finish() == Some("error"));
        self.error.is_some_and(is_something) || self.choices.as_ref().is_some_and(finished_in_error)
    }

    pub(crate) fn take_usage(&mut self) -> Option<Usage> {
        self.usage.take().map(Usage::from)
    }
}

/// Whether an ended choice without content is an answer all the same: cut, filtered, or a call of a tool.
pub(crate) fn is_silent_answer(finish: &str) -> bool {
    !matches!(finish, "stop" | "eos" | "end_turn" | "error")
}

fn says_something(raw: &RawValue) -> bool {
    struct Fields(bool);
    impl<'de> Deserialize<'de> for Fields {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Visit;
            impl<'de> serde::de::Visitor<'de> for Visit {
                type Value = Fields;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                    let mut says = false;
                    while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                        let value: &RawValue = map.next_value()?;
                        says |= key != "role" && is_something(value);
                    }
                    Ok(Fields(says))
                }
            }
            from.deserialize_map(Visit)
        }
    }
    serde_json::from_str::<Fields>(raw.get()).is_ok_and(|fields| fields.0)
}

fn is_something(raw: &RawValue) -> bool {
    !matches!(raw.get(), "null" | "\"\"" | "[]" | "{}" | "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(json: &str) -> Part<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_role_and_empty_fields_say_nothing_and_everything_else_does() {
        let says = |delta: &str| {
            let json = format!(r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#);
            part(&json).choices.unwrap()[0].has_content()
        };
        for silent in
            [r#"{"role":"assistant"}"#, r#"{"role":"assistant","content":"","refusal":null}"#, "{}", "null"]
        {
            assert!(!says(silent), "{silent}");
        }
        for said in [r#"{"content":"a"}"#, r#"{"reasoning_content":"a"}"#, r#"{"tool_calls":[{"index":0}]}"#]
        {
            assert!(says(said), "{said}");
        }
    }

    #[test]
    fn an_error_beside_choices_and_a_finish_reason_of_error_are_errors() {
        assert!(part(r#"{"choices":[],"error":{"message":"x"}}"#).has_error());
        assert!(part(r#"{"choices":[{"finish_reason":"error"}]}"#).has_error());
        assert!(!part(r#"{"choices":[{"finish_reason":null}],"error":null}"#).has_error());
    }
}
