//! Classifies whole files of recorded errors, single replies and raw dumps, and prints or scores the result.
//!
//! It reads from and writes to whatever it is given; opening files, printing and exiting are the binary's.

mod dump;
mod row;
mod score;
mod show;

use std::{
    io::{self, BufRead, Read, Write},
    time::SystemTime,
};

pub use self::{
    dump::Dump,
    row::Row,
    score::{Score, Share},
};
use crate::{Classifier, Observed, Packs, Transport};

/// Bytes of input that are read at most.
pub const INPUT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON object per line.
    #[default]
    Lines,
    /// A table for people.
    Table,
}

/// What is printed beside the verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    Verdicts,
    /// Every layer's opinion.
    Explain,
    /// Only the score, where labels are given.
    Score,
}

/// How a run goes.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How results are printed.
    pub format: Format,
    /// What else is printed.
    pub detail: Detail,
    /// Which of the built-in rules are asked.
    pub packs: Packs,
    /// What absolute dates in the answers are read against.
    pub now: SystemTime,
}

/// One reply to classify, from the command line.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// The provider family, if known.
    pub provider: Option<String>,
}

/// Classifies a file: JSON lines in the form of the corpus, or one raw dump of `curl -i`.
///
/// A line that cannot be read gives a line that says so, with its number, and the rest goes on. Answers with the score
/// over all rows that carry a label, and how many lines could not be read.
///
/// # Errors
/// When reading or writing fails.
pub fn classify_input(
    classifier: &Classifier,
    input: impl Read,
    out: &mut impl Write,
    options: &Options,
) -> io::Result<Score> {
    let mut input = io::BufReader::new(input.take(INPUT_BYTES_MAX));
    let is_dump = input.fill_buf()?.trim_ascii_start().starts_with(b"HTTP/");
    if is_dump {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        let Some(dump) = Dump::parse(&bytes) else {
            writeln!(out, "{}", show::fault(1, "no HTTP status line"))?;
            let mut score = Score::default();
            score.bad_lines = 1;
            return Ok(score);
        };
        let reply = Reply { status: dump.status, headers: dump.headers, body: dump.body, provider: None };
        classify_reply(classifier, &reply, out, options)?;
        return Ok(Score::default());
    }
    classify_lines(classifier, input, out, options)
}

fn classify_lines(
    classifier: &Classifier,
    input: impl BufRead,
    out: &mut impl Write,
    options: &Options,
) -> io::Result<Score> {
    let mut score = Score::default();
    if options.format == Format::Table && options.detail != Detail::Score {
        writeln!(out, "{}", show::heading())?;
    }
    for (at, line) in input.split(b'\n').enumerate() {
        let line = line?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row = match Row::parse(&line, at + 1) {
            Ok(row) => row,
            Err(fault) => {
                score.bad_lines += 1;
                writeln!(out, "{}", show::fault(at + 1, &fault))?;
                continue;
            }
        };
        let transport = row.transport();
        let observed = observe(&row.headers, transport, options);
        let seen = Observed {
            status: row.status,
            body: row.body.as_bytes(),
            provider: row.provider.as_deref(),
            operation: row.operation(),
            ..observed
        };
        let verdict = classifier.classify(&seen);
        score.add(&row, &verdict, classifier.distrusts_delay(&seen, verdict.class));
        if options.detail != Detail::Score {
            writeln!(out, "{}", show::verdict(&row.id, &verdict, options.format))?;
        }
        if options.detail == Detail::Explain {
            write!(out, "{}", show::layers(&classifier.explain(&seen)))?;
        }
    }
    if options.detail == Detail::Score {
        write!(out, "{score}")?;
    }
    Ok(score)
}

/// Classifies one reply and prints it.
///
/// # Errors
/// When writing fails.
pub fn classify_reply(
    classifier: &Classifier,
    reply: &Reply,
    out: &mut impl Write,
    options: &Options,
) -> io::Result<()> {
    let transport = if (200..300).contains(&reply.status) { Transport::Body200 } else { Transport::Http };
    let seen = Observed {
        status: reply.status,
        body: &reply.body,
        provider: reply.provider.as_deref(),
        ..observe(&reply.headers, transport, options)
    };
    let verdict = classifier.classify(&seen);
    if options.format == Format::Table {
        writeln!(out, "{}", show::heading())?;
    }
    writeln!(out, "{}", show::verdict("-", &verdict, options.format))?;
    if options.detail == Detail::Explain {
        write!(out, "{}", show::layers(&classifier.explain(&seen)))?;
    }
    Ok(())
}

fn observe<'a>(headers: &'a Vec<(String, String)>, transport: Transport, options: &Options) -> Observed<'a> {
    Observed { headers, transport, packs: options.packs, ..Observed::new(options.now) }
}
