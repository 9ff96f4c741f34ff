//! The front door of the room: a request goes in, an answer comes out.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use standin_core::{AffinityKey, Clock, Dialect, ModelAlias, Moment, RequestId};
use standin_policy::{Affinity, Ask, ConversationTurn, RouteIndex, Run};
use standin_store::{Shown, Store};
use standin_upstream::CallerRequest;
use standin_wire::StreamForm;

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
    pub fn run(&self, request: Request) -> impl Future<Output = Answer> + Send + use<> {
        let begun = self.begin(request);
        // What is prepared is not kept here a second time: for a whole answer this is little more than a wait.
        async move {
            match begun {
                Begun::Refused { refusal, counting } => Box::pin(counted(counting, refusal)).await,
                Begun::Driven { drive, counting } => match drive.await {
                    Driven::Failed(refusal) if !count::is_callers(&refusal) => {
                        Box::pin(counted(counting, refusal)).await
                    }
                    driven => finish(driven),
                },
                Begun::Streamed(streamed) => Box::pin(streamed.head()).await,
            }
        }
    }

    /// Everything up to the first attempt.
    fn begin(&self, request: Request) -> Begun {
        let shared = &self.shared;
        let snapshot = shared.snapshot.load_full();
        let call = &request.call;
        let Some(route) = snapshot.routing.resolve(call.model.as_str()) else {
            let refusal = Box::new(Refusal::unknown_model(&request));
            return Begun::Refused { refusal, counting: None };
        };
        let speaking = snapshot.speaking(call.dialect, call.operation);
        let counting = count::asked(&request);
        if !snapshot.serves(route, speaking.as_deref()) {
            let refusal = Box::new(Refusal::wrong_dialect(&request));
            return Begun::Refused { refusal, counting };
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
        let drive = Box::pin(Drive::new(Arc::clone(shared), recorder, is_head_out.clone()).go());
        match is_head_out {
            None => Begun::Driven { drive, counting },
            Some(is_head_out) => {
                Begun::Streamed(Streamed { drive, is_head_out, dialect, form, hold_max, keep_alive })
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

/// The drive of one request, wherever it goes on.
type Driving = Pin<Box<dyn Future<Output = Driven> + Send>>;

/// A request that has begun.
enum Begun {
    /// There is nothing to try.
    Refused { refusal: Box<Refusal>, counting: Option<Arc<CallerRequest>> },
    /// It is to be answered as a whole.
    Driven { drive: Driving, counting: Option<Arc<CallerRequest>> },
    /// It is to be answered by a stream.
    Streamed(Streamed),
}

/// A stream whose head has not gone out.
struct Streamed {
    drive: Driving,
    is_head_out: Arc<AtomicBool>,
    dialect: Dialect,
    form: StreamForm,
    hold_max: Duration,
    keep_alive: Duration,
}

impl Streamed {
    /// Waits for the first content, or until the head has to go out before it.
    async fn head(mut self) -> Answer {
        match tokio::time::timeout(self.hold_max, self.drive.as_mut()).await {
            Ok(driven) => finish(driven),
            Err(_) => {
                self.is_head_out.store(true, Ordering::Relaxed);
                let (status, headers) = early_head(self.form);
                let hold = Hold::new(self.drive, self.dialect, self.form, self.keep_alive);
                Answer { status, headers, body: AnswerBody::holding(hold) }
            }
        }
    }
}

/// By what a conversation is known again.
#[derive(Debug, Clone, Copy)]
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
        let (kind, digest) = match told {
            Told::Session(digest) => (0, digest),
            Told::Opening(digest) => (1, digest),
        };
        // With the length of the first text in front, two texts in a row are told apart; nobody is one more than any.
        let length = client.map_or(0, |client| client.len() as u64 + 1);
        let mut hasher = self.digests.build_hasher();
        hasher.write_u64(digest);
        hasher.write_u64(length << 1 | kind);
        hasher.write(client.unwrap_or_default().as_bytes());
        hasher.write(model.as_bytes());
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
