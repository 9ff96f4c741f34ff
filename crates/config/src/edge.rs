//! What an operator says about the door itself: limits of the edge, and a certificate.

use std::{fs, time::Duration};

use serde::Deserialize;
use standin_core::Secret;
use toml::Spanned;

use crate::{check::Check, file::Text, problem::Problems, text::duration};

/// Limits of the edge; `None` leaves the default to the server itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the server's own limits, which are documented there")]
pub struct Limits {
    pub body_bytes_max: Option<usize>,
    pub bodies_bytes_max: Option<usize>,
    pub body_idle_max: Option<Duration>,
    pub body_slow_after: Option<Duration>,
    pub body_speed_min: Option<u64>,
    pub first_byte_max: Option<Duration>,
    pub head_max: Option<Duration>,
    pub keep_alive_max: Option<Duration>,
    pub stall_max: Option<Duration>,
    pub head_bytes_max: Option<usize>,
    pub headers_max: Option<usize>,
    pub connections_max: Option<usize>,
    pub streams_max: Option<u32>,
    pub grace: Option<Duration>,
}

/// A certificate and its key, as they stood in their files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The chain in PEM, the server's own certificate first.
    pub cert: Vec<u8>,
    /// The private key in PEM.
    pub key: Secret,
    /// The line of the configuration that names the certificate.
    pub line: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitsTable {
    body_bytes_max: Option<Spanned<u64>>,
    bodies_bytes_max: Option<Spanned<u64>>,
    body_idle_max: Option<Text>,
    body_slow_after: Option<Text>,
    body_speed_min: Option<Spanned<u64>>,
    first_byte_max: Option<Text>,
    head_max: Option<Text>,
    keep_alive_max: Option<Text>,
    stall_max: Option<Text>,
    head_bytes_max: Option<Spanned<u64>>,
    headers_max: Option<Spanned<u64>>,
    connections_max: Option<Spanned<u64>>,
    streams_max: Option<Spanned<u64>>,
    grace: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsTable {
    cert: Text,
    key: Text,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// A number within its range; what is out of it is a mistake.
fn number<N: TryFrom<u64>>(
    problems: &mut Problems<'_>,
    key: &str,
    written: Option<&Spanned<u64>>,
    (least, most): (u64, u64),
) -> Option<N> {
    let written = written?;
    let value = *written.get_ref();
    if !(least..=most).contains(&value) {
        let message = format!("{value} is out of range: accepted is {least} to {most}");
        problems.add(written.span(), key, message);
    }
    N::try_from(value).ok()
}

/// A duration that something can happen in.
fn time(problems: &mut Problems<'_>, key: &str, written: Option<&Text>) -> Option<Duration> {
    let found = duration(problems, key, written)?;
    if let Some(written) = written.filter(|_| found.is_zero()) {
        problems.add(written.span(), key, "no time at all would let nothing through");
    }
    Some(found)
}

impl Check<'_> {
    pub(crate) fn limits(&mut self, table: &LimitsTable) -> Limits {
        let problems = &mut self.problems;
        let limits = Limits {
            body_bytes_max: number(
                problems,
                "limits.body_bytes_max",
                table.body_bytes_max.as_ref(),
                (KIB, GIB),
            ),
            bodies_bytes_max: number(
                problems,
                "limits.bodies_bytes_max",
                table.bodies_bytes_max.as_ref(),
                (KIB, 1024 * GIB),
            ),
            body_idle_max: time(problems, "limits.body_idle_max", table.body_idle_max.as_ref()),
            body_slow_after: time(problems, "limits.body_slow_after", table.body_slow_after.as_ref()),
            body_speed_min: number(
                problems,
                "limits.body_speed_min",
                table.body_speed_min.as_ref(),
                (0, GIB),
            ),
            first_byte_max: time(problems, "limits.first_byte_max", table.first_byte_max.as_ref()),
            head_max: time(problems, "limits.head_max", table.head_max.as_ref()),
            keep_alive_max: time(problems, "limits.keep_alive_max", table.keep_alive_max.as_ref()),
            stall_max: time(problems, "limits.stall_max", table.stall_max.as_ref()),
            head_bytes_max: number(
                problems,
                "limits.head_bytes_max",
                table.head_bytes_max.as_ref(),
                (8 * KIB, MIB),
            ),
            headers_max: number(problems, "limits.headers_max", table.headers_max.as_ref(), (16, 1000)),
            connections_max: number(
                problems,
                "limits.connections_max",
                table.connections_max.as_ref(),
                (1, 1_000_000),
            ),
            streams_max: number(problems, "limits.streams_max", table.streams_max.as_ref(), (1, 1000)),
            grace: duration(problems, "limits.grace", table.grace.as_ref()),
        };
        if let (Some(one), Some(all), Some(written)) =
            (limits.body_bytes_max, limits.bodies_bytes_max, &table.bodies_bytes_max)
            && all < one
        {
            let message = format!("{all} is less than one body may have ({one}, limits.body_bytes_max)");
            problems.add(written.span(), "limits.bodies_bytes_max", message);
        }
        limits
    }

    pub(crate) fn tls(&mut self, table: &TlsTable) -> Option<Tls> {
        let cert = self.pem("tls.cert", &table.cert);
        let key = self.pem("tls.key", &table.key);
        let line = self.problems.line(table.cert.span().start);
        Some(Tls { cert: cert?.into_bytes(), key: Secret::new(key?), line })
    }

    fn pem(&mut self, key: &str, written: &Text) -> Option<String> {
        let path = self.folder.join(written.get_ref());
        self.files.push(path.clone());
        let read = fs::read_to_string(&path);
        let read = read.map_err(|error| {
            self.problems.add(written.span(), key, format!("cannot read {}: {error}", path.display()));
        });
        read.ok()
    }
}
