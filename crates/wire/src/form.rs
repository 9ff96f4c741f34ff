//! How a stream is framed on its way to the caller.

use standin_core::Dialect;

/// The framing of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum StreamForm {
    /// Server-sent events.
    #[default]
    Events,
    /// One JSON array, element by element.
    Array,
}

impl StreamForm {
    /// What a request for a stream asks for: Gemini streams an array unless the query says `alt=sse`.
    #[must_use]
    pub fn asked(dialect: Dialect, query: Option<&str>) -> Self {
        let wants_events = |query: &str| query.split('&').any(|pair| pair == "alt=sse");
        match dialect {
            Dialect::Gemini if !query.is_some_and(wants_events) => Self::Array,
            _ => Self::Events,
        }
    }

    /// The content type of a stream in this form.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream; charset=utf-8",
            Self::Array => "application/json; charset=utf-8",
        }
    }
}

/// What of a stream has gone out, as far as it must be known to end it in the upstream's place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamTail {
    /// How it is framed.
    pub form: StreamForm,
    /// Whether anything has gone out that has to be closed.
    pub is_open: bool,
    /// The number that the next event has to carry, where events are numbered.
    pub next_sequence: u64,
    /// The id that the answer has given itself, where it does so at its beginning.
    pub response_id: Option<String>,
    /// When it says that it began, in seconds since 1970.
    pub created_at: Option<u64>,
    /// Whether the upstream keeps the answer under that id.
    pub is_kept: bool,
}

impl StreamTail {
    /// The id by which a later request may go on from the answer.
    #[must_use]
    pub fn kept_as(&self) -> Option<&str> {
        self.response_id.as_deref().filter(|_| self.is_kept)
    }

    /// A stream in this form of which nothing has gone out.
    #[must_use]
    pub fn unsent(form: StreamForm) -> Self {
        Self { form, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_gemini_streams_an_array_and_only_if_events_are_not_asked_for() {
        let gemini = |query| StreamForm::asked(Dialect::Gemini, query);
        assert_eq!(gemini(None), StreamForm::Array);
        assert_eq!(gemini(Some("alt=json&x=alt=sse")), StreamForm::Array);
        assert_eq!(gemini(Some("x=1&alt=sse")), StreamForm::Events);
        assert_eq!(StreamForm::asked(Dialect::OpenaiChat, None), StreamForm::Events);
    }
}
