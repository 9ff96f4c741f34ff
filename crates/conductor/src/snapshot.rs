//! Everything one configuration says, ready to be used: replaced as a whole by a reload, kept by requests that run.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use standin_classify::{Classifier, Trust};
use standin_core::{CredentialId, Dialect, Operation, UpstreamId};
use standin_policy::{Params, RouteIndex, Routing};
use standin_store::{Session, Store};
use standin_upstream::Executor;

/// The parts of one configuration, checked against each other.
pub struct Assembly {
    pub(crate) routing: Arc<Routing>,
    pub(crate) params: Arc<Params>,
    classifier: Classifier,
    /// By credential number of the layout.
    executors: Vec<Arc<dyn Executor>>,
    /// By upstream number of the layout.
    upstreams: Vec<Upstream>,
}

/// One configuration in use.
pub struct Snapshot {
    pub(crate) routing: Arc<Routing>,
    pub(crate) params: Arc<Params>,
    /// For counting, which waits for nobody: what no upstream counts now is counted here.
    pub(crate) hasty: Arc<Params>,
    pub(crate) classifier: Classifier,
    /// What is remembered, seen through this configuration's numbers.
    pub(crate) session: Session,
    executors: Vec<Arc<dyn Executor>>,
    upstreams: Vec<Upstream>,
    /// By dialect and operation: who speaks it.
    speaking: [[Option<Arc<[bool]>>; Operation::ALL.len()]; Dialect::ALL.len()],
}

/// What reading an upstream's errors needs to know about it.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// The operator's name for it.
    pub id: UpstreamId,
    /// The provider family behind it, if its address tells.
    pub family: Option<String>,
    /// Whether its codes are to be believed.
    pub trust: Trust,
}

/// A part that the routing names and the assembly did not bring.
#[derive(Debug, thiserror::Error)]
pub enum AssemblyError {
    /// A credential without an executor.
    #[error("assemble credential `{0}`: nothing speaks for it")]
    NoExecutor(CredentialId),
    /// An upstream without a description.
    #[error("assemble upstream `{0}`: it is not described")]
    NoUpstream(UpstreamId),
}

impl Assembly {
    /// Puts the parts together.
    ///
    /// # Errors
    /// When the routing names a credential or an upstream that is not among the parts.
    pub fn new(
        routing: Routing,
        params: Params,
        classifier: Classifier,
        mut executors: HashMap<CredentialId, Arc<dyn Executor>>,
        mut upstreams: HashMap<UpstreamId, Upstream>,
    ) -> Result<Self, AssemblyError> {
        let layout = Arc::clone(routing.layout());
        let by_credential = layout
            .credentials()
            .iter()
            .map(|row| executors.remove(&row.id).ok_or_else(|| AssemblyError::NoExecutor(row.id.clone())));
        let executors = by_credential.collect::<Result<_, _>>()?;
        let by_upstream = layout
            .upstreams()
            .iter()
            .map(|id| upstreams.remove(id).ok_or_else(|| AssemblyError::NoUpstream(id.clone())));
        let upstreams = by_upstream.collect::<Result<_, _>>()?;
        Ok(Self { routing: Arc::new(routing), params: Arc::new(params), classifier, executors, upstreams })
    }
}

impl Snapshot {
    /// Takes an assembly into use: what `store` remembers of paths that are still there stays.
    pub(crate) fn adopt(assembly: Assembly, store: &Store) -> Self {
        let Assembly { routing, params, classifier, executors, upstreams } = assembly;
        let session = store.adopt(Arc::clone(routing.layout()), |key| routing.keeps(key, params.suspend));
        let speaking = Dialect::ALL.map(|dialect| {
            Operation::ALL.map(|operation| {
                let speaks = |executor: &Arc<dyn Executor>| executor.serves(dialect, operation);
                let row: Arc<[bool]> = executors.iter().map(speaks).collect();
                row.contains(&false).then_some(row)
            })
        });
        let hasty = Arc::new(Params { rounds: 0, wait_max: Duration::ZERO, ..Params::clone(&params) });
        Self { routing, params, hasty, classifier, session, executors, upstreams, speaking }
    }

    /// What may be routed to.
    #[must_use]
    pub const fn routing(&self) -> &Arc<Routing> {
        &self.routing
    }

    /// The parameters requests begin with.
    #[must_use]
    pub const fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// What is remembered, seen through this configuration's numbers.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Who speaks for a candidate.
    pub(crate) fn executor(&self, candidate: u32) -> &Arc<dyn Executor> {
        &self.executors[self.routing.layout().row(candidate).credential as usize]
    }

    /// The upstream behind a candidate.
    pub(crate) fn upstream(&self, candidate: u32) -> &Upstream {
        let layout = self.routing.layout();
        let credential = layout.credential(layout.row(candidate).credential);
        &self.upstreams[credential.upstream as usize]
    }

    /// By credential, whether it can be asked for this in this dialect; `None` if all of them can.
    pub(crate) fn speaking(&self, dialect: Dialect, operation: Operation) -> Option<Arc<[bool]>> {
        self.speaking[dialect as usize][operation as usize].clone()
    }

    /// Whether any credential of the route is among those that speak.
    pub(crate) fn serves(&self, route: RouteIndex, speaking: Option<&[bool]>) -> bool {
        let Some(speaking) = speaking else { return true };
        let layout = self.routing.layout();
        self.routing.candidates(route).any(|candidate| speaking[layout.row(candidate).credential as usize])
    }
}

impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly").field("credentials", &self.executors.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("credentials", &self.executors.len()).finish_non_exhaustive()
    }
}
