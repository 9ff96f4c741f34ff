//! The documents, held against what the program really does: measured blocks and runnable commands.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use standin_testkit::skip;

use crate::{
    gateway::binary,
    python::Program,
    repository::{output, root},
};

/// With this set, measured blocks are written into the README instead of being compared with it.
const WRITE_VARIABLE: &str = "STANDIN_WRITE_README";
/// How the documents start the binary; the suite uses the one that it has built, which is the same but for speed.
const STARTS_THE_BINARY: &str = "cargo run --release --bin proxy --";
/// What the README shows of the demo.
const DEMO: &str = "cargo run --release --bin proxy -- demo --once";

/// Asserts that the README shows `measured` between the marks `<!-- NAME:begin -->` and `<!-- NAME:end -->`; `same` says
/// what of a text must be equal.
pub(crate) fn holds(name: &str, measured: &str, same: impl Fn(&str) -> String) {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).expect("read the README");
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("the README has no mark {begin}"));
    let (shown, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the README has no mark {end}"));
    if env::var_os(WRITE_VARIABLE).is_some() {
        fs::write(&path, format!("{before}{begin}\n{}\n\n{end}{after}", measured.trim()))
            .expect("write the README");
        return;
    }
    let help = "`just readme` writes what is measured into the README";
    assert_eq!(
        same(shown.trim()),
        same(measured.trim()),
        "the block {name} of the README is out of date; {help}"
    );
}

/// A text without what differs from run to run: numbers, ids, and the spaces that line them up.
fn without_figures(text: &str) -> String {
    let words = text.split_whitespace().map(|word| {
        let word = if word.starts_with("req_") { "req_" } else { word };
        word.replace(|letter: char| letter.is_ascii_digit() || letter == '.', "").replace('µ', "m")
    });
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The commands that the documents promise to work: lines with a `$ ` in front inside a block marked `console`.
fn commands() -> Vec<(PathBuf, String)> {
    let documents = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents = documents
        .chain([root().join("README.md")])
        .filter(|path| path.extension().is_some_and(|e| e == "md"));
    let mut found = Vec::new();
    for path in documents {
        let text = fs::read_to_string(&path).unwrap();
        let blocks =
            text.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
        for block in blocks {
            found.extend(
                block
                    .lines()
                    .filter_map(|line| line.strip_prefix("$ "))
                    .map(|line| (path.clone(), line.to_owned())),
            );
        }
    }
    found
}

/// A command line of the documents, as a command of the shell that uses the binary of the suite.
fn shell(line: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &line.replace(STARTS_THE_BINARY, "\"$STANDIN_BINARY\"")]);
    command.env("STANDIN_BINARY", binary()).current_dir(root()).stdin(Stdio::null());
    command
}

#[test]
fn every_command_of_the_documents_works() {
    let commands = commands();
    assert!(commands.iter().any(|(_, line)| line == DEMO), "the README begins with the demo: {commands:#?}");
    for (path, line) in commands {
        let done = shell(&line).output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}: `{line}`:\n{}", path.display(), String::from_utf8_lossy(&said));
    }
}

#[test]
fn the_readme_shows_what_the_demo_says() {
    let said = output(&mut shell(DEMO));
    assert!(!said.contains('\u{1b}'), "the demo is plain where nobody looks at it");
    holds("demo", &format!("```console\n$ {DEMO}\n{}\n```", said.trim_end()), without_figures);
}

#[test]
fn the_demo_goes_on_and_its_curl_line_works() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        return skip("the curl line of the demo", "there is no curl");
    }
    let demo = Program::run(Command::new(binary()).arg("demo"));
    let mut curl = String::new();
    while let Some(line) = demo.line() {
        let line = line.trim();
        if line.starts_with("curl ") || !curl.is_empty() {
            curl.push_str(line);
            curl.push('\n');
            if !line.ends_with('\\') {
                break;
            }
        }
    }
    let answer = output(Command::new("bash").args(["-c", &curl]));
    assert!(answer.trim_end().ends_with("data: [DONE]"), "{curl}\n{answer}");
}
