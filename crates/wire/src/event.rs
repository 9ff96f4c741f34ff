//! Server-sent events as bytes: where one ends, and where its data is. Events are never copied to be looked at.

use std::ops::Range;

/// The end of the first event in `bytes`, its blank line included; `None` if it has not ended.
///
/// Line ends may be LF, CRLF or CR, also mixed.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    loop {
        let at = line + memchr::memchr2(b'\n', b'\r', &bytes[line..])?;
        let next = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => at + 2,
            // A CR at the very end may be half of a CRLF: wait for more.
            (b'\r', None) => return None,
            _ => at + 1,
        };
        if at == line {
            return Some(next);
        }
        line = next;
    }
}

/// The data of an event, if it has any and all of it stands on one line.
pub(crate) fn data_span(event: &[u8]) -> Option<Range<usize>> {
    let mut lines = Lines { bytes: event, at: 0 };
    let found = lines.find(|line| is_data(&event[line.clone()]))?;
    let is_several = lines.any(|line| is_data(&event[line]));
    if is_several {
        return None;
    }
    let start = found.start + value_offset(&event[found.clone()]);
    Some(start..found.end)
}

/// The data of an event that has it on one line.
pub(crate) fn data(event: &[u8]) -> Option<&[u8]> {
    data_span(event).map(|span| &event[span])
}

/// The data of an event whose data is spread over several lines, joined as the standard says.
pub(crate) fn joined_data(event: &[u8]) -> Vec<u8> {
    let lines = Lines { bytes: event, at: 0 }.map(|line| &event[line]).filter(|line| is_data(line));
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

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let found = memchr::memchr2(b'\n', b'\r', &self.bytes[start..]);
        let end = found.map_or(self.bytes.len(), |found| start + found);
        let is_crlf = self.bytes.get(end) == Some(&b'\r') && self.bytes.get(end + 1) == Some(&b'\n');
        self.at = end + 1 + usize::from(is_crlf);
        Some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_ends_at_its_blank_line_whatever_ends_its_lines() {
        for text in ["data: x\n\n", "data: x\r\n\r\n", "data: x\r\r\n", "data: x\n\r\n", "\n"] {
            assert_eq!(end(format!("{text}data: y").as_bytes()), Some(text.len()), "{text:?}");
        }
        for text in ["", "data: x", "data: x\n", "data: x\r\n", "data: x\r\n\r"] {
            assert_eq!(end(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn data_is_found_with_or_without_a_space_and_beside_other_fields() {
        assert_eq!(data(b"event: a\ndata: {}\nid: 1\n\n"), Some(&b"{}"[..]));
        assert_eq!(data(b"data:{}\r\n\r\n"), Some(&b"{}"[..]));
        assert_eq!(data(b": comment\n\n"), None);
        assert_eq!(data(b"data: a\ndata: b\n\n"), None);
        assert_eq!(joined_data(b"data: a\ndata: b\n\n"), b"a\nb");
    }
}
