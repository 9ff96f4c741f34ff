//! `standin-bench`: what a call through the gateway costs, beside nginx and beside the least that hyper can do.
//!
//! It reads the command line and puts the parts together; each part is a file of its own.

mod clock;
mod counted;
mod dialect;
mod floor;
mod instructions;
mod line;
mod load;
mod mock;
mod process;
mod report;
mod rounds;
mod row;
mod standing;
mod stats;
mod target;
mod traffic;
mod train;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

use crate::{
    mock::Mock,
    process::Start,
    report::Report,
    rounds::Pace,
    standing::Effort,
    target::{Kind, Place, Target},
};

/// The core of what is measured.
const TARGET_CORE: usize = 0;
/// The core of the mock and the load.
const LOAD_CORE: usize = 1;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// What a call through the gateway costs, beside nginx and beside the least that hyper can do.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// CPU, time and memory as ratios to the floor and to nginx
    Run {
        /// Two short rounds instead of a careful measurement: less than a minute
        #[arg(long)]
        quick: bool,
        /// The product; by default the `proxy` beside this program
        #[arg(long)]
        proxy: Option<PathBuf>,
    },
    /// User instructions and system calls of a call and of a chunk, held against the committed baseline
    Instructions {
        /// Only the product, and fewer calls
        #[arg(long)]
        quick: bool,
        /// Take what is measured now as the new baseline
        #[arg(long)]
        update: bool,
        /// The product; by default the `proxy` beside this program
        #[arg(long)]
        proxy: Option<PathBuf>,
    },
    /// The work from which the compiler's profile of the product is taken
    Train {
        /// The product, built to write down which paths it takes
        #[arg(long)]
        proxy: PathBuf,
    },
    /// The upstream of all measurements
    Mock {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// The least that a gateway on hyper can do
    Floor {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        upstream: SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run { quick, proxy } => single()?.block_on(run(quick, beside(proxy)?)),
        Command::Instructions { quick, update, proxy } => {
            single()?.block_on(instructions::run(quick, update, beside(proxy)?))
        }
        Command::Train { proxy } => single()?.block_on(train::run(proxy)),
        Command::Mock { listen } => single()?.block_on(async { mock::serve(bind(listen)?).await }),
        Command::Floor { listen, upstream } => {
            // The same runtime that the product has with one worker.
            single()?.block_on(async { tokio::spawn(floor::serve(bind(listen)?, upstream)).await? })
        }
    }
}

async fn run(is_quick: bool, proxy: PathBuf) -> anyhow::Result<()> {
    let (kinds, mut skipped) = target::kinds(&proxy)?;
    let core = pin(&mut skipped);
    let folder = tempfile::tempdir()?;
    let mock = Mock::start(folder.path())?;
    let mut models = row::models();
    models.push(standing::slow_stream().model());
    let place = Place::new(folder.path(), proxy, &mock, models);
    let start = Start { cores: core.map(|core| core.to_string()), ..Start::default() };

    let (pace, effort) = if is_quick {
        let effort = Effort { streams: 500, starts: 3, large: Duration::ZERO };
        (Pace { rounds: 2, sample: Duration::from_millis(400) }, effort)
    } else {
        let effort = Effort { streams: 2_000, starts: 10, large: Duration::from_secs(10) };
        (Pace { rounds: 6, sample: Duration::from_millis(1_500) }, effort)
    };
    let mut targets = Vec::new();
    for kind in &kinds {
        targets.push(Target::start(*kind, &place, &start)?);
    }
    if core.is_some() {
        let cores = format!("{TARGET_CORE},{LOAD_CORE}");
        let both = Start { cores: Some(cores), ..Start::default() };
        for kind in [Kind::Loose, Kind::Pair] {
            targets.push(Target::start(kind, &place, &both)?);
        }
    }
    let samples = rounds::run(&targets, &mock, pace).await?;
    drop(targets);

    say("memory, start");
    let effort = Effort { streams: standing::streams_possible(effort.streams), ..effort };
    let place = Place { credentials: standing::CREDENTIALS, ..place };
    let mut standing = Vec::new();
    for kind in &kinds {
        let found = standing::measure(*kind, &place, &start, effort).await;
        standing.push(found.with_context(|| format!("measure the memory of {kind}"))?);
    }
    let report = Report {
        unix_seconds: clock::wall_nanos() / 1_000_000_000,
        is_quick,
        rounds: pace.rounds,
        rows: report::lines(&samples),
        standing,
        binary_bytes: standing::binary_bytes(&place.proxy)?,
        skipped,
    };
    say(&report.table()?);
    let file = out()?.join("bench.json");
    report.write(&file)?;
    say(&format!("written to {}", file.display()));
    Ok(())
}

/// Keeps the load on its core and says which core the targets get.
fn pin(skipped: &mut Vec<String>) -> Option<usize> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if cores <= LOAD_CORE {
        skipped.push("there is one core only: load and targets share it".to_owned());
        return None;
    }
    if let Err(error) = process::pin_self(LOAD_CORE) {
        skipped.push(format!("nothing is kept on a core of its own: {error:#}"));
        return None;
    }
    Some(TARGET_CORE)
}

/// The folder of results: `bench` in the target folder of this build.
fn out() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    Ok(own.parent().and_then(Path::parent).context("find the target folder")?.join("bench"))
}

fn beside(proxy: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    match proxy {
        Some(proxy) => Ok(proxy),
        None => Ok(std::env::current_exe().context("find this program")?.with_file_name("proxy")),
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(BACKLOG)?)
}

fn single() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn say(text: &str) {
    println!("{text}");
}
