//! The real binary as a child process, with a configuration of its own, on a port of its own.

use std::{
    collections::BTreeMap,
    env, fmt,
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::LazyLock,
    time::Duration,
};

use serde_json::Value;
use standin_core::Dialect;
use standin_testkit::{client, grammar};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::repository::{cargo, output};

/// The callers' key of every gateway of the suite.
pub(crate) const CALLER_KEY: &str = "suite-caller-0123456789abcdef";

/// The name of its configuration, in a folder of its own.
const FILE: &str = "proxy.toml";
/// How long a gateway may take from its start to its first request, on a busy machine.
const START_MAX: Duration = Duration::from_secs(20);
/// How often we look whether it has said that it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The path of the binary, built if the suite was not told where it is.
pub(crate) fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(path) = env::var_os("STANDIN_PROXY") {
            return PathBuf::from(path);
        }
        let build = ["build", "--locked", "--bin", "proxy", "--message-format", "json-render-diagnostics"];
        let lines = output(cargo().args(build));
        let messages = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let path =
            messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
        path.expect("cargo names the binary that it built")
    });
    &BINARY
}

/// One `[[upstream]]` table of a configuration.
pub(crate) struct Upstream {
    name: String,
    base_url: String,
    keys: Vec<(String, String)>,
    models: BTreeMap<String, Vec<String>>,
    first_byte: &'static str,
    limits: Option<&'static str>,
    more: String,
}

impl Upstream {
    /// An upstream of the openai-compat kind.
    pub(crate) fn new(name: &str, base_url: &str) -> Self {
        let (name, base_url) = (name.to_owned(), base_url.to_owned());
        Self {
            name,
            base_url,
            keys: Vec::new(),
            models: BTreeMap::new(),
            first_byte: "60s",
            limits: None,
            more: String::new(),
        }
    }

    /// Adds a credential; its id is the key with the upstream's name before it.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.keys.push((format!("{}-{key}", self.name), key.to_owned()));
        self
    }

    /// Adds a credential under an id of its own.
    pub(crate) fn credential(mut self, id: &str, key: &str) -> Self {
        self.keys.push((id.to_owned(), key.to_owned()));
        self
    }

    /// Adds a name by which callers ask for a model.
    pub(crate) fn model(mut self, name: &str, alias: &str) -> Self {
        self.models.entry(name.to_owned()).or_default().push(alias.to_owned());
        self
    }

    /// Adds any lines to its table.
    pub(crate) fn line(mut self, lines: &str) -> Self {
        self.more += lines;
        self
    }

    /// Changes all its limits; the line replaces the one about the first byte.
    pub(crate) fn limits(mut self, line: &'static str) -> Self {
        self.limits = Some(line);
        self
    }

    /// Changes how long a first byte may take.
    pub(crate) fn first_byte(mut self, limit: &'static str) -> Self {
        self.first_byte = limit;
        self
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, base_url, keys, models, first_byte, limits, more } = self;
        writeln!(f, "[[upstream]]\nname = {name:?}\nkind = \"openai-compat\"\nbase_url = {base_url:?}")?;
        match limits {
            Some(line) => writeln!(f, "{line}")?,
            None => writeln!(f, "timeouts = {{ first_byte = {first_byte:?} }}")?,
        }
        f.write_str(more)?;
        for (id, key) in keys {
            writeln!(f, "[[upstream.credential]]\nid = {id:?}\nkey = {key:?}")?;
        }
        for (name, aliases) in models {
            writeln!(f, "[[upstream.model]]\nname = {name:?}\nalias = {aliases:?}")?;
        }
        Ok(())
    }
}

/// Bytes of memory that are really there, now and at their highest since the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) now: usize,
    pub(crate) peak: usize,
}

/// A running gateway; it ends with this value.
pub(crate) struct Gateway {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Gateway {
    /// Starts the binary over these upstreams and waits until it is ready.
    pub(crate) async fn over(upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        Self::with("", upstreams).await
    }

    /// Starts it with some more configuration in front of the upstreams.
    pub(crate) async fn with(more: &str, upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        Self::beside(&[], more, upstreams).await
    }

    /// Starts it with these files beside its configuration.
    pub(crate) async fn beside(
        files: &[(&str, &str)],
        more: &str,
        upstreams: impl IntoIterator<Item = Upstream>,
    ) -> Self {
        Self::start(files, &configuration(more, upstreams), ("info", "json"), Command::new(binary())).await
    }

    /// Starts it so that it says more, or in another format.
    pub(crate) async fn logging(
        level: &str,
        format: &str,
        more: &str,
        upstreams: impl IntoIterator<Item = Upstream>,
    ) -> Self {
        Self::start(&[], &configuration(more, upstreams), (level, format), Command::new(binary())).await
    }

    /// Starts it so that it may have no more than so many descriptors.
    pub(crate) async fn with_descriptors(most: usize, upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        let command = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
        Self::through(&command, upstreams).await
    }

    /// Starts it on one of the machine's processors, which is as good as a machine that has no other.
    pub(crate) async fn on_one_processor(upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        let allowed = "grep Cpus_allowed_list /proc/self/status | grep -o '[0-9]*' | head -n 1";
        Self::through(&format!("exec taskset -c \"$({allowed})\" \"$0\" \"$@\""), upstreams).await
    }

    /// Starts it by a command of the shell's.
    async fn through(command: &str, upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).arg(binary());
        Self::start(&[], &configuration("", upstreams), ("info", "json"), shell).await
    }

    async fn start(
        files: &[(&str, &str)],
        configuration: &str,
        (level, format): (&str, &str),
        mut command: Command,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let file = folder.path().join(FILE);
        write_private(&file, configuration);
        let log = File::create(folder.path().join("log")).unwrap();
        let child = command
            .args(["serve", "--config"])
            .arg(&file)
            .envs([("STANDIN_LOG", level), ("STANDIN_LOG_FORMAT", format)])
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("start the binary");
        let mut gateway = Self { child, address: SocketAddr::from(([0, 0, 0, 0], 0)), folder };
        let ready = timeout(START_MAX, gateway.ready()).await;
        gateway.address = ready.unwrap_or_else(|_| panic!("the gateway is not ready:\n{}", gateway.log()));
        gateway
    }

    async fn ready(&mut self) -> SocketAddr {
        loop {
            let log = self.log();
            let place = log
                .lines()
                .find(|line| line.contains("is ready on"))
                .and_then(|line| line.split("://").nth(1)?.split('/').next()?.parse().ok());
            if let Some(address) = place {
                return address;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the gateway ended with {status}:\n{log}");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Changes its configuration file; the upstreams are the new ones.
    pub(crate) fn rewrite(&self, upstreams: impl IntoIterator<Item = Upstream>) {
        write_private(&self.folder.path().join(FILE), &configuration("", upstreams));
    }

    /// The path of a file beside its configuration, or of the configuration itself.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sends it a signal, by the name that `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`, because small systems have no other.
        output(Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]));
    }

    /// How it ended, once it has.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ending = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(START_MAX, ending).await.expect("the gateway ends")
    }

    /// Waits until its log contains a text.
    pub(crate) async fn says(&self, text: &str) {
        let saying = async {
            while !self.log().contains(text) {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(START_MAX, saying)
            .await
            .unwrap_or_else(|_| panic!("{text:?} is not in the log:\n{}", self.log()));
    }

    /// What it has of the machine's memory.
    pub(crate) fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the status");
            1024 * line.trim().trim_end_matches(" kB").parse::<usize>().expect("kilobytes")
        };
        Memory { now: bytes("VmRSS:"), peak: bytes("VmHWM:") }
    }

    /// How many descriptors it holds.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Where its operator's listener is.
    pub(crate) fn desk(&self) -> SocketAddr {
        let log = self.log();
        let line =
            log.lines().find(|line| line.contains("the operator's listener is open")).expect("[admin]");
        let line: Value = serde_json::from_str(line).unwrap();
        line["fields"]["address"].as_str().unwrap().parse().unwrap()
    }

    /// How long it has had a processor since its start.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Numbered from the state, which follows the name in brackets; a tick is 10 ms on Linux.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..=12].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL that a client library is given.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All that it has said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// How many attempts with a credential it has reported as failed.
    pub(crate) fn failed_attempts(&self, credential: &str) -> usize {
        let lines =
            self.log().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
        let fields =
            lines.iter().map(|line| &line["fields"]).filter(|fields| fields["credential"] == credential);
        fields.filter(|fields| fields["message"].as_str().is_some_and(|text| text.contains("failed"))).count()
    }

    /// Sends a body to a route and reads the whole reply.
    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> client::Reply {
        let reply = self.exchange(path, body).await;
        assert_well_formed(path, &reply);
        reply
    }

    /// The same without looking at the reply.
    pub(crate) async fn exchange(&self, path: &str, body: &[u8]) -> client::Reply {
        client::exchange(self.address, &post(path, body)).await
    }

    /// Sends a body to a route and returns when the head of the reply is here.
    pub(crate) async fn open(&self, path: &str, body: &[u8]) -> client::Streaming {
        client::stream(self.address, &post(path, body)).await
    }
}

/// Every stream that leaves a gateway obeys the grammar of its dialect, whatever the test is about.
fn assert_well_formed(path: &str, reply: &client::Reply) {
    let kind = reply.head.header("content-type").unwrap_or_default();
    let is_array = path.contains(":streamGenerateContent") && reply.status() == 200;
    if !reply.is_complete || !(kind.starts_with("text/event-stream") || is_array) {
        return;
    }
    let dialect = match path {
        _ if path.starts_with("/v1/messages") => Dialect::AnthropicMessages,
        _ if path.starts_with("/v1/responses") => Dialect::OpenaiResponses,
        _ if path.contains(":streamGenerateContent") => Dialect::Gemini,
        _ => Dialect::OpenaiChat,
    };
    if let Err(fault) = grammar::check(dialect, &reply.body) {
        panic!("{path}: {fault}\nin the stream: {}", reply.text());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what the gateway said:\n{}", self.log());
        }
    }
}

/// Writes a file that only its owner may read, as one with keys should be.
pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// The text of a configuration with one caller.
pub(crate) fn configuration(more: &str, upstreams: impl IntoIterator<Item = Upstream>) -> String {
    let tables: String = upstreams.into_iter().map(|upstream| upstream.to_string()).collect();
    format!("listen = \"127.0.0.1:0\"\n{more}\n[[client]]\nname = \"suite\"\nkey = {CALLER_KEY:?}\n{tables}")
}

/// The smallest chat request for a model.
pub(crate) fn chat(model: &str, is_streaming: bool) -> Vec<u8> {
    let stream = if is_streaming { r#","stream":true"# } else { "" };
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Say the words."}}]{stream}}}"#)
        .into_bytes()
}

/// The bytes of a request as a caller of the suite sends it.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let bearer = format!("Bearer {CALLER_KEY}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    client::request("POST", path, &headers, body)
}
