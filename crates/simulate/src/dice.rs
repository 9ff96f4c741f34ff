//! Chance that can be repeated: every throw is decided by a seed and a position, never by the order of throws.

use std::time::Duration;

/// A stream of throws. Streams of different seeds have nothing to do with each other.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(seed ^ mix(stream)) }
    }

    pub(crate) const fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number from 0 to 1, without 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        fraction(self.throw())
    }

    pub(crate) fn happens(&mut self, chance: f64) -> bool {
        self.fraction() < chance
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        let wide = u128::from(self.throw()) * (count as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    pub(crate) fn between(&mut self, span: [Duration; 2]) -> Duration {
        span[0] + span[1].saturating_sub(span[0]).mul_f64(self.fraction())
    }

    /// The time to the next of events that come `mean` apart on average and know nothing of each other.
    pub(crate) fn gap(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.fraction()).ln())
    }
}

/// One throw at a position, independent of all others.
pub(crate) fn chance_at(seed: u64, position: u64, chance: f64) -> bool {
    fraction(mix(seed ^ mix(position))) < chance
}

/// The upper 53 bits as a fraction.
fn fraction(throw: u64) -> f64 {
    const STEPS: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let steps = (throw >> 11) as f64;
    steps / STEPS
}

/// The finisher of `splitmix64`.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
