//! The numbered scenarios: every rule is a test whose name carries the number, and the page of them is made of the tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write,
    fs,
};

use crate::{catalogue::marked, repository::root};

/// How many scenarios there are.
const COUNT: u32 = 128;
/// What is not there yet, and why.
const LATER: [(u32, &str); 4] = [
    (40, "suffixed names such as `P(low)` are no names of their own yet"),
    (105, "suffixed names share cursor, state and binding with their base once there are any"),
    (122, "suspensions are not written down yet, so none survives a restart"),
    (123, "suspensions are not written down yet, so nothing can wait for it"),
];
/// With this set, the page is written instead of being compared.
const WRITE_VARIABLE: &str = "UPDATE_DOCS";

/// `s` and three digits.
pub(crate) fn is_number(word: &str) -> bool {
    word.len() == 4 && word.starts_with('s') && word[1..].bytes().all(|byte| byte.is_ascii_digit())
}

/// Number by number, what its tests say and where they stand.
fn held() -> BTreeMap<u32, Vec<(String, String)>> {
    let mut held: BTreeMap<u32, Vec<(String, String)>> = BTreeMap::new();
    for (mark, tests) in marked(is_number) {
        let number = mark[1..].parse().expect("three digits are a number");
        for test in tests {
            let (path, name) = test.split_once(": ").expect("a place and a name");
            held.entry(number).or_default().push((rule(name), place(path)));
        }
    }
    held
}

/// The rule in a test's name.
fn rule(name: &str) -> String {
    let words: Vec<&str> = name.split('_').skip_while(|word| word.len() < 5 && ends_in_digit(word)).collect();
    words.join(" ")
}

fn ends_in_digit(word: &str) -> bool {
    word.ends_with(|letter: char| letter.is_ascii_digit())
}

/// `crates/policy/tests/scenarios/pools.rs` is `policy: pools`.
fn place(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let file = parts.last().map_or("", |file| file.trim_end_matches(".rs"));
    let room = if parts[0] == "tests" { "tests" } else { parts.get(1).copied().unwrap_or_default() };
    format!("{room}: {file}")
}

fn page(held: &BTreeMap<u32, Vec<(String, String)>>) -> String {
    let mut page = "# Scenarios\n\nWhat a correct gateway does, as numbered rules. Each is a test that carries the number in its name; \
                    this page is made of\nthose names (`UPDATE_DOCS=1 cargo test -p standin-tests --test suite scenarios`), \
                    and `just scenarios` runs them.\n\n| number | rule | held by |\n|---|---|---|\n"
        .to_owned();
    for number in 1..=COUNT {
        for (rule, place) in held.get(&number).into_iter().flatten() {
            let _ = writeln!(page, "| {number} | {rule} | {place} |");
        }
        if let Some((_, why)) = LATER.iter().find(|(later, _)| *later == number) {
            let _ = writeln!(page, "| {number} | later: {why} | – |");
        }
    }
    page
}

#[test]
fn every_scenario_has_a_test_that_carries_its_number_and_the_page_shows_them_all() {
    let held = held();
    let later = |number: &u32| LATER.iter().any(|(later, _)| later == number);
    let missing: Vec<u32> =
        (1..=COUNT).filter(|number| !held.contains_key(number) && !later(number)).collect();
    assert!(missing.is_empty(), "no test carries these numbers: {missing:?}");
    let strangers: Vec<&u32> = held.keys().filter(|number| later(number) || **number > COUNT).collect();
    assert!(strangers.is_empty(), "later, or no scenario at all, and yet there are tests: {strangers:?}");
    let (file, page) = (root().join("docs/scenarios.md"), page(&held));
    if env::var_os(WRITE_VARIABLE).is_some() {
        fs::write(&file, page).expect("write the page");
        return;
    }
    // More tests than the page shows are welcome; a rule that it shows and nobody holds is not.
    let shown = fs::read_to_string(&file).unwrap_or_default();
    let rows = |text: &str| -> BTreeSet<String> {
        text.lines().filter(|line| line.starts_with("| ")).map(str::to_owned).collect()
    };
    let stale: Vec<String> = rows(&shown).difference(&rows(&page)).cloned().collect();
    let absent: Vec<u32> = (1..=COUNT).filter(|number| !shown.contains(&format!("\n| {number} |"))).collect();
    let help = "UPDATE_DOCS=1 cargo test -p standin-tests --test suite scenarios";
    assert!(
        stale.is_empty() && absent.is_empty(),
        "{help} writes docs/scenarios.md anew: {stale:#?} {absent:?}"
    );
}
