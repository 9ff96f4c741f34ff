//! What a base URL in a configuration means.
//!
//! People write it with the version, without it, or copy a whole call. The rule is: a path that names a version
//! anywhere is complete, a path without one gets the family's, and one that ends in a call is cut off before it and
//! then complete. The last is also the way to name the few servers that have no version at all.

/// The path under which all operations stand, from the path of the base URL. `version` is the one that is meant where
/// none is written, `calls` are the paths of known calls, longer ones before their own ends.
pub(crate) fn base_path<'c>(path: &str, version: &str, mut calls: impl Iterator<Item = &'c str>) -> String {
    let path = path.trim_end_matches('/');
    if let Some(before) = calls.find_map(|call| path.strip_suffix(call)) {
        return before.to_owned();
    }
    match path.split('/').any(is_version) {
        true => path.to_owned(),
        false => format!("{path}{version}"),
    }
}

/// `v1`, `v3`, `v1beta`, `v1alpha2`: a `v`, digits, and perhaps the name and number of a preview.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return false };
    let preview = rest.trim_start_matches(|at: char| at.is_ascii_digit());
    if preview.len() == rest.len() {
        return false;
    }
    let name = preview.trim_end_matches(|at: char| at.is_ascii_digit());
    preview.is_empty() || matches!(name, "alpha" | "beta" | "preview")
}

#[cfg(test)]
mod tests {
    fn base_path(path: &str) -> String {
        let calls = ["/chat/completions", "/completions", "/embeddings"];
        super::base_path(path, "/v1", calls.into_iter())
    }

    #[test]
    fn a_base_path_with_a_version_is_complete() {
        for path in [
            "/v1",
            "/api/v1",
            "/api/v3",
            "/v1beta/openai",
            "/openai/v1",
            "/v4/paas",
            "/v1/accounts/acc/ai",
            "/v1alpha2",
            "/v2preview",
        ] {
            assert_eq!(base_path(path), path);
        }
    }

    #[test]
    fn a_base_path_without_a_version_gets_one() {
        for (path, whole) in [("", "/v1"), ("/", "/v1"), ("/api", "/api/v1"), ("/openai/", "/openai/v1")] {
            assert_eq!(base_path(path), whole);
        }
    }

    #[test]
    fn words_that_only_begin_like_a_version_are_none() {
        for path in ["/v", "/vertex", "/v1x", "/version1", "/v1beta-openai", "/vbeta"] {
            assert_eq!(base_path(path), format!("{path}/v1"));
        }
    }

    #[test]
    fn a_whole_call_names_its_base_even_without_a_version() {
        assert_eq!(base_path("/inference/chat/completions"), "/inference");
        assert_eq!(base_path("/v1/chat/completions/"), "/v1");
        assert_eq!(base_path("/chat/completions"), "");
        assert_eq!(base_path("/v1/embeddings"), "/v1");
    }
}
