//! What is measured: the floor, nginx and the product, each started in front of the mock.
//!
//! It knows how each is configured, and nothing of what is then asked of them.

use std::{
    fmt::{self, Write as _},
    fs,
    net::SocketAddr,
    path::{Path as File, PathBuf},
    time::Duration,
};

use anyhow::Context;
use serde::Serialize;

use crate::{
    dialect::Dialect,
    mock::Mock,
    process::{self, Process, Start},
    row::Path,
    traffic::{self, Ask, Wanted},
};

/// The name under which callers of the product reach credentials that always need the second attempt.
const FALLBACK_ALIAS: &str = "fallback";
/// The name under which callers of the product reach credentials that are all suspended.
const REFUSED_ALIAS: &str = "refused";

/// Who stands between the load and the mock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Nobody: the load talks to the mock.
    Direct,
    /// Our bare pass-through on hyper.
    Floor,
    /// nginx as a reverse proxy.
    Nginx,
    /// The product, with one worker.
    Standin,
    /// The product with one worker that may use the load's core as well: what [`Kind::Pair`] is held against.
    Loose,
    /// The product with two workers, which may use the load's core as well: what a call costs them says how it scales.
    Pair,
}

impl Kind {
    /// Whether it is the product, which is asked by names of its own.
    pub(crate) const fn is_product(self) -> bool {
        matches!(self, Self::Standin | Self::Loose | Self::Pair)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Floor => "floor",
            Self::Nginx => "nginx",
            Self::Standin => "standin",
            Self::Loose => "loose",
            Self::Pair => "pair",
        })
    }
}

/// Where everything that targets need is kept while they run.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    pub(crate) proxy: PathBuf,
    pub(crate) upstream: SocketAddr,
    /// Models beside the usual ones that requests will ask for.
    pub(crate) models: Vec<String>,
    /// How many credentials the product's plain upstream has.
    pub(crate) credentials: usize,
    /// Dialects beside OpenAI Chat that the product shall speak.
    pub(crate) dialects: &'static [Dialect],
}

impl Place {
    /// Before `mock`, with the two credentials that take turns.
    pub(crate) fn new(folder: &File, proxy: PathBuf, mock: &Mock, models: Vec<String>) -> Self {
        Self {
            folder: folder.to_owned(),
            proxy,
            upstream: mock.address,
            models,
            credentials: 2,
            dialects: &[],
        }
    }
}

/// One of them, running.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) ready: Duration,
}

impl Target {
    /// Starts it and waits until it accepts connections. `start.log` is chosen here.
    pub(crate) fn start(kind: Kind, place: &Place, start: &Start) -> anyhow::Result<Self> {
        let address = process::free_address()?;
        let (program, args) = match kind {
            Kind::Direct | Kind::Floor => floor(place, address)?,
            Kind::Nginx => nginx(place, address)?,
            Kind::Standin | Kind::Loose => standin(kind, place, address, 1)?,
            Kind::Pair => standin(kind, place, address, 2)?,
        };
        let start = Start { log: place.folder.join(format!("{kind}.log")), ..start.clone() };
        let mut process = Process::spawn(&start, &program, &args)?;
        let ready = process.wait_until_ready(address).with_context(|| format!("wait for {kind}"))?;
        Ok(Self { kind, process, address, ready })
    }

    /// A request for `wanted` through this target.
    pub(crate) fn ask(&self, wanted: Wanted, body_bytes: usize) -> Ask {
        ask(self.kind, self.address, Path::Plain, wanted, body_bytes)
    }

    /// A request that has nowhere to go.
    pub(crate) fn ask_refused(&self, body_bytes: usize) -> Ask {
        ask(self.kind, self.address, Path::Refused, Wanted::Whole { bytes: 0 }, body_bytes)
    }
}

/// A request for `wanted`; the product is asked by an alias, so that it has a name to replace both ways.
pub(crate) fn ask(kind: Kind, address: SocketAddr, path: Path, wanted: Wanted, body_bytes: usize) -> Ask {
    let is_streaming = matches!(wanted, Wanted::Stream { .. });
    let model = match path {
        Path::Plain if kind.is_product() => alias(&wanted.model()),
        Path::Plain => wanted.model(),
        Path::Fallback => FALLBACK_ALIAS.to_owned(),
        Path::Refused => REFUSED_ALIAS.to_owned(),
    };
    let ask = traffic::ask(address, &model, is_streaming, body_bytes);
    if path == Path::Refused { Ask { statuses: 400..=599, ..ask } } else { ask }
}

fn alias(model: &str) -> String {
    format!("alias-of-{model}")
}

/// The name under which agents reach `model` in their dialect.
pub(crate) fn agents_alias(dialect: Dialect, model: &str) -> String {
    let (name, _) = dialect.upstream();
    format!("{name}-of-{model}")
}

fn floor(place: &Place, address: SocketAddr) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let own = std::env::current_exe().context("find this program")?;
    let args = ["floor", "--listen", &address.to_string(), "--upstream", &place.upstream.to_string()];
    Ok((own, args.map(str::to_owned).to_vec()))
}

fn nginx(place: &Place, address: SocketAddr) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let program = process::find("nginx").context("nginx is not installed")?;
    let folder = place.folder.join("nginx");
    fs::create_dir_all(&folder)?;
    let text = NGINX
        .replace("ADDRESS", &address.to_string())
        .replace("UPSTREAM", &place.upstream.to_string())
        .replace("FOLDER", &folder.display().to_string());
    let file = folder.join("nginx.conf");
    fs::write(&file, text)?;
    let words = [folder.as_path(), file.as_path()].map(|path| path.display().to_string());
    let [folder, file] = words;
    Ok((
        program,
        vec!["-p".into(), folder.clone(), "-c".into(), file, "-e".into(), format!("{folder}/error.log")],
    ))
}

/// One process; kept connections on both sides; bodies kept in memory whole, as the others keep them.
const NGINX: &str = "daemon off;
master_process off;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log error;
events { worker_connections 8192; }
http {
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_max_body_size 64m;
    client_body_buffer_size 2m;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    upstream mock { server UPSTREAM; keepalive 1024; keepalive_requests 100000000; }
    server {
        listen ADDRESS backlog=4096;
        location / {
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Authorization \"Bearer bench-upstream-key\";
            proxy_read_timeout 600s;
        }
    }
}
";

fn standin(
    kind: Kind,
    place: &Place,
    address: SocketAddr,
    workers: usize,
) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let file = place.folder.join(format!("{kind}.toml"));
    fs::write(&file, standin_config(place, address)?)?;
    let args = ["serve", "--workers", &workers.to_string(), "--config"].map(str::to_owned);
    Ok((place.proxy.clone(), args.into_iter().chain([file.display().to_string()]).collect()))
}

fn standin_config(place: &Place, address: SocketAddr) -> Result<String, fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "listen = \"{address}\"\n[[client]]\nname = \"bench\"\nkey = \"{}\"",
        traffic::CALLER_KEY
    )?;
    upstream(&mut text, place, Dialect::Chat, "plain", "")?;
    for index in 0..place.credentials {
        credential(&mut text, &format!("plain-{index}"), &format!("bench-upstream-key-{index}"), 0)?;
    }
    for model in &place.models {
        served(&mut text, model, &alias(model))?;
    }
    let whole = Wanted::Whole { bytes: 1024 }.model();
    // Nothing is remembered here, so that every request meets the failure anew.
    upstream(&mut text, place, Dialect::Chat, "fallback", "suspend = false")?;
    credential(&mut text, "fallback-0", traffic::UNSUPPORTED_KEY, 1)?;
    credential(&mut text, "fallback-1", "bench-upstream-key", 0)?;
    served(&mut text, &whole, FALLBACK_ALIAS)?;
    upstream(&mut text, place, Dialect::Chat, "refused", "")?;
    for index in 0..2 {
        credential(&mut text, &format!("refused-{index}"), &format!("{}-{index}", traffic::REVOKED_KEY), 0)?;
    }
    served(&mut text, &whole, REFUSED_ALIAS)?;
    for dialect in place.dialects {
        let (name, _) = dialect.upstream();
        upstream(&mut text, place, *dialect, name, "")?;
        for index in 0..2 {
            credential(&mut text, &format!("{name}-{index}"), &format!("bench-{name}-key-{index}"), 0)?;
        }
        for model in &place.models {
            served(&mut text, model, &agents_alias(*dialect, model))?;
        }
    }
    Ok(text)
}

fn upstream(text: &mut String, place: &Place, dialect: Dialect, name: &str, more: &str) -> fmt::Result {
    let (address, (kind, version)) = (place.upstream, dialect.upstream());
    writeln!(
        text,
        "[[upstream]]\nname = \"{name}\"\nkind = \"{kind}\"\nbase_url = \"http://{address}/{version}\"\n{more}"
    )
}

fn credential(text: &mut String, id: &str, key: &str, priority: u8) -> fmt::Result {
    writeln!(text, "[[upstream.credential]]\nid = \"{id}\"\nkey = \"{key}\"\npriority = {priority}")
}

fn served(text: &mut String, name: &str, alias: &str) -> fmt::Result {
    writeln!(text, "[[upstream.model]]\nname = \"{name}\"\nalias = [\"{alias}\"]")
}

/// Which of them can be started here; what is left out is said.
pub(crate) fn kinds(proxy: &File) -> anyhow::Result<(Vec<Kind>, Vec<String>)> {
    let (mut kinds, mut skipped) = (vec![Kind::Floor], Vec::new());
    match process::find("nginx") {
        Some(_) => kinds.push(Kind::Nginx),
        None => skipped.push("nginx is not installed: no row is held against it".to_owned()),
    }
    anyhow::ensure!(proxy.is_file(), "{} is not there; build it with the release profile", proxy.display());
    kinds.push(Kind::Standin);
    Ok((kinds, skipped))
}
