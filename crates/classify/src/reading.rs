//! Everything a body, its headers and its status tell before any rule has been asked: words in normal form, codes,
//! parameters, features and the status that counts.
//!
//! It judges nothing.

use std::borrow::Cow;

use crate::{
    BODY_BYTES_MAX, Observed, Transport,
    asked::Asked,
    docket::{Candidates, Docket},
    envelope::{Envelope, Leaf, Role},
    hits::Hits,
    matching::{Matcher, Text},
    page,
    rule::{self, FAMILIES},
    text,
};

/// Bytes of the longest text that may be a code.
const CODE_BYTES_MAX: usize = 96;

/// Bytes of buffers a thread keeps between two answers.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// Headers of which AWS sends one or the other.
const AWS_HEADERS: [&str; 2] = ["x-amzn-errortype", "x-amzn-requestid"];

/// Bits of the features a rule can ask for, as in `build/schema.rs`.
pub(crate) mod feature {
    pub(crate) const JSON: u16 = 1;
    pub(crate) const HTML: u16 = 1 << 1;
    pub(crate) const EMPTY_BODY: u16 = 1 << 2;
    pub(crate) const NAMES_MODEL: u16 = 1 << 3;
    pub(crate) const CHALLENGE: u16 = 1 << 4;
    pub(crate) const BASE_RESP: u16 = 1 << 5;
    pub(crate) const GOOGLE: u16 = 1 << 6;
    pub(crate) const ANTHROPIC: u16 = 1 << 7;
    pub(crate) const AWS: u16 = 1 << 8;
    pub(crate) const NESTED: u16 = 1 << 9;
    pub(crate) const ANSWER: u16 = 1 << 10;
    pub(crate) const HIDDEN: u16 = 1 << 11;
}

/// One code, type, reason or status name, in lower case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    start: usize,
    end: usize,
    /// Whether it lay in JSON inside of a text, where a gateway does not reach.
    pub(crate) is_inner: bool,
    /// The rules that name it.
    pub(crate) rules: Candidates,
}

/// What was read. Kept per thread and reused.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) envelope: Envelope,
    /// The words of all messages, in normal form.
    pub(crate) words: String,
    pub(crate) hits: Hits,
    /// Places of the words behind which a delay may be told.
    pub(crate) cues: Vec<usize>,
    /// The codes, split into words.
    pub(crate) code_words: String,
    symbols: String,
    pub(crate) codes: Vec<Code>,
    params: Vec<(usize, usize)>,
    pub(crate) features: u16,
    pub(crate) status: u16,
    /// The family that answered, if known.
    pub(crate) family: Option<usize>,
    page: String,
}

impl Reading {
    pub(crate) fn code(&self, code: &Code) -> &str {
        &self.symbols[code.start..code.end]
    }

    pub(crate) fn params(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(|(start, end)| &self.symbols[*start..*end])
    }

    /// Reads `seen`, forgetting what was read before.
    pub(crate) fn read(&mut self, seen: &Observed<'_>, matcher: &Matcher) {
        self.clear();
        let bytes = &seen.body[..seen.body.len().min(BODY_BYTES_MAX)];
        // Nearly everything is sound, and seeing that is much cheaper than mending what is not.
        let body =
            simdutf8::basic::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        self.family = seen.provider.and_then(rule::family).or_else(|| seen.upstream.and_then(rule::family));
        if page::is_page(&body) {
            self.features |= feature::HTML;
            page::words(&body, &mut self.page);
            let page = std::mem::take(&mut self.page);
            self.envelope.read(&page, false);
            self.page = page;
        } else {
            let reads_answers = self.family.is_some_and(|at| FAMILIES[at].reads_answers);
            self.envelope.read(&body, reads_answers);
        }
        // A firewall says so in a page or in plain words, never in JSON.
        if !body.starts_with(['{', '[']) && matcher.is_challenge(body.as_bytes()) {
            self.features |= feature::CHALLENGE;
        }
        self.note_features(seen, &body);
        self.collect(seen.models, &matcher.docket);
        self.header_codes(seen, &matcher.docket);
        self.status = self.effective_status(seen);
        self.hits.clear();
        self.cues.clear();
        matcher.scan(&self.code_words, Text::Codes, &mut self.hits, &mut self.cues);
        matcher.scan(&self.words, Text::Words, &mut self.hits, &mut self.cues);
    }

    /// Whether an answer has all of those features and none of the others.
    pub(crate) fn has(&self, seen: &Observed<'_>, wanted: u16, unwanted: u16) -> bool {
        let mut features = self.features;
        // To look a header up costs more than most rules do.
        if (wanted | unwanted) & feature::AWS != 0
            && AWS_HEADERS.iter().any(|name| seen.headers.value(name).is_some())
        {
            features |= feature::AWS;
        }
        features & wanted == wanted && features & unwanted == 0
    }

    /// Whether the buffers are small enough to be kept for the next answer.
    pub(crate) fn is_small(&self) -> bool {
        self.words.capacity() + self.page.capacity() + self.envelope.capacity() <= KEPT_BYTES_MAX
    }

    fn clear(&mut self) {
        self.envelope.clear();
        self.words.clear();
        self.code_words.clear();
        self.symbols.clear();
        self.codes.clear();
        self.params.clear();
        self.page.clear();
        self.features = 0;
    }

    fn note_features(&mut self, seen: &Observed<'_>, body: &str) {
        let mut add = |is: bool, bit: u16| {
            if is {
                self.features |= bit;
            }
        };
        add(self.envelope.has_json, feature::JSON);
        add(text::trim(body).is_empty(), feature::EMPTY_BODY);
        add(self.envelope.has_base_resp, feature::BASE_RESP);
        add(self.envelope.is_google, feature::GOOGLE);
        add(self.envelope.has_answer, feature::ANSWER);
        add(seen.transport != Transport::Http, feature::HIDDEN);
        add(self.envelope.leaves.iter().any(|leaf| leaf.level > 0), feature::NESTED);
        let is_type_error = |leaf: &Leaf| {
            leaf.role == Role::Kind
                && leaf.level == 0
                && leaf.depth == 1
                && self.envelope.text(leaf) == "error"
        };
        add(self.envelope.has_error && self.envelope.leaves.iter().any(is_type_error), feature::ANTHROPIC);
    }

    /// Sorts the leaves into words, codes and parameters.
    fn collect(&mut self, models: &[&str], docket: &Docket) {
        let asked = Asked::of(models);
        let envelope = std::mem::take(&mut self.envelope);
        for leaf in &envelope.leaves {
            let said = envelope.text(leaf);
            match leaf.role {
                Role::Message(_) => {
                    if text::normalise(said, &asked, &mut self.words) {
                        self.features |= feature::NAMES_MODEL;
                    }
                    for number in numbers_in_brackets(said).into_iter().flatten() {
                        self.push_code(number, true, docket);
                    }
                }
                Role::Code | Role::Kind | Role::Status | Role::Reason | Role::Quota => {
                    self.push_code(said, leaf.level > 0, docket);
                }
                Role::Param => {
                    let start = self.symbols.len();
                    self.symbols.push_str(said);
                    self.symbols[start..].make_ascii_lowercase();
                    self.params.push((start, self.symbols.len()));
                    if said.contains(' ') {
                        // Some deployments swap the message and the parameter.
                        text::normalise(said, &asked, &mut self.words);
                    }
                }
                Role::Delay(_) => {}
            }
        }
        text::one_quote(&mut self.words);
        self.envelope = envelope;
    }

    /// Codes that some providers send as headers.
    fn header_codes(&mut self, seen: &Observed<'_>, docket: &Docket) {
        for name in ["x-amzn-errortype", "x-ms-error-code", "x-error-code", "grpc-status-details"] {
            if let Some(value) = seen.headers.value(name) {
                let code = value.split(':').next().unwrap_or(value);
                self.push_code(code, false, docket);
            }
        }
    }

    fn push_code(&mut self, said: &str, is_inner: bool, docket: &Docket) {
        let said = text::trim(said);
        // AWS writes `com.amazon.coral.service#UnrecognizedClientException`.
        let said = memchr::memrchr(b'#', said.as_bytes()).map_or(said, |at| &said[at + 1..]);
        if said.is_empty() || said.len() > CODE_BYTES_MAX {
            return;
        }
        let start = self.symbols.len();
        self.symbols.push_str(said);
        self.symbols[start..].make_ascii_lowercase();
        let rules = docket.rules_of(&self.symbols[start..]);
        self.codes.push(Code { start, end: self.symbols.len(), is_inner, rules });
        if said.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            text::split_code(said, &self.symbols[start..], &mut self.code_words);
        }
    }

    /// The status that counts: inside of a 200 and in a stream's frame it is the one told there.
    fn effective_status(&self, seen: &Observed<'_>) -> u16 {
        if seen.transport == Transport::Http && seen.status >= 300 {
            return seen.status;
        }
        let told = self.envelope.leaves.iter().find_map(|leaf| {
            let is_number = matches!(leaf.role, Role::Status | Role::Code);
            let number = self.envelope.text(leaf).trim().parse::<u16>().ok();
            number.filter(|status| is_number && (400..=599).contains(status))
        });
        told.unwrap_or(seen.status)
    }
}

/// Numbers that some vendors put around their words: `[1211][...]` in front, `(2013)` behind, `Error code: 1302`.
fn numbers_in_brackets(said: &str) -> [Option<&str>; 2] {
    let is_number =
        |text: &&str| (3..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let front =
        said.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(number, _)| number);
    let behind =
        said.trim_end().strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).map(|(_, number)| number);
    [front.filter(is_number), behind.filter(is_number)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_around_words_are_found() {
        assert_eq!(numbers_in_brackets("[1211][no such model][2026]"), [Some("1211"), None]);
        assert_eq!(numbers_in_brackets("invalid params, no (2013)"), [None, Some("2013")]);
        assert_eq!(numbers_in_brackets("costs [a] (or b)"), [None, None]);
    }
}
