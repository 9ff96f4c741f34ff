//! The numbers an operator may turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use standin_core::{BudgetRate, Limits};

use crate::suspend::forgotten_at;

/// What to do after an attempt that may have been executed, and billed, although no reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFate {
    /// Move on, and count a possible duplicate.
    #[default]
    Continue,
    /// Report it.
    Stop,
}

/// Every parameter of the policy, with its default. A request keeps the set it began with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Attempts of one request, over all rounds.
    pub attempts_max: u32,
    /// Attempts of one request that follow a soft failure.
    pub soft_retries_max: u32,
    /// Distinct credentials tried in one round; 0 means all.
    pub credentials_max: u32,
    /// Further rounds after the first.
    pub rounds: u32,
    /// Longest one request waits, all its waits together.
    #[serde(with = "text")]
    pub wait_max: Duration,
    /// What to do after an attempt of unknown fate.
    pub on_unknown_fate: UnknownFate,
    /// Whether failures suspend anything at all; upstreams and credentials may differ.
    pub suspend: bool,
    /// Longest a suspension goes without a probe, except for rejected and unpaid credentials.
    #[serde(with = "text")]
    pub probe_max: Duration,
    /// With only hard suspensions left, how often one credential may be tried nevertheless.
    #[serde(with = "text")]
    pub last_resort_interval: Duration,
    /// Tokens of an upstream's retry budget that each request brings.
    pub retry_budget_ratio: f64,
    /// Tokens of an upstream's retry budget that each second brings.
    pub retry_budget_per_second: f64,
    /// Most tokens an upstream's retry budget holds.
    pub retry_budget_burst: u32,
    /// How long a conversation without requests stays bound to its credential.
    #[serde(with = "text")]
    pub affinity_ttl: Duration,
    /// Lifecycle frames of a stream held before they are released.
    pub hold_events_max: u32,
    /// Bytes of lifecycle frames held before they are released.
    pub hold_bytes_max: u32,
    /// How long a stream's head is held back.
    #[serde(with = "text")]
    pub hold_max: Duration,
    /// Distance of keep-alives.
    #[serde(with = "text")]
    pub keep_alive: Duration,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            attempts_max: 16,
            soft_retries_max: 4,
            credentials_max: 0,
            rounds: 2,
            wait_max: Duration::from_secs(15),
            on_unknown_fate: UnknownFate::Continue,
            suspend: true,
            probe_max: Duration::from_secs(60 * 60),
            last_resort_interval: Duration::from_secs(30),
            retry_budget_ratio: 0.2,
            retry_budget_per_second: 3.0,
            retry_budget_burst: 10,
            affinity_ttl: Duration::from_secs(3600),
            hold_events_max: 32,
            hold_bytes_max: 65_536,
            hold_max: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// A parameter outside its range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("use policy key `{key}` = {value}: accepted is {accepted}")]
pub struct ParamsError {
    /// The key as it stands in the configuration.
    pub key: &'static str,
    /// What was given.
    pub value: String,
    /// What would have been fine.
    pub accepted: &'static str,
}

impl Params {
    /// Refuses values that no request could be served with.
    ///
    /// # Errors
    /// The first key outside its range.
    pub fn check(&self) -> Result<(), ParamsError> {
        let refuse = |key, value: String, accepted| Err(ParamsError { key, value, accepted });
        if self.attempts_max == 0 || self.attempts_max > ATTEMPTS_CEILING {
            return refuse("attempts_max", self.attempts_max.to_string(), "1 to 256");
        }
        if !(self.retry_budget_ratio.is_finite() && self.retry_budget_ratio >= 0.0) {
            return refuse("retry_budget_ratio", self.retry_budget_ratio.to_string(), "0 or more");
        }
        if !(self.retry_budget_per_second.is_finite() && self.retry_budget_per_second >= 0.001) {
            let value = self.retry_budget_per_second.to_string();
            return refuse("retry_budget_per_second", value, "0.001 or more");
        }
        if self.last_resort_interval.is_zero() {
            return refuse("last_resort_interval", "0s".to_owned(), "more than zero");
        }
        if self.probe_max.is_zero() {
            return refuse("probe_max", "0s".to_owned(), "more than zero");
        }
        Ok(())
    }

    /// What a memory has to be told of them when it is made.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            retry_budget: BudgetRate {
                per_request: self.retry_budget_ratio,
                per_second: self.retry_budget_per_second,
                burst: self.retry_budget_burst,
            },
            last_resort_interval: self.last_resort_interval,
            affinity_ttl: self.affinity_ttl,
            forgotten_at,
        }
    }
}

/// Largest `attempts_max` that is accepted: what one request remembers is bounded by it.
pub const ATTEMPTS_CEILING: u32 = 256;

mod text {
    //! Durations are written as an operator writes them: `15s`, `60m`, `1h 30m`.

    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*duration))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        humantime::parse_duration(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_accepted_and_survive_being_written_down() {
        let params = Params::default();
        assert_eq!(params.check(), Ok(()));
        let written = serde_json::to_string(&params).unwrap();
        assert_eq!(serde_json::from_str::<Params>(&written).unwrap(), params);
    }

    #[test]
    fn a_value_no_request_could_be_served_with_is_refused_by_its_key() {
        let broken = [
            Params { attempts_max: 0, ..Params::default() },
            Params { attempts_max: 257, ..Params::default() },
            Params { retry_budget_ratio: f64::NAN, ..Params::default() },
            Params { retry_budget_per_second: 0.0, ..Params::default() },
            Params { last_resort_interval: Duration::ZERO, ..Params::default() },
            Params { probe_max: Duration::ZERO, ..Params::default() },
        ];
        let keys: Vec<_> = broken.iter().map(|params| params.check().unwrap_err().key).collect();
        let expected = [
            "attempts_max",
            "attempts_max",
            "retry_budget_ratio",
            "retry_budget_per_second",
            "last_resort_interval",
            "probe_max",
        ];
        assert_eq!(keys, expected);
    }
}
