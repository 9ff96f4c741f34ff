//! `proxy`: Standin's binary. It reads the command line and wires rooms together; it decides nothing.

mod classify;
mod cli;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{CommandFactory, Parser};
use standin_conductor::SystemClock;
use standin_config::ConfigError;
use standin_simulate::{Comparison, ComparisonError};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command, Shown};

/// The configuration is wrong (`EX_CONFIG` of sysexits).
const EXIT_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let configures = !matches!(cli.command, Command::Classify(_));
    dispatch(cli).unwrap_or_else(|error| {
        // Whoever reads has seen enough, as `head` has after its lines.
        if is_unread(&error) {
            return ExitCode::SUCCESS;
        }
        // There is nobody left to tell where even this cannot be said.
        let _ = writeln!(io::stderr(), "error: {error:#}");
        if configures && is_config(&error) { ExitCode::from(EXIT_CONFIG) } else { ExitCode::FAILURE }
    })
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve { config, listen, workers } => {
            log_to_stderr("info");
            runtime(workers)?.block_on(standin_assembly::run(config, listen))?;
        }
        Command::Demo { once } => {
            log_to_stderr("error");
            runtime(1)?.block_on(standin_demo::run(once))?;
        }
        Command::Check { config } => say(&standin_assembly::check(&config)?)?,
        Command::Config { shown: Shown::Show { config } } => say(&standin_assembly::show(&config)?)?,
        Command::Route { model, config, client, json } => {
            log_to_stderr("error");
            let preview = standin_assembly::preview(config.as_deref(), &model, client.as_deref());
            let preview = runtime(1)?.block_on(preview)?;
            say(&if json { serde_json::to_string_pretty(&preview)? } else { preview.to_string() })?;
        }
        Command::Simulate { world, policy, seeds, seed } => {
            let comparison = Comparison { world, policies: policy, seed, seeds };
            say(&comparison.run(&SystemClock::new())?.to_string())?;
        }
        Command::Classify(asked) => return classify::run(asked),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "proxy", &mut script);
            io::stdout().write_all(&script)?;
        }
        Command::Version => say(&format!("standin {}", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime(asked: usize) -> anyhow::Result<Runtime> {
    let workers = if asked > 0 { asked } else { std::thread::available_parallelism().map_or(1, usize::from) };
    // One alone has nobody to share work with, and passes it on for less.
    let mut builder = if workers == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    Ok(builder.worker_threads(workers).enable_all().build()?)
}

fn log_to_stderr(default: &str) {
    let filter = EnvFilter::try_from_env("STANDIN_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let is_json = std::env::var("STANDIN_LOG_FORMAT").is_ok_and(|format| format == "json");
    let is_terminal = io::stderr().is_terminal();
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(is_terminal);
    if is_json {
        subscriber.json().init();
    } else {
        subscriber.with_target(false).init();
    }
}

/// A wrong file and an address that cannot be had are both the configuration's fault.
fn is_config(error: &anyhow::Error) -> bool {
    let is_file = !matches!(error.downcast_ref(), None | Some(ComparisonError::Simulation { .. }));
    is_file || error.is::<ConfigError>() || error.is::<io::Error>()
}

/// Whether standard output was closed at its other end before all was said.
fn is_unread(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}
