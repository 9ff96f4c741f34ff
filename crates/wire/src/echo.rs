//! Most events of a stream are the last one with other words in it: recognised by comparison, not read.

use crate::depth::string_end;

/// What stands before the words of an event, in the delta of a chunk.
const WORDS: &[u8] = b"\"content\":\"";

/// The last content event, without its words, as it came and as it went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Echo {
    came: Frame,
    went: Frame,
    is_renamed: bool,
}

/// What stands around the words.
#[derive(Debug, Clone, Default)]
struct Frame {
    before: Vec<u8>,
    after: Vec<u8>,
}

/// An event that says no more than the last one did.
pub(crate) enum Echoed {
    /// It goes on as it came.
    AsItCame,
    /// It goes on with another model name.
    Renamed(Vec<u8>),
}

impl Echo {
    /// Remembers an event that was read and says nothing but words: as it came, and as it goes on.
    pub(crate) fn learn(&mut self, came: &[u8], went: Option<&[u8]>) {
        // Behind a lone carriage return nobody knows yet whether the event has ended.
        let learnt = came.ends_with(b"\n") && self.came.take(came) && self.went.take(went.unwrap_or(came));
        self.is_renamed = went.is_some();
        if !learnt {
            self.came.before.clear();
        }
    }

    /// Whether `bytes` begin with the remembered event, with other words in it: how long it is, and how it goes on.
    pub(crate) fn recognise(&self, bytes: &[u8]) -> Option<(usize, Echoed)> {
        let Frame { before, after } = &self.came;
        if before.is_empty() || !bytes.starts_with(before) {
            return None;
        }
        let end = string_end(bytes, before.len());
        let words = bytes.get(before.len()..end)?;
        // Words on several lines, which no JSON has, might hold the end of the event.
        if !bytes[end..].starts_with(after) || memchr::memchr2(b'\n', b'\r', words).is_some() {
            return None;
        }
        let length = end + after.len();
        if !self.is_renamed {
            return Some((length, Echoed::AsItCame));
        }
        let Frame { before: shown, after: rest } = &self.went;
        Some((length, Echoed::Renamed([shown.as_slice(), words, rest].concat())))
    }
}

impl Frame {
    /// Takes over what stands around the words of `event`, if it has words exactly once.
    fn take(&mut self, event: &[u8]) -> bool {
        let mut found = memchr::memmem::find_iter(event, WORDS);
        let (Some(at), None) = (found.next(), found.next()) else { return false };
        let begin = at + WORDS.len();
        let end = string_end(event, begin);
        self.before.clear();
        self.before.extend_from_slice(&event[..begin]);
        self.after.clear();
        self.after.extend_from_slice(&event[end.min(event.len())..]);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(words: &str, rest: &str) -> Vec<u8> {
        format!(
            "data: {{\"model\":\"up\",\"choices\":[{{\"delta\":{{\"content\":\"{words}\"}}{rest}}}]}}\n\n"
        )
        .into()
    }

    fn taught() -> Echo {
        let mut echo = Echo::default();
        let went = String::from_utf8(event("a", "")).unwrap().replace("up", "shown").into_bytes();
        echo.learn(&event("a", ""), Some(&went));
        echo
    }

    #[test]
    fn other_words_are_recognised_and_keep_the_shown_name() {
        let came = event(r#"say \"x\" \\"#, "");
        let two = [came.as_slice(), &event("b", "")].concat();
        let Some((length, Echoed::Renamed(went))) = taught().recognise(&two) else { panic!() };
        assert_eq!(length, came.len());
        assert_eq!(
            String::from_utf8(went).unwrap(),
            String::from_utf8(event(r#"say \"x\" \\"#, "")).unwrap().replace("up", "shown")
        );
    }

    #[test]
    fn anything_but_other_words_is_read_again() {
        let echo = taught();
        for other in [
            event("b", ",\"finish_reason\":\"stop\""),
            event("b\",\"x\":\"y", ""),
            event("b\n\nc", ""),
            event("b\rc", ""),
            event("b", "").strip_suffix(b"\n").unwrap().to_vec(),
            b"data: [DONE]\n\n".to_vec(),
            Vec::new(),
        ] {
            assert!(echo.recognise(&other).is_none(), "{}", String::from_utf8_lossy(&other));
        }
        assert!(Echo::default().recognise(&event("b", "")).is_none());
    }
}
