//! What `docs/clients.md` says of versions, held against what the suite installs.

use std::fs;

use crate::repository::root;

/// The rows of its table: client and version.
fn rows(document: &str) -> Vec<(&str, &str)> {
    let rows = document.lines().filter(|line| line.starts_with("| ["));
    let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[1].split(['[', ']']).nth(1).unwrap(), cells[2])).collect()
}

/// How a client is pinned, as it stands in the file that pins it.
fn pin(client: &str, version: &str) -> String {
    let npm = |package: &str| format!("\"{package}\": \"{version}\"");
    match client {
        "Codex CLI" => npm("@openai/codex"),
        "Claude Code" => npm("@anthropic-ai/claude-code"),
        "Gemini CLI" => npm("@google/gemini-cli"),
        "opencode" => npm("opencode-linux-x64-baseline"),
        "openai for JavaScript" => npm("openai"),
        "anthropic for JavaScript" => npm("@anthropic-ai/sdk"),
        "google-genai for JavaScript" => npm("@google/genai"),
        "AI SDK" => npm("ai"),
        python => format!("{}=={version}", python.trim_end_matches(" for Python")),
    }
}

#[test]
fn the_document_of_the_clients_names_the_versions_that_the_suite_runs() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let support = "tests/support";
    let pins = ["python-clients.txt", "node/sdks/package.json", "node/agents/package.json"]
        .map(|name| read(&format!("{support}/{name}")))
        .concat();
    let document = read("docs/clients.md");
    let rows = rows(&document);
    assert!(rows.len() > 10, "{rows:?}");
    let wrong: Vec<_> =
        rows.iter().filter(|(client, version)| !pins.contains(&pin(client, version))).collect();
    assert!(wrong.is_empty(), "other versions are installed of {wrong:?}");
    let providers = document.split('`').filter(|part| part.starts_with("@ai-sdk/"));
    let unknown: Vec<_> = providers.filter(|name| !pins.contains(&format!("\"{name}\""))).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not installed");
}
