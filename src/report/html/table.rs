//! Every label on one line: all of them, or both ends where a page cannot hold all.

use maud::{Markup, html};

use super::text::name;
use crate::measures::prevalence;
use crate::report::numbers::{brief, chance, interval, number, percent, thousands};
use crate::report::{Report, short};

/// Labels up to which all are listed.
const ALL_MAX: usize = 10_000;
/// Bytes that they may take.
const BYTES_MAX: usize = 1_600_000;
/// Labels listed at each end where there are more.
const ENDS: usize = 500;
/// Characters of a name.
const NAME: usize = 60;

/// The table; a script makes it sortable and searchable.
pub(super) fn labels(report: &Report<'_>) -> Markup {
    let order = report.by_frequency(ALL_MAX, ENDS);
    let all = table(report, &order.0, &order.1);
    if all.0.len() <= BYTES_MAX {
        return all;
    }
    let (most, least) = report.by_frequency(2 * ENDS, ENDS);
    table(report, &most, &least)
}

fn table(report: &Report<'_>, most: &[usize], least: &[usize]) -> Markup {
    let (n, shown) = (report.counts.len(), most.len() + least.len());
    let missing = report.counts.tallies().iter().any(|tally| tally.missing > 0);
    let uncertain = report.has_uncertain();
    let masses = report.counts.masses();
    let row = |label: usize| {
        let mass = masses.map(|masses| [masses[label].positives, masses[label].negatives]);
        let tally = &report.counts.tallies()[label];
        let does = report.consequences.of(label);
        let status = report.weights.status[label];
        html! {
            tr {
                td { (label) }
                th scope="row" { (name(report, label, NAME)) }
                td { (thousands(tally.positives)) }
                @if let Some(grouped) = report.grouped { td { (thousands(grouped.positives[label])) } }
                @if uncertain { td { (thousands(tally.uncertain)) } }
                @if missing { td { (thousands(tally.missing)) } }
                @for mass in mass.into_iter().flatten() { td { (brief(mass.to_f64())) } }
                td { (percent(report.of_label(label, prevalence))) }
                td { (number(report.irlbl(label))) }
                td { (brief(report.weights.primary().values[label])) }
                td { (interval(does.weight, brief)) }
                td { (chance(does.no_positive_in_batch)) }
                td { (if status == crate::weights::Status::Ok { "" } else { status.as_str() }) }
            }
        }
    };
    html! {
        @if shown < n {
            p { "The " (thousands(most.len() as u64)) " most and the " (thousands(least.len() as u64))
                " least frequent of " (thousands(n as u64)) " labels; all are in " code { "weights.parquet" } "." }
        }
        p.find hidden {
            label { "Find labels " input type="search" autocomplete="off" spellcheck="false"; }
            " " output { }
        }
        section.scroll.tall tabindex="0" aria-label="Table of labels" {
            table.all {
                thead { tr {
                    th scope="col" { "#" } th scope="col" { "Label" } th scope="col" { "Positives" }
                    @if let Some(grouped) = report.grouped { th scope="col" { "Groups of " (short(&grouped.column, NAME)) } }
                    @if uncertain { th scope="col" { "Uncertain" } }
                    @if missing { th scope="col" { "Missing" } }
                    @if masses.is_some() { th scope="col" { "Positive mass" } th scope="col" { "Negative mass" } }
                    th scope="col" { "Prevalence" } th scope="col" { "IRLbl" } th scope="col" { "Weight" }
                    th scope="col" { "From … to" } th scope="col" { "Batches without" } th scope="col" { "Status" }
                } }
                tbody {
                    @for &label in most { (row(label)) }
                    @for &label in least { (row(label)) }
                }
            }
        }
    }
}
