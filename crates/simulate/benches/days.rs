//! How fast days are lived through, in simulated requests per second: `cargo bench -p standin-simulate`.

#![expect(clippy::unwrap_used, reason = "a bench says what it measures")]

use std::{fs, hint::black_box, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use standin_simulate::{Baseline, Policy, World, simulate};

/// Its first day stands for all: what is compared has to be the same work.
const SEED: u64 = 1;

fn days(criterion: &mut Criterion) {
    for name in ["toy", "weekly", "storm"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds").join(name).with_extension("toml");
        let world = World::read(&file, &fs::read_to_string(&file).unwrap()).unwrap();
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for (policy, by) in [
            ("standin", Policy::Standin(Box::default())),
            ("stateless rotation", Policy::Baseline(Baseline::StatelessRotation)),
        ] {
            let requests = simulate(&world, &by, SEED).unwrap().requests;
            group.throughput(Throughput::Elements(requests));
            group.bench_function(policy, |bencher| {
                bencher.iter(|| black_box(simulate(&world, &by, SEED).unwrap()));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, days);
criterion_main!(benches);
