//! An ordinary chat completion, recognised in one pass: most whole replies are one, and only the others are parsed.

use std::ops::Range;

use crate::{
    scan::{Broken, Scanner},
    usage::{ChatUsage, Usage, once},
};

/// What a glance has to find: an answer that says something, counted, with nothing unusual about it.
pub(crate) struct Ordinary {
    /// Where the model's JSON string stands, quotes included.
    pub(crate) model_span: Option<Range<usize>>,
    pub(crate) usage: Usage,
}

#[derive(Default)]
struct Seen {
    model: Option<Range<usize>>,
    usage: Option<ChatUsage>,
    speaks: bool,
}

/// Looks at a whole reply; `None` says nothing about it but that it wants a closer look.
pub(crate) fn glance(body: &[u8]) -> Option<Ordinary> {
    let mut seen = Seen::default();
    let mut scanner = Scanner::new(body);
    let read = scanner.object(|scanner, key| match key {
        b"choices" => scanner.array(|scanner| choice(scanner, body, &mut seen)),
        b"model" => once(&mut seen.model, scanner.value()?),
        b"usage" => once(&mut seen.usage, ChatUsage::scan(scanner)?),
        // Somebody else's place for errors and counts, or a key that only looks like another one.
        b"error" | b"x_groq" => Err(Broken),
        _ if key.contains(&b'\\') => Err(Broken),
        _ => scanner.value().map(|_| ()),
    });
    read.and_then(|()| scanner.end()).ok().filter(|()| seen.speaks)?;
    let model_span = seen.model.filter(|span| body[span.start] == b'"');
    Some(Ordinary { model_span, usage: seen.usage?.into() })
}

/// A choice that says something in a message, and has not ended in an error.
fn choice<'a>(scanner: &mut Scanner<'a>, body: &'a [u8], seen: &mut Seen) -> Result<(), Broken> {
    scanner.object(|scanner, key| match key {
        b"message" => scanner.object(|scanner, key| {
            let said = &body[scanner.value()?];
            seen.speaks |= key != b"role" && !matches!(said, b"null" | b"\"\"" | b"[]" | b"{}" | b"false");
            Ok(())
        }),
        b"finish_reason" if &body[scanner.value()?] == b"\"error\"" => Err(Broken),
        b"finish_reason" => Ok(()),
        b"index" if scanner.peek().is_some_and(|first| first.is_ascii_digit()) => scanner.value().map(|_| ()),
        b"index" | b"usage" => Err(Broken),
        _ if key.contains(&b'\\') => Err(Broken),
        _ => scanner.value().map(|_| ()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: &str = r#"{"id":"x","model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;

    #[test]
    fn an_ordinary_answer_is_seen_at_once() {
        let Ordinary { model_span, usage } = glance(ORDINARY.as_bytes()).unwrap();
        assert_eq!(&ORDINARY[model_span.unwrap()], "\"up\"");
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(3), Some(1)));
    }

    #[test]
    fn whatever_is_unusual_wants_a_closer_look() {
        for (usual, unusual) in [
            ("\"hi\"", "\"\""),
            ("\"stop\"", "\"error\""),
            ("\"index\":0", "\"index\":\"0\""),
            ("{\"id\"", "{\"error\":null,\"id\""),
            ("{\"id\"", "{\"model\":\"two\",\"id\""),
            ("\"usage\"", "\"x_groq\""),
            ("\"usage\"", "\"us\\u0061ge\""),
            ("3", "\"many\""),
            ("}}", "}"),
            ("hi", "\n"),
        ] {
            let body = ORDINARY.replacen(usual, unusual, 1);
            assert_ne!(body, ORDINARY);
            assert!(glance(body.as_bytes()).is_none(), "{body}");
        }
        assert!(glance(b"[]").is_none() && glance(b"").is_none());
    }
}
