//! From an upstream's answer to the next step: the fallback state machine, selection and suspension arithmetic.
//!
//! *What happened?* is the classifier's question. This crate answers the other two: *how far does the blame reach, and
//! for how long?* ([`observe`], [`blamed`]) and *what now?* ([`Run::next`]). It deliberately knows no clock, no socket,
//! no random number and no lock: the time, a seed and a view of the memory come in as arguments, effects leave as
//! values, so that the same inputs give the same decisions on every machine.
//!
//! # One request, driven by hand
//!
//! A driver needs three calls: [`step`] decides and claims, [`opened`] reports a stream's first content, [`settle`]
//! records how the attempt ended. What it holds between the first and the last is one admission.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use standin_core::{Evidence, Moment, Operation, Outcome};
//! use standin_policy::{Ask, Credential, Declarations, Ending, Model, Params, Ready, Run, Routing, Upstream};
//! use standin_policy::{settle, step};
//! use standin_store::Store;
//!
//! // Once per configuration: a routing snapshot, and the store's session for it.
//! let params = Arc::new(Params::default());
//! let routing = Arc::new(Routing::build(&Declarations {
//!     upstreams: vec![Upstream::new("up")],
//!     credentials: vec![Credential::new("key-1", "up"), Credential::new("key-2", "up")],
//!     models: vec![Model::new("up", "m1")],
//!     routes: vec![],
//! })?);
//! let store = Store::new(params.limits());
//! let session = store.adopt(Arc::clone(routing.layout()), |key| routing.keeps(key, params.suspend));
//!
//! // Once per request.
//! let route = routing.resolve("m1").ok_or("unknown model")?;
//! let mut run = Run::new(Arc::clone(&routing), Arc::clone(&params), route, Ask::new(Operation::Messages, 7));
//! let mut now = Moment::from_secs(1);
//! let ending = loop {
//!     match step(&mut run, &session, now) {
//!         Ready::Attempt(attempt, admission) => {
//!             assert_eq!(run.candidate(&attempt).to_string(), "key-1/m1");
//!             now = now + Duration::from_secs(2); // The upstream call happens here.
//!             settle(&mut run, &session, admission, now, Outcome::Success(Evidence::Inference));
//!         }
//!         Ready::Wait { until, .. } => now = until,
//!         Ready::Finish(ending) => break ending,
//!     }
//! };
//! assert_eq!(ending, Ending::Served);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A caller that leaves in mid-attempt is [`standin_core::Outcome::Abandoned`], or nothing at all: dropping the admission
//! gives everything back. A dry run is [`Run::next`] without claiming: it changes nothing.

mod ask;
mod blame;
mod build;
mod declare;
mod drive;
mod effect;
mod ending;
mod jitter;
mod ladder;
mod params;
mod record;
mod routing;
mod run;
mod select;
mod standing;
mod state;
mod survey;
mod suspend;
mod trail;

pub use ask::{Affinity, Ask, ConversationTurn};
pub use blame::blamed;
pub use declare::{Credential, Declarations, Model, Route, Strategy, Target, Upstream, WEIGHT_MAX};
pub use drive::{Ready, opened, settle, step};
pub use effect::{Bind, Effects, Heal, Suspend, Withdraw};
pub use ending::{Cause, Ending, Family, Report, Stop};
pub use ladder::{Sentence, sentence};
pub use params::{ATTEMPTS_CEILING, Params, ParamsError, UnknownFate};
pub use routing::{RouteIndex, Routing, RoutingError};
pub use run::{Attempt, Run, Step};
pub use select::PROBE_REST;
pub use suspend::{Observation, forgotten_at, merge, observe};
pub use trail::{How, Note, Skip, Trail, Wake};
