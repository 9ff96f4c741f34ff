//! Request bodies that come compressed: inflated piece by piece, never beyond a limit.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::HeaderValue;
use ruzstd::decoding::{
    FrameDecoder, StreamingDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Bytes that are inflated at a time; between two pieces other requests have their turn.
const PIECE: usize = 64 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    /// What a `content-encoding` names: `Ok(None)` is no compression, `Err` is none that we read.
    pub(crate) fn named(value: &HeaderValue) -> Result<Option<Self>, Unread> {
        let is = |name: &str| value.as_bytes().trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        match () {
            () if is("") || is("identity") => Ok(None),
            () if is("gzip") || is("x-gzip") => Ok(Some(Self::Gzip)),
            () if is("zstd") => Ok(Some(Self::Zstd)),
            () => Err(Unread),
        }
    }
}

/// A compression that is not read here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unread;

/// Why a body could not be inflated.
#[derive(Debug)]
pub(crate) enum Fault<E> {
    /// It is not what its header says, or ends early.
    Broken,
    /// It has more bytes than it may.
    TooLarge,
    /// Its holder has no room for it.
    NoRoom(E),
}

/// Inflates `body` to at most `bytes_max`. `grow` is asked before the result reaches each new size.
pub(crate) async fn inflate<E>(
    coding: Coding,
    body: &[u8],
    bytes_max: usize,
    mut grow: impl FnMut(usize) -> Result<(), E>,
) -> Result<Bytes, Fault<E>> {
    let mut source = Source::new(coding, body, bytes_max);
    let mut inflated = BytesMut::new();
    let mut piece = vec![0; PIECE];
    loop {
        let size = source.read(&mut piece).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => Fault::TooLarge,
            _ => Fault::Broken,
        })?;
        if size == 0 {
            return Ok(inflated.freeze());
        }
        if inflated.len() + size > bytes_max {
            return Err(Fault::TooLarge);
        }
        grow(inflated.len() + size).map_err(Fault::NoRoom)?;
        inflated.extend_from_slice(&piece[..size]);
        tokio::task::yield_now().await;
    }
}

enum Source<'b> {
    Gzip(MultiGzDecoder<&'b [u8]>),
    Zstd(Frames<'b>),
}

impl<'b> Source<'b> {
    fn new(coding: Coding, body: &'b [u8], bytes_max: usize) -> Self {
        match coding {
            Coding::Gzip => Self::Gzip(MultiGzDecoder::new(body)),
            Coding::Zstd => Self::Zstd(Frames { window_max: bytes_max as u64, left: body, frame: None }),
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(stream) => stream.read(piece),
            Self::Zstd(frames) => frames.read(piece),
        }
    }
}

/// The frames of a zstd stream, one after the other; the decoder knows single ones only.
struct Frames<'b> {
    /// A frame that looks back further than this is longer than it may be, or wants our memory for nothing.
    window_max: u64,
    left: &'b [u8],
    frame: Option<OneFrame<'b>>,
}

type OneFrame<'b> = Box<StreamingDecoder<&'b [u8], FrameDecoder>>;

impl<'b> Frames<'b> {
    fn next(&mut self) -> io::Result<Option<OneFrame<'b>>> {
        while !self.left.is_empty() {
            match StreamingDecoder::new_with_max_window_size(self.left, self.window_max) {
                Ok(frame) => return Ok(Some(Box::new(frame))),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    // Magic number and length, four bytes each, stand before what is to be skipped.
                    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(8));
                    self.left =
                        end.and_then(|end| self.left.get(end..)).ok_or(io::ErrorKind::UnexpectedEof)?;
                }
                Err(FrameDecoderError::WindowSizeTooBig { .. }) => {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(None)
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.is_none() {
                self.frame = self.next()?;
            }
            let Some(frame) = &mut self.frame else { return Ok(0) };
            let size = frame.read(piece)?;
            if size > 0 {
                return Ok(size);
            }
            self.left = self.frame.take().map_or(self.left, |frame| frame.into_inner());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, io::Write};

    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    const MIB: usize = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    async fn inflated(coding: Coding, body: &[u8], max: usize) -> Result<Bytes, Fault<Infallible>> {
        inflate(coding, body, max, |_| Ok(())).await
    }

    #[tokio::test]
    async fn a5_what_was_compressed_comes_back_in_one_piece_or_in_several() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let (head, tail) = text.split_at(1000);
        let skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc";
        for (coding, body) in [
            (Coding::Gzip, gzip(&text)),
            (Coding::Gzip, [gzip(head), gzip(tail)].concat()),
            (Coding::Zstd, zstd(&text)),
            (Coding::Zstd, [&zstd(head), &skipped[..], &zstd(tail)].concat()),
        ] {
            assert!(inflated(coding, &body, text.len()).await.unwrap() == text, "{coding:?}");
        }
    }

    #[tokio::test]
    async fn a5_a_bomb_goes_off_at_the_limit_and_not_beyond() {
        let zeros = vec![0; 64 * MIB];
        // A frame that says at once that it is, and remembers, 2 GiB.
        let frank = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00".to_vec();
        for (coding, body) in
            [(Coding::Gzip, gzip(&zeros)), (Coding::Zstd, zstd(&zeros)), (Coding::Zstd, frank)]
        {
            let mut largest = 0;
            let blown = inflate(coding, &body, MIB, |size| {
                largest = size;
                Ok::<_, Infallible>(())
            });
            assert!(matches!(blown.await, Err(Fault::TooLarge)), "{coding:?}");
            assert!(largest <= MIB, "{coding:?}: {largest}");
        }
    }

    #[tokio::test]
    async fn a5_what_is_broken_is_told_apart_from_what_is_too_large() {
        let text = vec![b'a'; 1000];
        for (coding, body) in [
            (Coding::Gzip, gzip(&text)[..20].to_vec()),
            (Coding::Gzip, text.clone()),
            (Coding::Zstd, zstd(&text)[..8].to_vec()),
            (Coding::Zstd, text.clone()),
            (Coding::Zstd, b"\x50\x2a\x4d\x18\xff\xff\xff\xff".to_vec()),
        ] {
            assert!(matches!(inflated(coding, &body, MIB).await, Err(Fault::Broken)), "{body:?}");
        }
    }

    #[tokio::test]
    async fn a_holder_without_room_ends_it() {
        let body = gzip(&vec![0; MIB]);
        let full =
            inflate(Coding::Gzip, &body, MIB, |size| if size > MIB / 2 { Err("full") } else { Ok(()) });
        assert!(matches!(full.await, Err(Fault::NoRoom("full"))));
    }

    #[test]
    fn a5_only_codings_that_are_read_are_named() {
        let named = |text| Coding::named(&HeaderValue::from_static(text));
        assert_eq!((named("identity"), named("")), (Ok(None), Ok(None)));
        assert_eq!((named("GZIP"), named("zstd")), (Ok(Some(Coding::Gzip)), Ok(Some(Coding::Zstd))));
        for unread in ["br", "deflate", "gzip, gzip", "compress"] {
            assert_eq!(named(unread), Err(Unread), "{unread}");
        }
    }
}
