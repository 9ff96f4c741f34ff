//! How much of what comes over one connection of HTTP/2 is work, and how much only costs us time.
//!
//! A frame that carries no part of a request is answered or noted in a few microseconds, so nobody minds one, and a
//! caller who sends nothing else has a whole processor for itself. Frames are counted here, before hyper reads them:
//! so many may come for nothing, and some more with every frame that is worth something.

/// Frames that ask for nothing, of every connection: what they cost together is a tenth of a second.
const IDLE_FRAMES_MAX: u64 = 10_000;
/// So many more for each frame that is part of a request.
const IDLE_PER_WORK: u64 = 10;
/// A caller makes room as it takes its answer, perhaps twice for a frame that holds next to nothing.
const BYTES_PER_ROOM: u64 = 5;

const HEAD_BYTES: usize = 9;
const PREFACE_BYTES: u64 = 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

/// Counts the frames of one connection.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Bytes until the next frame begins.
    skip: u64,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Frames that are part of a request.
    work: u64,
    /// Frames that make room for an answer.
    room: u64,
    /// All others.
    idle: u64,
    /// Bytes of answers, and of whatever else we said.
    written: u64,
}

impl Frames {
    /// Counts from the first byte of a connection, its preface.
    pub(crate) const fn new() -> Self {
        Self {
            skip: PREFACE_BYTES,
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            work: 0,
            room: 0,
            idle: 0,
            written: 0,
        }
    }

    /// Looks at the next bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = usize::try_from(self.skip).map_or(bytes.len(), |skip| skip.min(bytes.len()));
            self.skip -= skipped as u64;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (HEAD_BYTES - self.head_bytes).min(bytes.len());
            self.head[self.head_bytes..self.head_bytes + taken].copy_from_slice(&bytes[..taken]);
            self.head_bytes += taken;
            bytes = &bytes[taken..];
            if self.head_bytes == HEAD_BYTES {
                self.head_bytes = 0;
                self.skip = u64::from(u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]));
                match self.head[3] {
                    // hyper bounds heads that do not end, and empty bodies, by itself.
                    DATA | HEADERS | CONTINUATION => self.work += 1,
                    WINDOW_UPDATE => self.room += 1,
                    _ => self.idle += 1,
                }
            }
        }
    }

    /// So many bytes were written.
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written += bytes as u64;
    }

    /// Whether more has come for nothing than anybody who wants something sends.
    pub(crate) const fn is_flood(&self) -> bool {
        self.idle > IDLE_FRAMES_MAX + IDLE_PER_WORK * self.work
            || self.room > IDLE_FRAMES_MAX + IDLE_PER_WORK * self.work + self.written / BYTES_PER_ROOM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, 0, 0, 0, 0, 1];
        bytes.resize(HEAD_BYTES + payload, 0xff);
        bytes
    }

    fn begun() -> Frames {
        let mut frames = Frames::new();
        frames.push(&[b'P'; 24]);
        frames
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let bytes =
            [frame(PING, 8), frame(DATA, 300), frame(WINDOW_UPDATE, 4), frame(HEADERS, 0), frame(4, 0)]
                .concat();
        for size in 1..bytes.len() {
            let mut frames = begun();
            bytes.chunks(size).for_each(|piece| frames.push(piece));
            assert_eq!((frames.idle, frames.work, frames.room), (2, 2, 1), "{size} bytes at a time");
        }
    }

    #[test]
    fn a8_who_sends_only_what_asks_for_nothing_is_a_flood_and_who_asks_is_not() {
        let mut frames = begun();
        (0..IDLE_FRAMES_MAX).for_each(|_| frames.push(&frame(PING, 8)));
        assert!(!frames.is_flood());
        frames.push(&frame(PING, 8));
        assert!(frames.is_flood());
        frames.push(&frame(HEADERS, 20));
        assert!(!frames.is_flood());
        // What is said in return is no licence to ask on.
        frames.wrote(1 << 20);
        (0..100).for_each(|_| frames.push(&frame(PING, 8)));
        assert!(frames.is_flood());
    }

    #[test]
    fn a8_room_is_made_for_what_was_written() {
        let mut frames = begun();
        (0..3 * IDLE_FRAMES_MAX).for_each(|_| {
            frames.push(&frame(WINDOW_UPDATE, 4));
            frames.wrote(10);
        });
        assert!(!frames.is_flood());
        (0..5 * IDLE_FRAMES_MAX).for_each(|_| frames.push(&frame(WINDOW_UPDATE, 4)));
        assert!(frames.is_flood());
    }
}
