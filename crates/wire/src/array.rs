//! A stream that is one JSON array: where an element ends. Gemini streams so when nobody asks for events.

use crate::{
    depth::string_end,
    event::{Cut, Data},
};

/// Looks for the end of an element, and never twice at the same byte.
#[derive(Debug, Clone, Default)]
pub(crate) struct ArrayCutter {
    /// How far it was looked through.
    seen: usize,
    /// Brackets that are open within the element.
    depth: usize,
    /// Where the element begins, once it has.
    start: Option<usize>,
    /// Whether what was looked through ends within a string, and in it behind a backslash.
    string: InString,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum InString {
    #[default]
    No,
    Yes,
    Escaped,
}

impl ArrayCutter {
    /// The next element with all that stands before it, or the end of the array, which has no data. Until it has
    /// ended `bytes` may only grow; after it they begin anew.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<Cut> {
        while let Some(byte) = bytes.get(self.seen) {
            if self.string != InString::No {
                self.through_string(bytes);
                continue;
            }
            self.seen += 1;
            match byte {
                b'"' => self.string = InString::Yes,
                b'{' | b'[' if self.depth > 0 => self.depth += 1,
                b'{' => (self.start, self.depth) = (Some(self.seen - 1), 1),
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' => {
                    let end = self.seen;
                    let data = self.start.map_or(Data::None, |start| Data::Line(start..end));
                    *self = Self::default();
                    return Some(Cut { end, data });
                }
                _ => {}
            }
        }
        None
    }

    fn through_string(&mut self, bytes: &[u8]) {
        if self.string == InString::Escaped {
            (self.string, self.seen) = (InString::Yes, self.seen + 1);
            return;
        }
        let end = string_end(bytes, self.seen);
        if end < bytes.len() {
            (self.string, self.seen) = (InString::No, end + 1);
            return;
        }
        let backslashes = bytes[self.seen..].iter().rev().take_while(|byte| **byte == b'\\').count();
        self.string = if backslashes % 2 == 1 { InString::Escaped } else { InString::Yes };
        self.seen = bytes.len();
    }
}

/// An element on one line: line ends cannot stand within a JSON string.
pub(crate) fn on_one_line(element: &[u8]) -> Vec<u8> {
    element.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRAY: &[u8] = b"[{\"a\":\"}\\\"]\\\\\",\"b\":[1,{}]}\n,\r\n{\"c\":2}\n]\n";

    fn cuts(pieces: &[&[u8]]) -> Vec<(String, Data)> {
        let (mut cutter, mut pending, mut cuts) = (ArrayCutter::default(), Vec::new(), Vec::new());
        for piece in pieces {
            pending.extend_from_slice(piece);
            while let Some(cut) = cutter.next(&pending) {
                let rest = pending.split_off(cut.end);
                cuts.push((String::from_utf8(std::mem::replace(&mut pending, rest)).unwrap(), cut.data));
            }
        }
        cuts
    }

    #[test]
    fn elements_are_cut_outside_of_strings_and_the_end_has_no_data() {
        let cuts = cuts(&[ARRAY]);
        let texts: Vec<&str> = cuts.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["[{\"a\":\"}\\\"]\\\\\",\"b\":[1,{}]}", "\n,\r\n{\"c\":2}", "\n]"]);
        assert_eq!(cuts[1].1, Data::Line(4..11));
        assert_eq!(cuts[2].1, Data::None);
    }

    #[test]
    fn a_split_at_any_byte_changes_nothing() {
        for at in 0..ARRAY.len() {
            let (first, second) = ARRAY.split_at(at);
            assert_eq!(cuts(&[first, second]), cuts(&[ARRAY]), "at {at}");
        }
    }
}
