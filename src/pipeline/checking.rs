//! The checks of a run: whether its result may be published.

use std::path::Path;

use super::account::Account;
use super::derived::Derived;
use super::destination::Destination;
use super::opening::Opened;
use super::plan::Plan;
use super::reopened::{reopen, spec_differences};
use crate::artifact::disk::replace;
use crate::artifact::files::SUCCESS;
use crate::artifact::publish::published;
use crate::artifact::results::CheckResult;
use crate::checks::{self, CheckStatus, Checked, failure};
use crate::counts::LabelCounts;
use crate::drift::compare;
use crate::engine::Dataset;
use crate::error::{Error, Result, plural};
use crate::report::drift::DIFFERENTLY;
use crate::source::shards::rows_of;
use crate::source::where_values::what_columns_hold;
use crate::store::of_path;

/// The report of a result that was refused, beside `run_results.json`.
pub(crate) const REFUSED: &str = "refused.md";

/// Log events about checks of severity warn, where the summary of the run names them, too.
pub(crate) const WARNED_CHECKS: &str = "posweight::warned_checks";

/// Checks `derived`, the result of all rows. `report` makes its report in Markdown.
///
/// # Errors
/// [`crate::error::Error::Check`] if a check of severity error fails. If the result is published despite it, the error
/// goes to `account` instead.
pub(super) fn check(
    plan: &Plan,
    derived: &mut Derived,
    report: impl FnOnce(&Derived) -> String,
    account: &mut Account,
) -> Result<()> {
    let (checked, differences) = checked(plan, derived)?;
    account.checks = checked.iter().map(CheckResult::from).collect();
    derived.failed_checks = checks::failed(&checked);
    derived.warned_checks = checks::warned(&checked);
    let is_drift = |one: &Checked| one.check.info().against_last && one.status == CheckStatus::Failed;
    let said = |stops: bool| {
        let differ = || checked.iter().any(|one| is_drift(one) && one.stops() == stops);
        differences.as_deref().filter(|_| differ())
    };
    for (stops, messages) in [(true, &mut derived.failed_checks), (false, &mut derived.warned_checks)] {
        if let (Some(differences), Some(first)) = (said(stops), messages.first_mut()) {
            *first = format!("{differences}: {first}");
        }
    }
    let Some(error) = failure(&checked, plan.publish_on_check_failure) else {
        for message in &derived.warned_checks {
            tracing::warn!(target: WARNED_CHECKS, "a check of severity warn failed: {message}");
        }
        return Ok(());
    };
    for message in &derived.warned_checks {
        tracing::warn!("a check of severity warn failed: {message}");
    }
    let error = match said(true) {
        Some(differences) => error.because(differences),
        None => error,
    };
    let place = match &plan.out {
        Destination::Folder(out) => Some(out.display().to_string()),
        Destination::Stdout(_) => Some("stdout".to_owned()),
        Destination::Nowhere => None,
    };
    // Where nothing is written, nothing is published either.
    let told = |error: Error, what: &str| match &place {
        Some(place) => error.because(what).at(place),
        None => error,
    };
    if plan.publish_on_check_failure {
        account.failure = Some(told(error, "published in spite of failed checks"));
        return Ok(());
    }
    let error = told(error, "not published");
    let Some(out) = plan.out.folder().filter(|out| of_path(out).is_none()) else { return Err(error) };
    replace(&out.join(REFUSED), &report(derived))?;
    let remedy = error.remedy().unwrap_or_default().to_owned();
    Err(error.hint(format!("{remedy}; posweight report {} --refused shows this result", out.display())))
}

/// The checks of `plan`, against the published result if one of them compares with it, and how that was made
/// otherwise, as a sentence.
fn checked(plan: &Plan, derived: &Derived) -> Result<(Vec<Checked>, Option<String>)> {
    let compares = plan.checks.iter().any(|check| check.info().against_last);
    let last = plan.out.folder().filter(|out| compares && has_result(out));
    let last = last.map(|out| reopen(out).map_err(|error| not_comparable(out, error))).transpose()?;
    let drift = last.as_ref().map(|last| compare(last.side(), derived.side()));
    let differences =
        last.as_ref().map(|last| spec_differences(&last.file, &derived.file)).unwrap_or_default();
    let said = (!differences.is_empty()).then(|| format!("{DIFFERENTLY} {}", differences.join("; ")));
    Ok((checks::check(&plan.checks, derived.side(), drift.as_ref()), said))
}

/// A previous result that cannot be compared with, and how to go on.
fn not_comparable(out: &Path, error: Error) -> Error {
    let place = out.display();
    let error =
        error.because(format!("[checks] compare with the previous result at {place}, which cannot be read"));
    if !matches!(error, Error::Input(_)) {
        return error;
    }
    error.hint(format!(
        "delete {place} to publish without a comparison, or drop the checks that compare for one run"
    ))
}

/// Whether a run was published at `out`.
pub(crate) fn has_result(out: &Path) -> bool {
    if of_path(out).is_some() { published(out).is_some() } else { out.join(SUCCESS).exists() }
}

/// Refuses rows that name no label, unless that is allowed, or another job may have rows with labels.
pub(super) fn check_labels(plan: &Plan, opened: &Opened, counts: &LabelCounts) -> Result<()> {
    if plan.allow_empty || plan.part.is_some() || counts.rows() == 0 {
        return Ok(());
    }
    let layout = &opened.detected.layout;
    let empty = counts.heads().iter().find(|head| head.length == 0).map(|head| head.column.as_str());
    let (column, way_out) = match empty {
        Some(column) => (column, "leave it out with --labels"),
        None if counts.is_empty() => (
            layout.column(),
            "name the labels with --vocabulary FILE or --num-labels C if no row has one yet",
        ),
        None => return Ok(()),
    };
    let rows = plural(counts.rows(), "row");
    Err(Error::input(format!("no label found: column {column:?} names none in {rows} (layout {})", layout.kind))
        .hint(format!(
            "check the column, or name another with --labels; {way_out}; --allow-empty accepts a result without labels"
        )))
}

/// Refuses a condition that no row meets, unless that is allowed or another job may have such rows.
pub(super) fn check_condition(plan: &Plan, opened: &Opened, rows: u64) -> Result<()> {
    if let Some(query) =
        plan.count.query.as_deref().filter(|_| rows == 0 && !plan.allow_empty && plan.part.is_none())
    {
        return Err(Error::input(format!("--query {query:?} gives 0 rows"))
            .hint("correct the query; --allow-empty accepts a result without rows"));
    }
    let Some(condition) = plan.count.filter.as_deref().filter(|_| rows == 0 && !plan.allow_empty) else {
        return Ok(());
    };
    let Dataset { shards, schema, .. } = &opened.dataset;
    let all = rows_of(shards);
    if all == 0 || plan.part.is_some() {
        return Ok(());
    }
    let mut hints = what_columns_hold(shards, schema, condition)?;
    hints.push("--allow-empty accepts a result without rows".to_owned());
    Err(Error::input(format!("--where {condition:?} leaves 0 rows of {all}")).hint(hints.join("; ")))
}
