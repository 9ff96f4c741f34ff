//! The proxy's own record of a request, in plain words.

use std::time::{Duration, SystemTime};

use standin_conductor::{Conductor, SystemClock};
use standin_core::{Clock, Moment};
use standin_policy::{Note, Skip};
use standin_server::Site;

use super::{client::Served, ink::Ink};

/// Who was tried, what came back, and what follows from it.
pub(crate) fn story(story: &standin_conductor::Story, site: &Site, ink: &Ink) {
    let trail = &story.trail;
    let mut tried = String::new();
    let mut seen = Vec::new();
    for note in trail.notes() {
        match note {
            Note::Chosen { candidate, .. } => {
                tried = who(site.conductor(), trail.candidate(*candidate), ink);
                seen.push(*candidate);
            }
            Note::Failed { class, rule, status, .. } => {
                ink.row("tried", &format!("{tried}: it answered {}", ink.bad(&status.to_string())));
                ink.row(
                    "means",
                    &format!("{} (rule {rule}): the stand-in takes over", ink.bad(class.as_str())),
                );
            }
            Note::Succeeded { .. } => ink.row("answered", &format!("{tried}, {}", ink.good("complete"))),
            Note::Skipped { candidate, why: Skip::Suspended } if !seen.contains(candidate) => {
                seen.push(*candidate);
                let skipped = who(site.conductor(), trail.candidate(*candidate), ink);
                ink.row("passed by", &format!("{skipped}: suspended, not asked again"));
            }
            _ => {}
        }
    }
}

/// `upstream/model`, as the configuration names them.
fn who(conductor: &Conductor, candidate: standin_core::Candidate, ink: &Ink) -> String {
    let snapshot = conductor.snapshot();
    let layout = snapshot.routing().layout();
    let credential = layout.credentials().iter().find(|row| row.id == candidate.credential);
    let upstream = credential.map_or("?", |row| layout.upstream_id(row.upstream).as_str());
    format!(
        "{} with credential {}",
        ink.name(&format!("{upstream}/{}", candidate.model)),
        candidate.credential
    )
}

/// How it was for the caller.
pub(crate) fn summary(served: &Served, ink: &Ink) {
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let times =
        format!("first word after {}, all after {}", millis(served.to_first_word), millis(served.to_end));
    ink.row("took", &times);
    ink.row("saw", &format!("200, model {}, {}", ink.name(&served.model), served.request_id));
}

/// What is suspended, and until when.
pub(crate) fn remembered(site: &Site, ink: &Ink) {
    ink.heading("What the proxy remembers");
    let clock = SystemClock::new();
    for shown in site.conductor().suspensions() {
        let entry = &shown.suspension;
        let left = |at: Moment| at.since(site.conductor().now());
        ink.row(
            "suspended",
            &format!("{} for {}", ink.name(&shown.key.to_string()), ink.bad(entry.class.as_str())),
        );
        ink.row(
            "until",
            &format!("{} (in {})", time_of_day(clock.wall(), left(entry.until)), hours(left(entry.until))),
        );
        ink.row("probe", &format!("one request may look again in {}", hours(left(entry.probe_at))));
        ink.row("because", &format!("{} {}", entry.status, entry.evidence));
    }
}

fn hours(time: Duration) -> String {
    // Seconds already gone should not turn twelve hours into eleven.
    let minutes = time.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn time_of_day(now: SystemTime, left: Duration) -> String {
    let since = (now + left).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02} UTC", since / 3600, since % 3600 / 60)
}
