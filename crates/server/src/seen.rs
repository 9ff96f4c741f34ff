//! Keys that were checked before: found again without a lock, and for a tenth of what SHA-256 costs.
//!
//! Only keys that are right are kept, so a stranger can neither fill it nor push anybody out.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::OnceLock,
};

/// Places for each caller: with this many, hardly two keys begin at the same one.
const PLACES_EACH: usize = 4;
/// Places that are looked at for one key.
const TRIES: usize = 8;

/// The keyed digest of a key. Its own keys are random and never leave the process, so nobody can aim at one, and how
/// long two of them take to compare says nothing about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u128);

/// Which caller's key has which tag.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    salt: RandomState,
    /// A power of two of them, or none.
    places: Box<[OnceLock<(Tag, usize)>]>,
}

impl Seen {
    /// Room for the keys of so many callers.
    pub(crate) fn with_room_for(callers: usize) -> Self {
        let places = (callers * PLACES_EACH).next_power_of_two();
        Self { salt: RandomState::new(), places: (0..places).map(|_| OnceLock::new()).collect() }
    }

    pub(crate) fn tag(&self, key: &[u8]) -> Tag {
        let mut hasher = self.salt.build_hasher();
        hasher.write(key);
        let high = u128::from(hasher.finish());
        // One more byte makes the other half; the key is read once.
        hasher.write_u8(1);
        Tag(high << 64 | u128::from(hasher.finish()))
    }

    /// The caller whose key this is, if it was kept.
    pub(crate) fn find(&self, tag: Tag) -> Option<usize> {
        let kept = self.near(tag).map_while(OnceLock::get);
        kept.into_iter().find(|(known, _)| *known == tag).map(|(_, who)| *who)
    }

    /// Remembers whose key this is. Where there is no place left nearby, the key stays as dear as it was.
    pub(crate) fn keep(&self, tag: Tag, who: usize) {
        let mut near = self.near(tag);
        // Somebody else may take a place in the same moment, perhaps for this very key.
        let _is_kept = near.any(|place| place.get_or_init(|| (tag, who)).0 == tag);
    }

    fn near(&self, tag: Tag) -> impl Iterator<Item = &OnceLock<(Tag, usize)>> {
        let mask = self.places.len().saturating_sub(1);
        // Any bits of it are as good as others.
        let first = usize::try_from(tag.0 & 0xffff_ffff).unwrap_or(0);
        (0..TRIES).filter_map(move |step| self.places.get((first + step) & mask))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_and_nothing_else() {
        let seen = Seen::with_room_for(3);
        let tags = [b"a", b"b", b"c", b"d"].map(|key| seen.tag(key));
        (0..3).for_each(|who| seen.keep(tags[who], who));
        assert_eq!(tags.map(|tag| seen.find(tag)), [Some(0), Some(1), Some(2), None]);
    }

    #[test]
    fn a_full_neighbourhood_forgets_nobody_and_takes_nobody() {
        let seen = Seen::with_room_for(1);
        let tags: Vec<Tag> = (0..50_u8).map(|key| seen.tag(&[key])).collect();
        tags.iter().enumerate().for_each(|(who, tag)| seen.keep(*tag, who));
        let found = tags.iter().enumerate().filter(|(who, tag)| seen.find(**tag) == Some(*who));
        assert_eq!(found.count(), PLACES_EACH);
        assert_eq!(Seen::default().find(tags[0]), None);
    }
}
