//! A stream as a push parser: bytes go in as they come, whole marked events come out.
//!
//! Once content has begun, an event is only searched for the few words that could end the answer; it is parsed when
//! one of them is there.

use std::{collections::VecDeque, ops::Range};

use bytes::{Bytes, BytesMut};
use standin_core::Dialect;

use crate::{
    array::{ArrayCutter, on_one_line},
    chat,
    echo::{Echo, Echoed},
    event::{Cut, Cutter, Data, joined_data},
    form::{StreamForm, StreamTail},
    frame::{Frame, Mark},
    gemini::{self, LastUsage},
    messages::{self, Pieces},
    rename::Rename,
    responses::{self, Numbering},
    standing::Standing,
    usage::Usage,
    value::{find, has_error},
};

/// Bytes of one event that are held until it is whole.
pub const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const DONE: &[u8] = b"[DONE]";

/// Reads one stream.
#[derive(Debug, Clone)]
pub struct StreamReader {
    speech: Speech,
    /// How the caller is to get it.
    form: StreamForm,
    framing: Framing,
    rename: Option<Rename>,
    pending: BytesMut,
    standing: Standing,
    /// Whether the array that the caller gets has begun.
    is_array_open: bool,
    /// Whether the upstream said the words that close a complete stream of its dialect.
    is_closed: bool,
    /// Whether an error was found: what comes after it is of no use to anybody.
    is_over: bool,
}

/// What only one dialect has to remember.
#[derive(Debug, Clone)]
enum Speech {
    Chat(Echo),
    Responses(Numbering),
    Messages(Pieces),
    Gemini(LastUsage),
}

/// How the upstream sends it.
#[derive(Debug, Clone)]
enum Framing {
    /// Its first byte has not come yet.
    Unknown,
    Events(Cutter),
    Array(ArrayCutter),
}

impl StreamReader {
    /// A reader for a stream in `dialect` that the caller is to get in `form`; `shown_model` is what it must say about
    /// its model.
    #[must_use]
    pub fn new(dialect: Dialect, form: StreamForm, shown_model: Option<&str>) -> Self {
        let speech = match dialect {
            Dialect::OpenaiChat => Speech::Chat(Echo::default()),
            Dialect::OpenaiResponses => Speech::Responses(Numbering::default()),
            Dialect::AnthropicMessages => Speech::Messages(Pieces::default()),
            Dialect::Gemini => Speech::Gemini(LastUsage::default()),
        };
        Self {
            speech,
            form,
            framing: Framing::Unknown,
            rename: shown_model.map(|shown| Rename::new(dialect, shown)),
            pending: BytesMut::new(),
            standing: Standing::default(),
            is_array_open: false,
            is_closed: false,
            is_over: false,
        }
    }

    /// Takes what was received, and gives the events that are whole now. Nothing comes after an error.
    pub fn push(&mut self, chunk: Bytes, out: &mut VecDeque<Frame>) {
        let Some(mut rest) = self.begin(chunk) else { return };
        if self.pending.is_empty() {
            while !rest.is_empty() {
                if let Some((length, went)) = self.echoed(&rest) {
                    let whole = rest.split_to(length);
                    self.send(Mark::Content, went.unwrap_or(whole), out);
                    continue;
                }
                let Some(cut) = self.framing.next(&rest) else { break };
                let whole = rest.split_to(cut.end);
                self.event(whole, cut.data, out);
            }
            self.pending.extend_from_slice(&rest);
        } else {
            self.pending.extend_from_slice(&rest);
            while let Some(cut) = self.framing.next(&self.pending) {
                let whole = self.pending.split_to(cut.end).freeze();
                match self.echoed(&whole) {
                    Some((_, went)) => self.send(Mark::Content, went.unwrap_or(whole), out),
                    None => self.event(whole, cut.data, out),
                }
            }
        }
        if self.is_over {
            return self.pending.clear();
        }
        if self.pending.len() > EVENT_BYTES_MAX {
            let bytes = Bytes::from_static(b"data: {\"error\":{\"message\":\"an event of the stream is too large\",\"type\":\"server_error\"}}\n\n");
            self.send(Mark::Error, bytes, out);
        }
    }

    /// The stream has ended: an event that lacks only its blank line still counts.
    pub fn finish(&mut self, out: &mut VecDeque<Frame>) {
        if self.is_over || self.pending.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        if let Framing::Array(_) = self.framing {
            // An element that was cut off: the array has not ended, and what is there says nothing.
            return self.pending.clear();
        }
        self.pending.extend_from_slice(b"\n\n");
        let mut rest = self.pending.split();
        if let Some(cut) = Cutter::default().next(&rest) {
            self.event(rest.split_to(cut.end).freeze(), cut.data, out);
        }
    }

    /// The connection broke instead of ending: where a stream has no last event of its own, a finish reason proves
    /// nothing then, because it may stand in every chunk.
    pub fn lost(&mut self) {
        self.standing.is_complete &= !matches!(self.speech, Speech::Gemini(_));
    }

    /// Whether the event that completes the answer was seen: in Chat and Gemini a finish reason for every choice that
    /// began, else the dialect's own last event.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.standing.is_complete
    }

    /// Whether the answer is complete and nothing was said, as far as can be known by now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }

    /// What it used, as far as it was said by now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match &self.speech {
            Speech::Gemini(last) => last.read().unwrap_or(self.standing.usage),
            _ => self.standing.usage,
        }
    }

    /// What of it has gone out, for an ending in the upstream's place.
    #[must_use]
    pub fn tail(&self) -> StreamTail {
        let numbering = match &self.speech {
            Speech::Responses(numbering) => Some(numbering),
            _ => None,
        };
        StreamTail {
            form: self.form,
            is_open: self.is_array_open && !self.is_closed,
            next_sequence: numbering.map_or(0, |numbering| numbering.next_sequence),
            response_id: numbering.and_then(|numbering| numbering.response_id.clone()),
            created_at: numbering.and_then(|numbering| numbering.created_at),
            is_kept: numbering.is_some_and(|numbering| numbering.is_kept),
        }
    }

    /// What ends a complete stream if the upstream did not say it itself.
    #[must_use]
    pub fn trailer(&self) -> Option<Bytes> {
        let closing: &[u8] = match (&self.speech, self.form) {
            _ if self.is_closed => return None,
            (Speech::Chat(_), _) => b"data: [DONE]\n\n",
            (Speech::Gemini(_), StreamForm::Array) => b"\n]\n",
            _ => return None,
        };
        Some(Bytes::from_static(closing))
    }

    /// Finds out how the stream is framed, and takes a byte order mark off.
    fn begin(&mut self, chunk: Bytes) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if !matches!(self.framing, Framing::Unknown) {
            return Some(chunk);
        }
        self.pending.extend_from_slice(&chunk);
        let mut start: &[u8] = &self.pending;
        if start.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(start) {
            return None;
        }
        start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
        let first = start.trim_ascii_start().first()?;
        let is_array = *first == b'[' && matches!(self.speech, Speech::Gemini(_));
        self.framing = match is_array {
            true => Framing::Array(ArrayCutter::default()),
            false => Framing::Events(Cutter::default()),
        };
        let start = start.len();
        // All of it, so that its room is not kept: hardly any event comes in pieces.
        let mut begun = std::mem::take(&mut self.pending);
        Some(begun.split_off(begun.len() - start).freeze())
    }

    fn event(&mut self, whole: Bytes, data: Data, out: &mut VecDeque<Frame>) {
        if self.is_over || self.is_closed {
            return;
        }
        match data {
            Data::Line(span) if whole[span.clone()].trim_ascii() == DONE => self.done(whole, out),
            Data::Line(span) => self.one_line(whole, span, out),
            Data::Lines => self.several_lines(whole, out),
            Data::None => self.without_data(whole, out),
        }
    }

    /// The length of the event that `bytes` begin with, if it is the last one with other words in it, and how it goes
    /// on if it is changed.
    fn echoed(&self, bytes: &[u8]) -> Option<(usize, Option<Bytes>)> {
        let Speech::Chat(echo) = &self.speech else { return None };
        let standing = &self.standing;
        if self.is_over || self.is_closed {
            return None;
        }
        if !standing.has_content || standing.is_complete || standing.has_several_choices() {
            return None;
        }
        Some(match echo.recognise(bytes)? {
            (length, Echoed::AsItCame) => (length, None),
            (length, Echoed::Renamed(bytes)) => (length, Some(bytes.into())),
        })
    }

    fn one_line(&mut self, whole: Bytes, span: Range<usize>, out: &mut VecDeque<Frame>) {
        let Some(mark) = self.read(&whole, &whole[span.clone()]) else { return };
        if mark == Mark::Error {
            return self.send(mark, whole, out);
        }
        // A message says who speaks at its beginning and never again.
        let is_named = matches!(self.speech, Speech::Messages(_)) && self.standing.has_content;
        let rename = self.rename.as_ref().filter(|_| !is_named);
        let renamed = rename.and_then(|rename| rename.apply(&whole, span.clone()));
        if let (Speech::Chat(echo), Mark::Content) = (&mut self.speech, mark) {
            echo.learn(&whole, renamed.as_deref());
        }
        let behind = whole.len() - span.end;
        let went = renamed.map_or(whole, Bytes::from);
        let went = self.dressed(went.clone(), span.start..went.len() - behind);
        self.send(mark, went, out);
    }

    /// Data on several lines goes on as it came, or on one line if anything in it has to change.
    fn several_lines(&mut self, whole: Bytes, out: &mut VecDeque<Frame>) {
        let json = on_one_line(&joined_data(&whole));
        let Some(mark) = self.read(&whole, &json) else { return };
        let renamed = self.rename.as_ref().and_then(|rename| rename.apply(&json, 0..json.len()));
        let stays = renamed.is_none() && !matches!(self.speech, Speech::Gemini(_));
        if mark == Mark::Error || stays {
            return self.send(mark, whole, out);
        }
        let other = whole.split_inclusive(|byte| *byte == b'\n').filter(|line| line.starts_with(b"event:"));
        let mut went: Vec<u8> = other.flatten().copied().collect();
        went.extend_from_slice(b"data: ");
        let start = went.len();
        went.extend(renamed.unwrap_or(json));
        let span = start..went.len();
        went.extend_from_slice(b"\n\n");
        let went = self.dressed(went.into(), span);
        self.send(mark, went, out);
    }

    /// Comments and blank lines, the end of an array, and the bare JSON that some servers put between events.
    fn without_data(&mut self, whole: Bytes, out: &mut VecDeque<Frame>) {
        let start = whole.len() - whole.trim_ascii_start().len();
        let span = start..start + whole.trim_ascii().len();
        match (&self.speech, &self.framing) {
            _ if whole[span.clone()].starts_with(b"{") => self.bare(whole, span, out),
            (Speech::Gemini(_), Framing::Array(_)) if self.standing.is_complete => {
                if self.form == StreamForm::Array {
                    self.is_closed = true;
                    self.send(Mark::Terminal, whole, out);
                }
            }
            // Clients of this dialect take all but data for broken JSON.
            (Speech::Gemini(_), _) => {}
            _ => {
                let mark = if self.standing.is_complete { Mark::Terminal } else { Mark::Lifecycle };
                self.send(mark, whole, out);
            }
        }
    }

    /// An object outside of any event: an error, or a whole answer of Gemini to a request for a stream. Elsewhere it
    /// means nothing to a client, whatever it says.
    fn bare(&mut self, whole: Bytes, span: Range<usize>, out: &mut VecDeque<Frame>) {
        if matches!(self.speech, Speech::Gemini(_)) {
            let data = on_one_line(&whole[span]);
            let event = as_event(&data);
            let start = event.len() - data.len() - 2;
            self.one_line(event, start..start + data.len(), out);
        } else if has_error(&whole[span]) && !self.standing.is_complete {
            self.send(Mark::Error, whole, out);
        }
    }

    /// The line with which OpenAI ends a stream. It is passed on only behind a complete answer: a truncated one must
    /// not look like a clean end.
    fn done(&mut self, whole: Bytes, out: &mut VecDeque<Frame>) {
        let is_chat = matches!(self.speech, Speech::Chat(_));
        let standing = &mut self.standing;
        // Some servers never give a finish reason and end with their count of the answer and this line instead.
        standing.is_complete |= is_chat && standing.has_content && standing.usage.output_tokens.is_some();
        if standing.is_complete && !matches!(self.speech, Speech::Gemini(_)) {
            self.is_closed = true;
            self.send(Mark::Terminal, whole, out);
        }
    }

    /// Takes note of an event; `None` if it must not go on, because the answer has ended before it.
    fn read(&mut self, whole: &[u8], data: &[u8]) -> Option<Mark> {
        let was_complete = self.standing.is_complete;
        let standing = &mut self.standing;
        let mark = match &mut self.speech {
            _ if is_error_event(whole) => Mark::Error,
            Speech::Chat(_) => chat::read(data, standing),
            Speech::Responses(numbering) => responses::read(data, standing, numbering),
            Speech::Messages(pieces) => messages::read(data, standing, pieces),
            Speech::Gemini(usage) => gemini::read(data, standing, usage),
        };
        let has_one_end = matches!(self.speech, Speech::Responses(_) | Speech::Messages(_));
        if was_complete && (has_one_end || (mark == Mark::Error && standing.is_complete)) {
            return None;
        }
        if let (Speech::Responses(numbering), true) = (&mut self.speech, mark != Mark::Error) {
            numbering.passed(data);
        }
        Some(mark)
    }

    /// An event in the framing that the caller is to get; its data stands at `span`.
    fn dressed(&mut self, whole: Bytes, span: Range<usize>) -> Bytes {
        match self.speech {
            Speech::Gemini(_) => self.dressed_for_gemini(whole, span),
            // Clients of this dialect pass by what has no name.
            Speech::Messages(_) if !has_name(&whole) => named(whole, span),
            _ => whole,
        }
    }

    fn dressed_for_gemini(&mut self, whole: Bytes, span: Range<usize>) -> Bytes {
        let is_first = !std::mem::replace(&mut self.is_array_open, self.form == StreamForm::Array);
        let data = &whole[span.clone()];
        match (&self.framing, self.form) {
            (Framing::Array(_), StreamForm::Array) => whole,
            (Framing::Array(_), StreamForm::Events) => as_event(&on_one_line(data)),
            (_, StreamForm::Array) => {
                let before: &[u8] = if is_first { b"[" } else { b",\n" };
                [before, data].concat().into()
            }
            (_, StreamForm::Events) => {
                let is_pure = whole.starts_with(b"data:") && whole[span.end..].trim_ascii().is_empty();
                if is_pure { whole } else { as_event(data) }
            }
        }
    }

    fn send(&mut self, mark: Mark, bytes: Bytes, out: &mut VecDeque<Frame>) {
        self.is_over |= mark == Mark::Error;
        out.push_back(Frame { mark, bytes });
    }
}

impl Framing {
    fn next(&mut self, bytes: &[u8]) -> Option<Cut> {
        match self {
            Self::Unknown => None,
            Self::Events(cutter) => cutter.next(bytes),
            Self::Array(cutter) => cutter.next(bytes),
        }
    }
}

/// Whether the sender calls an event an error, whatever stands in it.
fn is_error_event(whole: &[u8]) -> bool {
    let name = whole.strip_prefix(b"event:").map(|rest| rest.strip_prefix(b" ").unwrap_or(rest));
    name.and_then(|name| name.strip_prefix(b"error"))
        .is_some_and(|rest| rest.starts_with(b"\n") || rest.starts_with(b"\r"))
}

/// Whether an event has a line with its name before its data.
fn has_name(whole: &[u8]) -> bool {
    whole.starts_with(b"event:") || memchr::memmem::find(whole, b"\nevent:").is_some()
}

/// An event with its type as its name.
fn named(whole: Bytes, span: Range<usize>) -> Bytes {
    let name =
        find(&whole[span.clone()], &["type"]).map(|kind| span.start + kind.start..span.start + kind.end);
    let Some(name) = name.and_then(|quoted| whole.get(quoted.start + 1..quoted.end - 1)) else {
        return whole;
    };
    [b"event: ", name, b"\n", &whole].concat().into()
}

fn as_event(data: &[u8]) -> Bytes {
    [b"data: ", data, b"\n\n"].concat().into()
}
