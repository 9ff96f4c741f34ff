//! From files to a report: one world, the defaults, the policies of the files, and the baselines.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use standin_core::Clock;

use crate::{Baseline, Figures, Mistake, Policy, Report, Row, SimulationError, World, read_policy, simulate};

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
    /// A file cannot be read.
    #[error("read {file}")]
    Read {
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
    #[error("simulate {policy}; once more: proxy simulate {world} --seed {seed} --seeds 1")]
    Simulation {
        /// Under which policy.
        policy: String,
        /// In which world.
        world: PathBuf,
        /// With which seed.
        seed: u64,
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
        let world = World::read(&self.world, &text(&self.world)?)?;
        let mut policies = vec![("standin".to_owned(), Policy::Standin(Box::default()))];
        for file in &self.policies {
            let params = read_policy(file, &text(file)?)?;
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
                    world: self.world.clone(),
                    seed,
                    source,
                })?;
            }
            rows.push(Row { name, figures, took: clock.now().since(began) });
        }
        Ok(Report { world: world.name, seeds, rows })
    }
}

fn text(file: &Path) -> Result<String, ComparisonError> {
    fs::read_to_string(file).map_err(|source| ComparisonError::Read { file: file.to_owned(), source })
}
