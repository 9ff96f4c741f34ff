//! What a pick and a decision cost: `cargo bench -p standin-policy`.
//!
//! Beside the times of criterion it prints the 99th of a hundred picks while sixty-four requests are under way, and what
//! one request allocates, with few and with many credentials.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench says what it measures")]

use std::{alloc::System, hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use standin_core::{Evidence, Moment, Operation, Outcome};
use standin_policy::{
    Ask, Credential, Declarations, Model, Params, Ready, RouteIndex, Routing, Run, Upstream, settle, step,
};
use standin_store::{Session, Store};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Bench {
    routing: Arc<Routing>,
    params: Arc<Params>,
    session: Session,
    route: RouteIndex,
    now: Moment,
}

impl Bench {
    /// All but one in twenty of the credentials are suspended if `is_thin`.
    fn new(credentials: u32, models: u32, is_thin: bool) -> Self {
        let declared = Declarations {
            upstreams: vec![Upstream::new("up")],
            credentials: (0..credentials).map(|at| Credential::new(&format!("c{at:04}"), "up")).collect(),
            models: (0..models).map(|at| Model::new("up", &format!("m{at}"))).collect(),
            routes: vec![],
        };
        let routing = Arc::new(Routing::build(&declared).unwrap());
        let params = Arc::new(Params::default());
        let store = Store::new(params.limits());
        let session = store.adopt(Arc::clone(routing.layout()), |_| true);
        let route = routing.resolve("m0").unwrap();
        let bench = Self { routing, params, session, route, now: Moment::from_secs(1000) };
        for at in (0..credentials).filter(|at| is_thin && at % 20 != 7) {
            bench.reject(&format!("c{at:04}"));
        }
        bench
    }

    fn run(&self, seed: u64) -> Run {
        let ask = Ask::new(Operation::ChatCompletions, seed);
        Run::new(Arc::clone(&self.routing), Arc::clone(&self.params), self.route, ask)
    }

    fn reject(&self, credential: &str) {
        let ask = Ask { pin: Some(credential.into()), ..Ask::new(Operation::ChatCompletions, 0) };
        let mut run = Run::new(Arc::clone(&self.routing), Arc::clone(&self.params), self.route, ask);
        if let Ready::Attempt(_, admission) = step(&mut run, &self.session, self.now) {
            settle(&mut run, &self.session, admission, self.now, rejected());
        }
    }

    /// One request that the first candidate serves.
    fn serve(&self, seed: u64) {
        let mut run = self.run(seed);
        if let Ready::Attempt(_, admission) = step(&mut run, &self.session, self.now) {
            settle(&mut run, &self.session, admission, self.now, Outcome::Success(Evidence::Inference));
        }
        black_box(run);
    }
}

fn rejected() -> Outcome {
    use standin_core::{Certainty, ErrorClass, Failure, Layer, Progress, Scope, UpstreamError, Verdict};
    Outcome::Failure(Arc::new(Failure {
        verdict: Verdict {
            class: ErrorClass::AuthFailed,
            scope: Scope::Credential,
            certainty: Certainty::Firm,
            delay: None,
            rule: "bench".into(),
            layer: Layer::Status,
            matched: String::new(),
            suspend: None,
            stop: false,
            error: UpstreamError::default(),
        },
        progress: Progress::Sent,
        fingerprint: 0,
    }))
}

#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// The 99th of a hundred picks, over sixty-four tasks on as many threads as there are cores.
fn p99(bench: &Arc<Bench>) -> Duration {
    let pick = |number: u64| {
        let bench = Arc::clone(bench);
        move || {
            (0..200)
                .map(|turn| {
                    let mut run = bench.run(number * 1000 + turn);
                    let began = now();
                    let ready = step(&mut run, &bench.session, bench.now);
                    let took = now() - began;
                    black_box(ready);
                    took
                })
                .collect::<Vec<_>>()
        }
    };
    let threads: Vec<_> = (0..64).map(|number| std::thread::spawn(pick(number))).collect();
    let mut took: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn allocated(bench: &Bench) -> (usize, usize) {
    bench.serve(1);
    let region = Region::new(ALLOCATOR);
    bench.serve(2);
    let change = region.change();
    (change.allocations, change.bytes_allocated)
}

fn selection(criterion: &mut Criterion) {
    let small = Arc::new(Bench::new(10, 1, false));
    let crowd = Arc::new(Bench::new(2000, 50, true));
    println!("p99 of a pick, 64 tasks, 2000 credentials x 50 models, 1900 suspended: {:?}", p99(&crowd));
    let (few, many) = (allocated(&small), allocated(&crowd));
    println!("allocations and bytes of one request: {few:?} with 10 credentials, {many:?} with 2000");
    criterion.bench_function("decision, 10 candidates", |bencher| {
        let mut seed = 0;
        bencher.iter_batched(
            || {
                seed += 1;
                small.run(seed)
            },
            |mut run| (run.next(small.now, &small.session), run),
            criterion::BatchSize::SmallInput,
        );
    });
    criterion.bench_function("request served, 10 candidates", |bencher| bencher.iter(|| small.serve(1)));
    criterion
        .bench_function("request served, 1900 of 2000 suspended", |bencher| bencher.iter(|| crowd.serve(1)));
}

criterion_group!(benches, selection);
criterion_main!(benches);
