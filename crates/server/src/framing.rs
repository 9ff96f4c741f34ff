//! Where the requests of one HTTP/1.1 connection begin and end, and which of them two readers might frame in two ways.
//!
//! hyper frames the requests we answer. It settles some ambiguities in silence (a length beside a coding, a length
//! that is said twice), so nothing above it can refuse them. This reader looks at the same bytes first. It deliberately
//! validates nothing else: what is no HTTP at all is refused by hyper, and a reader that is lost goes blind.

use memchr::memchr;

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
                Stage::Head | Stage::ChunkSize | Stage::ChunkEnd | Stage::Trailers => self.lines(bytes),
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

    /// Reads one line, or keeps the beginning of one.
    fn lines<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let end = memchr(b'\n', bytes);
        if self.stage == Stage::Head {
            self.head.bytes += end.map_or(bytes.len(), |end| end + 1);
            if self.head.bytes > self.head_bytes_max {
                self.head.objection.get_or_insert(Objection::LongHead);
            }
        }
        let Some(end) = end else {
            self.line.add(bytes);
            return &[];
        };
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        if self.line.length == 0 && self.stage == Stage::Head && self.head.is_begun && is_note(line) {
            return rest;
        }
        if self.line.length == 0 {
            self.end_line(line, line.last().copied());
        } else {
            let mut whole = std::mem::take(&mut self.line);
            whole.add(line);
            self.end_line(&whole.kept[..whole.length], Some(whole.last));
        }
        rest
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD_MAX: usize = 10_000;

    /// What is found when the bytes come whole; the same has to be found however they are split.
    fn check(bytes: &[u8], expected: Option<(u64, Objection)>) -> Framing {
        let mut whole = Framing::new(HEAD_MAX);
        whole.push(bytes);
        let expected = expected.map(|(request, objection)| Finding { request, objection });
        assert_eq!(whole.finding(), expected, "{}", bytes.escape_ascii());
        for at in 0..bytes.len() {
            let mut split = Framing::new(HEAD_MAX);
            split.push(&bytes[..at]);
            split.push(&bytes[at..]);
            assert_eq!((split.finding(), split.stage), (expected, whole.stage), "split at {at}");
        }
        let mut dripped = Framing::new(HEAD_MAX);
        bytes.iter().for_each(|byte| dripped.push(&[*byte]));
        assert_eq!((dripped.finding(), dripped.stage), (expected, whole.stage), "byte by byte");
        whole
    }

    #[test]
    fn requests_of_every_framing_are_followed_to_their_end() {
        let plain = b"\r\nGET /a HTTP/1.1\r\nhost: h\r\n\r\n";
        let sized = b"POST /b HTTP/1.1\r\nContent-Length:5\r\n\r\nGET /";
        let chunked = b"POST /c HTTP/1.1\r\ntransfer-encoding: CHUNKED\r\n\r\n3;x=y\r\n\r\n\r\r\nA\r\n0123456789\r\n0\r\nt: 1\r\n\r\n";
        let all = check(&[&plain[..], sized, chunked, plain].concat(), None);
        assert_eq!((all.requests, all.stage), (4, Stage::Between));
    }

    #[test]
    fn a1_what_two_readers_might_frame_in_two_ways_is_found() {
        let head = |lines: &str| format!("POST / HTTP/1.1\r\nhost: h\r\n{lines}\r\n").into_bytes();
        let cases = [
            ("content-length: 5\r\ntransfer-encoding: chunked\r\n", Objection::LengthAndCoding),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Objection::LengthAndCoding),
            ("content-length: 5\r\ncontent-length: 5\r\n", Objection::SeveralLengths),
            ("content-length: 5\r\nx: y\r\ncontent-length: 6\r\n", Objection::SeveralLengths),
            ("transfer-encoding: identity, chunked\r\n", Objection::OddCoding),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Objection::OddCoding),
            ("x: y\nz: 1\r\n", Objection::BareLineEnd),
            (&"x: 0123456789\r\n".repeat(HEAD_MAX / 15), Objection::LongHead),
        ];
        for (lines, objection) in cases {
            check(&head(lines), Some((0, objection)));
            let before = head("content-length: 2\r\n");
            check(&[&before[..], b"ok", &head(lines), b"GET /smuggled"].concat(), Some((1, objection)));
        }
    }

    #[test]
    fn headers_that_only_look_alike_frame_nothing() {
        let long = format!("x-{}: {}\r\n", "n".repeat(90), "v".repeat(9000));
        for lines in ["content-lengthy: 1\r\nx-content-length: 2\r\n", "te: chunked\r\n", &long] {
            let followed = check(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes(), None);
            assert_eq!(followed.stage, Stage::Between, "{lines}");
        }
    }

    #[test]
    fn a_reader_that_is_lost_goes_blind_and_leaves_it_to_hyper() {
        for lost in [
            "POST / HTTP/1.1\r\ncontent-length: +3\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno\r\n",
        ] {
            assert_eq!(check(lost.as_bytes(), None).stage, Stage::Blind);
        }
    }

    /// A request of any framing that is plain to everybody.
    fn plain_request() -> impl Strategy<Value = Vec<u8>> {
        let name = "[A-Za-z][A-Za-z-]{0,80}";
        let notes = prop::collection::vec((name, "[ -~]{0,100}"), 0..4);
        let chunk = ("[ -~\r\n]{1,40}", prop::option::of("[a-z=]{1,90}"));
        let body = prop_oneof![
            Just(None),
            "[ -~\r\n]{0,200}".prop_map(|text| Some(Ok(text))),
            prop::collection::vec(chunk, 0..4).prop_map(|chunks| Some(Err(chunks))),
        ];
        (notes, body, any::<bool>()).prop_map(|(notes, body, is_upper)| {
            let mut head = "POST /v1/x HTTP/1.1\r\nhost: h\r\n".to_owned();
            let framing = ["content-length", "transfer-encoding"];
            for (name, value) in notes.iter().filter(|(name, _)| !framing.contains(&&*name.to_lowercase())) {
                head += &format!("{name}: {value}\r\n");
            }
            let name = |name: &str| if is_upper { name.to_uppercase() } else { name.to_owned() };
            let rest = match body {
                None => String::new(),
                Some(Ok(text)) => {
                    head += &format!("{}: {}\r\n", name("content-length"), text.len());
                    text
                }
                Some(Err(chunks)) => {
                    head += &format!("{}:\tchunked \r\n", name("transfer-encoding"));
                    let chunk = |(data, extension): &(String, Option<String>)| {
                        let extension = extension.as_ref().map(|text| format!(";{text}")).unwrap_or_default();
                        format!("{:X}{extension}\r\n{data}\r\n", data.len())
                    };
                    format!("{}0\r\n\r\n", chunks.iter().map(chunk).collect::<String>())
                }
            };
            format!("{head}\r\n{rest}").into_bytes()
        })
    }

    proptest! {
        #[test]
        fn a2_whatever_stands_in_bodies_and_however_they_are_cut_requests_are_counted(
            requests in prop::collection::vec(plain_request(), 1..6),
            cuts in prop::collection::vec(1..100_usize, 1..50),
        ) {
            let (bytes, count) = (requests.concat(), requests.len() as u64);
            let ambiguous = b"GET / HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n";
            let mut followed = Framing::new(HEAD_MAX);
            let mut rest = &bytes[..];
            for cut in cuts.into_iter().cycle() {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                followed.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!((followed.requests, followed.stage, followed.finding), (count, Stage::Between, None));
            followed.push(ambiguous);
            let objection = Objection::SeveralLengths;
            prop_assert_eq!(followed.finding, Some(Finding { request: count, objection }));
        }
    }
}
