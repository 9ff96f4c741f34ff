//! The lines that are printed.

use std::fmt::Write;

use standin_core::Verdict;

use super::Format;

/// Columns of the table, with their widths.
const COLUMNS: [(&str, usize); 5] =
    [("id", 10), ("class", 23), ("scope", 20), ("retry after", 12), ("rule", 0)];

/// The first line of a table.
pub(crate) fn heading() -> String {
    let mut out = String::new();
    for (name, width) in COLUMNS {
        let _ = write!(out, "{name:width$} ");
    }
    out.trim_end().to_owned()
}

/// One verdict as one line.
pub(crate) fn verdict(id: &str, verdict: &Verdict, format: Format) -> String {
    let seconds = verdict.delay.map(|delay| delay.as_secs_f64());
    match format {
        Format::Lines => format!(
            "{{\"id\": {}, \"class\": \"{}\", \"scope\": \"{}\", \"rule\": {}, \"retry_after_s\": {}}}",
            quoted(id),
            verdict.class,
            verdict.scope,
            quoted(&verdict.rule),
            seconds.map_or_else(|| "null".to_owned(), |seconds| seconds.to_string())
        ),
        Format::Table => format!(
            "{id:10} {:23} {:20} {:12} {}",
            verdict.class.as_str(),
            verdict.scope.as_str(),
            seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
            verdict.rule
        ),
    }
}

/// All opinions on one reply, best first.
pub(crate) fn layers(opinions: &[Verdict]) -> String {
    let mut out = String::new();
    for (at, opinion) in opinions.iter().enumerate() {
        let mark = if at == 0 { '>' } else { ' ' };
        let layer = format!("{:?}", opinion.layer).to_ascii_lowercase();
        let certainty = format!("{:?}", opinion.certainty).to_ascii_lowercase();
        let _ = writeln!(
            out,
            "  {mark} {layer:10} {:23} {certainty:5} {:40} matched {:?}",
            opinion.class.as_str(),
            opinion.rule,
            opinion.matched
        );
    }
    if let Some(best) = opinions.first() {
        let _ = writeln!(out, "    said: {:?}", best.error.message);
    }
    out
}

/// A line that could not be read.
pub(crate) fn fault(line: usize, what: &str) -> String {
    format!("{{\"line\": {line}, \"error\": {}}}", quoted(&format!("line {line}: {what}")))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
