//! What the upstream itself said, ready to be shown: the innermost words, code, type and parameter, without secrets.

use standin_core::UpstreamError;

use crate::{
    Observed,
    envelope::{Leaf, Role},
    reading::Reading,
    scrub,
};

/// Bytes of a message that is passed on.
const MESSAGE_BYTES_MAX: usize = 2048;
/// Bytes of a code, type or parameter that is passed on.
const CODE_BYTES_MAX: usize = 128;

/// The error as the upstream put it.
pub(crate) fn error(seen: &Observed<'_>, reading: &Reading) -> UpstreamError {
    let envelope = &reading.envelope;
    let inner = |wanted: fn(Role) -> bool| {
        // Deeper lies nearer to the cause; of two at one depth the main field counts.
        let key = |leaf: &Leaf| (leaf.level, is_main(leaf.role), leaf.depth, std::cmp::Reverse(leaf.role));
        let mut best: Option<&Leaf> = None;
        for leaf in envelope.leaves.iter().filter(|leaf| wanted(leaf.role)) {
            let is_better = best.is_none_or(|best| key(best) <= key(leaf));
            if is_better && !envelope.text(leaf).trim().is_empty() {
                best = Some(leaf);
            }
        }
        best
    };
    let shown = |wanted: fn(Role) -> bool| {
        inner(wanted)
            .map(|leaf| scrub::scrub(envelope.text(leaf).trim(), CODE_BYTES_MAX))
            .filter(|text| text != "None")
    };
    let message = inner(|role| matches!(role, Role::Message(_)));
    UpstreamError {
        status: if reading.status == 0 { seen.status } else { reading.status },
        message: message
            .map_or_else(String::new, |leaf| scrub::scrub(envelope.text(leaf).trim(), MESSAGE_BYTES_MAX)),
        code: shown(|role| role == Role::Code),
        kind: shown(|role| role == Role::Kind),
        param: shown(|role| role == Role::Param),
    }
}

/// Whether a field is the main one of its kind.
const fn is_main(role: Role) -> bool {
    !matches!(role, Role::Message(2..))
}
