//! The profile that tells the compiler which paths are hot (decision 12): the release build has it, and no other.

use std::process::Command;

use crate::repository::{output, root};

/// What the wrapper would have rustc called with.
fn flags(of: &[&str], taking: Option<&str>) -> String {
    let mut wrapper = Command::new(root().join("bench/profile/rustc.sh"));
    wrapper.arg("echo").args(of).env_remove("STANDIN_PROFILE");
    output(wrapper.envs(taking.map(|folder| ("STANDIN_PROFILE", folder)))).trim_end().to_owned()
}

#[test]
fn only_a_release_build_is_told_which_paths_are_hot() {
    let file = root().join("bench/profile/proxy.profdata");
    assert!(file.is_file(), "{} is not there: `just profile` takes it", file.display());
    let told = format!("-Cprofile-use={}", file.display());
    // What cargo says for a crate that ends in a binary with fat LTO, and for that binary.
    for release in ["linker-plugin-lto", "lto=fat"] {
        assert!(flags(&["-C", release], None).contains(&told), "{release}");
        let taking = flags(&["-C", release], Some("/taken"));
        assert!(taking.contains("-Cprofile-generate=/taken") && !taking.contains("profile-use"), "{taking}");
    }
    for taking in [None, Some("/taken")] {
        assert_eq!(flags(&["-C", "opt-level=3", "a b"], taking), "-C opt-level=3 a b");
    }
}
