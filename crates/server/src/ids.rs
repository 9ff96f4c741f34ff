//! Ids of requests: unique within a deployment, cheap, and good for nothing but telling requests apart.

use std::sync::atomic::{AtomicU64, Ordering};

use standin_core::RequestId;

/// Gives ids.
#[derive(Debug)]
pub struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that begin at a place which `seed` decides; two processes want two seeds.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { next: AtomicU64::new(seed) }
    }

    /// The next id.
    pub fn next(&self) -> RequestId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // A fixed bijection spreads neighbours, so that ids are told apart at a glance.
        let spread = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut text = *b"req_0000000000000000";
        for (at, place) in text[4..].iter_mut().enumerate() {
            let nibble = usize::try_from((spread >> (60 - 4 * at)) & 15).unwrap_or(0);
            *place = b"0123456789abcdef"[nibble];
        }
        RequestId::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_have_one_shape() {
        let ids = RequestIds::new(7);
        let mut seen: Vec<_> = (0..1000).map(|_| ids.next().to_string()).collect();
        assert!(seen.iter().all(|id| id.len() == 20 && id.starts_with("req_")));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
    }
}
