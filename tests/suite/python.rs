//! The suite's own Python environment, and the programs that run in it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use standin_testkit::skip;

use crate::repository::{root, target};

/// How long a program may keep the suite waiting for its next line, on a busy machine.
const LINE_MAX: Duration = Duration::from_secs(60);

/// Where tools live that the suite installs.
pub(crate) fn tools() -> PathBuf {
    env::var_os("STANDIN_TOOLS").map_or_else(|| target().join("tools"), PathBuf::from)
}

/// The interpreter with the pinned packages; `None`, said aloud, where it cannot be made.
pub(crate) fn python() -> Option<&'static Path> {
    static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let script = root().join("tests/support/environment.py");
        let made = Command::new("python3").arg(script).arg(tools()).output();
        let made = made.map_err(|error| format!("cannot run python3: {error}"))?;
        let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        if made.status.success() { Ok(PathBuf::from(text(&made.stdout))) } else { Err(text(&made.stderr)) }
    });
    match &*PYTHON {
        Ok(path) => Some(path),
        Err(reason) => {
            skip("real servers and real client libraries", reason);
            None
        }
    }
}

/// A program that talks line by line; it is killed with this value.
pub(crate) struct Program {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Program {
    /// Starts a script of `tests/support`.
    pub(crate) fn start(python: &Path, script: &str, arguments: &[&str]) -> Self {
        Self::run(Command::new(python).arg(root().join("tests/support").join(script)).args(arguments))
    }

    /// Sends it a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        crate::repository::output(
            Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]),
        );
    }

    /// Starts any command with its lines in our hands.
    pub(crate) fn run(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let lines = follow(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// The next line; `None` when it says no more.
    pub(crate) fn line(&self) -> Option<String> {
        self.line_within(LINE_MAX)
    }

    /// The next line of a program that may take so long for it.
    pub(crate) fn line_within(&self, most: Duration) -> Option<String> {
        match self.lines.recv_timeout(most) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("a program said nothing for {most:?}"),
        }
    }

    /// Says a line to it.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").expect("tell a program something");
    }

    /// Kills it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end, and says whether that was a good one.
    pub(crate) fn succeeds(mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads lines in a thread of its own, so that waiting for one can have an end.
fn follow(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
