//! A program that uses one client library as its user would, and reports line by line what the library gave it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};
use standin_testkit::{now, skip};
use tempfile::TempDir;

use crate::{
    gateway::CALLER_KEY,
    python::{Program, tools},
    repository::root,
};

/// Where a library runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    JavaScript,
}

/// What a library told its user.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Report {
    /// The text of the answer.
    pub(crate) text: String,
    /// The tool call, as the library's user sees it.
    pub(crate) called: Option<Call>,
    pub(crate) count: Option<u64>,
    pub(crate) models: Vec<String>,
    pub(crate) error: Option<Failure>,
    /// The pieces of a streamed answer, as they came.
    #[serde(skip)]
    pub(crate) pieces: Vec<String>,
    #[serde(skip)]
    pub(crate) took: Duration,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// An error as the library's user sees it.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    /// The name of its class.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) message: String,
}

/// A line of the program.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// One piece of a stream is here.
    Piece(String),
    /// That was all.
    Done(Report),
}

/// A running program.
pub(crate) struct Driver {
    program: Program,
    _home: TempDir,
}

impl Driver {
    /// Starts the program of a language for one of its libraries; `None`, said aloud, where that cannot be installed.
    pub(crate) fn library(language: Language, client: &str, root_url: &str) -> Option<Self> {
        let mut command = match language {
            Language::Python => {
                let mut command = Command::new(clients_python()?);
                command.arg(support("sdk_client.py"));
                command
            }
            Language::JavaScript => {
                let mut command = Command::new("node");
                command.arg(support("sdk_client.cjs"));
                command.env("NODE_PATH", node_packages("sdks")?.join("node_modules"));
                command
            }
        };
        command.args([client, root_url, CALLER_KEY]);
        Some(Self::run(command))
    }

    /// Starts a coding agent that can reach nothing but the gateway behind the socket; `None`, said aloud, where that
    /// cannot be done.
    pub(crate) fn agent(name: &str, socket: &Path) -> Option<Self> {
        let packages = node_packages("agents")?.join("node_modules");
        let mut command = Command::new("unshare");
        command.args(["--net", "--pid", "--fork", "--kill-child", "--mount-proc", "python3"]);
        command.arg(support("alone.py")).arg(socket).arg(socket.with_extension("contacts"));
        command.arg("python3").arg(support("agent_client.py")).arg(name).arg(packages).arg(CALLER_KEY);
        Some(Self::run(command))
    }

    /// Runs it with a home of its own and nothing of ours in its environment.
    fn run(mut command: Command) -> Self {
        let home = tempfile::tempdir().unwrap();
        let kept = ["PATH", "NODE_PATH"].map(|name| (name, env::var_os(name)));
        let given: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
        command.env_clear();
        command.envs(kept.into_iter().filter_map(|(name, value)| Some((name, value?)))).envs(given);
        command.envs([("NO_PROXY", "127.0.0.1"), ("LANG", "C.UTF-8"), ("TERM", "xterm-256color")]);
        command.env("HOME", home.path()).current_dir(home.path());
        Self { program: Program::run(&mut command), _home: home }
    }

    /// Lets the client do one thing, and calls `seen` after each piece of a stream.
    pub(crate) fn ask(&mut self, what: &str, model: &str, mut seen: impl FnMut()) -> Report {
        let begun: Instant = now();
        self.program.tell(&json!({"do": what, "model": model}).to_string());
        let mut pieces = Vec::new();
        loop {
            let line =
                self.program.line().unwrap_or_else(|| panic!("the client ended while it should {what}"));
            let line = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            match line {
                Line::Piece(piece) => {
                    pieces.push(piece);
                    seen();
                }
                Line::Done(report) => return Report { pieces, took: now() - begun, ..report },
            }
        }
    }
}

fn support(script: &str) -> PathBuf {
    root().join("tests/support").join(script)
}

/// What a script of `tests/support` installs, by the path that it prints.
fn installed(what: &str, script: &str, set: &str) -> Result<PathBuf, String> {
    let made = Command::new("python3").arg(support(script)).arg(tools()).arg(set).output();
    let made = made.map_err(|error| format!("cannot run python3: {error}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if made.status.success() {
        Ok(PathBuf::from(text(&made.stdout)))
    } else {
        Err(format!("{what}: {}", text(&made.stderr)))
    }
}

fn or_skip(what: &str, made: &'static Result<PathBuf, String>) -> Option<&'static Path> {
    match made {
        Ok(path) => Some(path),
        Err(reason) => {
            skip(what, reason);
            None
        }
    }
}

/// The interpreter with all Python clients.
fn clients_python() -> Option<&'static Path> {
    static PYTHON: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| installed("Python clients", "environment.py", "clients"));
    or_skip("Python client libraries", &PYTHON)
}

/// The folder of one set of npm packages.
pub(crate) fn node_packages(set: &'static str) -> Option<&'static Path> {
    static SDKS: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| installed("npm packages", "node_packages.py", "sdks"));
    static AGENTS: LazyLock<Result<PathBuf, String>> =
        LazyLock::new(|| installed("npm packages", "node_packages.py", "agents"));
    or_skip("JavaScript client libraries and agents", if set == "sdks" { &SDKS } else { &AGENTS })
}
