//! Where the requests of one HTTP/1.1 connection begin and end, and which of them two readers might frame in two ways.
//!
//! hyper frames the requests we answer. It settles some ambiguities in silence (a length beside a coding, a length
//! that is said twice), so nothing above it can refuse them. This reader looks at the same bytes first. It deliberately
//! validates nothing else: what is no HTTP at all is refused by hyper, and a reader that is lost goes blind.

mod ends;

use memchr::memchr;

use self::ends::line_ends;

/// Bytes of a line that are kept when it comes in pieces; names and values that frame a message are shorter.
const LINE_KEPT: usize = 64;

/// Why a request is refused although hyper would take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objection {
    /// `content-length` and `transfer-encoding` in one head.
    LengthAndCoding,
    /// More than one `content-length`, be they equal.
    SeveralLengths,
    /// A `transfer-encoding` that is not `chunked` alone.
    OddCoding,
    /// A line of the head that ends without a carriage return.
    BareLineEnd,
    /// A head that is longer than it may be; hyper's own limit leaves room for twice as much.
    LongHead,
}

/// Which request of a connection is refused, counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) request: u64,
    pub(crate) objection: Objection,
}

/// Follows the bytes of one connection.
#[derive(Debug)]
pub(crate) struct Framing {
    head_bytes_max: usize,
    stage: Stage,
    head: HeadSoFar,
    line: Line,
    first: Line,
    /// Of which request that is the first line.
    first_of: u64,
    requests: u64,
    finding: Option<Finding>,
}

/// How a request begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstLine<'l> {
    /// The line as far as it was kept.
    pub(crate) bytes: &'l [u8],
    /// Whether its end was seen.
    pub(crate) is_whole: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// Before the first byte of a head.
    #[default]
    Between,
    Head,
    /// So many bytes of a body are to come.
    Sized(u64),
    ChunkSize,
    /// So many bytes of a chunk are to come.
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// Nothing more is looked at: the connection ends after the request at hand, or hyper refuses it.
    Blind,
}

/// What the lines of a head have said so far.
#[derive(Debug, Default)]
struct HeadSoFar {
    /// Whether its first line was read.
    is_begun: bool,
    length: Option<u64>,
    is_chunked: bool,
    is_broken: bool,
    bytes: usize,
    objection: Option<Objection>,
}

/// The beginning of a line whose end has not come yet.
#[derive(Debug)]
struct Line {
    kept: [u8; LINE_KEPT],
    length: usize,
    last: u8,
}

impl Default for Line {
    fn default() -> Self {
        Self { kept: [0; LINE_KEPT], length: 0, last: 0 }
    }
}

impl Line {
    fn add(&mut self, piece: &[u8]) {
        let room = &mut self.kept[self.length..];
        let size = piece.len().min(room.len());
        room[..size].copy_from_slice(&piece[..size]);
        self.length += size;
        self.last = piece.last().copied().unwrap_or(self.last);
    }
}

impl Framing {
    /// Follows a connection from its first byte.
    pub(crate) fn new(head_bytes_max: usize) -> Self {
        Self {
            head_bytes_max,
            stage: Stage::Between,
            head: HeadSoFar::default(),
            line: Line::default(),
            first: Line::default(),
            first_of: 0,
            requests: 0,
            finding: None,
        }
    }

    /// Looks at the next bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while let Some((first, after)) = bytes.split_first() {
            bytes = match self.stage {
                Stage::Between if matches!(first, b'\r' | b'\n') => after,
                Stage::Between => {
                    self.stage = Stage::Head;
                    bytes
                }
                Stage::Sized(left) => self.skip(bytes, left, Stage::Sized, Stage::Between),
                Stage::Chunk(left) => self.skip(bytes, left, Stage::Chunk, Stage::ChunkEnd),
                Stage::Blind => return,
                Stage::Head => self.head(bytes),
                Stage::ChunkSize | Stage::ChunkEnd | Stage::Trailers => self.line(bytes),
            };
        }
    }

    /// The request that has to be refused, once its head was seen.
    pub(crate) const fn finding(&self) -> Option<Finding> {
        self.finding
    }

    /// How a request begins, counted from zero: the one whose head was looked at last.
    pub(crate) fn first_line(&self, request: u64) -> Option<FirstLine<'_>> {
        let (line, is_whole) = match self.stage {
            Stage::Head if self.requests == request && !self.head.is_begun => (&self.line, false),
            _ if self.first_of == request => (&self.first, true),
            _ => return None,
        };
        Some(FirstLine { bytes: &line.kept[..line.length], is_whole })
    }

    /// Whether a head has begun and not ended.
    pub(crate) fn is_inside_head(&self) -> bool {
        self.stage == Stage::Head
    }

    /// Whether the peer still has to send the rest of a body.
    pub(crate) const fn owes_body(&self) -> bool {
        !matches!(self.stage, Stage::Between | Stage::Head)
    }

    fn skip<'b>(&mut self, bytes: &'b [u8], left: u64, go_on: fn(u64) -> Stage, then: Stage) -> &'b [u8] {
        match usize::try_from(left).ok().and_then(|left| bytes.get(left..)) {
            Some(rest) => {
                self.stage = then;
                rest
            }
            None => {
                self.stage = go_on(left - bytes.len() as u64);
                &[]
            }
        }
    }

    /// Reads the lines of a head up to its end, and keeps the beginning of one that goes on.
    fn head<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let mut begin = 0;
        for end in line_ends(bytes) {
            let line = &bytes[begin..end];
            begin = end + 1;
            self.count(line.len() + 1);
            if self.line.length > 0 || !self.head.is_begun || !is_note(line) {
                self.take(line);
                if self.stage != Stage::Head {
                    return &bytes[begin..];
                }
            }
        }
        self.count(bytes.len() - begin);
        self.line.add(&bytes[begin..]);
        &[]
    }

    fn count(&mut self, size: usize) {
        self.head.bytes += size;
        if self.head.bytes > self.head_bytes_max {
            self.head.objection.get_or_insert(Objection::LongHead);
        }
    }

    /// Reads one line, or keeps the beginning of one.
    fn line<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(end) = memchr(b'\n', bytes) else {
            self.line.add(bytes);
            return &[];
        };
        self.take(&bytes[..end]);
        &bytes[end + 1..]
    }

    /// Takes the end of a line, behind the beginning that was kept if there is one.
    fn take(&mut self, line: &[u8]) {
        if self.line.length > 0 {
            let mut whole = std::mem::take(&mut self.line);
            whole.add(line);
            self.end_line(&whole.kept[..whole.length], Some(whole.last));
        } else {
            self.end_line(line, line.last().copied());
        }
    }

    /// `line` may still hold its carriage return, and may have lost its tail if it was long.
    fn end_line(&mut self, line: &[u8], last: Option<u8>) {
        let line = match line {
            // Nearly always there is nothing to trim but the carriage return.
            [.., before, b'\r'] if !before.is_ascii_whitespace() => &line[..line.len() - 1],
            _ => line.trim_ascii_end(),
        };
        match self.stage {
            Stage::Head => {
                if last != Some(b'\r') {
                    self.head.objection.get_or_insert(Objection::BareLineEnd);
                }
                if line.is_empty() {
                    return self.end_head();
                }
                if !std::mem::replace(&mut self.head.is_begun, true) {
                    (self.first.length, self.first_of) = (0, self.requests);
                    self.first.add(line);
                }
                self.head.read(line);
            }
            Stage::ChunkSize => self.stage = chunk(line),
            Stage::ChunkEnd => self.stage = Stage::ChunkSize,
            Stage::Trailers if line.is_empty() => self.stage = Stage::Between,
            _ => {}
        }
    }

    fn end_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        let both = (head.length.is_some() && head.is_chunked).then_some(Objection::LengthAndCoding);
        let request = self.requests;
        self.requests += 1;
        self.finding = head.objection.or(both).map(|objection| Finding { request, objection });
        self.stage = match head.length {
            _ if self.finding.is_some() || head.is_broken => Stage::Blind,
            _ if head.is_chunked => Stage::ChunkSize,
            Some(length) if length > 0 => Stage::Sized(length),
            _ => Stage::Between,
        };
    }
}

impl HeadSoFar {
    fn read(&mut self, line: &[u8]) {
        // By their first letters, few lines of a head can be one of these.
        if !line.first().is_some_and(|first| may_frame(*first)) {
            return;
        }
        if let Some(value) = value_of(line, b"content-length") {
            let digits =
                std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
            match digits.and_then(|digits| digits.parse().ok()) {
                _ if self.length.is_some() => {
                    self.objection.get_or_insert(Objection::SeveralLengths);
                }
                // hyper refuses what is no number.
                None => self.is_broken = true,
                length => self.length = length,
            }
        } else if let Some(value) = value_of(line, b"transfer-encoding") {
            if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                self.objection.get_or_insert(Objection::OddCoding);
            }
            self.is_chunked = true;
        }
    }
}

/// Whether a line of a head, as most are, ends as it should and frames nothing: by its first letter it can be no name
/// that does.
fn is_note(line: &[u8]) -> bool {
    matches!(line, [first, .., b'\r'] if first.is_ascii_alphabetic() && !may_frame(*first))
}

fn may_frame(first: u8) -> bool {
    matches!(first, b'c' | b'C' | b't' | b'T')
}

fn value_of<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    if line.get(name.len()) != Some(&b':') {
        return None;
    }
    let (found, value) = line.split_at(name.len());
    found.eq_ignore_ascii_case(name).then(|| value[1..].trim_ascii())
}

/// What follows a line that gives the size of a chunk.
fn chunk(line: &[u8]) -> Stage {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let size = std::str::from_utf8(&line[..digits]).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
    match size {
        Some(0) => Stage::Trailers,
        Some(size) => Stage::Chunk(size),
        None => Stage::Blind,
    }
}

#[cfg(test)]
mod tests;
