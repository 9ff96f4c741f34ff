//! Finds which of many spellings begin at a place.
//!
//! Spellings are looked for only where words begin, and there most of them end after a byte or two. So there is nothing
//! that the failure links of an Aho-Corasick automaton could save, and a plain walk costs a fifth of one.

use std::collections::VecDeque;

/// Most bytes that are compared at once.
const RUN_BYTES_MAX: usize = 8;
/// Nodes that one byte may tell apart.
const FAN: usize = 256;
/// Bytes by which most places are told to begin nothing.
const BEGINNING_BYTES: usize = 6;
/// How many numbers there are for beginnings of so many bytes, most of which none has.
const BEGINNINGS: usize = 1 << BEGINNING_BITS;
const BEGINNING_BITS: u32 = 14;
/// How many numbers there are for the first three bytes of a text, five bits of each.
const TRIPLES: usize = 1 << 15;
/// Bytes that are looked up at once.
const HEAD_BYTES: usize = 4;
/// Places for heads: several times as many as there are heads, so that most of what is looked up meets no other.
const HEADS: usize = 1 << HEADS_BITS;
const HEADS_BITS: u32 = 11;
/// The number of the root, which no byte leads to.
const ROOT: u16 = 0;

/// A place in the tree: what was read so far.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// What all spellings that lead here share behind the byte that leads here: it is compared at once, not step by step.
    run: u64,
    /// The node that leads here.
    from: u16,
    /// The node that the byte `b` leads to, if it does, lies at this number xor `b`.
    next: u16,
    /// Where the numbers of the spellings that end here begin.
    ends: u16,
    /// How many spellings end here.
    end_count: u8,
    run_bytes: u8,
}

impl Node {
    /// Led to by no node.
    const FREE: Self = Self { run: 0, from: u16::MAX, next: 0, ends: 0, end_count: 0, run_bytes: 0 };

    /// Whether a walk just passes through.
    const fn is_silent(&self) -> bool {
        self.end_count | self.run_bytes == 0
    }

    /// Whether `text` goes on with what all spellings from here share.
    fn goes_on(&self, text: &[u8]) -> bool {
        let bytes = usize::from(self.run_bytes);
        match text.first_chunk() {
            Some(chunk) => {
                let differs = u64::from_le_bytes(*chunk) ^ self.run;
                // Only the first bytes count; a node without any has nothing that could differ.
                differs.checked_shl(64 - 8 * u32::from(self.run_bytes)).unwrap_or(0) == 0
            }
            None => text.get(..bytes) == Some(&self.run.to_le_bytes()[..bytes]),
        }
    }
}

/// All spellings, as a tree whose nodes lie where the bytes that lead to them say, in the gaps between others.
#[derive(Debug)]
pub(crate) struct Trie {
    /// The first one is the root.
    nodes: Vec<Node>,
    /// The heads of all spellings that are long enough, each where its own number says or at the next free place behind.
    heads: Box<[Head; HEADS]>,
    /// The first three bytes of texts that begin with a spelling shorter than a head.
    without_head: Bits<{ TRIPLES / 64 }>,
    /// The beginnings of all spellings that are long enough.
    beginnings: Bits<{ BEGINNINGS / 64 }>,
    /// The first three bytes of texts that begin with a spelling shorter than a beginning.
    shorts: Bits<{ TRIPLES / 64 }>,
    /// Numbers of spellings, those that end at one node side by side.
    ends: Vec<u16>,
}

/// A set of numbers.
#[derive(Debug)]
struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Bits<WORDS> {
    fn none() -> Self {
        Self(Box::new([0; WORDS]))
    }

    fn add(&mut self, number: usize) {
        self.0[number / 64 % WORDS] |= 1 << (number % 64);
    }

    #[inline]
    fn has(&self, number: usize) -> bool {
        self.0[number / 64 % WORDS] >> (number % 64) & 1 == 1
    }
}

/// The first bytes of a spelling.
#[derive(Debug, Clone, Copy, Default)]
struct Head {
    /// The bytes as a number; a spelling holds no zeros, so zero is a free place.
    bytes: u32,
    /// The node they lead to.
    node: u16,
}

/// The number of the beginning of a text of such first bytes, as of [`BEGINNINGS`].
#[inline]
const fn beginning(bytes: u64) -> usize {
    // What bytes are too many is pushed out, and bits of all that are left make the highest ones.
    let beginning = bytes << (8 * (8 - BEGINNING_BYTES));
    (beginning.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BEGINNING_BITS)) as usize
}

/// The number of the first three of these bytes, as of [`TRIPLES`].
#[inline]
const fn triple(bytes: u64) -> usize {
    let [first, second, third, ..] = bytes.to_le_bytes();
    (first & 0x1F) as usize | ((second & 0x1F) as usize) << 5 | ((third & 0x1F) as usize) << 10
}

/// The first four of these bytes, and where they are looked for.
#[inline]
const fn head(bytes: u64) -> (u32, usize) {
    let head = (bytes & 0xFFFF_FFFF) as u32;
    (head, (head.wrapping_mul(0x9E37_79B1) >> (u32::BITS - HEADS_BITS)) as usize)
}

/// The first eight bytes of `text` as a number; zeros stand behind its end.
#[inline]
fn first_bytes(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |bytes, byte| bytes << 8 | u64::from(*byte)),
    }
}

/// Spellings that share their beginning, as a range of all of them in order.
struct Branch {
    node: usize,
    from: usize,
    to: usize,
    /// Bytes they share.
    depth: usize,
}

impl Trie {
    /// `None` if there are more spellings than numbers.
    pub(crate) fn new(spellings: impl Iterator<Item = &'static str>) -> Option<Self> {
        let mut sorted = Vec::new();
        for (number, text) in spellings.enumerate() {
            sorted.push((text.as_bytes(), u16::try_from(number).ok()?));
        }
        sorted.sort_unstable();
        let mut trie = Self {
            nodes: vec![Node::FREE; FAN],
            heads: Box::new([Head::default(); HEADS]),
            without_head: Bits::none(),
            beginnings: Bits::none(),
            shorts: Bits::none(),
            ends: Vec::new(),
        };
        // Not free, and led to by itself alone.
        trie.nodes[0].from = u16::MAX - 1;
        let mut open = VecDeque::from([Branch { node: 0, from: 0, to: sorted.len(), depth: 0 }]);
        // No node before this one is free.
        let mut first_free = 1;
        while let Some(Branch { node, mut from, to, depth }) = open.pop_front() {
            trie.nodes[node].ends = u16::try_from(trie.ends.len()).ok()?;
            while from < to && sorted[from].0.len() == depth {
                trie.nodes[node].end_count += 1;
                trie.ends.push(sorted[from].1);
                from += 1;
            }
            let branches = branches(&sorted[from..to], depth);
            let Some((first, _)) = branches.first() else { continue };
            while !trie.is_free(first_free) {
                first_free += 1;
            }
            let next = (first_free..)
                .map(|free| free ^ usize::from(*first))
                .find(|next| branches.iter().all(|(byte, _)| trie.is_free(next ^ usize::from(*byte))))?;
            trie.nodes[node].next = u16::try_from(next).ok()?;
            trie.nodes.resize(trie.nodes.len().max((next / FAN + 1) * FAN), Node::FREE);
            for (byte, count) in branches {
                let child = next ^ usize::from(byte);
                let (run, run_bytes) = shared(&sorted[from..from + count], depth + 1);
                if depth + 1 == HEAD_BYTES {
                    trie.note_head(sorted[from].0, u16::try_from(child).ok()?);
                }
                trie.nodes[child] = Node {
                    run,
                    from: u16::try_from(node).ok()?,
                    run_bytes: u8::try_from(run_bytes).ok()?,
                    ..Node::FREE
                };
                open.push_back(Branch { node: child, from, to: from + count, depth: depth + 1 + run_bytes });
                from += count;
            }
        }
        for (text, _) in sorted {
            trie.note_beginning(text);
        }
        Some(trie)
    }

    /// Notes the node that the head of `spelling` leads to.
    fn note_head(&mut self, spelling: &[u8], node: u16) {
        let (bytes, first_place) = head(first_bytes(spelling));
        let mut places = (0..HEADS).map(|more| (first_place + more) % HEADS);
        if let Some(free) = places.find(|place| self.heads[*place].bytes == 0) {
            self.heads[free] = Head { bytes, node };
        }
    }

    /// Notes how texts begin that begin with `spelling`.
    fn note_beginning(&mut self, spelling: &[u8]) {
        if spelling.len() >= BEGINNING_BYTES {
            self.beginnings.add(beginning(first_bytes(spelling)));
            return;
        }
        let bits = |at: usize| match spelling.get(at) {
            Some(byte) => *byte..=*byte,
            None => 0..=31,
        };
        for (second, third) in bits(1).flat_map(|second| bits(2).map(move |third| (second, third))) {
            let triple = triple(first_bytes(&[spelling[0], second, third]));
            self.shorts.add(triple);
            if spelling.len() < HEAD_BYTES {
                self.without_head.add(triple);
            }
        }
    }

    fn is_free(&self, node: usize) -> bool {
        self.nodes.get(node).is_none_or(|node| node.from == Node::FREE.from)
    }

    /// Whether a spelling may begin like `text`; of what begins none, few texts seem to.
    #[inline]
    pub(crate) fn may_begin(&self, text: &[u8]) -> bool {
        let bytes = first_bytes(text);
        self.beginnings.has(beginning(bytes)) || self.shorts.has(triple(bytes))
    }

    /// The node to go on from with a text of such first bytes, and how many of them are read then.
    #[inline]
    fn entry(&self, bytes: u64) -> (u16, usize) {
        if self.without_head.has(triple(bytes)) {
            return (ROOT, 0);
        }
        let (bytes, mut place) = head(bytes);
        loop {
            let known = self.heads[place % HEADS];
            if known.bytes == bytes {
                return (known.node, HEAD_BYTES);
            }
            if known.bytes == 0 {
                return (ROOT, 0);
            }
            place += 1;
        }
    }

    /// Calls `found` with the number and the length of every spelling that `text` begins with, shortest first.
    #[inline]
    pub(crate) fn walk(&self, text: &[u8], mut found: impl FnMut(u16, usize)) {
        let (mut at, mut len) = self.entry(first_bytes(text));
        while let Some(node) = self.nodes.get(usize::from(at)) {
            if !node.is_silent() {
                if !text.get(len..).is_some_and(|rest| node.goes_on(rest)) {
                    return;
                }
                len += usize::from(node.run_bytes);
                let first = usize::from(node.ends);
                for number in &self.ends[first..first + usize::from(node.end_count)] {
                    found(*number, len);
                }
            }
            let Some(byte) = text.get(len) else { return };
            let child = node.next ^ u16::from(*byte);
            if self.nodes.get(usize::from(child)).is_none_or(|next| next.from != at) {
                return;
            }
            (at, len) = (child, len + 1);
        }
    }
}

/// The bytes that go on at `depth`, and how many of the spellings do so with each.
fn branches(sorted: &[(&'static [u8], u16)], depth: usize) -> Vec<(u8, usize)> {
    let same = |one: &(&[u8], u16), other: &(&[u8], u16)| one.0[depth] == other.0[depth];
    sorted.chunk_by(same).map(|branch| (branch[0].0[depth], branch.len())).collect()
}

/// What all of these sorted spellings have in common from `depth` on, and how many bytes of it.
fn shared(sorted: &[(&'static [u8], u16)], depth: usize) -> (u64, usize) {
    let (Some((first, _)), Some((last, _))) = (sorted.first(), sorted.last()) else { return (0, 0) };
    let same = first[depth..].iter().zip(&last[depth..]).take_while(|(one, other)| one == other);
    // Where a head ends there is a node to go on from.
    let room = if depth < HEAD_BYTES { HEAD_BYTES - 1 - depth } else { RUN_BYTES_MAX };
    let bytes = same.count().min(room);
    let mut run = [0; RUN_BYTES_MAX];
    run[..bytes].copy_from_slice(&first[depth..depth + bytes]);
    (u64::from_le_bytes(run), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(trie: &Trie, text: &str) -> Vec<(u16, usize)> {
        let mut all = Vec::new();
        trie.walk(text.as_bytes(), |number, len| all.push((number, len)));
        all
    }

    #[test]
    fn all_spellings_at_a_place_are_found_and_no_others() {
        let spellings =
            ["model", "model not", "mod", "模型", "model", "@", "@ not", "no such deployment here"];
        let trie = Trie::new(spellings.into_iter()).unwrap();
        assert_eq!(found(&trie, "model nothing"), [(2, 3), (0, 5), (4, 5), (1, 9)]);
        assert_eq!(found(&trie, "模型"), [(3, 6)]);
        assert_eq!(found(&trie, "@ not"), [(5, 1), (6, 5)]);
        assert_eq!(found(&trie, "no such deployment here"), [(7, 23)]);
        for text in
            ["mo", "m", "a model", "", "\0", "no such deployment her", "no such deployment there", "ÿ"]
        {
            assert_eq!(found(&trie, text), [], "{text}");
        }
    }

    #[test]
    fn every_spelling_of_many_is_found_at_its_own_length() {
        let spellings = crate::rule::ATOMS.iter().map(|atom| atom.text);
        let trie = Trie::new(spellings.clone()).unwrap();
        for (number, text) in spellings.enumerate() {
            let at = (u16::try_from(number).unwrap(), text.len());
            assert!(found(&trie, text).contains(&at), "{text}");
            assert!(found(&trie, &format!("{text} and so on")).contains(&at), "{text}");
            let cut = &text.as_bytes()[..text.len() - 1];
            trie.walk(cut, |found, _| assert_ne!(found, at.0, "{text}"));
        }
    }
}
