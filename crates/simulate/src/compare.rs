//! From files to a report: one world, the defaults, the policies of the files, and the baselines.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use standin_core::Clock;

use crate::{Baseline, Figures, Mistake, Policy, Report, Row, SimulationError, World, read_policy, simulate};

/// What reports call the real policy with its defaults.
const STANDIN: &str = "standin";

/// What to compare.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The world's file.
    pub world: PathBuf,
    /// Files of policies; the defaults are always compared.
    pub policies: Vec<PathBuf>,
    /// The first seed.
    pub seed: u64,
    /// How many seeds, each a day of its own.
    pub seeds: u64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    /// The world's file cannot be read.
    #[error("read world {file}")]
    World {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A policy's file cannot be read; perhaps a name was meant.
    #[error(
        "read policy {file}, which has to be a file with keys of [policy]; always compared are {}",
        always()
    )]
    Policy {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file cannot be meant.
    #[error(transparent)]
    Mistake(#[from] Mistake),
    /// A simulation broke off.
    #[error("simulate {policy}; once more: {command}")]
    Simulation {
        /// Under which policy.
        policy: String,
        /// What lives the same day once more.
        command: String,
        /// Why.
        #[source]
        source: SimulationError,
    },
}

impl Comparison {
    /// Lives all days under all policies; `clock` measures only how long that takes.
    ///
    /// # Errors
    /// When a file cannot be read or meant, or an invariant of the policy does not hold.
    pub fn run(&self, clock: &dyn Clock) -> Result<Report, ComparisonError> {
        let written = fs::read_to_string(&self.world);
        let written =
            written.map_err(|source| ComparisonError::World { file: self.world.clone(), source })?;
        let world = World::read(&self.world, &written)?;
        let mut policies = vec![(STANDIN.to_owned(), Policy::Standin(Box::default()))];
        for file in &self.policies {
            let written = fs::read_to_string(file);
            let written = written.map_err(|source| ComparisonError::Policy { file: file.clone(), source })?;
            let params = read_policy(file, &written)?;
            policies.push((file.display().to_string(), Policy::Standin(Box::new(params))));
        }
        policies.extend(Baseline::ALL.map(|kind| (kind.name().to_owned(), Policy::Baseline(kind))));
        let seeds = self.seed..self.seed.saturating_add(self.seeds);
        let mut rows = Vec::new();
        for (name, policy) in policies {
            let (began, mut figures) = (clock.now(), Figures::default());
            for seed in seeds.clone() {
                figures += simulate(&world, &policy, seed).map_err(|source| ComparisonError::Simulation {
                    policy: name.clone(),
                    command: self.command(seed, 1),
                    source,
                })?;
            }
            rows.push(Row { name, figures, took: clock.now().since(began) });
        }
        let once_more = self.command(self.seed, self.seeds);
        Ok(Report { world: world.name, seeds, rows, once_more })
    }

    /// What a person types for the same comparison with these seeds.
    fn command(&self, seed: u64, seeds: u64) -> String {
        let mut command = format!("proxy simulate {}", typed(&self.world));
        for file in &self.policies {
            command += &format!(" --policy {}", typed(file));
        }
        command + &format!(" --seed {seed} --seeds {seeds}")
    }
}

/// What is compared whatever is asked for.
fn always() -> String {
    let names: Vec<&str> = [STANDIN].into_iter().chain(Baseline::ALL.map(Baseline::name)).collect();
    names.join(", ")
}

/// A file's name as a shell takes it for one word.
fn typed(file: &Path) -> String {
    let name = file.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+,@%:=~".contains(letter);
    if !name.is_empty() && name.chars().all(is_plain) {
        return name;
    }
    format!("'{}'", name.replace('\'', r"'\''"))
}
