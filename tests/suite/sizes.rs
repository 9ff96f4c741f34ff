//! Small rooms: no file that holds two nouns, no logic in the binary, nothing silenced without a reason.

use crate::repository::sources;

/// Longest a source file may be; style asks for 400, this is where the suite stops smiling.
const FILE_LINES_MAX: usize = 450;
/// Longest all sources of the binary may be together: it is wiring.
const BINARY_LINES_MAX: usize = 300;

fn everything() -> Vec<(String, String)> {
    ["crates", "bins", "tests"].into_iter().flat_map(sources).collect()
}

#[test]
fn no_source_file_is_longer_than_one_noun_needs() {
    let files = everything().into_iter().map(|(path, text)| (path, text.lines().count()));
    let long: Vec<_> = files.filter(|(_, lines)| *lines > FILE_LINES_MAX).collect();
    assert!(long.is_empty(), "more than {FILE_LINES_MAX} lines: {long:#?}");
}

#[test]
fn the_binary_is_wiring() {
    let lines: usize = sources("bins/proxy/src").iter().map(|(_, text)| text.lines().count()).sum();
    assert!(lines < BINARY_LINES_MAX, "bins/proxy has {lines} lines, wiring fits in {BINARY_LINES_MAX}");
}

#[test]
fn lints_are_expected_with_a_reason_and_nothing_is_left_for_later() {
    // Spelled in two parts, so that this file does not find itself.
    let marks =
        [concat!("#[al", "low("), concat!("#![al", "low("), concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for (path, text) in everything() {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
