//! Worlds, a virtual clock and the real policy: what a configuration would have done.
//!
//! A [`World`] is invented: who there is, how much is asked, what goes wrong. [`simulate`] lives it through under one
//! or many policies, the real one over the real store among them, and counts what happened. Everything is decided by
//! the seed; nothing here reads a clock, and whoever wants to know how long it took measures that outside.

mod baseline;
mod compare;
mod contestant;
mod day;
mod dice;
mod figures;
mod report;
mod scene;
mod standin;
mod told;
mod truth;
mod watch;
mod world;
mod written;

use standin_policy::{Params, RoutingError};

pub use baseline::Baseline;
pub use compare::{Comparison, ComparisonError};
pub use figures::Figures;
pub use report::{Report, Row};
pub use watch::Violation;
pub use world::{Faults, Outages, Quota, Revoked, Traffic, Weekly, World};
pub use written::{Mistake, read_policy};

use crate::{baseline::Simple, day::Day, standin::Standin};

/// Something that decides where requests go.
#[derive(Debug, Clone)]
pub enum Policy {
    /// The real policy with these parameters.
    Standin(Box<Params>),
    /// A simple one, for comparison.
    Baseline(Baseline),
}

/// Why a simulation has no figures.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The world makes no configuration.
    #[error("make a configuration of the world")]
    Routing(#[from] RoutingError),
    /// An invariant does not hold.
    #[error("seed {seed}: {violation}")]
    Violation {
        /// The seed that shows it again.
        seed: u64,
        /// What was seen.
        violation: Violation,
    },
}

/// Lives one day of `world` with one seed.
///
/// # Errors
/// When an invariant of the policy does not hold at some step: that is a bug, and the seed shows it again.
pub fn simulate(world: &World, policy: &Policy, seed: u64) -> Result<Figures, SimulationError> {
    let lived = match policy {
        Policy::Standin(params) => Day::new(world, seed, Standin::new(world, params)?).live(),
        Policy::Baseline(kind) => Day::new(world, seed, Simple::new(world, *kind)).live(),
    };
    lived.map_err(|violation| SimulationError::Violation { seed, violation })
}
