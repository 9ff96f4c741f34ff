//! `SECURITY.md` claims what tests hold, and nothing else.

use std::{collections::BTreeSet, fs};

use crate::repository::{root, sources};

/// Names of all functions of tests.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, text) in ["crates", "bins", "tests"].into_iter().flat_map(sources) {
        let starts = text.lines().filter_map(|line| {
            let line = line.trim();
            line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "))
        });
        names.extend(starts.map(|rest| rest.split(['(', '<']).next().unwrap_or_default().to_owned()));
    }
    names
}

/// What stands in backticks and is a name of several words.
fn named(text: &str) -> Vec<&str> {
    let is_name = |word: &&str| {
        word.matches('_').count() > 3 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text.split('`').skip(1).step_by(2).filter(is_name).collect()
}

#[test]
fn every_claim_of_the_threat_model_names_a_test_that_is_there() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("read SECURITY.md");
    let functions = functions();
    let missing: Vec<&str> = named(&text).into_iter().filter(|name| !functions.contains(*name)).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that are not there: {missing:#?}");

    let claims: Vec<&str> = text.split("\n- ").skip(1).collect();
    let claims: Vec<&str> =
        claims.iter().map(|claim| claim.split("\n\n").next().unwrap_or_default()).collect();
    assert!(claims.len() > 30, "{} claims were found", claims.len());
    let bare: Vec<_> = claims
        .into_iter()
        .filter(|claim| named(claim).is_empty())
        // What somebody can do needs no test, and two lines say where to look instead.
        .filter(|claim| {
            !claim.starts_with("**Can**") && !claim.contains("forbid") && !claim.contains("just fuzz")
        })
        .collect();
    assert!(bare.is_empty(), "claims without a test: {bare:#?}");
}
