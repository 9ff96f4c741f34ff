//! A process under measurement: started on its core, asked what it has used, stopped in good order.
//!
//! Everything comes from `/proc`; it does not know what the process does.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::clock;

/// Longest a process may take until it accepts connections; callgrind makes a start fifty times slower.
const READY_MAX: Duration = Duration::from_secs(30);
/// Longest a process may take to end after it was told to.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How often a process is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// Nanoseconds of one clock tick of `/proc/PID/stat`.
const TICK_NANOS: u64 = 10_000_000;

/// How a process is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Start {
    /// The cores it may use, as `taskset` reads them; without any, those of this process.
    pub(crate) cores: Option<String>,
    /// A program that runs and watches the process, with its arguments.
    pub(crate) watcher: Vec<String>,
    /// Where what it says goes.
    pub(crate) log: PathBuf,
}

/// A running process; it ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Process {
    /// Starts `program` and does not wait for anything.
    pub(crate) fn spawn<A: AsRef<OsStr>>(start: &Start, program: &Path, args: &[A]) -> anyhow::Result<Self> {
        let mut words: Vec<&OsStr> = Vec::new();
        if let Some(cores) = &start.cores {
            words.extend(["taskset", "-c", cores].map(OsStr::new));
        }
        words.extend(start.watcher.iter().map(OsStr::new));
        words.push(program.as_os_str());
        words.extend(args.iter().map(AsRef::as_ref));
        let (first, rest) = words.split_first().context("a command has a first word")?;
        let log = fs::File::create(&start.log).with_context(|| format!("write {}", start.log.display()))?;
        let started = clock::now();
        let child = Command::new(first)
            .args(rest)
            .env("STANDIN_LOG", "error")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", first.display()))?;
        Ok(Self { child, started, log: start.log.clone() })
    }

    /// Waits until it answers as one that is ready and says how long that took since it was started.
    pub(crate) fn wait_until_ready(&mut self, address: SocketAddr) -> anyhow::Result<Duration> {
        while !is_ready(address) {
            let took = clock::now().duration_since(self.started);
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}: {}", self.said());
            }
            ensure!(took < READY_MAX, "not ready after {READY_MAX:?}: {}", self.said());
            thread::sleep(LOOK_EVERY);
        }
        Ok(clock::now().duration_since(self.started))
    }

    /// CPU time of all its threads so far, in nanoseconds.
    pub(crate) fn cpu_nanos(&self) -> anyhow::Result<u64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).context("read its threads")?;
        let mut sum = 0;
        for task in tasks {
            // The scheduler counts nanoseconds where it counts at all; the ticks are always there.
            let path = task?.path();
            sum += match fs::read_to_string(path.join("schedstat")) {
                Ok(text) => first_number(&text).context("read schedstat")?,
                Err(_) => ticks(&fs::read_to_string(path.join("stat"))?).context("read stat")? * TICK_NANOS,
            };
        }
        Ok(sum)
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("find VmRSS")?;
        first_number(line).context("read VmRSS")
    }

    /// Asks it to end and waits until it has. Watched by strace, it is the child that is asked.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let asked = first_number(&children).unwrap_or(u64::from(id));
        Command::new("sh").args(["-c", &format!("kill -TERM {asked}")]).status()?;
        let start = clock::now();
        while self.child.try_wait()?.is_none() {
            ensure!(clock::now().duration_since(start) < STOP_MAX, "still running after {STOP_MAX:?}");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or nobody needs its last words.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps this process, and what it starts without a core of its own, on `core`.
pub(crate) fn pin_self(core: usize) -> anyhow::Result<()> {
    let id = std::process::id().to_string();
    let output = Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &id]).output()?;
    ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Whether something answers there and does not ask for patience. What is passed on is answered by the mock.
fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 ") && !answer.starts_with(b"HTTP/1.1 503"))
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Where a program is, if it is installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Servers stand where the path of an ordinary user does not lead.
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places.map(|place| place.join(program)).find(|file| file.is_file())
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

/// User and system ticks of a line of `stat`; the name before them may hold anything but a last parenthesis.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_read_behind_any_name() {
        assert_eq!(ticks("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 30 12 0 0 20 0 1 0"), Some(42));
    }

    #[test]
    fn this_process_uses_memory() {
        let start = Start { log: std::env::temp_dir().join("standin-bench-self.log"), ..Start::default() };
        let process = Process::spawn(&start, Path::new("sleep"), &["5"]).expect("start sleep");
        assert!(process.rss_kib().is_ok());
        assert!(process.cpu_nanos().is_ok());
        process.stop().expect("stop sleep");
    }
}
