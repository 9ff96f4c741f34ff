//! Lengths of time in all the spellings providers use: `6m0s`, `0.479417207s`, `900.2ms`, `6hr 29min`, `9 seconds`.

use std::time::Duration;

/// Reads the length of time that `text` starts with. A number without a unit is none.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_start_matches(['~', ' ', ':', '=']);
    let mut total = 0.0_f64;
    let mut has_part = false;
    // One unit after the other, as in `8h44m7s`; six are more than anybody writes.
    for _ in 0..6 {
        let Some((number, after)) = number(rest) else { break };
        let Some((unit, after)) = unit(after.trim_start_matches([' ', '-'])) else { break };
        total += number * unit;
        has_part = true;
        rest = after.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    has_part.then_some(total).and_then(seconds)
}

/// Reads a length of time that is written as a clock shows it: `12:46:18` in hours, `2.17:28:19` with days before them.
pub(crate) fn clock(text: &str) -> Option<Duration> {
    let end = text.bytes().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.')).count();
    let mut parts = text[..end].trim_end_matches('.').split(':');
    let (hours, minutes, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let whole =
        |part: &str, limit: u32| part.parse::<u32>().ok().filter(|value| *value < limit).map(f64::from);
    let rest = rest.parse::<f64>().ok().filter(|rest| *rest < 60.0)?;
    let told =
        whole(days, 1000)? * 86_400.0 + whole(hours, 100)? * 3600.0 + whole(minutes, 60)? * 60.0 + rest;
    parts.next().is_none().then_some(told).and_then(seconds)
}

/// A length of time of so many seconds, unless it is negative, no number, or absurd.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    let is_sane = seconds.is_finite() && (0.0..=super::DELAY_MAX.as_secs_f64()).contains(&seconds);
    is_sane.then(|| Duration::from_secs_f64(seconds))
}

/// The plain number that `text` starts with, and what follows it.
pub(crate) fn number(text: &str) -> Option<(f64, &str)> {
    let len = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let digits = text[..len].trim_end_matches('.');
    let number = digits.parse().ok()?;
    Some((number, &text[digits.len()..]))
}

/// A unit in the singular, with the article that stands for its number: `an hour`, `eine Minute`, `минуту`.
pub(crate) fn one(text: &str) -> Option<Duration> {
    const ARTICLES: [&str; 11] =
        ["a ", "an ", "one ", "un ", "una ", "une ", "um ", "uma ", "ein ", "eine ", "einer "];
    let told = match ARTICLES.iter().find_map(|article| text.strip_prefix(article)) {
        Some(rest) => unit(rest)?.0,
        // Russian has no article; its accusative tells that it is one.
        None => match text.split(|c: char| !c.is_alphabetic()).next()? {
            "секунду" => 1.0,
            "минуту" => 60.0,
            "час" => 3600.0,
            _ => return None,
        },
    };
    seconds(told)
}

/// The length of time that `text` ends with, in the units of scripts without blanks: `约 1分30秒`.
pub(crate) fn at_the_end(text: &str) -> Option<Duration> {
    let mut rest = text.trim_end();
    let mut told = None;
    // Hours, minutes and seconds.
    for _ in 0..3 {
        let found = GLYPHS.iter().find_map(|(name, unit)| Some((rest.strip_suffix(name)?.trim_end(), unit)));
        let Some((before, unit)) = found else { break };
        let digits = before.bytes().rev().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (before, digits) = before.split_at(before.len() - digits);
        let Ok(number) = digits.parse::<f64>() else { break };
        told = Some(told.unwrap_or(0.0) + number * unit);
        rest = before.trim_end();
    }
    told.and_then(seconds)
}

/// The seconds of the unit that `text` starts with, and what follows it.
fn unit(text: &str) -> Option<(f64, &str)> {
    let word = |is_part: fn(char) -> bool| {
        let (word, rest) = text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()));
        Some((unit_seconds(word)?, rest))
    };
    let glyph = || GLYPHS.iter().find_map(|(name, unit)| Some((*unit, text.strip_prefix(name)?)));
    word(|c| c.is_ascii_alphabetic()).or_else(|| word(char::is_alphabetic)).or_else(glyph)
}

/// Units of scripts without blanks between words, longer ones first: Chinese and Japanese, Korean.
const GLYPHS: [(&str, f64); 17] = [
    ("毫秒", 0.001),
    ("秒钟", 1.0),
    ("秒鐘", 1.0),
    ("秒", 1.0),
    ("分钟", 60.0),
    ("分鐘", 60.0),
    ("分", 60.0),
    ("个小时", 3600.0),
    ("個小時", 3600.0),
    ("小时", 3600.0),
    ("小時", 3600.0),
    ("時間", 3600.0),
    ("天", 86_400.0),
    ("초", 1.0),
    ("분", 60.0),
    ("시간", 3600.0),
    ("일", 86_400.0),
];

/// The seconds of a unit: English, then German, the Romance languages, Russian.
fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 0.001,
        "us" | "microseconds" => 0.000_001,
        "ns" | "nanoseconds" => 0.000_000_001,
        "s" | "sec" | "secs" | "second" | "seconds" | "sekunde" | "sekunden" | "segundo" | "segundos"
        | "seconde" | "secondes" | "secondo" | "secondi" | "секунд" | "секунды" | "секунду" | "сек" => {
            1.0
        }
        "m" | "min" | "mins" | "minute" | "minutes" | "minuten" | "minuto" | "minutos" | "minuti"
        | "минут" | "минуты" | "минуту" | "мин" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" | "stunde" | "stunden" | "hora" | "horas" | "heure"
        | "heures" | "ora" | "ore" | "час" | "часа" | "часов" => 3600.0,
        "d" | "day" | "days" | "tag" | "tage" | "tagen" | "dia" | "dias" | "día" | "días" | "jour"
        | "jours" | "giorno" | "giorni" | "день" | "дня" | "дней" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, millis) in [
            ("51s", 51_000),
            ("0.5s", 500),
            ("900ms", 900),
            ("6m0s", 360_000),
            ("8h44m7s", 31_447_000),
            ("6hr 29min", 23_340_000),
            ("9 seconds", 9_000),
            ("~5s", 5_000),
            ("2 hours and 3 minutes", 7_380_000),
            ("4.5s. Visit", 4_500),
            ("1 day", 86_400_000),
            ("5s后", 5_000),
            ("2 días", 172_800_000),
            ("3 часа 5 минут", 11_100_000),
            ("30 秒", 30_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_clock_is_read_with_hours_minutes_and_seconds() {
        for (text, wanted) in [
            ("12:46:18.", Some(45_978)),
            ("00:00:07", Some(7)),
            ("2.17:28:19", Some(235_699)),
            ("01:00:00.5 more", Some(3600)),
            ("12:46", None),
            ("12:66:18", None),
            ("1:2:3:4", None),
            ("::", None),
            ("1.2.3:00:00", None),
            ("", None),
        ] {
            assert_eq!(clock(text).map(|wait| wait.as_secs()), wanted, "{text}");
        }
    }

    #[test]
    fn a_length_of_time_is_read_from_its_end_too() {
        for (text, wanted) in [
            ("约 23 秒", Some(23)),
            ("1小时2分3秒", Some(3723)),
            ("90초", Some(90)),
            ("数秒", None),
            ("3 apples", None),
            ("...秒", None),
            ("", None),
        ] {
            assert_eq!(at_the_end(text).map(|wait| wait.as_secs()), wanted, "{text}");
        }
    }

    #[test]
    fn one_unit_needs_an_article_or_a_case() {
        for (text, wanted) in [
            ("an hour", Some(3600)),
            ("eine stunde", Some(3600)),
            ("минуту.", Some(60)),
            ("a moment", None),
            ("hour", None),
        ] {
            assert_eq!(one(text).map(|wait| wait.as_secs()), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_length_of_time_is_none() {
        for text in ["", "s", "5", "-5s", "5 apples", "nan s", "1e3s", "99999999999 days", "."] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
