//! A stream as a push parser: bytes go in as they come, whole marked events come out.
//!
//! Once content has begun, an event is only searched for the few words that could end the answer; it is parsed when
//! one of them is there.

use std::{collections::VecDeque, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

use crate::{
    chat::{Part, is_silent_answer},
    echo::{Echo, Echoed},
    event,
    frame::{Frame, Mark},
    rename::Rename,
    usage::Usage,
};

/// Bytes of one event that are held until it is whole.
pub const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Choices of one answer that are followed.
const CHOICES_MAX: usize = 128;

static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static INDEX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"index\""));

/// Reads one stream.
#[derive(Debug)]
pub struct StreamReader {
    rename: Option<Rename>,
    echo: Echo,
    pending: BytesMut,
    is_first: bool,
    has_content: bool,
    is_silent_answer: bool,
    saw_done: bool,
    is_complete: bool,
    /// By choice: whether it has ended.
    choices: Vec<bool>,
    usage: Usage,
}

impl StreamReader {
    /// A reader for a stream of OpenAI Chat or Completions; `shown_model` is what its `model` must say to the caller.
    #[must_use]
    pub fn chat(shown_model: Option<&str>) -> Self {
        Self {
            rename: shown_model.map(Rename::new),
            echo: Echo::default(),
            pending: BytesMut::new(),
            is_first: true,
            has_content: false,
            is_silent_answer: false,
            saw_done: false,
            is_complete: false,
            choices: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Takes what was received, and gives the events that are whole now.
    pub fn push(&mut self, chunk: Bytes, out: &mut VecDeque<Frame>) {
        let mut rest = if self.pending.is_empty() {
            chunk
        } else {
            self.pending.extend_from_slice(&chunk);
            self.pending.split().freeze()
        };
        if std::mem::take(&mut self.is_first) && rest.starts_with(b"\xef\xbb\xbf") {
            rest = rest.slice(3..);
        }
        while let Some(end) = event::end(&rest) {
            let whole = rest.split_to(end);
            self.event(whole, out);
        }
        if rest.len() > EVENT_BYTES_MAX {
            rest.clear();
            let bytes = Bytes::from_static(b"data: {\"error\":{\"message\":\"an event of the stream is too large\",\"type\":\"server_error\"}}\n\n");
            out.push_back(Frame { mark: Mark::Error, bytes });
        }
        self.pending.extend_from_slice(&rest);
    }

    /// The stream has ended: an event that lacks only its blank line still counts.
    pub fn finish(&mut self, out: &mut VecDeque<Frame>) {
        let mut rest = self.pending.split();
        if rest.iter().any(|byte| !byte.is_ascii_whitespace()) {
            rest.extend_from_slice(b"\n\n");
            let rest = rest.freeze();
            let end = event::end(&rest).unwrap_or(rest.len());
            self.event(rest.slice(..end), out);
        }
    }

    /// Whether the event that completes the answer was seen: a finish reason for every choice that began.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether the answer is complete and nothing was said, as far as can be known by now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let was_billed = self.usage.output_tokens.is_some_and(|tokens| tokens > 0);
        self.is_complete && !self.has_content && !self.is_silent_answer && !was_billed
    }

    /// What it used, as far as it was said by now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether `[DONE]` was seen and passed on.
    #[must_use]
    pub fn saw_done(&self) -> bool {
        self.saw_done
    }

    fn event(&mut self, whole: Bytes, out: &mut VecDeque<Frame>) {
        if self.is_plain() {
            match self.echo.recognise(&whole) {
                Some(Echoed::AsItCame) => return append(out, Mark::Content, whole),
                Some(Echoed::Renamed(bytes)) => return append(out, Mark::Content, bytes.into()),
                None => {}
            }
        }
        let Some(span) = event::data_span(&whole) else { return self.odd(whole, out) };
        let data = &whole[span.clone()];
        if data == b"[DONE]" {
            // Some servers never give a finish reason and end with their count of the answer and this line instead.
            self.is_complete |= self.has_content && self.usage.output_tokens.is_some();
            // Passed on only behind a complete answer: a truncated one must not look like a clean end.
            if self.is_complete {
                self.saw_done = true;
                append(out, Mark::Terminal, whole);
            }
            return;
        }
        let mark = self.mark(data);
        let renamed = self.rename.as_ref().and_then(|rename| rename.apply(&whole, span.start));
        if mark == Mark::Content {
            self.echo.learn(&whole, renamed.as_deref());
        }
        append(out, mark, renamed.map_or(whole, Bytes::from));
    }

    /// Whether nothing but more words is expected: content has begun and no choice has ended.
    fn is_plain(&self) -> bool {
        self.has_content && !self.is_complete && self.choices.len() <= 1
    }

    /// Comments, empty events, and data on several lines.
    fn odd(&mut self, whole: Bytes, out: &mut VecDeque<Frame>) {
        let joined = event::joined_data(&whole);
        let mark = match (joined.is_empty(), self.is_complete) {
            (true, false) => Mark::Lifecycle,
            (true, true) => Mark::Terminal,
            (false, _) => self.mark(&joined),
        };
        append(out, mark, whole);
    }

    fn mark(&mut self, data: &[u8]) -> Mark {
        let is_plain = self.has_content
            && ERROR.find(data).is_none()
            && !is_set(&FINISH, data)
            && !is_set(&USAGE, data)
            && INDEX.find_iter(data).all(|at| is_zero(&data[at + 7..]));
        if is_plain {
            return if self.is_complete { Mark::Terminal } else { Mark::Content };
        }
        let Ok(mut part) = serde_json::from_slice::<Part<'_>>(data) else { return Mark::Error };
        if part.has_error() {
            return Mark::Error;
        }
        if let Some(usage) = part.take_usage() {
            self.usage = usage;
        }
        let choices = part.choices.unwrap_or_default();
        let mut says = false;
        for choice in &choices {
            says |= choice.has_content();
            self.follow(choice.index.unwrap_or(0), choice.finish());
        }
        self.has_content |= says;
        match (self.is_complete, self.has_content) {
            (true, _) => Mark::Terminal,
            (false, true) => Mark::Content,
            (false, false) => Mark::Lifecycle,
        }
    }

    fn follow(&mut self, index: u64, finish: Option<&str>) {
        let Some(at) = usize::try_from(index).ok().filter(|at| *at < CHOICES_MAX) else { return };
        if self.choices.len() <= at {
            self.choices.resize(at + 1, false);
        }
        if let Some(reason) = finish {
            self.choices[at] = true;
            self.is_silent_answer |= is_silent_answer(reason);
            self.is_complete = self.choices.iter().all(|ended| *ended);
        } else if !self.choices[at] {
            self.is_complete = false;
        }
    }
}

/// Whether the key that `finder` looks for is there with a value other than null.
fn is_set(finder: &Finder<'_>, data: &[u8]) -> bool {
    finder.find_iter(data).any(|at| {
        let after = data[at + finder.needle().len()..].trim_ascii_start();
        after.strip_prefix(b":").is_none_or(|value| !value.trim_ascii_start().starts_with(b"null"))
    })
}

/// Whether a value that begins behind a key is the number zero.
fn is_zero(after: &[u8]) -> bool {
    let value = after.trim_ascii_start().strip_prefix(b":").unwrap_or_default().trim_ascii_start();
    value.first() == Some(&b'0')
}

/// Adds an event, to the last frame if that has the same mark and the bytes lie side by side.
fn append(out: &mut VecDeque<Frame>, mark: Mark, bytes: Bytes) {
    out.push_back(Frame { mark, bytes });
}
