//! Finds which of many spellings begin at a place.
//!
//! Spellings are looked for only where words begin, and there most of them end after a byte or two. So there is nothing
//! that the failure links of an Aho-Corasick automaton could save, and a plain walk costs a fifth of one.

/// A place in the tree: what was read so far.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// The byte that leads here.
    byte: u8,
    /// How many bytes may follow; their nodes lie side by side.
    children: u8,
    /// How many spellings end here.
    end_count: u8,
    /// The first of the children.
    child: u32,
    /// A bit for every byte that may follow, by its last six bits: most of what does not fit is seen here.
    may_follow: u64,
    /// Where the numbers of the spellings that end here begin.
    ends: u32,
    /// What all spellings that lead here share behind that byte: it is compared at once, not step by step.
    run: &'static [u8],
}

/// How many pairs of ASCII there are.
const PAIRS: usize = 128 * 128;

/// All spellings, as a tree.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
    /// The node that each first byte leads to; 0 if there is none.
    roots: [u32; 256],
    /// The node that each two first bytes of ASCII lead to: nearly every walk ends here.
    pairs: Vec<u32>,
    /// Numbers of spellings, those that end at one node side by side.
    ends: Vec<u16>,
}

impl Trie {
    /// `None` if there are more spellings than numbers.
    pub(crate) fn new(spellings: impl Iterator<Item = &'static str>) -> Option<Self> {
        let mut sorted = Vec::new();
        for (number, text) in spellings.enumerate() {
            sorted.push((text.as_bytes(), u16::try_from(number).ok()?));
        }
        sorted.sort_unstable();
        let mut trie =
            Self { nodes: vec![Node::default()], roots: [0; 256], pairs: vec![0; PAIRS], ends: Vec::new() };
        // First byte, place and number of the spellings below each child of one node.
        let mut below = Vec::new();
        // Nodes whose children are still missing, with the spellings below them and their depth.
        let mut open = std::collections::VecDeque::from([(0_usize, 0_usize, sorted.len(), 0_usize)]);
        while let Some((node, mut from, to, depth)) = open.pop_front() {
            trie.nodes[node].ends = u32::try_from(trie.ends.len()).ok()?;
            while from < to && sorted[from].0.len() == depth {
                trie.nodes[node].end_count += 1;
                trie.ends.push(sorted[from].1);
                from += 1;
            }
            trie.nodes[node].child = u32::try_from(trie.nodes.len()).ok()?;
            below.clear();
            while from < to {
                let byte = sorted[from].0[depth];
                let same = sorted[from..to].iter().take_while(|(text, _)| text[depth] == byte).count();
                below.push((byte, from, same));
                from += same;
            }
            // Those that many spellings begin with are met most often, so they are looked at first.
            below.sort_by_key(|(_, _, same)| std::cmp::Reverse(*same));
            for (byte, from, same) in &below {
                let (from, to) = (*from, from + same);
                let child = trie.nodes.len();
                // The first two bytes are looked up, so only what follows them can be a run.
                let run = if depth == 0 { &[] } else { shared(&sorted[from..to], depth + 1) };
                trie.nodes.push(Node { byte: *byte, run, ..Node::default() });
                trie.nodes[node].children += 1;
                trie.nodes[node].may_follow |= 1 << (byte & 63);
                if depth == 0 {
                    trie.roots[usize::from(*byte)] = u32::try_from(child).ok()?;
                }
                open.push_back((child, from, to, depth + 1 + run.len()));
            }
        }
        for first in 0..128_usize {
            let node = trie.nodes[trie.roots[first] as usize];
            for child in node.child..node.child + u32::from(node.children) {
                let second = usize::from(trie.nodes[child as usize].byte);
                if trie.roots[first] != 0 && second < 128 {
                    trie.pairs[first << 7 | second] = child;
                }
            }
        }
        Some(trie)
    }

    /// Whether a spelling begins with `byte`.
    pub(crate) fn begins(&self, byte: u8) -> bool {
        self.roots[usize::from(byte)] != 0
    }

    /// Calls `found` with the number and the length of every spelling that `bytes` begin with, shortest first.
    pub(crate) fn walk(&self, bytes: &[u8], mut found: impl FnMut(u16, usize)) {
        let (at, mut len) = match bytes {
            [first @ 0..128, second @ 0..128, ..]
                if self.nodes[self.roots[usize::from(*first)] as usize].end_count == 0 =>
            {
                (self.pairs[usize::from(*first) << 7 | usize::from(*second)] as usize, 2)
            }
            [first, ..] => (self.roots[usize::from(*first)] as usize, 1),
            [] => return,
        };
        if at == 0 {
            return;
        }
        let mut node = &self.nodes[at];
        loop {
            if !node.run.is_empty() {
                if !bytes[len..].starts_with(node.run) {
                    return;
                }
                len += node.run.len();
            }
            if node.end_count > 0 {
                let first = node.ends as usize;
                for number in &self.ends[first..first + usize::from(node.end_count)] {
                    found(*number, len);
                }
            }
            let Some(byte) = bytes.get(len) else { return };
            if node.may_follow >> (byte & 63) & 1 == 0 {
                return;
            }
            let child = node.child as usize;
            let children = &self.nodes[child..child + usize::from(node.children)];
            let Some(next) = children.iter().find(|child| child.byte == *byte) else { return };
            node = next;
            len += 1;
        }
    }
}

/// What all of these sorted spellings have in common from `depth` on.
fn shared(sorted: &[(&'static [u8], u16)], depth: usize) -> &'static [u8] {
    let (Some((first, _)), Some((last, _))) = (sorted.first(), sorted.last()) else { return &[] };
    let same = first[depth..].iter().zip(&last[depth..]).take_while(|(one, other)| one == other);
    &first[depth..depth + same.count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_at_a_place_are_found_and_no_others() {
        let trie =
            Trie::new(["model", "model not", "mod", "模型", "model", "@", "@ not"].into_iter()).unwrap();
        let found = |text: &str| {
            let mut all = Vec::new();
            trie.walk(text.as_bytes(), |number, len| all.push((number, len)));
            all
        };
        assert_eq!(found("model nothing"), [(2, 3), (0, 5), (4, 5), (1, 9)]);
        assert_eq!(found("模型"), [(3, 6)]);
        assert_eq!(found("@ not"), [(5, 1), (6, 5)]);
        assert_eq!(found("mo"), []);
        assert_eq!(found("m"), []);
        assert_eq!(found("a model"), []);
        assert_eq!(found(""), []);
        assert!(trie.begins(b'm') && !trie.begins(b'o'));
    }
}
