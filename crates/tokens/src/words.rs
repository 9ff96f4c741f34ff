//! Text as tokens.

use std::sync::OnceLock;

use tiktoken_rs::CoreBPE;

/// Bytes of one request's text that are counted exactly; what follows is taken to be as dense as what came before.
pub const EXACT_BYTES_MAX: usize = 512 * 1024;

/// Bytes that are taken for one token while nothing has been counted.
const BYTES_PER_TOKEN: u64 = 4;

/// Read when somebody counts for the first time, because it takes its time and some 45 MiB.
static BPE: OnceLock<&'static CoreBPE> = OnceLock::new();

/// Whether the tokenizer has been read: the first count of a process takes some hundred milliseconds longer.
#[must_use]
pub fn is_ready() -> bool {
    BPE.get().is_some()
}

/// Counts the texts of one request.
#[derive(Debug, Default)]
pub(crate) struct Words {
    exact_bytes: u64,
    exact_tokens: u64,
    further_bytes: u64,
}

impl Words {
    pub(crate) fn add(&mut self, text: &str) {
        let left = EXACT_BYTES_MAX.saturating_sub(usize::try_from(self.exact_bytes).unwrap_or(usize::MAX));
        let (exact, further) = text.split_at(text.floor_char_boundary(left.min(text.len())));
        if !exact.is_empty() {
            let bpe = BPE.get_or_init(tiktoken_rs::o200k_base_singleton);
            self.exact_bytes += exact.len() as u64;
            self.exact_tokens += bpe.count_ordinary(exact) as u64;
        }
        self.further_bytes += further.len() as u64;
    }

    pub(crate) fn tokens(&self) -> u64 {
        let further = match self.exact_tokens {
            0 => self.further_bytes / BYTES_PER_TOKEN,
            tokens => self.further_bytes.saturating_mul(tokens) / self.exact_bytes.max(1),
        };
        self.exact_tokens + further
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> u64 {
        let mut words = Words::default();
        words.add(text);
        words.tokens()
    }

    #[test]
    fn text_is_counted_as_openai_counts_it() {
        assert_eq!(count(""), 0);
        assert_eq!(count("hello world"), 2);
        assert_eq!(count("tiktoken is great!"), 6);
        assert_eq!(count("<|endoftext|>"), count("<|endoftext|>"), "markers in a text are text");
    }

    #[test]
    fn what_follows_the_exact_part_is_as_dense_as_that_part() {
        let one = "Standin counts words. ";
        let (some, many) = (one.repeat(1000), one.repeat(100_000));
        let density = count(&some) as f64 / some.len() as f64;
        let estimate = count(&many) as f64 / many.len() as f64;
        assert!((density - estimate).abs() / density < 0.01, "{density} {estimate}");
        assert!(count(&"ü".repeat(EXACT_BYTES_MAX)) > 0, "no character is cut in two");
    }
}
