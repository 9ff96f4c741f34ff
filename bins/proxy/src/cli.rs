//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// Standin: a gateway for large language models. When a model cannot go on, a stand-in does.
#[derive(Debug, Parser)]
#[command(name = "proxy", version, propagate_version = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  proxy demo --once                     see a request fall back, without any key
  OPENAI_API_KEY=... proxy serve        serve on 127.0.0.1:8317 with what the environment holds
  proxy check --config proxy.toml       look a configuration over without starting
  proxy serve --config proxy.toml       serve it

Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration.
Logs go to standard error; STANDIN_LOG=debug shows more, STANDIN_LOG_FORMAT=json makes them machine-readable.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve requests until told to stop
    Serve {
        /// The configuration; without one, upstreams come from OPENAI_API_KEY and its like
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Listen here instead of where the configuration says
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
        /// Worker threads; 0 is one per core
        #[arg(long, value_name = "N", default_value_t = 0)]
        workers: usize,
    },
    /// Show a fall-back with two scripted upstreams inside this process; needs no key
    Demo {
        /// End after the two requests instead of serving on
        #[arg(long)]
        once: bool,
    },
    /// Say what is wrong with a configuration, without starting
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        shown: Shown,
    },
    /// Say where a request would go, and in which order, without sending one
    Route {
        /// The name a caller would ask for
        #[arg(long, value_name = "NAME")]
        model: String,
        /// The configuration; without one, what the environment holds
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Ask as this client: say so if it may not have the model
        #[arg(long, value_name = "NAME")]
        client: Option<String>,
        /// Print the whole decision as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what kind of failure an upstream's answer is
    Classify(Classify),
    /// Say what policies would have done in an invented world; every run prints its seed
    Simulate {
        /// The world: who there is, how much is asked, what goes wrong
        #[arg(value_name = "WORLD.toml")]
        world: PathBuf,
        /// Files with keys of `[policy]` to compare with the defaults; a whole `proxy.toml` is one
        #[arg(long, value_name = "FILE", num_args = 1..)]
        policy: Vec<PathBuf>,
        /// How many days to simulate, each with a seed of its own
        #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// The first seed
        #[arg(long, value_name = "S", default_value_t = 1)]
        seed: u64,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    Version,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Shown {
    /// Print it with every default and without any secret
    Show {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "FILE holds JSON lines with status, headers and body, or one dump of `curl -i`; `-` is standard input."
)]
pub(crate) struct Classify {
    /// What to read; without it, --status and --body
    pub(crate) file: Option<PathBuf>,
    /// Status of a single answer
    #[arg(long, value_name = "CODE", conflicts_with = "file")]
    pub(crate) status: Option<u16>,
    /// Body of a single answer
    #[arg(long, value_name = "TEXT", requires = "status")]
    pub(crate) body: Option<String>,
    /// Header of a single answer; may be repeated
    #[arg(long, value_name = "NAME: VALUE", requires = "status")]
    pub(crate) header: Vec<String>,
    /// The provider family, if it is known
    #[arg(long, value_name = "NAME", requires = "status")]
    pub(crate) provider: Option<String>,
    /// Print a table instead of JSON lines
    #[arg(long)]
    pub(crate) table: bool,
    /// Show what every layer of rules says
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print accuracy, precision, recall and confusion where labels are given
    #[arg(long, conflicts_with = "explain")]
    pub(crate) report: bool,
    /// Leave out all rules of single providers
    #[arg(long)]
    pub(crate) generic_only: bool,
    /// Leave out each answer's own provider's rules, as if nobody had met it
    #[arg(long, conflicts_with = "generic_only")]
    pub(crate) held_out: bool,
}
