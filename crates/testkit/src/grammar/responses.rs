//! The grammar of OpenAI Responses.

use serde_json::Value;

use super::{Checked, Ending, Fault, Rules, ensure, fault, is_text, json, kind};

#[derive(Debug, Default)]
pub(super) struct Responses {
    numbers: Numbers,
    /// Whether events are named, which must be true of all or of none.
    is_named: Option<bool>,
    /// By index: whether the item is done.
    items: Vec<bool>,
    ending: Option<Ending>,
    words: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Numbers {
    #[default]
    Unknown,
    /// The last number.
    Upto(u64),
    /// Servers that number nothing.
    None,
}

impl Rules for Responses {
    fn event(&mut self, name: Option<&str>, data: &str) -> Checked {
        if data == "[DONE]" {
            // Clients pass it by where the answer has ended well.
            return ensure(self.ending == Some(Ending::Complete), || "[DONE] without an end".to_owned());
        }
        ensure(self.ending.is_none(), || "something follows the end".to_owned())?;
        let event = json(data)?;
        let kind = self.kind(name, &event)?;
        self.check_number(&event)?;
        match kind {
            "response.created" | "response.queued" | "response.in_progress" => {
                ensure(is_text(&event["response"]["id"]), || "a response without an id".to_owned())
            }
            "response.output_item.added" => self.add(&event),
            "response.output_item.done" => {
                let at = self.open_item(&event)?;
                self.items[at] = true;
                Ok(())
            }
            "response.completed" | "response.incomplete" => self.complete(kind, &event["response"]),
            "response.failed" => {
                self.ending = Some(Ending::Failed);
                let error = &event["response"]["error"];
                ensure(is_text(&event["response"]["id"]), || "a response without an id".to_owned())?;
                ensure(event["response"]["status"] == "failed", || "a failure of another status".to_owned())?;
                let is_whole = is_text(&error["code"]) && is_text(&error["message"]);
                ensure(is_whole, || "a failure without a code or words".to_owned())
            }
            "error" => fault("an error that Codex does not read, where response.failed belongs"),
            _ if event.get("output_index").is_some() => {
                let at = self.open_item(&event)?;
                if at == 0 && kind == "response.output_text.delta" {
                    self.words.push_str(event["delta"].as_str().unwrap_or_default());
                }
                Ok(())
            }
            // New kinds may come, and clients pass them by.
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Checked<Ending> {
        match self.ending {
            Some(ending) => Ok(ending),
            None => fault("the stream ends without completed, incomplete or failed"),
        }
    }

    fn words(&self) -> &str {
        &self.words
    }
}

impl Responses {
    /// Some servers name no event, which clients forgive them; a name that is there has to be the right one.
    fn kind<'v>(&mut self, name: Option<&str>, event: &'v Value) -> Checked<&'v str> {
        let is_ours = event["type"] == "response.failed";
        let is_named = *self.is_named.get_or_insert(name.is_some());
        if name.is_none() && !is_named && !is_ours {
            return event["type"].as_str().ok_or_else(|| Fault("an event without a type".to_owned()));
        }
        ensure(is_named || is_ours, || format!("the name {name:?} where there was none"))?;
        kind(name, event)
    }

    /// From 0 and one after the other, as far as there are any.
    fn check_number(&mut self, event: &Value) -> Checked {
        let number = event["sequence_number"].as_u64();
        self.numbers = match (self.numbers, number) {
            (Numbers::Unknown, Some(0)) => Numbers::Upto(0),
            (Numbers::Upto(last), Some(next)) if next > last => Numbers::Upto(next),
            // What the gateway adds to a stream without numbers may have one.
            (Numbers::None, Some(_)) if event["type"] == "response.failed" => Numbers::None,
            (Numbers::Unknown | Numbers::None, None) => Numbers::None,
            (last, next) => return fault(format!("number {next:?} after {last:?}")),
        };
        Ok(())
    }

    fn add(&mut self, event: &Value) -> Checked {
        let (index, next) = (&event["output_index"], self.items.len());
        ensure(*index == next, || format!("item {index} where {next} is next"))?;
        ensure(event["item"].is_object(), || "an item that is none".to_owned())?;
        self.items.push(false);
        Ok(())
    }

    /// The item that an event speaks of, which has to be open.
    fn open_item(&self, event: &Value) -> Checked<usize> {
        let index = event["output_index"].as_u64().and_then(|index| usize::try_from(index).ok());
        match index.filter(|at| self.items.get(*at) == Some(&false)) {
            Some(at) => Ok(at),
            None => fault(format!("item {index:?} is not open")),
        }
    }

    fn complete(&mut self, kind: &str, response: &Value) -> Checked {
        self.ending = Some(Ending::Complete);
        ensure(is_text(&response["id"]), || "a response without an id".to_owned())?;
        ensure(response["status"] == kind["response.".len()..], || {
            format!("{kind} with the status {}", response["status"])
        })?;
        let is_over = kind == "response.incomplete" || self.items.iter().all(|is_done| *is_done);
        ensure(is_over, || "completed while an item is open".to_owned())
    }
}
