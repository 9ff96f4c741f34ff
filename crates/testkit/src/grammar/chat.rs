//! The grammar of OpenAI Chat Completions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Checked, Ending, Rules, ensure, fault, is_text, json};

#[derive(Debug, Default)]
pub(super) struct Chat {
    /// By choice: whether it has ended.
    choices: BTreeMap<u64, bool>,
    /// Whether the answer was counted, which some servers do instead of giving a reason for its end.
    is_counted: bool,
    ending: Option<Ending>,
    words: String,
}

impl Rules for Chat {
    fn event(&mut self, name: Option<&str>, data: &str) -> Checked {
        ensure(self.ending.is_none(), || "something follows the end".to_owned())?;
        ensure(name.is_none(), || format!("an event line ({name:?}) where there is none"))?;
        if data == "[DONE]" {
            let is_over = !self.choices.is_empty() && self.choices.values().all(|is_over| *is_over);
            ensure(is_over || self.is_counted, || "the end of a stream whose choices have none".to_owned())?;
            self.ending = Some(Ending::Complete);
            return Ok(());
        }
        let chunk = json(data)?;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            self.ending = Some(Ending::Failed);
            return check_error(error);
        }
        self.is_counted |= chunk["usage"]["completion_tokens"].is_u64();
        let Some(choices) = chunk["choices"].as_array() else { return fault("a chunk without choices") };
        choices.iter().try_for_each(|choice| self.choice(choice))
    }

    fn end(&mut self) -> Checked<Ending> {
        match self.ending {
            Some(ending) => Ok(ending),
            None => fault("the stream ends with neither [DONE] nor an error"),
        }
    }

    fn words(&self) -> &str {
        &self.words
    }
}

impl Chat {
    fn choice(&mut self, choice: &Value) -> Checked {
        let index = choice["index"].as_u64().unwrap_or(0);
        let is_over = self.choices.entry(index).or_insert(false);
        let delta = &choice["delta"];
        let text = delta["content"].as_str().or(choice["text"].as_str()).unwrap_or_default();
        let says = !text.is_empty() || delta["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
        ensure(!(*is_over && says), || format!("choice {index} goes on after its end"))?;
        let finish = &choice["finish_reason"];
        ensure(finish.is_null() || finish.is_string(), || "a reason that is no word".to_owned())?;
        ensure(finish != "error", || "a reason that is an error, without the error".to_owned())?;
        *is_over |= is_text(finish);
        if index == 0 {
            self.words.push_str(text);
        }
        Ok(())
    }
}

/// The object that the client libraries raise, with all four keys.
pub(super) fn check_error(error: &Value) -> Checked {
    for key in ["message", "type", "param", "code"] {
        ensure(error.get(key).is_some(), || format!("an error without {key}"))?;
    }
    ensure(is_text(&error["message"]), || "an error without words".to_owned())
}
