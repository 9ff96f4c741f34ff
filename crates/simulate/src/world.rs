//! An invented world: who there is, how much is asked, and what goes wrong. Read from TOML.

use std::{fmt, path::Path, time::Duration};

use serde::Deserialize;

use crate::written::{Mistake, Written};

/// Largest day that is simulated in one go.
pub(crate) const HOURS_MAX: u32 = 24 * 31;
/// Most credentials, and most models, of one world.
pub(crate) const SIDE_MAX: u32 = 4096;
/// Most outages of one model.
pub(crate) const OUTAGES_MAX: u32 = 64;
/// Shortest distance of bursts.
const BURST_APART_MIN: Duration = Duration::from_secs(1);
/// Most requests that arrive at one moment.
pub(crate) const BURST_MAX: u32 = 4096;

/// Everything about one world except the seed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// What reports call it.
    pub name: String,
    /// How long it lasts.
    pub hours: u32,
    /// How many credentials there are.
    pub credentials: u32,
    /// How many models the alias pools.
    pub models: u32,
    /// How many upstreams share them out; the credentials take turns among them.
    #[serde(default = "one")]
    pub upstreams: u32,
    /// Who asks, and how.
    pub traffic: Traffic,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
}

/// Who asks, and how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// Requests per hour on average; they know nothing of each other.
    pub requests_per_hour: f64,
    /// Fraction of requests that are wrong themselves.
    #[serde(default)]
    pub caller_faults: f64,
    /// Shortest and longest time one upstream call takes.
    #[serde(with = "text::span")]
    pub call: [Duration; 2],
    /// How far apart bursts are; none if absent.
    #[serde(default, with = "text::optional")]
    pub burst_every: Option<Duration>,
    /// How many requests arrive at once in a burst, at most.
    #[serde(default)]
    pub burst_size: u32,
}

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Fraction of candidates that never support their model.
    pub unsupported: f64,
    /// Fraction of calls that end in a 500 for no reason.
    pub random_5xx: f64,
    /// Fraction of calls that are executed and whose answer is lost.
    pub unknown_fate: f64,
    /// An hourly allowance per credential.
    pub quota: Option<Quota>,
    /// Credentials that are revoked, one each.
    pub revoked: Vec<Revoked>,
    /// Times at which a model answers nobody.
    pub outages: Option<Outages>,
    /// A limit whose hint is wrong.
    pub weekly: Option<Weekly>,
}

/// An hourly allowance per credential.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Successes per hour.
    pub per_hour: u32,
    /// Fraction of the credentials whose refusals say when the next hour begins.
    #[serde(default)]
    pub hinted: f64,
}

/// One revoked credential.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// For how long, from a random moment on; for good if absent.
    #[serde(default, with = "text::optional")]
    pub lasts: Option<Duration>,
}

/// Times at which a model answers nobody.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outages {
    /// How many per model.
    pub per_model: u32,
    /// Shortest and longest.
    #[serde(with = "text::span")]
    pub lasts: [Duration; 2],
}

/// A limit that every credential hits once, and whose hint is wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// How long its refusals say it lasts.
    #[serde(with = "text::one")]
    pub hint: Duration,
    /// How long it really lasts.
    #[serde(with = "text::span")]
    pub lasts: [Duration; 2],
}

impl World {
    /// Reads a world from the text of a TOML file.
    ///
    /// # Errors
    /// The first thing in it that cannot be meant, with file, line and key.
    pub fn read(file: &Path, text: &str) -> Result<Self, Mistake> {
        let written = Written::new(file, text);
        let world: Self = written.parse()?;
        match world.mistake() {
            Some((key, message)) => Err(written.mistake(key, message)),
            None => Ok(world),
        }
    }

    /// The first value outside its range, by its key.
    fn mistake(&self) -> Option<(&'static str, String)> {
        let refuse = |key, value: &dyn fmt::Display, accepted| {
            Some((key, format!("{value} is out of range: accepted is {accepted}")))
        };
        let outages = self.faults.outages.as_ref().map_or(1, |outages| outages.per_model);
        let counts = [
            ("hours", self.hours, HOURS_MAX, "1 to 744"),
            ("credentials", self.credentials, SIDE_MAX, "1 to 4096"),
            ("models", self.models, SIDE_MAX, "1 to 4096"),
            ("upstreams", self.upstreams, self.credentials, "1 to the number of credentials"),
            ("faults.outages.per_model", outages, OUTAGES_MAX, "1 to 64"),
        ];
        for (key, value, most, accepted) in counts {
            if value == 0 || value > most {
                return refuse(key, &value, accepted);
            }
        }
        let Faults { unsupported, random_5xx, unknown_fate, .. } = self.faults;
        let fractions = [
            ("traffic.caller_faults", self.traffic.caller_faults),
            ("faults.unsupported", unsupported),
            ("faults.random_5xx", random_5xx),
            ("faults.unknown_fate", unknown_fate),
            ("faults.quota.hinted", self.faults.quota.as_ref().map_or(0.0, |quota| quota.hinted)),
        ];
        for (key, value) in fractions {
            if !(0.0..=1.0).contains(&value) {
                return refuse(key, &value, "0 to 1");
            }
        }
        let Traffic { requests_per_hour, burst_size, burst_every, .. } = self.traffic;
        if !(0.1..=10_000_000.0).contains(&requests_per_hour) {
            return refuse("traffic.requests_per_hour", &requests_per_hour, "0.1 to 10000000");
        }
        if burst_size > BURST_MAX || (burst_every.is_some() && burst_size == 0) {
            return refuse("traffic.burst_size", &burst_size, "1 to 4096");
        }
        if burst_every.is_some_and(|apart| apart < BURST_APART_MIN) {
            return refuse("traffic.burst_every", &"this", "1s or more");
        }
        if self.faults.revoked.len() > self.credentials as usize {
            return refuse("faults.revoked", &self.faults.revoked.len(), "at most one per credential");
        }
        None
    }

    /// How long the world lasts.
    #[must_use]
    pub const fn length(&self) -> Duration {
        Duration::from_secs(self.hours as u64 * 3600)
    }
}

const fn one() -> u32 {
    1
}

mod text {
    //! Durations as a person writes them.

    use std::time::Duration;

    use serde::{Deserialize, Deserializer, de::Error};

    fn parse<E: Error>(text: &str) -> Result<Duration, E> {
        humantime::parse_duration(text)
            .map_err(|error| E::custom(format!("`{text}` is no duration: {error}")))
    }

    pub(super) mod one {
        use super::{Deserialize, Deserializer, Duration, parse};

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Duration, D::Error> {
            parse(&String::deserialize(from)?)
        }
    }

    pub(super) mod optional {
        use super::{Deserialize, Deserializer, Duration, parse};

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Duration>, D::Error> {
            Option::<String>::deserialize(from)?.map(|text| parse(&text)).transpose()
        }
    }

    pub(super) mod span {
        use super::{Deserialize, Deserializer, Duration, Error, parse};

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<[Duration; 2], D::Error> {
            let [least, most] = <[String; 2]>::deserialize(from)?;
            let span = [parse(&least)?, parse(&most)?];
            if span[0] > span[1] {
                return Err(D::Error::custom(format!("`{least}` is more than `{most}`")));
            }
            Ok(span)
        }
    }
}
