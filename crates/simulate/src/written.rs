//! Files that a person has written: what is wrong with them is said with file, line and key.

use std::{
    error, fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use standin_policy::Params;
use toml::de::DeTable;

/// What is wrong with a file, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key, as far as it is known.
    pub key: String,
    /// What was found, and what is accepted.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file.display(), self.line, self.key, self.message)
    }
}

impl error::Error for Mistake {}

/// Reads the parameters of a policy: a file with the keys of `[policy]`, at its top or in that table, so that the
/// configuration of a gateway is one as well.
///
/// # Errors
/// The first thing in it that cannot be meant, with file, line and key.
pub fn read_policy(file: &Path, text: &str) -> Result<Params, Mistake> {
    #[derive(serde::Deserialize)]
    struct Configuration {
        policy: Params,
    }
    let written = Written::new(file, text);
    let is_configuration = DeTable::parse(text).is_ok_and(|table| table.get_ref().contains_key("policy"));
    let (params, table) = if is_configuration {
        (written.parse::<Configuration>()?.policy, "policy.")
    } else {
        (written.parse()?, "")
    };
    params.check().map(|()| params).map_err(|error| {
        let message = format!("{} is out of range: accepted is {}", error.value, error.accepted);
        written.mistake(&format!("{table}{}", error.key), message)
    })
}

/// One file's text.
pub(crate) struct Written<'t> {
    file: &'t Path,
    text: &'t str,
}

impl<'t> Written<'t> {
    pub(crate) const fn new(file: &'t Path, text: &'t str) -> Self {
        Self { file, text }
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        toml::from_str(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span: Range<usize>| span.start);
            let line = self.line(at);
            let written = self.text.lines().nth(line - 1).unwrap_or_default();
            let key = written.split(['=', '#']).next().unwrap_or_default().trim();
            Mistake {
                file: self.file.to_owned(),
                line,
                key: if key.is_empty() { "the file" } else { key }.to_owned(),
                message: error.message().to_owned(),
            }
        })
    }

    /// A mistake at the value of `key`, written with dots.
    pub(crate) fn mistake(&self, key: &str, message: String) -> Mistake {
        let line = self.line(self.find(key).unwrap_or(0));
        Mistake { file: self.file.to_owned(), line, key: key.to_owned(), message }
    }

    fn find(&self, key: &str) -> Option<usize> {
        let table = DeTable::parse(self.text).ok()?;
        let (mut names, mut table) = (key.split('.').peekable(), table.get_ref());
        loop {
            let value = table.get(names.next()?)?;
            if names.peek().is_none() {
                return Some(value.span().start);
            }
            table = value.get_ref().as_table()?;
        }
    }

    fn line(&self, at: usize) -> usize {
        self.text[..self.text.floor_char_boundary(at)].matches('\n').count() + 1
    }
}
