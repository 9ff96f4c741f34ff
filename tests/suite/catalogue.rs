//! The catalogue of faults: every line of `docs/faults.md` is held by a test whose name carries its id.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    repository::{root, sources},
    scenarios,
};

/// Lines that no test holds yet. The list only ever gets shorter.
const OWED: &str = "
";

/// The ids of the document, in its order.
fn lines() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/faults.md")).expect("read the catalogue");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    rows.filter(|id| is_id(&id.to_lowercase())).map(str::to_owned).collect()
}

/// A letter and one or two digits. Scenarios have three, so `s3` and `s003` are not confused.
fn is_id(word: &str) -> bool {
    let Some((letter, digits)) = word.split_at_checked(1) else { return false };
    letter.bytes().all(|byte| byte.is_ascii_lowercase())
        && matches!(digits.len(), 1 | 2)
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Every test that carries ids, by id: `d1_d2_…` carries two.
pub(crate) fn tests() -> BTreeMap<String, BTreeSet<String>> {
    marked(is_id)
}

/// Every test whose name begins with marks, by mark: the place and the name. Marks of other kinds may stand among them.
pub(crate) fn marked(is_mark: impl Fn(&str) -> bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in ["crates", "bins", "tests"].into_iter().flat_map(sources) {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            // Attributes stand above a function; whatever else stands there, it is no test.
            is_test = (is_test && line.starts_with("#["))
                || is_test_attribute(line)
                || (is_test && is_function(line));
            let Some(name) = line.split("fn ").nth(1).filter(|_| is_test && is_function(line)) else {
                continue;
            };
            let name = name.split('(').next().unwrap_or_default();
            let marks = name.split('_').take_while(|word| is_id(word) || scenarios::is_number(word));
            for id in marks.filter(|word| is_mark(word)) {
                found.entry(id.to_uppercase()).or_default().insert(format!("{path}: {name}"));
            }
            is_test = false;
        }
    }
    found
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[test") || line.starts_with("#[tokio::test") || line.starts_with("#[rstest")
}

fn is_function(line: &str) -> bool {
    line.starts_with("fn ") || line.starts_with("async fn ")
}

#[test]
fn every_line_of_the_catalogue_of_faults_is_held_by_a_test() {
    let (lines, tests) = (lines(), tests());
    assert_eq!(lines.len(), 84, "lines were lost, or the document is written in another way");
    let mut missing = Vec::new();
    for id in &lines {
        match tests.get(id) {
            Some(names) => println!("{id}\n  {}", names.iter().cloned().collect::<Vec<_>>().join("\n  ")),
            None => missing.push(id.as_str()),
        }
    }
    println!("{} of {} lines are held by {} tests", lines.len() - missing.len(), lines.len(), count(&tests));
    let owed: Vec<&str> = OWED.split_whitespace().collect();
    missing.retain(|id| !owed.contains(id));
    assert!(missing.is_empty(), "no test carries these ids: {missing:?}");
}

fn count(tests: &BTreeMap<String, BTreeSet<String>>) -> usize {
    tests.values().flatten().collect::<BTreeSet<_>>().len()
}

#[test]
fn no_test_carries_an_id_that_is_not_in_the_catalogue() {
    let lines: BTreeSet<String> = lines().into_iter().collect();
    // Persistence has its lines, and not yet its tests.
    let strangers: Vec<_> =
        tests().into_keys().filter(|id| !lines.contains(id) && !id.starts_with('P')).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}
