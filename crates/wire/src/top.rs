//! The top level of a request body, and who speaks in its conversation: found in one pass, in place.

use std::ops::Range;

use crate::{
    conversation::write_content,
    digest::Digest,
    request::BadRequest,
    scan::{Broken, Scanner},
};

/// A field that routing looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Model,
    Stream,
    StreamOptions,
    System,
    PromptCacheKey,
    PreviousResponse,
    Conversation,
    Metadata,
    Turns,
}

/// How many fields there are.
const FIELDS: usize = Field::Turns as usize + 1;

/// The names of fields in all dialects. Of several names for one field the first that is there counts.
const NAMES: [(&str, Field); 14] = [
    ("model", Field::Model),
    ("stream", Field::Stream),
    ("stream_options", Field::StreamOptions),
    ("system", Field::System),
    ("instructions", Field::System),
    ("systemInstruction", Field::System),
    ("prompt_cache_key", Field::PromptCacheKey),
    ("previous_response_id", Field::PreviousResponse),
    ("conversation", Field::Conversation),
    ("metadata", Field::Metadata),
    ("messages", Field::Turns),
    ("input", Field::Turns),
    ("contents", Field::Turns),
    ("prompt", Field::Turns),
];

/// Why a body has no top level that could be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is no JSON, no object, or nests too deeply.
    Broken,
    /// A field that routing looks at stands there twice: a second reader might take the other one.
    Twice(&'static str),
}

/// Where the fields stand.
pub(crate) struct Top<'a> {
    body: &'a [u8],
    /// By field: the place of its name in [`NAMES`], and where it stands.
    found: [Option<(usize, Range<usize>)>; FIELDS],
    /// Names that were there, one bit for each place in [`NAMES`].
    names: u16,
    pub(crate) turns: Turns,
}

/// What a conversation says about itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turns {
    /// Digest of the system turns it begins with and of the first turn after them.
    opening: Digest,
    /// Whether somebody has answered already.
    pub(crate) has_assistant: bool,
    is_read: bool,
}

impl<'a> Top<'a> {
    /// Reads all of a body; what is no JSON to its end is refused.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Fault> {
        let mut top = Self { body, found: Default::default(), names: 0, turns: Turns::default() };
        let mut twice = None;
        let mut scanner = Scanner::new(body);
        let read = scanner.object(|scanner, key| {
            let Some(name) = place_of(key) else {
                return scanner.value().map(|_| ());
            };
            let span = match NAMES[name].1 {
                Field::Turns => top.turns(scanner)?,
                _ => scanner.value()?,
            };
            if top.names & 1 << name != 0 {
                twice.get_or_insert(NAMES[name].0);
            }
            top.names |= 1 << name;
            let place = &mut top.found[NAMES[name].1 as usize];
            if place.as_ref().is_none_or(|(other, _)| name <= *other) {
                *place = Some((name, span));
            }
            Ok(())
        });
        read.and_then(|()| scanner.end()).map_err(|Broken| Fault::Broken)?;
        match twice {
            Some(name) => Err(Fault::Twice(name)),
            None => Ok(top),
        }
    }

    /// Where a field stands.
    pub(crate) fn at(&self, field: Field) -> Option<Range<usize>> {
        self.found[field as usize].as_ref().map(|(_, span)| span.clone())
    }

    /// A field as it stands.
    pub(crate) fn raw(&self, field: Field) -> Option<&'a [u8]> {
        self.at(field).map(|span| &self.body[span])
    }

    /// Whether a stream is asked for.
    pub(crate) fn flag(&self) -> Result<bool, BadRequest> {
        match self.raw(Field::Stream) {
            None | Some(b"null" | b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => Err(BadRequest::new(Some("stream"), "Invalid type for 'stream': expected a boolean.")),
        }
    }

    /// Digest of how the conversation began.
    pub(crate) fn opening(&self, model: Option<&str>) -> u64 {
        let mut digest = Digest::default();
        digest.write(model.unwrap_or_default().as_bytes());
        write_content(&mut digest, self.raw(Field::System).unwrap_or_default());
        match self.raw(Field::Turns) {
            Some(raw) if !self.turns.is_read => digest.write_text(raw),
            _ => digest.join(self.turns.opening.finish()),
        }
        digest.finish()
    }

    /// Takes a conversation: a list of turns, or anything else as it stands.
    fn turns(&mut self, scanner: &mut Scanner<'a>) -> Result<Range<usize>, Broken> {
        if scanner.peek() != Some(b'[') {
            return scanner.value();
        }
        let start = scanner.position();
        let mut turns = Turns { is_read: true, ..Turns::default() };
        let mut is_opening = true;
        scanner.array(|scanner| {
            if scanner.peek() != Some(b'{') {
                turns.is_read = false;
                return scanner.value().map(|_| ());
            }
            let turn = Turn::read(scanner)?;
            turns.has_assistant |= turn.is_assistant(self.body);
            if is_opening && !turns.has_assistant {
                write_content(&mut turns.opening, &self.body[turn.content.clone()]);
                is_opening = turn.is_system(self.body);
            }
            Ok(())
        })?;
        turns.has_assistant &= turns.is_read;
        self.turns = turns;
        Ok(start..scanner.position())
    }
}

/// One turn of a conversation, in any dialect: only who speaks, and what as it stands.
#[derive(Debug, Clone, Default)]
struct Turn {
    role: Range<usize>,
    kind: Range<usize>,
    content: Range<usize>,
}

impl Turn {
    fn read(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        let mut turn = Self::default();
        scanner.object(|scanner, key| {
            let span = scanner.value()?;
            match key {
                b"role" => turn.role = span,
                b"type" => turn.kind = span,
                b"content" | b"parts" => turn.content = span,
                _ => {}
            }
            Ok(())
        })?;
        Ok(turn)
    }

    fn is_assistant(&self, body: &[u8]) -> bool {
        matches!(&body[self.role.clone()], b"\"assistant\"" | b"\"model\"")
            || is_of_a_model(&body[self.kind.clone()])
    }

    fn is_system(&self, body: &[u8]) -> bool {
        matches!(&body[self.role.clone()], b"\"system\"" | b"\"developer\"")
    }
}

/// Whether an input item of Responses is one that only a model brings about: a thought, a call, what came of a call.
fn is_of_a_model(kind: &[u8]) -> bool {
    matches!(kind, b"\"reasoning\"" | b"\"compaction\"" | b"\"item_reference\"")
        || kind.ends_with(b"_call\"")
        || kind.ends_with(b"_output\"")
}

/// The place of a raw key in [`NAMES`], also if somebody has escaped it.
fn place_of(key: &[u8]) -> Option<usize> {
    let found = NAMES.iter().position(|(name, _)| name.as_bytes() == key);
    if found.is_some() || !key.contains(&b'\\') {
        return found;
    }
    let key: String = serde_json::from_slice(&[b"\"", key, b"\""].concat()).ok()?;
    NAMES.iter().position(|(name, _)| *name == key)
}
