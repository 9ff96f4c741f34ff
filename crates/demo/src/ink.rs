//! How the demo writes: with colour on a terminal, plain in a pipe.

use std::io::{self, IsTerminal, Write};

/// Writes lines to standard output.
pub(crate) struct Ink {
    is_colourful: bool,
}

impl Ink {
    /// Colour only for a person at a terminal who has not asked for none (`NO_COLOR`).
    pub(crate) fn for_stdout() -> Self {
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { is_colourful: io::stdout().is_terminal() && !wants_none && !is_dumb }
    }

    pub(crate) fn title(&self, text: &str) {
        self.write(&format!("\n{}\n\n", self.paint("1;36", text)));
    }

    pub(crate) fn heading(&self, text: &str) {
        let rule = if self.is_colourful { self.paint("36", "──") } else { "--".to_owned() };
        self.write(&format!("\n{rule} {}\n\n", self.paint("1", text)));
    }

    pub(crate) fn line(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// A labelled line; labels stand in a column of their own.
    pub(crate) fn row(&self, label: &str, text: &str) {
        self.write(&format!("  {}  {text}\n", self.paint("2", &format!("{label:>10}"))));
    }

    /// A piece of a line, at once.
    pub(crate) fn piece(&self, text: &str) {
        self.write(text);
    }

    pub(crate) fn name(&self, text: &str) -> String {
        self.paint("36", text)
    }

    pub(crate) fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        self.paint("33", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.is_colourful { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// A reader who has gone away (`| head`) is no error of the demo's.
    fn write(&self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
