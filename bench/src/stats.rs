//! Small arithmetic over samples. It knows no units but nanoseconds and microseconds.

/// A count as a number to calculate with.
pub(crate) fn float(count: u64) -> f64 {
    // Counts and nanoseconds of a run stay far below 2^53.
    count as f64
}

/// Nanoseconds in microseconds.
pub(crate) fn micros(nanos: u64) -> f64 {
    float(nanos) / 1_000.0
}

/// The median and the ninety-ninth percentile of nanoseconds, in microseconds; zero of nothing.
pub(crate) fn percentiles(nanos: &mut [u64]) -> (f64, f64) {
    nanos.sort_unstable();
    let at = |percent: usize| {
        let index = (nanos.len() * percent / 100).min(nanos.len().saturating_sub(1));
        nanos.get(index).copied().map_or(0.0, micros)
    };
    (at(50), at(99))
}

/// The smallest value: neighbours on a shared machine only ever add.
pub(crate) fn best(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.min_by(f64::total_cmp)
}

/// The middle value.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_edge_of_a_hundred() {
        let mut nanos: Vec<u64> = (1..=100).rev().map(|n| n * 1_000).collect();
        assert_eq!(percentiles(&mut nanos), (51.0, 100.0));
        assert_eq!(percentiles(&mut []), (0.0, 0.0));
    }

    #[test]
    fn the_best_is_the_smallest_and_the_median_the_middle() {
        let values = [3.0, 1.0, 2.0];
        assert_eq!(best(values.into_iter()), Some(1.0));
        assert_eq!(median(values.into_iter()), Some(2.0));
        assert_eq!(median([].into_iter()), None);
    }
}
