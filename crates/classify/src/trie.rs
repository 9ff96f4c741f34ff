//! Finds which of many spellings begin at a place.
//!
//! Spellings are looked for only where words begin, and there most of them end after a byte or two. So there is nothing
//! that the failure links of an Aho-Corasick automaton could save, and a plain walk costs a fifth of one.

use std::collections::VecDeque;

/// Most bytes that are compared at once.
const RUN_BYTES_MAX: usize = 8;
/// Nodes that one byte may tell apart.
const FAN: usize = 256;
/// How many pairs of ASCII there are.
const PAIRS: usize = 128 * 128;
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
    /// The node that each first byte leads to; the root if it leads nowhere.
    firsts: [u16; 256],
    /// The node that each two first bytes of ASCII lead to: nearly every walk ends here.
    pairs: Vec<u16>,
    /// Numbers of spellings, those that end at one node side by side.
    ends: Vec<u16>,
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
            firsts: [ROOT; 256],
            pairs: vec![ROOT; PAIRS],
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
                // The first two bytes are looked up, so only what follows them can be a run.
                let (run, run_bytes) =
                    if depth == 0 { (0, 0) } else { shared(&sorted[from..from + count], depth + 1) };
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
        trie.look_ahead();
        Some(trie)
    }

    /// Notes where the first byte and the first two lead.
    fn look_ahead(&mut self) {
        for first in 0..=u8::MAX {
            let node = self.child(ROOT, first).unwrap_or(ROOT);
            self.firsts[usize::from(first)] = node;
            for second in (0..128).filter(|_| node != ROOT && first < 128) {
                let pair = usize::from(first) << 7 | usize::from(second);
                self.pairs[pair] = self.child(node, second).unwrap_or(ROOT);
            }
        }
    }

    fn is_free(&self, node: usize) -> bool {
        self.nodes.get(node).is_none_or(|node| node.from == Node::FREE.from)
    }

    /// Where `byte` leads to from the node `at`.
    fn child(&self, at: u16, byte: u8) -> Option<u16> {
        let child = self.nodes.get(usize::from(at))?.next ^ u16::from(byte);
        self.nodes.get(usize::from(child)).filter(|node| node.from == at).map(|_| child)
    }

    /// Whether a spelling begins with `byte`.
    pub(crate) fn begins(&self, byte: u8) -> bool {
        self.firsts[usize::from(byte)] != ROOT
    }

    /// Calls `found` with the number and the length of every spelling that `text` begins with, shortest first.
    pub(crate) fn walk(&self, text: &[u8], mut found: impl FnMut(u16, usize)) {
        let (mut at, mut len) = match text {
            [first @ ..128, second @ ..128, ..] if self.is_silent(self.firsts[usize::from(*first)]) => {
                (self.pairs[usize::from(*first) << 7 | usize::from(*second)], 2)
            }
            [first, ..] => (self.firsts[usize::from(*first)], 1),
            [] => return,
        };
        if at == ROOT {
            return;
        }
        let mut node = &self.nodes[usize::from(at)];
        loop {
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
            match self.nodes.get(usize::from(child)) {
                Some(next) if next.from == at => (at, node, len) = (child, next, len + 1),
                _ => return,
            }
        }
    }

    fn is_silent(&self, node: u16) -> bool {
        self.nodes.get(usize::from(node)).is_some_and(Node::is_silent)
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
    let bytes = same.count().min(RUN_BYTES_MAX);
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
