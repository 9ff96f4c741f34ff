//! Who else may read a file that holds secrets.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// Bits of a file's mode that let others than its owner at it.
const OTHERS: u32 = 0o077;

/// What to say about a file with secrets that others than its owner may read; nothing where there is no such file.
pub(crate) fn open_to_others(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let shown = path.display();
    (mode & OTHERS != 0).then(|| {
        format!("others can get at {shown} (mode {mode:03o}); make it readable by its owner only: chmod 600")
    })
}
