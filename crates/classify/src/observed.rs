//! What was seen of an upstream's answer: the input of the classifier, all of it borrowed.
//!
//! It says nothing about what the answer means, and holds no provider knowledge.

use std::{fmt, time::SystemTime};

use standin_core::{Dialect, Operation};

/// Looks a header up by its lower-case name, whatever the caller keeps its headers in.
pub trait Headers {
    /// The first value under `name` (given in lower case), if it is text.
    fn value(&self, name: &str) -> Option<&str>;
}

impl Headers for &[(&str, &str)] {
    fn value(&self, name: &str) -> Option<&str> {
        find(self, name)
    }
}

impl Headers for Vec<(String, String)> {
    fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl<const N: usize> Headers for [(&str, &str); N] {
    fn value(&self, name: &str) -> Option<&str> {
        find(self, name)
    }
}

fn find<'a>(headers: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}

/// How many headers are sooner passed over than a name is hashed.
#[cfg(feature = "http")]
const FEW: usize = 8;

#[cfg(feature = "http")]
impl Headers for http::HeaderMap {
    fn value(&self, name: &str) -> Option<&str> {
        let value = if self.keys_len() <= FEW {
            self.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
        } else {
            self.get(name)
        };
        value.and_then(|value| value.to_str().ok())
    }
}

/// How the failure arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// The reply itself, usually not a 2xx.
    #[default]
    Http,
    /// A frame inside a stream; a status in the frame counts for more than that of the reply.
    Sse,
    /// The whole body of a 200.
    Body200,
}

/// How far the codes of an upstream are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Trust {
    /// Codes are the provider's own.
    #[default]
    Codes,
    /// A gateway that makes codes up from the status: its wording counts, its codes do not.
    WordsOnly,
}

/// Which of the built-in rules are asked. Anything but all of them is for measuring how strangers would be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Packs {
    /// All of them.
    #[default]
    All,
    /// Only those that are about no provider in particular.
    Generic,
    /// All but those of the provider that answered, as if nobody had met it.
    HeldOut,
}

/// Everything that is known about one answer. Fill in what is known and take the rest from [`Observed::new`].
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// The status of the reply.
    pub status: u16,
    /// The headers of the reply.
    pub headers: &'a dyn Headers,
    /// The body, or the frame; only the first [`crate::BODY_BYTES_MAX`] bytes are looked at.
    pub body: &'a [u8],
    /// How the failure arrived.
    pub transport: Transport,
    /// The operator's name for the upstream; an operator's rule may ask for it.
    pub upstream: Option<&'a str>,
    /// The provider family, if known (`openai`, `openrouter`, ...); see [`crate::family_of_host`].
    pub provider: Option<&'a str>,
    /// The dialect the upstream was spoken to in.
    pub dialect: Option<Dialect>,
    /// What it was asked to do.
    pub operation: Option<Operation>,
    /// The names the model goes by: the upstream's and the alias. They are masked before text is matched.
    pub models: &'a [&'a str],
    /// How far this upstream's codes are believed.
    pub trust: Trust,
    /// When the answer came: absolute dates in it are read against this.
    pub now: SystemTime,
    /// Which of the built-in rules are asked.
    pub packs: Packs,
}

impl Observed<'_> {
    /// An empty answer that came at `now`.
    #[must_use]
    pub fn new(now: SystemTime) -> Self {
        const NO_HEADERS: &[(&str, &str); 0] = &[];
        Self {
            status: 0,
            headers: NO_HEADERS,
            body: &[],
            transport: Transport::Http,
            upstream: None,
            provider: None,
            dialect: None,
            operation: None,
            models: &[],
            trust: Trust::Codes,
            now,
            packs: Packs::All,
        }
    }
}

impl fmt::Debug for Observed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("transport", &self.transport)
            .field("upstream", &self.upstream)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}
