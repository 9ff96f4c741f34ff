//! The grammar of Gemini: nothing but data, in events or as the elements of an array.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Checked, Ending, Rules, ensure, fault, is_text, json};

#[derive(Debug, Default)]
pub(super) struct Gemini {
    /// By candidate: whether its last chunk gave a reason for its end.
    candidates: BTreeMap<u64, bool>,
    is_blocked: bool,
    id: Option<String>,
    has_failed: bool,
    words: String,
}

impl Rules for Gemini {
    fn event(&mut self, name: Option<&str>, data: &str) -> Checked {
        ensure(!self.has_failed, || "something follows the error".to_owned())?;
        ensure(name.is_none(), || format!("an event line ({name:?}) where there is none"))?;
        let chunk = json(data)?;
        if let Some(error) = chunk.get("error") {
            self.has_failed = true;
            ensure(data.trim_start().starts_with("{\"error\""), || {
                "the error is not the first key".to_owned()
            })?;
            return check_error(error);
        }
        // The envelope of Code Assist.
        let chunk = chunk.get("response").unwrap_or(&chunk);
        self.check_id(chunk)?;
        self.is_blocked |= is_text(&chunk["promptFeedback"]["blockReason"]);
        let known = ["candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId"];
        ensure(known.iter().any(|key| chunk.get(key).is_some()), || "a chunk that says nothing".to_owned())?;
        let candidates = chunk["candidates"].as_array().map(Vec::as_slice).unwrap_or_default();
        candidates.iter().try_for_each(|candidate| self.candidate(candidate))
    }

    fn comment(&mut self) -> Checked {
        fault("a comment, which clients of this dialect take for broken JSON")
    }

    fn end(&mut self) -> Checked<Ending> {
        if self.has_failed {
            return Ok(Ending::Failed);
        }
        let is_over = !self.candidates.is_empty() && self.candidates.values().all(|is_over| *is_over);
        ensure(is_over || self.is_blocked, || "the stream ends without a reason for its end".to_owned())?;
        Ok(Ending::Complete)
    }

    fn words(&self) -> &str {
        &self.words
    }
}

impl Gemini {
    fn check_id(&mut self, chunk: &Value) -> Checked {
        let Some(id) = chunk["responseId"].as_str() else { return Ok(()) };
        let first = self.id.get_or_insert_with(|| id.to_owned());
        ensure(first == id, || format!("the answer {first} goes on as {id}"))
    }

    fn candidate(&mut self, candidate: &Value) -> Checked {
        let index = candidate["index"].as_u64().unwrap_or(0);
        let is_over = self.candidates.entry(index).or_insert(false);
        let finish = &candidate["finishReason"];
        // A reason stays once it was given; some servers give one with every chunk.
        *is_over |= is_text(finish) || finish.as_u64().is_some_and(|number| number > 0);
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            if index == 0 && part["thought"] != true {
                self.words.push_str(part["text"].as_str().unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// What the client libraries raise: a numeric code of an error, words, and one of Google's names.
fn check_error(error: &Value) -> Checked {
    let code = error["code"].as_u64().unwrap_or_default();
    ensure((400..600).contains(&code), || format!("an error with the code {}", error["code"]))?;
    ensure(is_text(&error["message"]), || "an error without words".to_owned())?;
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    ensure(error["status"].as_str().is_some_and(is_name), || "an error without a status".to_owned())
}
