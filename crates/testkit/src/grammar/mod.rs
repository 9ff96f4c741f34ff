//! What every stream that leaves the gateway must look like, dialect by dialect, written down without the product's
//! help: one push-checker that finds the first thing that no client should ever see.

mod chat;
mod gemini;
mod messages;
mod responses;

use std::fmt;

use serde_json::Value;
use standin_core::Dialect;

use self::{chat::Chat, gemini::Gemini, messages::Messages, responses::Responses};

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the last event of its dialect.
    Complete,
    /// With one error that the dialect's clients understand.
    Failed,
}

/// The first thing that is wrong with a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(pub String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

type Checked<T = ()> = Result<T, Fault>;

fn fault<T>(text: impl Into<String>) -> Checked<T> {
    Err(Fault(text.into()))
}

/// Fails with a text unless something holds.
fn ensure(holds: bool, text: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { fault(text()) }
}

/// What the events of a dialect must look like, one after the other.
trait Rules {
    /// One event: the name that its framing gives it, and its data.
    fn event(&mut self, name: Option<&str>, data: &str) -> Checked;
    /// A comment or a blank event. Most dialects take them everywhere.
    fn comment(&mut self) -> Checked {
        Ok(())
    }
    /// The stream is over.
    fn end(&mut self) -> Checked<Ending>;
    /// What was said: the words of the first choice.
    fn words(&self) -> &str;
}

/// Checks one stream as it comes.
pub struct Grammar {
    rules: Box<dyn Rules>,
    pending: Vec<u8>,
    /// A Gemini stream may be one JSON array instead of events; known by its first byte.
    framing: Framing,
    dialect: Dialect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Unknown,
    Events,
    Array,
}

impl Grammar {
    /// The grammar of a dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let rules: Box<dyn Rules> = match dialect {
            Dialect::OpenaiChat => Box::new(Chat::default()),
            Dialect::OpenaiResponses => Box::new(Responses::default()),
            Dialect::AnthropicMessages => Box::new(Messages::default()),
            Dialect::Gemini => Box::new(Gemini::default()),
        };
        Self { rules, pending: Vec::new(), framing: Framing::Unknown, dialect }
    }

    /// Takes bytes as the caller gets them.
    ///
    /// # Errors
    /// At the first event that should not have been sent.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.pending.extend_from_slice(bytes);
        if self.framing == Framing::Unknown {
            let Some(first) = self.pending.trim_ascii_start().first() else { return Ok(()) };
            let is_array = self.dialect == Dialect::Gemini && *first == b'[';
            self.framing = if is_array { Framing::Array } else { Framing::Events };
        }
        while self.framing == Framing::Events {
            let Some(end) = event_end(&self.pending) else { break };
            let rest = self.pending.split_off(end);
            let event = std::mem::replace(&mut self.pending, rest);
            self.one(&event)?;
        }
        Ok(())
    }

    /// The stream is over: how it ended, and the words of its first choice.
    ///
    /// # Errors
    /// When it should not have ended so.
    pub fn finish(mut self) -> Result<(Ending, String), Fault> {
        if self.framing == Framing::Array {
            let elements: Vec<Value> = serde_json::from_slice(&self.pending)
                .map_err(|error| Fault(format!("the array is no JSON: {error}")))?;
            for element in elements {
                self.rules.event(None, &element.to_string())?;
            }
        } else {
            let rest = String::from_utf8_lossy(&self.pending);
            ensure(rest.trim().is_empty(), || format!("the last event is not finished: {rest:?}"))?;
        }
        let ending = self.rules.end()?;
        Ok((ending, self.rules.words().to_owned()))
    }

    fn one(&mut self, event: &[u8]) -> Checked {
        let Ok(text) = std::str::from_utf8(event) else { return fault("an event is no UTF-8") };
        let (mut name, mut data) = (None, Vec::new());
        for line in text.lines().flat_map(|line| line.split('\r')).filter(|line| !line.is_empty()) {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => self.rules.comment()?,
                "event" => name = Some(value),
                "data" => data.push(value),
                "id" | "retry" => ensure(self.dialect != Dialect::Gemini, || format!("a line {line:?}"))?,
                _ => return fault(format!("a line that is no field: {line:?}")),
            }
        }
        if data.is_empty() {
            return ensure(name.is_none(), || format!("an event {name:?} without data"));
        }
        self.rules.event(name, &data.join("\n")).map_err(|Fault(text)| Fault(format!("{text}: {data:?}")))
    }
}

fn event_end(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    loop {
        let end = line + bytes[line..].iter().position(|byte| *byte == b'\n')?;
        if bytes[line..end].iter().all(|byte| *byte == b'\r') {
            return Some(end + 1);
        }
        line = end + 1;
    }
}

/// Checks a whole stream.
///
/// # Errors
/// With the first thing that is wrong.
pub fn check(dialect: Dialect, stream: &[u8]) -> Result<(Ending, String), Fault> {
    let mut grammar = Grammar::new(dialect);
    grammar.push(stream)?;
    grammar.finish()
}

/// Asserts that a stream obeys its grammar and ends so; gives the words of its first choice.
///
/// # Panics
/// When it does not.
#[must_use]
pub fn words(dialect: Dialect, stream: &[u8], ending: Ending) -> String {
    let text = String::from_utf8_lossy(stream);
    let (seen, words) =
        check(dialect, stream).unwrap_or_else(|fault| panic!("{fault}\nin the stream: {text}"));
    assert_eq!(seen, ending, "{text}");
    words
}

fn json(data: &str) -> Checked<Value> {
    let value: Value = serde_json::from_str(data).map_err(|error| Fault(format!("no JSON ({error})")))?;
    ensure(value.is_object(), || "no JSON object".to_owned())?;
    Ok(value)
}

/// The name of an event, which its framing and its data must agree about.
fn kind<'v>(name: Option<&str>, value: &'v Value) -> Checked<&'v str> {
    let Some(kind) = value["type"].as_str() else { return fault("an event without a type") };
    ensure(name == Some(kind), || format!("the event is called {name:?} and has the type {kind}"))?;
    Ok(kind)
}

/// Text that is there and says something.
fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}
