//! What the binary is built from, and how: locked, counted, pinned, and given away with its checksums.

use std::{fs, path::PathBuf};

use crate::{
    arrows::tree,
    repository::{output, root},
};

/// Packages that the binary may be built on, our own rooms included.
const PACKAGES_MAX: usize = 220;
/// Commands of Cargo that resolve dependencies, and must not do it anew.
const RESOLVING: [&str; 8] = ["build", "test", "clippy", "doc", "install", "nextest", "run", "bench"];

/// The scripts that build, test and release, with their paths.
fn scripts() -> Vec<(String, String)> {
    let tracked = output(std::process::Command::new("git").args(["ls-files"]).current_dir(root()));
    let is_script = |path: &&str| {
        path.ends_with(".sh") || path.ends_with(".yml") || path.ends_with(".yaml") || *path == "justfile"
    };
    let read = |path: &str| fs::read_to_string(root().join(path)).ok().map(|text| (path.to_owned(), text));
    tracked.lines().filter(is_script).filter_map(read).collect()
}

#[test]
fn x1_everything_is_built_from_the_lock_file_and_from_one_registry() {
    let scripts = scripts();
    assert!(scripts.len() > 5, "{scripts:?}");
    let mut unlocked = Vec::new();
    for (path, text) in &scripts {
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let resolves = |command: &str| {
                line.contains(&format!("cargo {command}")) || line.contains(&format!("auditable {command}"))
            };
            if RESOLVING.into_iter().any(resolves) && !line.contains("--locked") {
                unlocked.push(format!("{path}: {}", line.trim()));
            }
        }
    }
    assert!(unlocked.is_empty(), "{unlocked:#?}");

    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let sources: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    let checksums = lock.lines().filter(|line| line.starts_with("checksum = ")).count();
    assert!(sources.len() > 100 && sources.len() == checksums, "every foreign package has its checksum");
    let strangers: Vec<_> = sources
        .iter()
        .filter(|source| !source.contains("registry+https://github.com/rust-lang/crates.io-index"))
        .collect();
    assert!(strangers.is_empty(), "{strangers:?}");

    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    for rule in
        ["unknown-registry = \"deny\"", "unknown-git = \"deny\"", "yanked = \"deny\"", "wildcards = \"deny\""]
    {
        assert!(deny.contains(rule), "deny.toml no longer says {rule}");
    }
}

#[test]
fn x2_actions_of_the_pipeline_are_pinned_by_digest_and_may_only_read() {
    let folder = root().join(".github/workflows");
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.display();
        for line in
            text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("uses: "))
        {
            let (_, pin) = line.split_once('@').unwrap_or((line, ""));
            let digest = pin.split(' ').next().unwrap_or_default();
            let is_digest = digest.len() == 40 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                is_digest && pin.contains("# v"),
                "{shown}: {line} is not pinned by digest with its version"
            );
        }
        assert!(
            text.contains("\npermissions:\n  contents: read\n"),
            "{shown} does not say that it only reads"
        );
        for word in ["pull_request_target", "workflow_run", ": write", "secrets."] {
            assert!(!text.contains(word), "{shown}: {word}");
        }
    }
}

#[test]
fn x3_the_binary_stands_on_a_bounded_number_of_packages_and_its_release_can_be_checked() {
    let below = tree("proxy");
    assert!(below.len() <= PACKAGES_MAX, "{} packages, at most {PACKAGES_MAX}", below.len());
    println!("the binary is built on {} packages", below.len());

    let release = fs::read_to_string(root().join("tests/support/release.sh")).unwrap();
    for part in
        ["--locked", "--remap-path-prefix", "SOURCE_DATE_EPOCH", "auditable build", "parts.py", "sha256sum"]
    {
        assert!(release.contains(part), "the release recipe lost {part}");
    }
    let profile = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let profile = profile.split("[profile.release]").nth(1).unwrap();
    for part in ["codegen-units = 1", "strip = \"symbols\""] {
        assert!(profile.contains(part), "the release profile lost {part}");
    }
}
