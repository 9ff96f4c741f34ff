//! The documents, held against what the program really does: measured blocks and runnable commands.

use std::{env, fs};

use crate::repository::root;

/// With this set, measured blocks are written into the README instead of being compared with it.
const WRITE_VARIABLE: &str = "STANDIN_WRITE_README";

/// Asserts that the README shows `measured` between the marks `<!-- NAME:begin -->` and `<!-- NAME:end -->`.
pub(crate) fn holds(name: &str, measured: &str) {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).expect("read the README");
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("the README has no mark {begin}"));
    let (shown, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the README has no mark {end}"));
    if env::var_os(WRITE_VARIABLE).is_some() {
        fs::write(&path, format!("{before}{begin}{measured}{end}{after}")).expect("write the README");
        return;
    }
    let help = "`just readme` writes what is measured into the README";
    assert_eq!(
        shown.trim(),
        measured.trim(),
        "the block {name} of the README is not what was measured now; {help}"
    );
}
