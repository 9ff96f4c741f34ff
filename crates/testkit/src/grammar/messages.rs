//! The grammar of Anthropic Messages.

use serde_json::Value;

use super::{Checked, Ending, Rules, ensure, fault, is_text, json, kind};

#[derive(Debug, Default)]
pub(super) struct Messages {
    has_started: bool,
    /// The next block's index.
    next: u64,
    /// The kind of the block that is open, and whether its signature has come.
    open: Option<(String, bool)>,
    has_reason: bool,
    ending: Option<Ending>,
    words: String,
}

impl Rules for Messages {
    fn event(&mut self, name: Option<&str>, data: &str) -> Checked {
        if data == "[DONE]" {
            // Clients pass it by where the answer has ended well.
            return ensure(self.ending == Some(Ending::Complete), || "[DONE] without an end".to_owned());
        }
        ensure(self.ending.is_none(), || "something follows the end".to_owned())?;
        let event = json(data)?;
        let kind = kind(name, &event)?;
        ensure(self.has_started || matches!(kind, "message_start" | "ping" | "error"), || {
            format!("{kind} before message_start")
        })?;
        ensure(
            !self.has_reason || matches!(kind, "message_stop" | "message_delta" | "ping" | "error"),
            || format!("{kind} after the reason for the end"),
        )?;
        match kind {
            "message_start" => self.start(&event),
            "content_block_start" => self.open_block(&event),
            "content_block_delta" => self.delta(&event),
            "content_block_stop" => {
                self.check_index(&event)?;
                (self.open, self.next) = (None, self.next + 1);
                Ok(())
            }
            "message_delta" => {
                ensure(self.open.is_none(), || "message_delta within a block".to_owned())?;
                ensure(event["usage"].is_object(), || "message_delta without usage".to_owned())?;
                self.has_reason |= is_text(&event["delta"]["stop_reason"]);
                Ok(())
            }
            "message_stop" => {
                ensure(self.open.is_none(), || "message_stop within a block".to_owned())?;
                ensure(self.has_reason, || "message_stop without a reason".to_owned())?;
                self.ending = Some(Ending::Complete);
                Ok(())
            }
            "error" => {
                self.ending = Some(Ending::Failed);
                let error = &event["error"];
                let is_whole = is_text(&error["type"]) && is_text(&error["message"]);
                ensure(is_whole, || "an error without a type or words".to_owned())
            }
            // New kinds may come, and clients pass them by.
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Checked<Ending> {
        match self.ending {
            Some(ending) => Ok(ending),
            None => fault("the stream ends with neither message_stop nor an error"),
        }
    }

    fn words(&self) -> &str {
        &self.words
    }
}

impl Messages {
    fn start(&mut self, event: &Value) -> Checked {
        ensure(!self.has_started, || "a second message_start".to_owned())?;
        self.has_started = true;
        let message = &event["message"];
        ensure(is_text(&message["id"]), || "a message without an id".to_owned())?;
        ensure(is_text(&message["model"]), || "a message without a model".to_owned())?;
        // Client libraries fail without it.
        ensure(message["usage"]["input_tokens"].is_u64(), || "a message without usage".to_owned())
    }

    fn open_block(&mut self, event: &Value) -> Checked {
        ensure(self.open.is_none(), || "a block within a block".to_owned())?;
        let index = &event["index"];
        ensure(*index == self.next, || format!("block {index} where {} is next", self.next))?;
        let block = &event["content_block"];
        let Some(kind) = block["type"].as_str() else { return fault("a block without a type") };
        self.words.push_str(block["text"].as_str().unwrap_or_default());
        self.open = Some((kind.to_owned(), false));
        Ok(())
    }

    fn delta(&mut self, event: &Value) -> Checked {
        self.check_index(event)?;
        let Some((block, is_signed)) = &mut self.open else { return fault("a delta outside of a block") };
        let delta = &event["delta"];
        let kind = delta["type"].as_str().unwrap_or_default();
        let fits = match kind {
            "text_delta" | "citations_delta" => block == "text",
            "input_json_delta" => block.ends_with("tool_use"),
            "thinking_delta" => block == "thinking" && !*is_signed,
            "signature_delta" => block == "thinking",
            kind => !kind.is_empty(),
        };
        ensure(fits, || format!("a {kind} in a {block} block"))?;
        *is_signed |= kind == "signature_delta";
        self.words.push_str(delta["text"].as_str().unwrap_or_default());
        Ok(())
    }

    /// An event within a block names the block that is open.
    fn check_index(&self, event: &Value) -> Checked {
        ensure(self.open.is_some(), || "no block is open".to_owned())?;
        ensure(event["index"] == self.next, || format!("block {} is open, not {}", self.next, event["index"]))
    }
}
