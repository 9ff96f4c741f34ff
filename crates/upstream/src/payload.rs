//! A request body on its way out: the caller's bytes, around another model name where they hold one.

use std::{io::IoSlice, ops::Range};

use bytes::{Buf, Bytes};
use standin_wire::{other_name, splice_model};

/// Bytes up to which a body is copied around its new name. References to the pieces of a larger one cost less than a
/// second body in memory does.
const COPIED_MAX: usize = 8 * 1024;

/// A request body in one piece or in three that are written together.
#[derive(Debug, Clone, Default)]
pub struct Payload(Pieces);

#[derive(Debug, Clone)]
enum Pieces {
    One(Bytes),
    /// What stands before the name, the name, and what follows. What is taken is taken from the front.
    Three(Box<[Bytes; 3]>),
}

impl Default for Pieces {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

impl Payload {
    /// The body with `model` at `span`, as [`splice_model`] puts it there.
    #[must_use]
    pub fn named(body: &Bytes, span: &Range<usize>, model: &str) -> Self {
        if body.len() <= COPIED_MAX {
            return splice_model(body, span, model).into();
        }
        match other_name(body, span, model) {
            None => body.clone().into(),
            Some(name) => {
                Self(Pieces::Three(Box::new([body.slice(..span.start), name.into(), body.slice(span.end..)])))
            }
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(Pieces::One(bytes))
    }
}

impl Buf for Payload {
    fn remaining(&self) -> usize {
        match &self.0 {
            Pieces::One(bytes) => bytes.len(),
            Pieces::Three(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.0 {
            Pieces::One(bytes) => bytes,
            Pieces::Three(pieces) => pieces.iter().find(|piece| !piece.is_empty()).map_or(&[], |piece| piece),
        }
    }

    fn advance(&mut self, mut count: usize) {
        match &mut self.0 {
            Pieces::One(bytes) => bytes.advance(count),
            Pieces::Three(pieces) => {
                for piece in &mut **pieces {
                    let taken = count.min(piece.len());
                    piece.advance(taken);
                    count -= taken;
                }
                assert_eq!(count, 0, "more was taken than there was");
            }
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        match &self.0 {
            Pieces::One(bytes) => bytes.chunks_vectored(slices),
            Pieces::Three(pieces) => {
                let mut count = 0;
                for (slice, piece) in slices.iter_mut().zip(pieces.iter().filter(|piece| !piece.is_empty())) {
                    *slice = IoSlice::new(piece);
                    count += 1;
                }
                count
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of so many bytes with a name in it, and where that stands.
    fn body(bytes: usize) -> (Bytes, Range<usize>) {
        let head = r#"{"model":"a","text":""#;
        let text = format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2));
        (text.into(), 9..12)
    }

    #[test]
    fn of_any_size_it_says_what_a_copy_would_say() {
        for bytes in [64, COPIED_MAX, COPIED_MAX + 1, 100_000] {
            let (body, span) = body(bytes);
            for model in ["b", "a", "wi\"de"] {
                let copied = splice_model(&body, &span, model);
                let mut payload = Payload::named(&body, &span, model);
                assert_eq!(payload.remaining(), copied.len());
                assert_eq!(payload.copy_to_bytes(copied.len()), copied, "{bytes} {model}");
                assert!(!payload.has_remaining() && payload.chunk().is_empty());
            }
            let outside = Payload::named(&body, &(9..bytes + 1), "b");
            assert_eq!(outside.chunk(), body);
        }
    }

    #[test]
    fn a_large_body_is_not_copied_and_is_written_at_once() {
        let (body, span) = body(COPIED_MAX + 1);
        let payload = Payload::named(&body, &span, "b");
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(payload.chunks_vectored(&mut slices), 3);
        assert_eq!(slices[0].as_ptr(), body.as_ptr());
        assert_eq!(slices[2].as_ptr(), body[span.end..].as_ptr());
        let same = Payload::named(&body, &span, "a");
        assert_eq!((same.chunks_vectored(&mut slices), slices[0].len()), (1, body.len()));
    }

    #[test]
    fn it_can_be_taken_in_steps_of_any_size() {
        let (body, span) = body(COPIED_MAX + 1);
        let whole = splice_model(&body, &span, "another");
        for step in [1, 2, 3, 5, 11, 4096] {
            let mut payload = Payload::named(&body, &span, "another");
            let mut taken = Vec::new();
            while payload.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 2];
                let count = payload.chunks_vectored(&mut slices);
                let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                assert!(seen.starts_with(payload.chunk()));
                let step = step.min(seen.len());
                taken.extend_from_slice(&seen[..step]);
                payload.advance(step);
            }
            assert!(taken == whole, "in steps of {step}");
        }
    }
}
