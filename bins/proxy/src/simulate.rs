//! `proxy simulate`: a world, policies and seeds in, one table out; the work is the simulator's.

use std::{fs, path::Path};

use anyhow::Context;
use standin_conductor::SystemClock;
use standin_core::Clock;
use standin_simulate::{Baseline, Figures, Policy, Report, Row, World, read_policy, simulate};

use crate::cli::Simulate;

pub(crate) fn run(asked: &Simulate) -> anyhow::Result<Report> {
    let world = World::read(&asked.world, &text(&asked.world)?)?;
    let mut policies = vec![("standin".to_owned(), Policy::Standin(Box::default()))];
    for file in &asked.policy {
        let params = read_policy(file, &text(file)?)?;
        policies.push((file.display().to_string(), Policy::Standin(Box::new(params))));
    }
    let baselines = Baseline::ALL.into_iter().map(|kind| (kind.name().to_owned(), Policy::Baseline(kind)));
    policies.extend(baselines);
    let seeds = asked.seed..asked.seed.saturating_add(asked.seeds);
    let clock = SystemClock::new();
    let mut rows = Vec::new();
    for (name, policy) in policies {
        let (began, mut figures) = (clock.now(), Figures::default());
        for seed in seeds.clone() {
            figures += simulate(&world, &policy, seed).with_context(|| {
                let file = asked.world.display();
                format!("simulate {name}; once more: proxy simulate {file} --seed {seed} --seeds 1")
            })?;
        }
        rows.push(Row { name, figures, took: clock.now().since(began) });
    }
    Ok(Report { world: world.name, seeds, rows })
}

fn text(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("read {}", file.display()))
}
