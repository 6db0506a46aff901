//! Checks that a result must pass to be published.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::as_f64;
use crate::drift::{Drift, LabelDrift, Side};
use crate::error::{Error, Result, plural};
use crate::weights::Weights;

/// What happens when a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Severity")]
pub(crate) enum CheckSeverity {
    /// The failure is reported, and the result is published.
    Warn,
    /// The run ends with exit code 3, and the previous result stays.
    Error,
}

impl CheckSeverity {
    /// Its name in specs and files.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckKind {
    /// Rows.
    MinRows,
    /// Positives of every label.
    MinPositives,
    /// Missing rows of every label / rows.
    MaxMissingShare,
    /// Labels without positives.
    MaxAbsentLabels,
    /// Clipped weights / weights, of all vectors.
    MaxClippedShare,
    /// Labels that are not in the previous result.
    MaxNewLabels,
    /// Labels that are only in the previous result.
    MaxGoneLabels,
    /// Relative change of prevalence since the previous result.
    MaxPrevalenceChange,
    /// Absolute change of prevalence since the previous result.
    MaxPrevalenceShift,
    /// Relative change of the primary weight since the previous result.
    MaxWeightChange,
    /// Change of the distribution of positives over labels since the previous result.
    MaxJensenShannon,
}

/// One row of `posweight list checks`.
#[derive(Debug)]
pub struct CheckInfo {
    /// The check.
    pub kind: CheckKind,
    /// Its key under `[checks]`.
    pub name: &'static str,
    /// The value that is compared with the limit.
    pub about: &'static str,
    /// Whether it compares with the previous result.
    pub against_last: bool,
}

const fn row(kind: CheckKind, name: &'static str, about: &'static str, against_last: bool) -> CheckInfo {
    CheckInfo { kind, name, about, against_last }
}

/// Every check.
#[rustfmt::skip]
pub const CHECKS: [CheckInfo; 11] = [
    row(CheckKind::MinRows, "min_rows", "rows", false),
    row(CheckKind::MinPositives, "min_positives", "positives of every label", false),
    row(CheckKind::MaxMissingShare, "max_missing_share", "missing / rows of every label", false),
    row(CheckKind::MaxAbsentLabels, "max_absent_labels", "labels without positives", false),
    row(CheckKind::MaxClippedShare, "max_clipped_share", "clipped weights / weights", false),
    row(CheckKind::MaxNewLabels, "max_new_labels", "labels that are not in the previous result", true),
    row(CheckKind::MaxGoneLabels, "max_gone_labels", "labels of the previous result that are gone", true),
    row(CheckKind::MaxPrevalenceChange, "max_prevalence_change", "relative change of a label's prevalence since the previous result", true),
    row(CheckKind::MaxPrevalenceShift, "max_prevalence_shift", "absolute change of a label's prevalence since the previous result", true),
    row(CheckKind::MaxWeightChange, "max_weight_change", "relative change of a label's primary weight since the previous result", true),
    row(CheckKind::MaxJensenShannon, "max_jensen_shannon", "Jensen–Shannon distance (0 … 1) of the positives per label since the previous result", true),
];

/// A check with its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Check {
    /// What is checked.
    pub kind: CheckKind,
    /// The smallest or largest value that passes.
    pub limit: f64,
    /// What happens when it fails.
    pub severity: CheckSeverity,
}

impl Check {
    /// The check's row in [`CHECKS`].
    #[must_use]
    pub(crate) fn info(&self) -> &'static CheckInfo {
        CHECKS.iter().find(|info| info.kind == self.kind).unwrap_or(&CHECKS[0])
    }

    /// A check by its key.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown check, and for a limit that is negative or not a number.
    pub(crate) fn named(name: &str, limit: f64, severity: CheckSeverity) -> Result<Self> {
        let Some(info) = CHECKS.iter().find(|info| info.name == name) else {
            let known: Vec<_> = CHECKS.iter().map(|info| info.name).collect();
            return Err(Error::usage(format!("[checks]: unknown check \"{name}\""))
                .hint(format!("the checks are {}", known.join(", "))));
        };
        if limit.is_nan() || limit < 0.0 {
            return Err(Error::usage(format!("[checks]: {name} = {limit} is not a valid limit"))
                .hint("give a number of at least 0"));
        }
        // A limit that nothing exceeds would pass for ever.
        let is_share = matches!(
            info.kind,
            CheckKind::MaxMissingShare
                | CheckKind::MaxClippedShare
                | CheckKind::MaxPrevalenceShift
                | CheckKind::MaxJensenShannon
        );
        if is_share && limit >= 1.0 {
            let percent = limit / 100.0;
            return Err(Error::usage(format!(
                "[checks]: {name} = {limit} would never fail: its value is from 0 to 1"
            ))
            .hint(match limit {
                limit if limit > 1.0 && percent < 1.0 => format!("{limit} % is {name} = {percent}"),
                _ => "give a number below 1, or drop the check".to_owned(),
            }));
        }
        Ok(Self { kind: info.kind, limit, severity })
    }
}

/// Whether a check passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckStatus {
    /// The value is within the limit.
    Passed,
    /// The value is beyond the limit.
    Failed,
    /// There is no previous result to compare with.
    Skipped,
}

impl CheckStatus {
    /// Its name in files.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checked {
    /// The check.
    pub check: Check,
    /// Whether it passed.
    pub status: CheckStatus,
    /// The value that was compared; for checks of labels, the value of the worst label. `None` if there is none.
    pub observed: Option<f64>,
    /// The worst label.
    pub label: Option<String>,
    /// Labels beyond the limit.
    pub labels: usize,
    /// Some of them, the worst first.
    pub worst: Vec<WorstLabel>,
    /// Of a check that counts labels: some of those that were counted.
    pub names: Vec<String>,
}

/// A label beyond the limit of a check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorstLabel {
    /// Its name.
    pub label: String,
    /// The value that was compared.
    pub observed: f64,
    /// For checks against the previous result: prevalence or weight before and after.
    pub sides: Option<[f64; 2]>,
}

/// Labels of a failed check that are named.
const WORST: usize = 5;

impl Checked {
    /// `max_weight_change = 0.5: 2 for "zebra" (4 → 12, +200 %); 7 labels are beyond it, the next are "gnu" …`.
    #[must_use]
    pub(crate) fn message(&self) -> String {
        let observed = self.observed.map_or_else(|| "nothing to compare".to_owned(), rounded);
        let label = self.label.as_ref().map(|label| format!(" for {label:?}")).unwrap_or_default();
        let sides = self.worst.first().map(|one| self.sides(one)).unwrap_or_default();
        let next = self.worst.iter().skip(1).map(|one| match one.sides {
            Some(_) => format!("{:?}{}", one.label, self.sides(one)),
            None => format!("{:?} with {}", one.label, rounded(one.observed)),
        });
        let next = next.collect::<Vec<_>>().join(", ");
        let more = if self.labels > self.worst.len() { ", …" } else { "" };
        let others = match self.labels {
            0 | 1 => String::new(),
            n => format!("; {n} labels are beyond it, after this one {next}{more}"),
        };
        let named = match &self.names[..] {
            [] => String::new(),
            names => {
                let more =
                    if self.observed.is_some_and(|all| all > names.len() as f64) { ", …" } else { "" };
                format!(" ({}{more})", names.join(", "))
            }
        };
        format!("{} = {}: {observed}{named}{label}{sides}{others}", self.check.info().name, self.check.limit)
    }

    /// ` (50 % → 10 %, -80 %)`; nothing without a previous result.
    fn sides(&self, one: &WorstLabel) -> String {
        let Some([before, after]) = one.sides else { return String::new() };
        let shown = |x: f64| match self.check.kind {
            CheckKind::MaxWeightChange => rounded(x),
            _ => format!("{} %", rounded(x * 100.0)),
        };
        let change = match after / before - 1.0 {
            change if change.is_finite() => {
                format!(", {}{} %", if change > 0.0 { "+" } else { "" }, rounded(change * 100.0))
            }
            _ => String::new(),
        };
        format!(" ({} → {}{change})", shown(before), shown(after))
    }

    /// True when the result must not be published.
    #[must_use]
    pub(crate) fn stops(&self) -> bool {
        self.status == CheckStatus::Failed && self.check.severity == CheckSeverity::Error
    }
}

/// A number with up to four digits after the point, or more if it is small.
fn rounded(x: f64) -> String {
    if x != 0.0 && x.abs() < 0.001 {
        return format!("{x:.3e}");
    }
    let text = format!("{x:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Runs every check; `drift` is the change since the previous result, `None` if there is none.
#[must_use]
pub(crate) fn check(checks: &[Check], now: Side<'_>, drift: Option<&Drift<'_>>) -> Vec<Checked> {
    checks.iter().map(|check| one(*check, now, drift)).collect()
}

fn one(check: Check, now: Side<'_>, drift: Option<&Drift<'_>>) -> Checked {
    let counts = now.counts;
    let rows = as_f64(counts.rows());
    let whole = |observed: f64, failed: bool| Checked {
        check,
        status: if failed { CheckStatus::Failed } else { CheckStatus::Passed },
        observed: Some(observed),
        label: None,
        labels: 0,
        worst: Vec::new(),
        names: Vec::new(),
    };
    let skipped = || Checked { status: CheckStatus::Skipped, observed: None, ..whole(0.0, false) };
    let most = |observed: f64| whole(observed, observed > check.limit);
    let of_labels = |value: &dyn Fn(usize) -> Option<f64>, least: bool| {
        let named = (0..counts.len()).filter_map(|i| Some((counts.labels().name(i), value(i)?, None)));
        worst(check, named, least)
    };
    match (check.kind, drift) {
        (CheckKind::MinRows, _) => whole(rows, rows < check.limit),
        (CheckKind::MinPositives, _) => of_labels(&|i| Some(counts.sides(i).0), true),
        (CheckKind::MaxMissingShare, _) => {
            of_labels(&|i| (rows > 0.0).then(|| as_f64(counts.tallies()[i].missing) / rows), false)
        }
        (CheckKind::MaxAbsentLabels, _) => {
            most((0..counts.len()).filter(|&i| counts.sides(i).0 <= 0.0).count() as f64)
        }
        (CheckKind::MaxClippedShare, _) => most(clipped_share(now.weights)),
        (_, None) => skipped(),
        (CheckKind::MaxNewLabels, Some(drift)) => {
            let named = drift.labels.iter().filter(|label| label.before.is_none());
            Checked { names: names(drift, named), ..most(drift.added as f64) }
        }
        (CheckKind::MaxGoneLabels, Some(drift)) => {
            let named = drift.labels.iter().filter(|label| label.after.is_none());
            Checked { names: names(drift, named), ..most(drift.removed as f64) }
        }
        (CheckKind::MaxJensenShannon, Some(drift)) => match drift.jensen_shannon {
            Some(distance) => most(distance),
            None => skipped(),
        },
        (CheckKind::MaxPrevalenceChange, Some(drift)) => {
            of_both(check, drift, |label| Some((label.change.abs(), prevalences(drift, label))))
        }
        (CheckKind::MaxPrevalenceShift, Some(drift)) => of_both(check, drift, |label| {
            let [before, after] = prevalences(drift, label)?;
            Some(((after - before).abs(), Some([before, after])))
        }),
        (CheckKind::MaxWeightChange, Some(drift)) => of_both(check, drift, |label| {
            let before = drift.before.weights.primary().values[label.before?];
            let after = drift.after.weights.primary().values[label.after?];
            let same = before.to_bits() == after.to_bits();
            let change = if same { 0.0 } else { (after / before - 1.0).abs() };
            Some((change, Some([before, after])))
        }),
    }
}

/// The names of some labels, in the order of the result that they are in.
fn names<'d>(drift: &Drift<'_>, labels: impl Iterator<Item = &'d LabelDrift>) -> Vec<String> {
    let mut labels: Vec<&LabelDrift> = labels.collect();
    labels.sort_by_key(|label| label.after.or(label.before));
    labels.into_iter().take(WORST).map(|label| format!("{:?}", drift.name(label))).collect()
}

/// Prevalence of a label before and after, where both are known.
fn prevalences(drift: &Drift<'_>, label: &LabelDrift) -> Option<[f64; 2]> {
    Some([drift.before.prevalence(label.before?)?, drift.after.prevalence(label.after?)?])
}

/// A check of labels that both results have; `value` gives what is compared, and both sides.
fn of_both(
    check: Check,
    drift: &Drift<'_>,
    value: impl Fn(&LabelDrift) -> Option<(f64, Option<[f64; 2]>)>,
) -> Checked {
    let both = drift.labels.iter().filter(|label| label.before.is_some() && label.after.is_some());
    let named = both.filter_map(|label| {
        let (value, sides) = value(label)?;
        Some((drift.name(label), value, sides))
    });
    worst(check, named, false)
}

/// Finds the labels with the smallest or largest values, and how many labels are beyond the limit.
fn worst<'n>(
    check: Check,
    values: impl Iterator<Item = (&'n str, f64, Option<[f64; 2]>)>,
    least: bool,
) -> Checked {
    let is_worse = |one: f64, other: f64| if least { one < other } else { one > other };
    let (mut found, mut labels): (Option<(&str, f64)>, usize) = (None, 0);
    let mut named: Vec<(&str, f64, Option<[f64; 2]>)> = Vec::with_capacity(WORST + 1);
    for (name, value, sides) in values {
        if found.is_none_or(|(_, worst)| is_worse(value, worst)) {
            found = Some((name, value));
        }
        if is_worse(value, check.limit) {
            labels += 1;
            let place = named.partition_point(|(_, other, _)| !is_worse(value, *other));
            if place < WORST {
                named.insert(place, (name, value, sides));
                named.truncate(WORST);
            }
        }
    }
    let owned = |(name, observed, sides): (&str, f64, Option<[f64; 2]>)| WorstLabel {
        label: name.to_owned(),
        observed,
        sides,
    };
    Checked {
        check,
        status: if labels > 0 { CheckStatus::Failed } else { CheckStatus::Passed },
        observed: found.map(|(_, value)| value),
        label: found.map(|(name, _)| name.to_owned()),
        labels,
        worst: named.into_iter().map(owned).collect(),
        names: Vec::new(),
    }
}

fn clipped_share(weights: &Weights) -> f64 {
    let clipped: u64 = weights.vectors.iter().map(|vector| vector.clipped).sum();
    let all: usize = weights.vectors.iter().map(|vector| vector.values.len()).sum();
    if all == 0 { 0.0 } else { as_f64(clipped) / all as f64 }
}

/// Failed checks of severity error, in words.
#[must_use]
pub(crate) fn failed(checked: &[Checked]) -> Vec<String> {
    checked.iter().filter(|one| one.stops()).map(Checked::message).collect()
}

/// Failed checks of severity warn, in words.
#[must_use]
pub(crate) fn warned(checked: &[Checked]) -> Vec<String> {
    let warned = checked.iter().filter(|one| one.status == CheckStatus::Failed && !one.stops());
    warned.map(Checked::message).collect()
}

/// The error for failed checks of severity error; `None` if there are none.
#[must_use]
pub(crate) fn failure(checked: &[Checked], published: bool) -> Option<Error> {
    let failed = failed(checked);
    (!failed.is_empty()).then(|| {
        let warned = match warned(checked).len() {
            0 => String::new(),
            n => format!(" ({n} more of severity warn)"),
        };
        Error::check(format!(
            "{} of {} failed{warned}:\n  {}",
            failed.len(),
            plural(checked.len() as u64, "check"),
            failed.join("\n  ")
        ))
        .hint(if published {
            "do not use this result before the data is fixed; without --publish-on-check-failure the previous result stays"
        } else {
            "fix the data or change the limits; --publish-on-check-failure publishes anyway"
        })
    })
}

#[cfg(test)]
mod tests;
