//! Spread without a random number: the same seed gives the same jitter on every machine.

use std::time::Duration;

/// A fraction of `most`, decided by `seed` and by how often it was asked before.
pub(crate) fn jitter(seed: u64, turn: u64, most: Duration) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let wide = u128::from(mix(seed ^ mix(turn))) * u128::from(nanos);
    Duration::from_nanos(u64::try_from(wide >> 64).unwrap_or(nanos))
}

/// The finisher of `splitmix64`: every input bit reaches every output bit.
pub(crate) const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
