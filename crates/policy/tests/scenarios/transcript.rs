//! A story in text, told to the real policy over the real store, with a hand-moved clock and scripted upstreams.
//!
//! Each line is one request: what the upstreams will answer, `=>`, which candidates were called, `|`, how it ended.
//! `+10s` moves the clock. `~3s` in a path is a wait (whole seconds). An answer is `ok`, `cut_short` or a class with, optionally,
//! `@scope`, `(hint)`, `?` for a hint of evidence instead of a code, `#digest` of the body, `!progress`.
//! Words before the answers: `count`, `pin=c1`, `first=k`, `later=k`, `owner=c1`, `of=MODEL`, `by=10s` (deadline),
//! `speaks=c1,c2` (who knows the request's dialect).

use std::{sync::Arc, time::Duration};

use standin_core::{
    AffinityKey, CUT_SHORT, Certainty, ErrorClass, Evidence, Failure, Layer, Moment, Operation, Outcome,
    Progress, Scope, UpstreamError, Verdict,
};
use standin_policy::{
    Affinity, Ask, Cause, ConversationTurn, Credential, Declarations, Ending, Model, Params, Ready, Route,
    Routing, Run, Step, Trail, Upstream, opened, settle, step,
};
use standin_store::{Admission, Session, Store};

/// Checks a whole story against the default parameters.
#[track_caller]
pub(crate) fn check(candidates: &str, story: &str) {
    World::new(candidates).tells(story);
}

/// A configuration, its memory and its clock.
pub(crate) struct World {
    pub(crate) now: Moment,
    pub(crate) params: Params,
    pub(crate) declared: Declarations,
    pub(crate) store: Store,
    pub(crate) trail: Option<Trail>,
    routing: Arc<Routing>,
    session: Session,
    seed: u64,
}

/// A request in the air.
pub(crate) struct Flight {
    pub(crate) run: Run,
    pub(crate) path: String,
    admission: Option<Admission>,
}

impl World {
    /// `c1/m1 c1/m2 c2/m1`: candidates of one pool `P` at the upstream `up`; `eu:c3/m1` is at `eu`.
    pub(crate) fn new(candidates: &str) -> Self {
        Self::with(candidates, |_, _| {})
    }

    pub(crate) fn with(candidates: &str, change: impl FnOnce(&mut Declarations, &mut Params)) -> Self {
        let mut declared = declarations(candidates);
        let mut params = Params::default();
        change(&mut declared, &mut params);
        let store = Store::new(params.limits());
        let routing = Arc::new(Routing::build(&declared).unwrap());
        let session = store.adopt(routing.layout().clone(), |_| true);
        Self { now: Moment::from_secs(1000), params, declared, store, trail: None, routing, session, seed: 0 }
    }

    /// Takes up changed declarations or parameters, as a reload does.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut Declarations, &mut Params)) {
        change(&mut self.declared, &mut self.params);
        self.routing = Arc::new(Routing::build(&self.declared).unwrap());
        let (routing, globally) = (self.routing.clone(), self.params.suspend);
        self.session = self.store.adopt(routing.layout().clone(), |key| routing.keeps(key, globally));
    }

    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }

    pub(crate) fn shared_routing(&self) -> Arc<Routing> {
        Arc::clone(&self.routing)
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    #[track_caller]
    pub(crate) fn tells(&mut self, story: &str) -> &mut Self {
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(wait) = line.strip_prefix('+') {
                self.now = self.now + duration(wait);
                continue;
            }
            let (told, expected) = line.split_once("=>").expect("a line has `=>`");
            assert_eq!(self.tell(told.trim()), expected.trim(), "told: {line}");
        }
        self
    }

    /// One request from its first word to its ending.
    pub(crate) fn tell(&mut self, words: &str) -> String {
        let (mut flight, answers) = self.begin(words);
        let mut answers = answers.into_iter();
        loop {
            match self.advance(&mut flight) {
                Some(ending) => {
                    assert_eq!(answers.next(), None, "an answer was not needed after {}", flight.path);
                    self.trail = Some(flight.run.take_trail());
                    return format!("{}| {}", flight.path, self.ending(&ending));
                }
                None => {
                    let answer =
                        answers.next().unwrap_or_else(|| panic!("no answer left after {}", flight.path));
                    self.answer(&mut flight, &answer);
                }
            }
        }
    }

    /// Begins a request without letting anybody answer.
    pub(crate) fn begin(&mut self, words: &str) -> (Flight, Vec<String>) {
        self.seed += 1;
        let mut ask = Ask::new(Operation::Messages, self.seed);
        let mut model = "P".to_owned();
        let mut answers = Vec::new();
        for word in words.split_whitespace() {
            match word.split_once('=') {
                Some(("pin", id)) => ask.pin = Some(id.into()),
                Some(("owner", id)) => ask.owner = Some(id.into()),
                Some(("of", name)) => model = name.to_owned(),
                Some(("speaks", ids)) => ask.speaking = Some(self.speaking(ids)),
                Some(("by", time)) => ask.deadline = Some(self.now + duration(time)),
                Some(("first", key)) => ask.affinity = Some(affinity(key, ConversationTurn::First)),
                Some(("later", key)) => ask.affinity = Some(affinity(key, ConversationTurn::Later)),
                _ if word == "count" => ask.operation = Operation::CountTokens,
                _ => answers.push(word.to_owned()),
            }
        }
        let route = self.routing.resolve(&model).expect("the model is configured");
        let run = Run::new(self.routing.clone(), Arc::new(self.params.clone()), route, ask);
        (Flight { run, path: String::new(), admission: None }, answers)
    }

    fn speaking(&self, ids: &str) -> Arc<[bool]> {
        let credentials = self.routing.layout().credentials();
        credentials.iter().map(|row| ids.split(',').any(|id| row.id.as_str() == id)).collect()
    }

    /// Lets the request go on until it calls an upstream (`None`) or ends.
    pub(crate) fn advance(&mut self, flight: &mut Flight) -> Option<Ending> {
        loop {
            match step(&mut flight.run, &self.session, self.now) {
                Ready::Attempt(attempt, admission) => {
                    let renewed = if attempt.renews { "renewed:" } else { "" };
                    flight.path += &format!("{renewed}{} ", flight.run.candidate(&attempt));
                    flight.admission = Some(admission);
                    return None;
                }
                Ready::Wait { until, .. } => {
                    let waited = until.since(self.now);
                    if waited >= Duration::from_secs(1) {
                        flight.path += &format!("~{}s ", waited.as_secs());
                    }
                    assert!(until > self.now, "a wait that does not wait would spin");
                    self.now = until;
                }
                Ready::Finish(ending) => return Some(ending),
            }
        }
    }

    /// Lets the upstream of the current attempt answer.
    pub(crate) fn answer(&mut self, flight: &mut Flight, answer: &str) {
        let admission = flight.admission.take().expect("an attempt is in the air");
        if answer == "gone" {
            settle(&mut flight.run, &self.session, admission, self.now, Outcome::Abandoned);
            return;
        }
        let outcome = match answer {
            "ok" => {
                Outcome::Success(if is_count(flight) { Evidence::RemoteCount } else { Evidence::Inference })
            }
            "local" => Outcome::Success(Evidence::Local),
            _ => Outcome::Failure(Arc::new(failure(answer))),
        };
        settle(&mut flight.run, &self.session, admission, self.now, outcome);
    }

    /// The first content of the current attempt's stream.
    pub(crate) fn content(&self, flight: &Flight) {
        opened(&flight.run, &self.session, self.now);
    }

    /// What would be called now, without doing it.
    pub(crate) fn dry_run(&mut self, words: &str) -> String {
        let (mut flight, _) = self.begin(words);
        match flight.run.next(self.now, &self.session) {
            Step::Attempt(attempt) => flight.run.candidate(&attempt).to_string(),
            Step::Wait { .. } => "wait".to_owned(),
            Step::Finish(ending) => self.ending(&ending),
        }
    }

    /// Suspensions as the operator sees them: `c1/m1 rate_limited 5s`.
    pub(crate) fn suspended(&self) -> Vec<String> {
        let shown = self.store.list(self.now);
        let line = |entry: &standin_store::Shown| {
            let left = entry.suspension.until.since(self.now);
            format!("{} {} {}s", entry.key, entry.suspension.class, left.as_secs())
        };
        shown.iter().map(line).collect()
    }

    fn ending(&self, ending: &Ending) -> String {
        let report = match ending {
            Ending::Served => return "served".to_owned(),
            Ending::CallerLeft => return "gone".to_owned(),
            Ending::Failed(report) => report,
        };
        let cause = match report.cause {
            Cause::Upstream(class) => class.to_string(),
            Cause::Suspended(class) => format!("suspended {class}"),
            Cause::AtCapacity => "at capacity".to_owned(),
            Cause::NoCandidate => "no candidate".to_owned(),
            Cause::PinUnknown => "pin unknown".to_owned(),
            Cause::CallerDeadline => "deadline".to_owned(),
        };
        match report.deadline.map(|deadline| deadline.since(self.now).as_secs_f64().round()) {
            Some(left) if left > 0.0 => format!("{cause} {left}s"),
            _ => cause,
        }
    }
}

fn is_count(flight: &Flight) -> bool {
    flight.run.current().is_some_and(|attempt| attempt.claim.operation == Operation::CountTokens)
}

fn affinity(key: &str, turn: ConversationTurn) -> Affinity {
    let key = key.bytes().fold(0, |sum: u128, byte| sum * 31 + u128::from(byte));
    Affinity { key: AffinityKey(key), turn }
}

/// Credentials, models and upstreams in the order in which they are named.
pub(crate) fn declarations(candidates: &str) -> Declarations {
    let mut declared = Declarations::default();
    for candidate in candidates.split_whitespace() {
        let (upstream, rest) = candidate.split_once(':').unwrap_or(("up", candidate));
        let (credential, model) = rest.split_once('/').expect("credential/model");
        if !declared.upstreams.iter().any(|known| known.id.as_str() == upstream) {
            declared.upstreams.push(Upstream::new(upstream));
        }
        if !declared.models.iter().any(|m| m.name.as_str() == model && m.upstream.as_str() == upstream) {
            declared.models.push(Model { aliases: vec!["P".into()], ..Model::new(upstream, model) });
        }
        match declared.credentials.iter_mut().find(|known| known.id.as_str() == credential) {
            Some(known) => known.models.as_mut().unwrap().push(model.into()),
            None => declared.credentials.push(Credential {
                models: Some(vec![model.into()]),
                ..Credential::new(credential, upstream)
            }),
        }
    }
    declared
}

/// Tiers of an explicit route `P`: `up/m1,up/m2 eu/m1`.
pub(crate) fn route(tiers: &str) -> Route {
    let target = |name: &str| {
        let (upstream, model) = name.split_once('/').expect("upstream/model");
        standin_policy::Target { upstream: upstream.into(), model: model.into() }
    };
    let tiers = tiers.split_whitespace().map(|tier| tier.split(',').map(target).collect()).collect();
    Route { alias: "P".into(), tiers, strategy: None, affinity: true }
}

pub(crate) fn duration(text: &str) -> Duration {
    let split = text.find(char::is_alphabetic).expect("a unit");
    let (count, unit) = text.split_at(split);
    let secs = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        other => panic!("unknown unit {other}"),
    };
    Duration::from_secs_f64(count.parse::<f64>().expect("a number") * secs)
}

/// `class[@scope][(hint)][?][#digest][!progress]`
pub(crate) fn failure(text: &str) -> Failure {
    let (text, progress) = text.split_once('!').unwrap_or((text, ""));
    let (text, digest) = text.split_once('#').unwrap_or((text, "0"));
    let (text, certainty) = match text.strip_suffix('?') {
        Some(text) => (text, Certainty::Hint),
        None => (text, Certainty::Firm),
    };
    let (text, hint) = text.split_once('(').unwrap_or((text, ""));
    let (class, scope) = text.split_once('@').unwrap_or((text, ""));
    let (class, rule) = match class {
        "cut_short" => (ErrorClass::Malformed, CUT_SHORT),
        _ => (class.parse().unwrap(), "test/rule"),
    };
    let scope = Scope::ALL.into_iter().find(|known| known.as_str() == scope).unwrap_or_else(|| usual(class));
    let progress = match progress {
        "content" => Progress::ContentForwarded,
        "headers" => Progress::HeadersCommitted,
        "unsent" => Progress::NotSent,
        _ => Progress::Sent,
    };
    let status = if class == ErrorClass::ServerError { 500 } else { 400 };
    Failure {
        verdict: Verdict {
            class,
            scope,
            certainty,
            delay: (!hint.is_empty()).then(|| duration(hint.trim_end_matches(')'))),
            rule: rule.into(),
            layer: Layer::Status,
            matched: String::new(),
            suspend: None,
            stop: false,
            error: UpstreamError { status, message: format!("{class} happened"), ..UpstreamError::default() },
        },
        progress,
        fingerprint: digest.parse().unwrap(),
    }
}

/// The scope that the table of error classes gives a class.
fn usual(class: ErrorClass) -> Scope {
    match class {
        ErrorClass::AuthFailed | ErrorClass::Permission | ErrorClass::Billing => Scope::Credential,
        ErrorClass::Connect => Scope::Endpoint,
        ErrorClass::EndpointMisconfigured => Scope::UpstreamOperation,
        class if class.blames_nobody() => Scope::Request,
        _ => Scope::Candidate,
    }
}

impl World {
    /// The ladder position of the only entry.
    pub(crate) fn strikes(&self) -> u32 {
        let entries = self.store.export();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].suspension.strikes
    }

    /// Lets the upstream of the current attempt fail in a way that words cannot say.
    pub(crate) fn fail(&mut self, flight: &mut Flight, failure: Failure) {
        let admission = flight.admission.take().expect("an attempt is in the air");
        let outcome = Outcome::Failure(Arc::new(failure));
        settle(&mut flight.run, &self.session, admission, self.now, outcome);
    }
}
