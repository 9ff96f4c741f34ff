//! Recorded traffic of real providers, read as it is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod grammar;
mod replies;
mod requests;
mod splits;
mod streams;
mod usage;

use std::collections::VecDeque;

use bytes::Bytes;
use standin_core::Dialect;
use standin_testkit::{Recording, recordings};
use standin_wire::{Frame, StreamForm, StreamReader};

/// The name that the caller used.
const SHOWN: &str = "the-name-that-was-asked-for";

/// Every recording of every dialect.
fn all() -> impl Iterator<Item = Recording> {
    Dialect::ALL.into_iter().flat_map(recordings)
}

/// Every recorded stream.
fn streams() -> Vec<Recording> {
    all().filter(Recording::is_stream).collect()
}

/// The form in which a recording came: what a caller would have got from the provider itself.
fn form(case: &Recording) -> StreamForm {
    if case.has("stream-json-array") { StreamForm::Array } else { StreamForm::Events }
}

/// Reads a stream that comes in these pieces.
fn read<'p>(
    dialect: Dialect,
    form: StreamForm,
    shown: Option<&str>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (StreamReader, Vec<Frame>) {
    let mut reader = StreamReader::new(dialect, form, shown);
    let mut frames = VecDeque::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece), &mut frames);
    }
    reader.finish(&mut frames);
    (reader, frames.into())
}

fn joined(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.bytes.to_vec()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
