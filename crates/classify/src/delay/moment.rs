//! Points of time, and how far from now they are: epochs, RFC 3339, HTTP dates, and dates with half a zone or none.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, civil::DateTime, tz::Offset};

use super::{DELAY_MAX, duration};

/// Zone of a date that tells none: those who leave it out live in China.
const ZONELESS_HOURS: i8 = 8;
/// A date without a zone that is further ahead than this was not meant so.
const ZONELESS_AHEAD_MAX: Duration = Duration::from_secs(35 * 24 * 3600);
/// Epochs from here on are told in milliseconds.
const EPOCH_MILLIS_MIN: f64 = 100_000_000_000.0;

/// How long it is from `now` until the moment `text` starts with; `None` if it is no moment, past, or absurdly far.
#[must_use]
pub fn parse_moment(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim_start_matches([' ', ':', '\'', '"']);
    let end = text.char_indices().nth(48).map_or(text.len(), |(at, _)| at);
    let text = &text[..end];
    if let Some((number, rest)) = duration::number(text) {
        let is_whole = rest.is_empty() || rest.starts_with([' ', '.', ',', '\'', '"', ')', '\n']);
        if is_whole && number >= 1_000_000_000.0 {
            let seconds = if number >= EPOCH_MILLIS_MIN { number / 1000.0 } else { number };
            return until(Duration::try_from_secs_f64(seconds).ok()?, now);
        }
    }
    if let Some(date) = http_date(text) {
        return until_timestamp(date, now);
    }
    date_and_time(text, now).or_else(|| until_timestamp(spelled_date(text)?, now))
}

/// `2026-05-15T15:00:00Z`, `2026-09-23 23:59:59 +0800 CST`, `2026-08-27 21:31:39`, `2026-11-22 07:35:18 UTC`.
fn date_and_time(text: &str, now: SystemTime) -> Option<Duration> {
    let head = text.get(..19)?;
    let is_date = head.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => matches!(byte, b'T' | b't' | b' '),
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    });
    if !is_date {
        return None;
    }
    let part = |from: usize, to: usize| head[from..to].parse::<i8>().ok();
    let year = head[..4].parse::<i16>().ok()?;
    let civil =
        DateTime::new(year, part(5, 7)?, part(8, 10)?, part(11, 13)?, part(14, 16)?, part(17, 19)?, 0)
            .ok()?;
    let mut zone = text[19..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    zone = zone.trim_start();
    let offset = zone_offset(zone);
    let told = offset.unwrap_or(Offset::constant(ZONELESS_HOURS));
    let wait = until_timestamp(told.to_timestamp(civil).ok()?, now)?;
    (offset.is_some() || wait <= ZONELESS_AHEAD_MAX).then_some(wait)
}

fn zone_offset(zone: &str) -> Option<Offset> {
    if zone.starts_with(['Z', 'z'])
        || zone
            .get(..3)
            .is_some_and(|name| name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt"))
    {
        return Some(Offset::UTC);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String =
        zone[1..].chars().filter(|c| *c != ':').take_while(char::is_ascii_digit).take(4).collect();
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).unwrap_or("0").parse().ok()?;
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split([' ', '-', ':']);
    let day: i8 = parts.next()?.parse().ok()?;
    let month = month(parts.next()?)?;
    let year: i16 = parts.next()?.parse().ok()?;
    let mut clock = || parts.next()?.parse::<i8>().ok();
    let civil = DateTime::new(year, month, day, clock()?, clock()?, clock()?, 0).ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

/// `2 Oct 2026 at 06:22 UTC`, `October 2nd, 2026, 6:22:10 pm`, `2 Oct 2026`: without a zone it is UTC.
fn spelled_date(text: &str) -> Option<Timestamp> {
    let mut parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    let (first, second) = (parts.next()?, parts.next()?);
    let (day, month) = match month(first) {
        Some(month) => (second, month),
        None => (first, month(second)?),
    };
    let day: i8 = day.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.').parse().ok()?;
    let year: i16 = parts.next()?.trim_end_matches(['.', ')', ';']).parse().ok()?;
    let mut parts = parts.skip_while(|part| *part == "at");
    let mut clock = parts.next().unwrap_or_default().trim_end_matches(['.', ')', 'z', 'Z']).split(':');
    let mut unit = || clock.next().and_then(|unit| unit.parse::<i8>().ok());
    let (hour, minute, second) = (unit(), unit(), unit());
    // A hour without minutes is something else that follows the date.
    let (hour, minute) = hour.zip(minute).unwrap_or((0, 0));
    let mut zone = || parts.next().unwrap_or_default();
    let (hour, zone) = match zone() {
        "am" | "AM" => (hour % 12, zone()),
        "pm" | "PM" => (hour % 12 + 12, zone()),
        other => (hour, other),
    };
    let civil = DateTime::new(year, month, day, hour, minute, second.unwrap_or(0), 0).ok()?;
    zone_offset(zone).unwrap_or(Offset::UTC).to_timestamp(civil).ok()
}

/// The number of the month that `name` begins.
fn month(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let at = NAMES.iter().position(|full| name.len() >= 3 && full.starts_with(&name))?;
    i8::try_from(at + 1).ok()
}

fn until_timestamp(moment: Timestamp, now: SystemTime) -> Option<Duration> {
    let seconds = u64::try_from(moment.as_second()).ok()?;
    until(Duration::from_secs(seconds), now)
}

fn until(since_epoch: Duration, now: SystemTime) -> Option<Duration> {
    let now = now.duration_since(UNIX_EPOCH).ok()?;
    since_epoch.checked_sub(now).filter(|wait| !wait.is_zero() && *wait <= DELAY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2026-01-02 03:04:05 UTC.
    const NOW: u64 = 1_767_323_045;

    fn wait(text: &str) -> Option<u64> {
        parse_moment(text, UNIX_EPOCH + Duration::from_secs(NOW)).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_way_of_telling_a_moment_is_read() {
        for text in [
            "1767323105",
            "1767323105000",
            "2026-01-02T03:05:05Z",
            "2026-01-02T03:05:05.123Z",
            "2026-01-02t04:05:05+01:00",
            "2026-01-02 11:05:05 +0800 CST",
            "2026-01-02 11:05:05",
            "2026-01-02 03:05:05 UTC",
            "Fri, 02 Jan 2026 03:05:05 GMT",
            "2 Jan 2026 at 03:05:05 UTC. Use another",
            "january 2nd, 2026, 3:05:05 am",
            "Jan 2 2026 04:05:05 +01:00",
        ] {
            assert_eq!(wait(text), Some(60), "{text}");
        }
    }

    #[test]
    fn past_absurd_and_broken_moments_are_none() {
        for text in [
            "1767323045",
            "0",
            "-1",
            "99999999999999999999",
            "2025-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2999-01-01T00:00:00Z",
            "2026-06-01 00:00:00",
            "Fri, 99 Jan 2026 03:05:05 GMT",
            "1 Jan 2026",
            "99 Feb 2026 at 03:05",
            "ja 2 2026",
            "2 of 2026",
            "soon",
            "",
        ] {
            assert_eq!(wait(text), None, "{text}");
        }
    }
}
