//! Measures of rows.

use maud::{Markup, html};

use super::axis::Axis;
use super::columns::{HistogramColumn, columns};
use super::dots::{DotLine, Dots};
use super::heat::heat;
use super::text::{NAME, name, whole};
use crate::counts::as_f64;
use crate::report::Report;
use crate::report::numbers::{brief, counted, number, of_one, percent, thousands};
use crate::row_measures::PAIR_ROWS_MIN;
use crate::sampling::METHODS;

/// Columns of the histogram; the last holds the rest.
const COLUMNS: usize = 12;
/// Lines of tables and charts.
const SHOWN: usize = 15;

/// How many labels rows have, and which sets.
pub(super) fn cardinality(report: &Report<'_>) -> Option<Markup> {
    let rows = report.rows?;
    let share = |of: u64| percent((rows.rows() > 0).then(|| as_f64(of) / as_f64(rows.rows())));
    let (shown, rest) = rows.cardinalities.split_at(rows.cardinalities.len().min(COLUMNS));
    let column =
        |(k, &rows): (usize, &u64)| HistogramColumn { name: k.to_string(), count: rows, text: share(rows) };
    let mut all: Vec<HistogramColumn> = shown.iter().enumerate().map(column).collect();
    if !rest.is_empty() {
        let rows = rest.iter().fold(0, |sum: u64, rows| sum.saturating_add(*rows));
        all.push(HistogramColumn { name: format!("{}+", shown.len()), count: rows, text: share(rows) });
    }
    let of = |name: &str| number(rows.get(name));
    let count = |name: &str| rows.get(name).map_or_else(|| "–".to_owned(), whole);
    Some(html! {
        p { "A row has " (of_one(report.measures.get("cardinality"), "label")) " on average over all rows (standard deviation "
            (of("cardinality_sd")) ") and at most " (count("max_labels_per_row")) ". Rows without any: " (count("empty_rows")) "."
            @if rows.get("unknown_rows").is_some_and(|unknown| unknown > 0.0) {
                " Rows that know no label, because every label is missing: " (count("unknown_rows"))
                "; without them a row has " (of_one(rows.get("cardinality_known"), "label")) " on average, and SCUMBLE is " (of("scumble_known"))
                " instead of " (of("scumble")) "."
            } }
        figure { (columns("Rows by their number of labels", "row", &all)) figcaption { "Rows by their number of labels." } }
        p { (count("distinct_labelsets"))
            (if count("distinct_labelsets") == "1" { " set of labels occurs, " } else { " different sets of labels occur, " }) (count("single_labelsets")) " of them in a single row." }
        table {
            caption { "The most frequent sets" }
            thead { tr { th scope="col" { "Labels" } th.n scope="col" { "Rows" } th.n scope="col" { "Share" } } }
            tbody {
                @for set in rows.top_labelsets.iter().take(SHOWN) {
                    tr {
                        th scope="row" {
                            @if set.labels.is_empty() { em { "none" } }
                            @for &label in set.labels.iter().take(SHOWN) { code { (name(report, label as usize, NAME)) } " " }
                            @if set.labels.len() > SHOWN { "and " (set.labels.len() - SHOWN) " more" }
                        }
                        td.n { (thousands(set.rows)) }
                        td.n { (share(set.rows)) }
                    }
                }
            }
        }
    })
}

/// Labels that occur together.
pub(super) fn pairs(report: &Report<'_>) -> Option<Markup> {
    let rows = report.rows?;
    let (matrix, together) = (rows.cooccurrence.as_ref()?, rows.pairs_together());
    let full = |label: usize, width: usize| name(report, label, width);
    Some(html! {
        p { "Correlation (phi) of the labels that have most to do with each other; rows that say nothing of one are \
             left out. Labels that go together stand side by side." }
        section.scroll tabindex="0" aria-label="Matrix of correlations" { figure { (heat(report, matrix, full)) } }
        @if !together.is_empty() {
            section.scroll tabindex="0" aria-label="The closest pairs" {
                table {
                    caption { "The closest pairs of those that " (PAIR_ROWS_MIN) " rows or more have" }
                    thead { tr {
                        th scope="col" { "Label" } th scope="col" { "and" }
                        th.n scope="col" { "Rows" } th.n scope="col" { "Of the one" } th.n scope="col" { "Of the other" }
                        th.n scope="col" { "Phi" }
                    } }
                    tbody {
                        @for pair in together.iter().take(SHOWN) {
                            tr {
                                th scope="row" { (name(report, pair.labels[0], 2 * NAME)) }
                                td { (name(report, pair.labels[1], 2 * NAME)) }
                                td.n { (thousands(pair.together)) }
                                @for part in pair.conditional { td.n { (percent(part)) } }
                                td.n { (number(pair.phi)) }
                            }
                        }
                    }
                }
            }
        }
    })
}

/// SCUMBLE from which the rows of a label mix rare labels with frequent ones (Charte et al. 2015).
const MIXED: f64 = 0.1;

/// Rare labels in one row with frequent ones.
pub(super) fn scumble(report: &Report<'_>) -> Option<Markup> {
    let rows = report.rows?;
    let mean = rows.get("scumble")?;
    let of = |label: usize| rows.scumble.get(label).copied().flatten();
    let labels = report.largest(SHOWN, of);
    let axis = Axis::linear(labels.iter().filter_map(|&label| of(label)).chain([mean]))?;
    let line = |&label: &usize| DotLine::of(name(report, label, NAME), of(label));
    let lines: Vec<DotLine> = labels.iter().map(line).collect();
    let about = "SCUMBLE of the labels with the largest";
    let reference = Some((mean, format!("all rows: {}", brief(mean))));
    // Over all rows it is small wherever rare labels are: the rows of these say what resampling them does.
    let mean_ir = report.measures.get("mean_ir").unwrap_or(f64::INFINITY);
    let is_minority = |label: &usize| report.irlbl(*label).is_some_and(|irlbl| irlbl > mean_ir);
    let minority: Vec<f64> = (0..report.counts.len()).filter(is_minority).filter_map(of).collect();
    let mixed = minority.iter().filter(|scumble| **scumble > MIXED).count();
    let judged = match (mixed, minority.len()) {
        (_, 0) => String::new(),
        (0, _) => {
            "Rows of minority labels seldom have frequent ones, so resampling can treat them separately."
                .to_owned()
        }
        (mixed, all) => format!(
            "Rows of {} of {} mix them with much more frequent ones: oversampling the rare labels multiplies the \
             frequent ones as well.",
            thousands(mixed as u64),
            counted(all as u64, "minority label"),
        ),
    };
    Some(html! {
        p { "SCUMBLE says how much rare and frequent labels share rows, from 0 to 1; over all rows it is " (brief(mean))
            ", the dashed line. " (judged) }
        figure {
            (Dots { about, axis, series: &[], lines: &lines, reference, show: brief }.draw())
            figcaption { "Labels whose rows mix most." }
        }
    })
}

/// The sampling plan of the result.
pub(super) fn plan(report: &Report<'_>) -> Option<Markup> {
    let plan = report.plan?;
    Some(html! {
        p { "This result has a sampling plan. " code { "plan.json" } " has its numbers for all labels." }
        section.scroll tabindex="0" aria-label="The sampling plan" { pre { (plan) } }
    })
}

/// When each sampling plan is right, where rows were measured.
pub(super) fn plans(report: &Report<'_>) -> Option<Markup> {
    report.rows?;
    Some(html! {
        p { "Each plan says how often rows occur in an epoch, or puts them into folds. " code { "posweight sample … --plan A --plan B --dry-run" }
            " shows what plans do to these rows, side by side." }
        section.scroll tabindex="0" aria-label="Table of plans" {
            table {
                thead { tr { th scope="col" { "Plan" } th scope="col" { "Effect on rows" } th scope="col" { "Right" } } }
                tbody {
                    @for info in &METHODS { tr { th scope="row" { code { (info.name) } } td { (info.about) } td { (info.when) } } }
                }
            }
        }
    })
}
