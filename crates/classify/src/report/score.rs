//! How often the verdicts agree with the labels, and what it would have cost where they do not.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    time::Duration,
};

use standin_core::{ErrorClass, Verdict};

use super::Row;

/// Seconds by which a delay may differ from its label.
const DELAY_SLACK_S: f64 = 1.0;

/// Right and all of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many were right.
    pub right: usize,
    /// Of how many.
    pub all: usize,
}

impl Share {
    /// Between 0 and 1; 1 of nothing.
    #[must_use]
    pub fn ratio(self) -> f64 {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        if self.all == 0 { 1.0 } else { count(self.right) / count(self.all) }
    }

    fn add(&mut self, is_right: bool) {
        self.all += 1;
        self.right += usize::from(is_right);
    }
}

/// The score over all labelled rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Lines that could not be read.
    pub bad_lines: usize,
    /// Verdicts whose class the label accepts.
    pub classes: Share,
    /// Of the rows that should fall back, those that do.
    pub falls_back: Share,
    /// Of the rows that should stop, those that do.
    pub stops: Share,
    /// The same under 400, 413 and 422 alone.
    pub falls_back_on_4xx: Share,
    /// The same under 400, 413 and 422 alone.
    pub stops_on_4xx: Share,
    /// Of the caller's faults, those that suspend nothing.
    pub caller_faults: Share,
    /// Delays that agree with a label; those on the distrust list do not count.
    pub delays: Share,
    /// Rows by label and verdict, where the label does not accept the verdict, and rows that agree.
    confusion: BTreeMap<(ErrorClass, ErrorClass), usize>,
    /// Labels that accept a second class, by label and verdict.
    accepted: BTreeMap<(ErrorClass, ErrorClass), usize>,
    /// Names of the rows that were wrong.
    pub wrong: Vec<String>,
}

impl Score {
    /// Counts one verdict. Where `is_distrusted`, its delay is known to lie, and the label repeats the lie.
    pub fn add(&mut self, row: &Row, verdict: &Verdict, is_distrusted: bool) {
        let Some(label) = row.class else { return };
        let is_right = row.accepts(verdict.class);
        self.classes.add(is_right);
        let table = if is_right && label != verdict.class { &mut self.accepted } else { &mut self.confusion };
        *table.entry((label, verdict.class)).or_default() += 1;
        if !is_right {
            self.wrong.push(format!("{} is {label}, read as {} by {}", row.id, verdict.class, verdict.rule));
        }
        let may_stop = std::iter::once(label).chain(row.also.iter().copied()).any(stops);
        let may_go_on = std::iter::once(label).chain(row.also.iter().copied()).any(|class| !stops(class));
        let does_stop = stops(verdict.class);
        let is_4xx = matches!(row.status, 400 | 413 | 422);
        if stops(label) {
            let agrees = does_stop || may_go_on && is_right;
            self.stops.add(agrees);
            if is_4xx {
                self.stops_on_4xx.add(agrees);
            }
            if is_caller_fault(label) {
                self.caller_faults.add(is_right || verdict.class.blames_nobody());
            }
        } else {
            let agrees = !does_stop || may_stop && is_right;
            self.falls_back.add(agrees);
            if is_4xx {
                self.falls_back_on_4xx.add(agrees);
            }
        }
        if let Some(told) = row.retry_after_s.filter(|_| !is_distrusted) {
            let is_read = |read: Duration| (told - read.as_secs_f64()).abs() <= DELAY_SLACK_S;
            self.delays.add(verdict.delay.is_some_and(is_read));
        }
    }

    /// Of the verdicts of `class`, those that are right.
    #[must_use]
    pub fn precision(&self, class: ErrorClass) -> Share {
        let right = self.count(|label, verdict| label == class && verdict == class);
        let accepted: usize = self.accepted.iter().filter(|((_, v), _)| *v == class).map(|(_, n)| n).sum();
        let all = self.count(|_, verdict| verdict == class);
        Share { right: right + accepted, all: all + accepted }
    }

    /// Of the rows labelled `class`, those whose verdict is right.
    #[must_use]
    pub fn recall(&self, class: ErrorClass) -> Share {
        let right = self.count(|label, verdict| label == class && verdict == class);
        let accepted: usize = self.accepted.iter().filter(|((l, _), _)| *l == class).map(|(_, n)| n).sum();
        let all = self.count(|label, _| label == class);
        Share { right: right + accepted, all: all + accepted }
    }

    fn count(&self, counts: impl Fn(ErrorClass, ErrorClass) -> bool) -> usize {
        self.confusion.iter().filter(|((label, verdict), _)| counts(*label, *verdict)).map(|(_, n)| n).sum()
    }
}

/// Whether a request ends with this class.
fn stops(class: ErrorClass) -> bool {
    is_caller_fault(class) || matches!(class, ErrorClass::StateMismatch | ErrorClass::ClientGone)
}

fn is_caller_fault(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::InvalidRequest
            | ErrorClass::ContentPolicy
            | ErrorClass::ContextTooLong
            | ErrorClass::PayloadTooLarge
    )
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |name: &str, share: Share| {
            format!("{name:42} {:6.2} %  ({} of {})\n", share.ratio() * 100.0, share.right, share.all)
        };
        f.write_str(&share("class right", self.classes))?;
        f.write_str(&share("falls back where it should", self.falls_back))?;
        f.write_str(&share("stops where it should", self.stops))?;
        f.write_str(&share("falls back, under 400, 413, 422", self.falls_back_on_4xx))?;
        f.write_str(&share("stops, under 400, 413, 422", self.stops_on_4xx))?;
        f.write_str(&share("caller's faults that suspend nothing", self.caller_faults))?;
        f.write_str(&share("delay right", self.delays))?;
        writeln!(f, "{:42} {}", "lines that could not be read", self.bad_lines)?;
        writeln!(f, "\n{:24} {:>9} {:>9} {:>6}", "class", "precision", "recall", "rows")?;
        for class in ErrorClass::ALL {
            let (precision, recall) = (self.precision(class), self.recall(class));
            if precision.all + recall.all > 0 {
                let (p, r) = (precision.ratio(), recall.ratio());
                writeln!(f, "{:24} {p:9.3} {r:9.3} {:6}", class.as_str(), recall.all)?;
            }
        }
        f.write_str(&self.matrix())?;
        for line in &self.wrong {
            writeln!(f, "wrong: {line}")?;
        }
        Ok(())
    }
}

impl Score {
    /// The confusion matrix: a row per label, a column per verdict.
    fn matrix(&self) -> String {
        let is_used = |class: &ErrorClass| self.confusion.keys().any(|(l, v)| l == class || v == class);
        let used: Vec<_> = ErrorClass::ALL.into_iter().filter(is_used).collect();
        let mut out = format!("\n{:24}", "label \\ verdict");
        for class in &used {
            let _ = write!(out, "{:>6}", class.as_str().get(..5).unwrap_or_default());
        }
        out.push('\n');
        for label in &used {
            let _ = write!(out, "{:24}", label.as_str());
            for verdict in &used {
                match self.confusion.get(&(*label, *verdict)) {
                    Some(n) => {
                        let _ = write!(out, "{n:>6}");
                    }
                    None => out.push_str("     ."),
                }
            }
            out.push('\n');
        }
        out.push('\n');
        out
    }
}
