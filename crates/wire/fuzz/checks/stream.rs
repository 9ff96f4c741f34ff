//! Whatever a stream brings, in any dialect and however it is cut: the same frames, at most one error, nothing after it.

use std::collections::VecDeque;

use bytes::Bytes;
use standin_core::Dialect;
use standin_wire::{Frame, Mark, StreamForm, StreamReader};

const DIALECTS: [Dialect; 4] =
    [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::AnthropicMessages, Dialect::Gemini];

fn read(dialect: Dialect, form: StreamForm, pieces: &[&[u8]]) -> (Vec<Frame>, [bool; 2]) {
    let mut reader = StreamReader::new(dialect, form, Some("shown"));
    let mut frames = VecDeque::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece), &mut frames);
    }
    reader.finish(&mut frames);
    let _ = reader.trailer();
    (frames.into(), [reader.is_complete(), reader.is_empty()])
}

/// Panics if it does not hold. The first byte chooses the dialect and the form, the second where the stream is cut.
pub(crate) fn holds(input: &[u8]) {
    let [choice, cut, stream @ ..] = input else { return };
    let dialect = DIALECTS[usize::from(choice & 3)];
    let form = if choice & 4 == 0 { StreamForm::Events } else { StreamForm::Array };
    let whole = read(dialect, form, &[stream]);
    let at = usize::from(*cut).min(stream.len());
    let (head, tail) = stream.split_at(at);
    let each: Vec<&[u8]> = head.chunks(1).chain([tail]).collect();
    assert_eq!(whole, read(dialect, form, &[head, tail]), "cut in two at {at}");
    assert_eq!(whole, read(dialect, form, &each), "cut byte by byte up to {at}");
    let errors = whole.0.iter().filter(|frame| frame.mark == Mark::Error).count();
    assert!(errors <= 1 || whole.0.last().is_some_and(|last| last.mark == Mark::Error), "{:?}", whole.0);
}
