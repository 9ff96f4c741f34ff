//! What is remembered, as an operator reads it: ids instead of numbers, times of the wall clock, no secret.

use std::time::SystemTime;

use serde_json::{Map, Value, json};
use standin_core::{Moment, Operation, RequestId, ScopeKey, Suspension};

use super::Desk;

/// Fields of decisions that are moments of the monotonic clock.
const MOMENTS: [&str; 4] = ["at", "deadline", "until", "started"];

/// The wall clock, for moments of the monotonic one.
struct Times {
    now: Moment,
    wall: SystemTime,
}

impl Times {
    fn of(desk: &Desk) -> Self {
        Self { now: desk.site.clock.now(), wall: desk.site.clock.wall() }
    }

    fn at(&self, moment: Moment) -> Value {
        let at = if moment >= self.now {
            self.wall.checked_add(moment.since(self.now))
        } else {
            self.wall.checked_sub(self.now.since(moment))
        };
        at.map_or(Value::Null, stamp)
    }

    /// Replaces every moment in `value` by a time, wherever it stands.
    fn tell(&self, value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(|one| self.tell(one)),
            Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| match field.as_u64() {
                Some(nanos) if MOMENTS.contains(&name.as_str()) => {
                    *field = self.at(Moment::from_nanos(nanos))
                }
                _ => self.tell(field),
            }),
            _ => {}
        }
    }
}

/// RFC 3339, to the millisecond.
fn stamp(at: SystemTime) -> Value {
    let stamp = jiff::Timestamp::try_from(at).ok();
    let rounded = stamp.map(|stamp| stamp.round(jiff::Unit::Millisecond).unwrap_or(stamp));
    rounded.map_or(Value::Null, |stamp| Value::String(stamp.to_string()))
}

/// Whether it lives, and the few numbers that say how.
pub(super) fn health(desk: &Desk) -> Value {
    let conductor = desk.site.conductor();
    json!({
        "status": if desk.site.is_open() { "ok" } else { "draining" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": desk.site.clock.now().since(desk.began).as_secs(),
        "models": conductor.models().len(),
        "suspensions": conductor.suspensions().len(),
        "conversations": conductor.store().bindings(),
        "tasks": tokio::runtime::Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks()),
    })
}

/// Every suspension that holds somebody back now.
pub(super) fn suspensions(desk: &Desk) -> Value {
    let times = Times::of(desk);
    let shown = desk.site.conductor().suspensions();
    let all: Vec<Value> = shown.iter().map(|one| suspension(&times, &one.key, &one.suspension)).collect();
    json!({"now": stamp(times.wall), "suspensions": all})
}

fn suspension(times: &Times, key: &ScopeKey, entry: &Suspension) -> Value {
    let mut fields = blamed(key);
    let more = json!({
        "class": entry.class,
        "rule": entry.rule,
        "since": times.at(entry.since),
        "until": times.at(entry.until),
        "seconds_left": entry.until.since(times.now).as_secs(),
        "level": entry.strikes,
        "probe_at": times.at(entry.probe_at),
        "last_probe": times.at(entry.probed_at),
        "last_error": {"status": entry.status, "message": entry.evidence},
    });
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    Value::Object(fields)
}

/// What is to blame, in one text and in its parts.
fn blamed(key: &ScopeKey) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| _ = fields.insert(name.to_owned(), value);
    put("scope", json!(key.scope()));
    put("path", json!(key.to_string()));
    match key {
        ScopeKey::Candidate(candidate) | ScopeKey::CandidateOperation(candidate, _) => {
            put("credential", json!(candidate.credential));
            put("model", json!(candidate.model));
        }
        ScopeKey::Credential(credential) => put("credential", json!(credential)),
        ScopeKey::UpstreamModel(upstream, model) => {
            put("upstream", json!(upstream));
            put("model", json!(model));
        }
        ScopeKey::UpstreamOperation(upstream, _) => put("upstream", json!(upstream)),
        ScopeKey::Endpoint(_) => {}
    }
    if let ScopeKey::CandidateOperation(_, operation) | ScopeKey::UpstreamOperation(_, operation) = key {
        put("operation", json!(operation));
    }
    fields
}

/// How one request was decided, if it is one of the last.
pub(super) fn request(desk: &Desk, id: &RequestId) -> Option<Value> {
    let story = desk.site.conductor().story(id)?;
    let times = Times::of(desk);
    let mut told = json!({"ending": story.ending, "trail": story.trail});
    times.tell(&mut told);
    told["id"] = json!(story.id);
    told["model"] = json!(story.model);
    told["began"] = stamp(story.began);
    told["elapsed_ms"] = json!(u64::try_from(story.elapsed.as_millis()).unwrap_or(u64::MAX));
    told["usage"] = json!(story.usage);
    Some(told)
}

/// Where a request would go now, without sending one.
pub(super) fn preview(desk: &Desk, model: &str, operation: Operation) -> Option<Value> {
    let mut told = json!(desk.site.conductor().preview(model, operation)?);
    Times::of(desk).tell(&mut told);
    Some(told)
}
