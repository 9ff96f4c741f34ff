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
        let learnt = self.came.take(came) && self.went.take(went.unwrap_or(came));
        self.is_renamed = went.is_some();
        if !learnt {
            self.came.before.clear();
        }
    }

    /// Whether `event` is the remembered one with other words.
    pub(crate) fn recognise(&self, event: &[u8]) -> Option<Echoed> {
        let Frame { before, after } = &self.came;
        if before.is_empty() || !event.starts_with(before) {
            return None;
        }
        let end = string_end(event, before.len());
        if event.get(end..) != Some(after) {
            return None;
        }
        if !self.is_renamed {
            return Some(Echoed::AsItCame);
        }
        let Frame { before: shown, after: rest } = &self.went;
        Some(Echoed::Renamed([shown.as_slice(), &event[before.len()..end], rest].concat()))
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
        let Some(Echoed::Renamed(went)) = taught().recognise(&event(r#"say \"x\" \\"#, "")) else { panic!() };
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
            b"data: [DONE]\n\n".to_vec(),
            Vec::new(),
        ] {
            assert!(echo.recognise(&other).is_none(), "{}", String::from_utf8_lossy(&other));
        }
        assert!(Echo::default().recognise(&event("b", "")).is_none());
    }
}
