//! Groups of rows beside each other, and this result beside another.

use maud::{Markup, html};

use super::axis::Axis;
use super::dots::{DotLine, Dots, SERIES_MAX};
use super::text::{NAME, name, share};
use crate::counts::LabelCounts;
use crate::groups::{GroupMeasures, farthest};
use crate::measures::{measure, prevalence};
use crate::report::numbers::{number, percent, thousands};
use crate::report::{Report, drift as drifts, short, visible};

/// Labels of a chart.
const SHOWN: usize = 15;

fn prevalence_in(counts: &LabelCounts, label: usize) -> Option<f64> {
    let (positives, negatives) = counts.sides(label);
    prevalence(positives, negatives, 0.0)
}

/// The groups of `--by` against all rows.
pub(super) fn groups(report: &Report<'_>) -> Option<Markup> {
    if report.groups.is_empty() {
        return None;
    }
    let label = |label: usize| name(report, label, NAME);
    let named = |found: &GroupMeasures| {
        let odd: Vec<String> = found.absent.iter().chain(&found.shifted).take(4).map(|&i| label(i)).collect();
        odd.join(", ")
    };
    Some(html! {
        p { "LD and LPD are how far the odds of labels, and of pairs of labels, lie from those of all rows: 0 is a \
             perfect split. A label is shifted where it is more than twice or less than half as frequent, beyond chance." }
        section.scroll tabindex="0" aria-label="Table of groups" {
            table {
                thead { tr {
                    th scope="col" { "Group" }
                    @for column in ["Rows", "MeanIR", "LD", "LPD", "Absent", "Shifted"] { th.n scope="col" { (column) } }
                    th scope="col" { "Such as" } th scope="col" { "Farthest" }
                } }
                tbody {
                    @for (group, found) in report.groups.iter().zip(report.group_measures) {
                        tr {
                            th scope="row" { (short(group.name, 2 * NAME)) }
                            td.n { (thousands(group.counts.rows())) }
                            td.n { (number(measure(group.counts, report.measures.compat).get("mean_ir"))) }
                            td.n { (number(found.ld)) }
                            td.n { (number(found.lpd)) }
                            td.n { (thousands(found.absent.len() as u64)) }
                            td.n { (thousands(found.shifted.len() as u64)) }
                            td { (named(found)) }
                            td { (farthest(report.counts, group.counts).map(label).unwrap_or_default()) }
                        }
                    }
                }
            }
        }
        (chart(report))
    })
}

/// Prevalence by group, of the labels whose prevalence differs most.
fn chart(report: &Report<'_>) -> Markup {
    let groups = &report.groups[..report.groups.len().min(SERIES_MAX)];
    let all = |label: usize| prevalence_in(report.counts, label).filter(|p| *p > 0.0);
    let spread = |label: usize| {
        let p = all(label)?;
        // As far as chance alone would go, a label of few rows is not far.
        let away = groups.iter().filter_map(|group| {
            let q = prevalence_in(group.counts, label)?;
            let sd = (p * (1.0 - p) / group.counts.tallies()[label].known().max(1) as f64).sqrt();
            Some((q - p).abs() / sd.max(f64::MIN_POSITIVE))
        });
        away.reduce(f64::max)
    };
    let labels = report.largest(SHOWN, spread);
    let values = labels.iter().flat_map(|&label| groups.iter().map(move |g| prevalence_in(g.counts, label)));
    let Some(axis) = Axis::log(values.flatten()) else { return html! {} };
    let series: Vec<String> = groups.iter().map(|group| short(group.name, NAME)).collect();
    let line = |&label: &usize| DotLine {
        name: name(report, label, NAME),
        marks: groups.iter().map(|group| prevalence_in(group.counts, label).filter(|p| *p > 0.0)).collect(),
        interval: None,
        text: percent(all(label)),
    };
    let lines: Vec<DotLine> = labels.iter().map(line).collect();
    let about = "Prevalence by group of the labels that differ most";
    html! {
        figure {
            figcaption { "Prevalence by group of the labels that differ most, against chance; at the end of a line, of all rows." }
            (Dots { about, axis, series: &series, lines: &lines, reference: None, show: share }.draw())
        }
    }
}

/// What changed against another result.
pub(super) fn drift(report: &Report<'_>) -> Option<Markup> {
    let (against, found) = report.drift?;
    let shown: Vec<_> = found.labels.iter().take(SHOWN).collect();
    let sides = |label: &crate::drift::LabelDrift| {
        [
            label.before.and_then(|i| found.before.prevalence(i)),
            label.after.and_then(|i| found.after.prevalence(i)),
        ]
    };
    let axis = Axis::log(shown.iter().flat_map(|label| sides(label)).flatten());
    let series = ["now".to_owned(), "before".to_owned()];
    let line = |label: &&crate::drift::LabelDrift| {
        let [before, after] = sides(label).map(|side| side.filter(|p| *p > 0.0));
        DotLine {
            name: short(found.name(label), NAME),
            marks: vec![after, before],
            interval: before.zip(after).map(|(before, after)| [before.min(after), before.max(after)]),
            text: drifts::change(label),
        }
    };
    let lines: Vec<DotLine> = shown.iter().map(line).collect();
    Some(html! {
        p { "Against " strong { (visible(against)) } ": " (drifts::summary(found)) "." }
        @if !found.differences.is_empty() {
            p { strong { "Warning: " (drifts::DIFFERENTLY) } }
            ul { @for one in &found.differences { li { code { (visible(one)) } } } }
        }
        @if let Some(axis) = axis {
            figure {
                figcaption { "Prevalence of the labels that changed most." }
                (Dots { about: "Prevalence before and now", axis, series: &series, lines: &lines, reference: None, show: share }.draw())
            }
        }
        section.scroll tabindex="0" aria-label="Table of changes" {
            table {
                thead { tr {
                    @for (i, column) in drifts::COLUMNS.iter().enumerate() {
                        @if i == 0 { th scope="col" { (column) } } @else { th.n scope="col" { (column) } }
                    }
                } }
                tbody {
                    @for label in &shown {
                        tr {
                            th scope="row" { (short(found.name(label), 2 * NAME)) }
                            @for cell in drifts::cells(found, label) { td.n { (cell) } }
                        }
                    }
                }
            }
        }
    })
}
