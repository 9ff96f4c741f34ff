//! Server-sent events as bytes: where one ends, and where its data is. Events are never copied to be looked at.

use std::ops::Range;

/// Where the data of an event stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Data {
    /// There is none.
    #[default]
    None,
    /// All of it stands on one line.
    Line(Range<usize>),
    /// It is spread over several lines.
    Lines,
}

/// A whole event at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Its end, the blank line included.
    pub(crate) end: usize,
    /// Its data.
    pub(crate) data: Data,
}

/// Looks for the end of an event, line by line and never twice at the same line.
///
/// Line ends may be LF, CRLF or CR, also mixed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cutter {
    /// Where the current line begins.
    line: usize,
    /// How far it was looked through.
    seen: usize,
    data: Data,
}

impl Cutter {
    /// The first event in `bytes`, if it has ended. Until then `bytes` may only grow; after it they begin anew.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<Cut> {
        loop {
            let rest = &bytes[self.seen..];
            // Most events are one line and a blank one, which is seen without a search.
            let found = match rest.first() {
                Some(b'\n') => Some(0),
                _ => memchr::memchr2(b'\n', b'\r', rest),
            };
            let Some(found) = found else {
                self.seen = bytes.len();
                return None;
            };
            let at = self.seen + found;
            let next = match (bytes[at], bytes.get(at + 1)) {
                (b'\r', Some(b'\n')) => at + 2,
                // A CR at the very end may be half of a CRLF: wait for more.
                (b'\r', None) => {
                    self.seen = at;
                    return None;
                }
                _ => at + 1,
            };
            if at == self.line {
                let data = std::mem::take(self).data;
                return Some(Cut { end: next, data });
            }
            self.take_line(&bytes[self.line..at]);
            (self.line, self.seen) = (next, next);
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        if is_data(line) {
            let start = self.line + value_offset(line);
            self.data = match self.data {
                Data::None => Data::Line(start..self.line + line.len()),
                _ => Data::Lines,
            };
        }
    }
}

/// The data of an event whose data may be spread over several lines, joined as the standard says.
pub(crate) fn joined_data(event: &[u8]) -> Vec<u8> {
    let lines = event.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| is_data(line));
    let values: Vec<&[u8]> = lines.map(|line| &line[value_offset(line)..]).collect();
    values.join(&b'\n')
}

fn is_data(line: &[u8]) -> bool {
    line.starts_with(b"data:") || line == b"data"
}

/// One space after the colon belongs to the framing.
fn value_offset(line: &[u8]) -> usize {
    match line.get(5) {
        Some(b' ') => 6,
        _ => 5.min(line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Option<Cut> {
        Cutter::default().next(text.as_bytes())
    }

    #[test]
    fn an_event_ends_at_its_blank_line_whatever_ends_its_lines() {
        for text in ["data: x\n\n", "data: x\r\n\r\n", "data: x\r\r\n", "data: x\n\r\n", "\n"] {
            assert_eq!(cut(&format!("{text}data: y")).map(|cut| cut.end), Some(text.len()), "{text:?}");
        }
        for text in ["", "data: x", "data: x\n", "data: x\r\n", "data: x\r\n\r"] {
            assert_eq!(cut(text), None, "{text:?}");
        }
    }

    #[test]
    fn data_is_found_with_or_without_a_space_and_beside_other_fields() {
        let data = |text: &str| cut(text).unwrap().data;
        assert_eq!(data("event: a\ndata: {}\nid: 1\n\n"), Data::Line(15..17));
        assert_eq!(data("data:{}\r\n\r\n"), Data::Line(5..7));
        assert_eq!(data(": comment\n\n"), Data::None);
        assert_eq!(data("data: a\ndata: b\n\n"), Data::Lines);
        assert_eq!(joined_data(b"data: a\r\ndata:b\r\n\r\n"), b"a\nb");
    }

    #[test]
    fn what_was_looked_through_is_not_looked_at_again() {
        let text = b"event: a\r\ndata: {}\r\n\r\nrest";
        let whole = Cutter::default().next(text);
        let mut cutter = Cutter::default();
        let grown = (0..=text.len()).find_map(|end| cutter.next(&text[..end]));
        assert_eq!(grown, whole);
    }
}
