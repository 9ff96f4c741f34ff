//! What a compiled rule and a family look like, and the static tables of all of them.
//!
//! How a rule is matched is told in `matching`.

use standin_core::{Certainty, ErrorClass, Layer, Scope};

/// Where a rule stands among the others, best evidence first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Says that no model was named at all, which would fool every other rule.
    Guard,
    /// A provider's code, type, reason or param.
    Structure,
    /// A provider's wording.
    Wording,
    /// Codes that mean the same nearly everywhere.
    GenericStructure,
    /// Wording that means the same nearly everywhere.
    GenericWording,
    /// A status together with the kind of body.
    Status,
}

impl Order {
    pub(crate) const fn layer(self) -> Layer {
        match self {
            Self::Structure => Layer::Structure,
            Self::Wording => Layer::Wording,
            Self::Guard | Self::GenericStructure | Self::GenericWording => Layer::Generic,
            Self::Status => Layer::Status,
        }
    }
}

/// A chain of segments, each with the numbers of its spellings.
#[derive(Debug)]
pub(crate) struct Pattern(pub(crate) &'static [&'static [u16]]);

/// One spelling of one segment of a phrase.
#[derive(Debug)]
pub(crate) struct Atom {
    pub(crate) text: &'static str,
    pub(crate) ends_word: bool,
}

/// One pack.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) is_generic: bool,
    pub(crate) hosts: &'static [&'static str],
    pub(crate) kin: &'static [&'static str],
    pub(crate) fabricates_codes: bool,
    pub(crate) reads_answers: bool,
}

/// One rule; see `build/schema.rs` for what each matcher means.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) family: usize,
    pub(crate) class: ErrorClass,
    pub(crate) scope: Option<Scope>,
    pub(crate) certainty: Certainty,
    pub(crate) order: Order,
    pub(crate) is_own: bool,
    pub(crate) statuses: &'static [(u16, u16)],
    pub(crate) codes: &'static [&'static str],
    pub(crate) params: &'static [&'static str],
    pub(crate) text: &'static [Pattern],
    pub(crate) also: &'static [Pattern],
    pub(crate) unless: &'static [Pattern],
    pub(crate) words: &'static [Pattern],
    pub(crate) is: u16,
    pub(crate) not: u16,
    pub(crate) header: Option<(&'static str, &'static str)>,
    pub(crate) note: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// Bytes of the longest name of a family.
const FAMILY_NAME_BYTES_MAX: usize = 32;

/// The family that goes by `name`.
pub(crate) fn family(name: &str) -> Option<usize> {
    let mut small = [0; FAMILY_NAME_BYTES_MAX];
    let small = small.get_mut(..name.len())?;
    small.copy_from_slice(name.as_bytes());
    small.make_ascii_lowercase();
    let at = FAMILY_NAMES.binary_search_by(|(known, _)| known.as_bytes().cmp(small)).ok()?;
    FAMILY_NAMES.get(at).map(|(_, family)| *family)
}

/// The provider family behind a host name, for [`crate::Observed::provider`].
#[must_use]
pub fn family_of_host(host: &str) -> Option<&'static str> {
    let host = host.to_ascii_lowercase();
    let is_at_end = |end: &&str| {
        host.strip_suffix(*end)
            .is_some_and(|start| start.is_empty() || start.ends_with('.') || end.starts_with('.'))
    };
    FAMILIES.iter().find(|family| family.hosts.iter().any(is_at_end)).map(|family| family.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_belongs_to_a_family_only_at_a_dot() {
        assert_eq!(family_of_host("api.openai.com"), Some("openai"));
        assert_eq!(family_of_host("API.OpenAI.com"), Some("openai"));
        assert_eq!(family_of_host("eu.api.openai.com"), Some("openai"));
        assert_eq!(family_of_host("notapi.openai.com"), None);
        assert_eq!(family_of_host("api.openai.com.example.org"), None);
    }

    #[test]
    fn no_two_families_answer_to_one_name_and_all_kin_exist() {
        assert!(FAMILY_NAMES.windows(2).all(|two| two[0].0 < two[1].0), "{FAMILY_NAMES:?}");
        for known in FAMILIES {
            assert!(known.kin.iter().all(|name| family(name).is_some()), "{:?}", known.kin);
        }
    }

    #[test]
    fn a_family_is_known_by_all_its_names_however_they_are_written() {
        for (name, at) in FAMILY_NAMES {
            assert_eq!(family(name), Some(*at), "{name}");
            assert_eq!(family(&name.to_ascii_uppercase()), Some(*at), "{name}");
        }
        for known in FAMILIES.iter().filter(|known| !known.is_generic) {
            assert_eq!(family(known.name).map(|at| FAMILIES[at].name), Some(known.name));
        }
        assert_eq!(family("generic"), None);
        assert_eq!(family(&"openai".repeat(20)), None);
    }
}
