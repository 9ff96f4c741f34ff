//! The front door of the room: a request goes in, an answer comes out.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use standin_core::{AffinityKey, Clock, ModelAlias, Moment, RequestId};
use standin_policy::{Affinity, Ask, ConversationTurn, RouteIndex, Run};
use standin_store::{Shown, Store};
use standin_upstream::CallerRequest;

use crate::{
    Answer, AnswerBody, count,
    drive::{Drive, Driven, early_head},
    ending::Refusal,
    hold::Hold,
    recorder::Recorder,
    request::Request,
    snapshot::{Assembly, Snapshot},
    story::{Stories, Story},
};

/// Drives requests. Clones share everything.
#[derive(Clone)]
pub struct Conductor {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stories: Stories,
    store: Store,
    snapshot: ArcSwap<Snapshot>,
    /// Digests of conversations are only good within one process, so nobody can aim at one.
    digests: RandomState,
    seed: AtomicU64,
}

/// A model that callers may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name callers use.
    pub name: ModelAlias,
    /// Who serves it, as the operator calls the upstream.
    pub owner: String,
    /// The longest prompt any of its targets declares.
    pub context_tokens: Option<u64>,
}

impl Conductor {
    /// Drives requests over `assembly`; `seed` decides the jitter of waits.
    #[must_use]
    pub fn new(assembly: Assembly, clock: Arc<dyn Clock>, seed: u64) -> Self {
        let store = Store::new(assembly.params.limits());
        let snapshot = ArcSwap::from_pointee(Snapshot::adopt(assembly, &store));
        let (stories, digests) = (Stories::default(), RandomState::new());
        let shared = Shared { clock, stories, store, snapshot, digests, seed: AtomicU64::new(seed) };
        Self { shared: Arc::new(shared) }
    }

    /// Takes up a new configuration as a whole. Requests under way keep the one they began with; what is remembered
    /// of paths that are still there stays.
    pub fn reload(&self, assembly: Assembly) {
        let snapshot = Snapshot::adopt(assembly, &self.shared.store);
        self.shared.snapshot.store(Arc::new(snapshot));
    }

    /// Answers a request. It always comes to an answer in the caller's dialect; dropping the future, or the answer's
    /// body, means that the caller left: upstream connections close and nothing is recorded.
    pub async fn run(&self, request: Request) -> Answer {
        let shared = &self.shared;
        let snapshot = shared.snapshot.load_full();
        let call = &request.call;
        let Some(route) = snapshot.routing.resolve(call.model.as_str()) else {
            return Refusal::unknown_model(&request).into_answer();
        };
        let speaking = snapshot.speaking(call.dialect, call.operation);
        let counting = count::asked(&request);
        if !snapshot.serves(route, speaking.as_deref()) {
            let refusal = Box::new(Refusal::wrong_dialect(&request));
            return counted(counting, refusal).await;
        }
        let now = shared.clock.now();
        let patience = counting.as_ref().map(|_| count::WAIT_MAX);
        let deadline = request.timeout.into_iter().chain(patience).min().map(|timeout| now + timeout);
        let mut ask = Ask::new(call.operation, shared.seed.fetch_add(1, Ordering::Relaxed));
        ask.deadline = deadline;
        ask.pin = request.pin.clone();
        ask.affinity = self.affinity(&request);
        ask.speaking = speaking;
        let params = if counting.is_some() { &snapshot.hasty } else { &snapshot.params };
        let run = Run::new(Arc::clone(&snapshot.routing), Arc::clone(params), route, ask);
        let (dialect, is_streaming, form) = (call.dialect, call.is_streaming, call.stream_form());
        let (hold_max, keep_alive) = (snapshot.params.hold_max, snapshot.params.keep_alive);
        let is_head_out = is_streaming.then(|| Arc::new(AtomicBool::new(false)));
        let recorder = Recorder::new(Arc::clone(shared), snapshot, request, run, now, deadline);
        let mut drive = Box::pin(Drive::new(Arc::clone(shared), recorder, is_head_out.clone()).go());
        if !is_streaming {
            return match drive.await {
                Driven::Failed(refusal) if !count::is_callers(&refusal) => counted(counting, refusal).await,
                driven => finish(driven),
            };
        }
        match tokio::time::timeout(hold_max, drive.as_mut()).await {
            Ok(driven) => finish(driven),
            Err(_) => {
                is_head_out.iter().for_each(|is_out| is_out.store(true, Ordering::Relaxed));
                let (status, headers) = early_head(form);
                let body = AnswerBody::holding(Hold::new(drive, dialect, form, keep_alive));
                Answer { status, headers, body }
            }
        }
    }

    /// Names callers may list. A suspension never changes this list.
    #[must_use]
    pub fn models(&self) -> Vec<Listed> {
        let snapshot = self.shared.snapshot.load();
        let routing = &snapshot.routing;
        let describe = |name: &ModelAlias| {
            let route = routing.resolve(name.as_str())?;
            let owner = routing.targets(route).first().map(|(upstream, _)| upstream.to_string())?;
            Some(Listed { name: name.clone(), owner, context_tokens: routing.context_tokens(route) })
        };
        routing.listed().iter().filter_map(describe).collect()
    }

    /// Whether a request for `model` would find a route.
    #[must_use]
    pub fn knows(&self, model: &str) -> bool {
        self.shared.snapshot.load().routing.resolve(model).is_some()
    }

    /// How a request was decided, if it is one of the last [`crate::STORIES_MAX`].
    #[must_use]
    pub fn story(&self, id: &RequestId) -> Option<Arc<Story>> {
        self.shared.stories.find(id)
    }

    /// What is remembered: for the operator's view and for clearing it.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What is suspended at this moment, in a stable order.
    #[must_use]
    pub fn suspensions(&self) -> Vec<Shown> {
        self.shared.store.list(self.now())
    }

    /// Now, on the clock that suspensions are counted by.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.shared.clock.now()
    }

    /// The snapshot new requests begin with.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// The route behind a name, for a dry run.
    #[must_use]
    pub fn resolve(&self, model: &str) -> Option<RouteIndex> {
        self.shared.snapshot.load().routing.resolve(model)
    }

    fn affinity(&self, request: &Request) -> Option<Affinity> {
        let key = |told| self.shared.conversation(request, told);
        Some(match request.session {
            Some(session) => Affinity { key: key(Told::Session(session)), turn: ConversationTurn::Later },
            None => {
                let turn = match request.has_assistant_turn {
                    true => ConversationTurn::Later,
                    false => ConversationTurn::First,
                };
                Affinity { key: key(Told::Opening(request.opening)), turn }
            }
        })
    }
}

/// By what a conversation is known again.
#[derive(Debug, Clone, Copy, Hash)]
pub(crate) enum Told {
    /// A key that the caller gives it.
    Session(u64),
    /// How it began.
    Opening(u64),
}

impl Shared {
    /// The conversation of one client about one model that is told so.
    pub(crate) fn conversation(&self, request: &Request, told: Told) -> AffinityKey {
        let client = request.client.as_ref().map(|client| client.as_str());
        let model = request.call.model.as_str();
        let mut hasher = self.digests.build_hasher();
        (told, client, model).hash(&mut hasher);
        let high = u128::from(hasher.finish());
        // One more byte makes the other half; the text is read once.
        hasher.write_u8(1);
        AffinityKey(high << 64 | u128::from(hasher.finish()))
    }
}

impl std::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor").field("snapshot", &self.shared.snapshot.load()).finish_non_exhaustive()
    }
}

/// A count of our own in place of a refusal, if a count was asked for.
async fn counted(counting: Option<Arc<CallerRequest>>, refusal: Box<Refusal>) -> Answer {
    let count = match counting {
        Some(call) => count::here(call).await,
        None => None,
    };
    count.unwrap_or_else(|| refusal.into_answer())
}

fn finish(driven: Driven) -> Answer {
    match driven {
        Driven::Whole { status, headers, body } => Answer { status, headers, body: AnswerBody::whole(body) },
        Driven::Stream { headers, flow } => {
            Answer { status: http::StatusCode::OK, headers, body: AnswerBody::flowing(flow) }
        }
        Driven::Failed(refusal) => refusal.into_answer(),
    }
}
