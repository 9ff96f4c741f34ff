//! What is wrong with a configuration, for the person who wrote it.

use std::{fmt, io, ops::Range, path::PathBuf};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1; 0 where there is no file.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// The key, as a path: `upstream.credential.key`.
    pub key: String,
    /// What was found, and what is accepted. Never holds a secret.
    pub message: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is wrong; all mistakes that could be found at once.
    #[error("{}", Listed { path, problems })]
    Wrong {
        /// The file, or what stands for it.
        path: PathBuf,
        /// Every mistake.
        problems: Vec<Problem>,
    },
    /// The environment names no upstream.
    #[error("{0}")]
    NothingToServe(String),
}

struct Listed<'a> {
    path: &'a PathBuf,
    problems: &'a [Problem],
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\n" };
            let Problem { line, column, key, message } = problem;
            write!(f, "{newline}{}:{line}:{column}: {key}: {message}", self.path.display())?;
        }
        Ok(())
    }
}

/// Collects mistakes while a file is checked.
pub(crate) struct Problems<'t> {
    text: &'t str,
    pub(crate) found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Notes one, at a place in the text.
    pub(crate) fn add(&mut self, span: Range<usize>, key: &str, message: impl Into<String>) {
        let (line, column) = self.place(span.start);
        self.found.push(Problem { line, column, key: key.to_owned(), message: message.into() });
    }

    /// The line of a place in the text, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.place(at).0
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}
