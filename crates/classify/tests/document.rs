//! The page that tells the classes and rules is the one that the code writes.

use std::{env, fs, path::PathBuf};

#[test]
fn the_page_of_errors_says_what_the_code_decides() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let written = standin_classify::errors_markdown();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, &written).unwrap();
    }
    let found = fs::read_to_string(&page).unwrap_or_default();
    assert!(
        found == written,
        "docs/errors.md is out of date: UPDATE_DOCS=1 cargo test -p standin-classify --test document"
    );
}
