//! What the upstream itself said, ready to be shown: the innermost words, code, type and parameter, without secrets.

use standin_core::UpstreamError;

use crate::{
    Observed,
    envelope::{Leaf, Role},
    reading::Reading,
    scrub, text,
};

/// Bytes of a message that is passed on.
const MESSAGE_BYTES_MAX: usize = 2048;
/// Bytes of a code, type or parameter that is passed on.
const CODE_BYTES_MAX: usize = 128;

/// The error as the upstream put it.
pub(crate) fn error(seen: &Observed<'_>, reading: &Reading) -> UpstreamError {
    let envelope = &reading.envelope;
    let said = |leaf: &Leaf| Some(text::trim(envelope.text(leaf))).filter(|text| !text.is_empty());
    // Leaves are sorted: the last one of its kind lies deepest, nearest to the cause.
    let shown = |role: Role| {
        let last = envelope.leaves.iter().rev().filter(|leaf| leaf.role == role).find_map(said);
        last.map(|text| scrub::scrub(text, CODE_BYTES_MAX)).filter(|text| text != "None")
    };
    // Of two messages at one depth the main field counts.
    let key = |leaf: &Leaf| (leaf.level, is_main(leaf.role), leaf.depth, std::cmp::Reverse(leaf.role));
    let messages = envelope.leaves.iter().filter(|leaf| matches!(leaf.role, Role::Message(_)));
    let message = messages.filter_map(|leaf| Some((key(leaf), said(leaf)?))).max_by_key(|(key, _)| *key);
    UpstreamError {
        status: if reading.status == 0 { seen.status } else { reading.status },
        message: message.map_or_else(String::new, |(_, text)| scrub::scrub(text, MESSAGE_BYTES_MAX)),
        code: shown(Role::Code),
        kind: shown(Role::Kind),
        param: shown(Role::Param),
    }
}

/// Whether a field is the main one of its kind.
const fn is_main(role: Role) -> bool {
    !matches!(role, Role::Message(2..))
}
