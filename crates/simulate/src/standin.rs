//! The real policy over the real store, watched at every step.

use std::sync::Arc;

use standin_core::{Moment, Operation, Outcome};
use standin_policy::{
    Ask, Credential, Declarations, Ending, Model, Params, Ready, RouteIndex, Routing, RoutingError, Run,
    Upstream, settle, step,
};
use standin_store::{Admission, Store};

use crate::{
    Violation, World,
    contestant::{Contestant, Move},
    watch::{Watched, Witness},
};

/// What the simulated requests ask for.
const OPERATION: Operation = Operation::ChatCompletions;
/// The alias that pools every model.
const ALIAS: &str = "pool";

/// One configuration with its memory.
pub(crate) struct Standin {
    routing: Arc<Routing>,
    params: Arc<Params>,
    route: RouteIndex,
    memory: Watched,
}

/// One request, and what its current attempt holds.
pub(crate) struct Flight {
    run: Run,
    witness: Witness,
    admission: Option<Admission>,
}

impl Standin {
    pub(crate) fn new(world: &World, params: &Params) -> Result<Self, RoutingError> {
        let routing = Arc::new(Routing::build(&declarations(world))?);
        let route = routing.resolve(ALIAS).ok_or_else(|| RoutingError::EmptyTier(ALIAS.into()))?;
        let store = Store::new(params.limits());
        let session = store.adopt(Arc::clone(routing.layout()), |_| true);
        let memory = Watched::new(session, Arc::clone(routing.layout()));
        Ok(Self { routing, params: Arc::new(params.clone()), route, memory })
    }
}

/// Credential `c` offers every model, and the alias pools them all.
fn declarations(world: &World) -> Declarations {
    let upstream = |number: u32| format!("upstream-{}", number % world.upstreams);
    let model = |upstream: &str, number: u32| Model {
        aliases: vec![ALIAS.into()],
        ..Model::new(upstream, &format!("model-{number}"))
    };
    let models_at = |number: u32| (0..world.models).map(move |at| (number, at));
    Declarations {
        upstreams: (0..world.upstreams).map(|number| Upstream::new(&upstream(number))).collect(),
        credentials: (0..world.credentials)
            .map(|number| Credential::new(&format!("credential-{number:04}"), &upstream(number)))
            .collect(),
        models: (0..world.upstreams)
            .flat_map(models_at)
            .map(|(number, at)| model(&upstream(number), at))
            .collect(),
        routes: vec![],
    }
}

impl Contestant for Standin {
    type Flight = Flight;

    fn begin(&mut self, seed: u64) -> Flight {
        let (routing, params) = (Arc::clone(&self.routing), Arc::clone(&self.params));
        let run = Run::new(routing, params, self.route, Ask::new(OPERATION, seed));
        Flight { run, witness: Witness::default(), admission: None }
    }

    fn begin_again(&mut self, flight: &mut Flight, seed: u64) {
        flight.run.begin_again(Ask::new(OPERATION, seed));
        flight.witness.begin_again();
        flight.admission = None;
    }

    fn next(&mut self, flight: &mut Flight, now: Moment) -> Result<Move, Violation> {
        let ready = step(&mut flight.run, &self.memory, now);
        self.memory.complaint()?;
        match ready {
            Ready::Attempt(attempt, admission) => {
                flight.witness.attempt(&attempt, &self.params)?;
                flight.admission = Some(admission);
                Ok(Move::Call(attempt.candidate()))
            }
            Ready::Wait { until, .. } if until <= now => Err(Violation::new("a wait does not wait", now)),
            Ready::Wait { until, .. } => Ok(Move::Wait(until)),
            Ready::Finish(Ending::Failed(report)) => {
                flight.witness.ended(&report, &self.memory, now)?;
                Ok(Move::End)
            }
            Ready::Finish(_) => Ok(Move::End),
        }
    }

    fn record(&mut self, flight: &mut Flight, now: Moment, outcome: Outcome) -> Result<(), Violation> {
        flight.witness.outcome(&outcome);
        if let Some(admission) = flight.admission.take() {
            settle(&mut flight.run, &self.memory, admission, now, outcome);
        }
        self.memory.complaint()
    }

    fn avoids(&self, candidate: u32, now: Moment) -> bool {
        self.memory.avoids(candidate, OPERATION, now)
    }
}
