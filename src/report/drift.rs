//! Two results side by side: on the terminal, as Markdown and CSV.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::numbers::{brief, percent, thousands};
use super::{code_span, short, visible};
use crate::drift::{Drift, LabelDrift, Side};

/// What is said first of results that were made in different ways.
pub(crate) const DIFFERENTLY: &str =
    "the results were not counted and weighed alike, so part of the differences below comes from";
/// Columns of every format but JSON.
pub(super) const COLUMNS: [&str; 8] = [
    "label",
    "positives before",
    "positives after",
    "prevalence before",
    "prevalence after",
    "change",
    "weight before",
    "weight after",
];

/// `rows 100 → 200 (+100 %)` and what else holds for all labels.
pub(super) fn summary(drift: &Drift<'_>) -> String {
    let (before, after) = (drift.before.counts, drift.after.counts);
    let rows = drift.rows_change().map(|change| format!(" ({})", signed(change))).unwrap_or_default();
    let distance = drift.jensen_shannon.map_or_else(|| "–".to_owned(), brief);
    format!(
        "rows {} → {}{rows}, labels {} → {} ({} new, {} gone, {} moved), Jensen–Shannon distance {distance}",
        thousands(before.rows()),
        thousands(after.rows()),
        thousands(before.len() as u64),
        thousands(after.len() as u64),
        drift.added,
        drift.removed,
        drift.moved,
    )
}

/// `+3.2 %`; a label that came out of nothing has no number.
fn signed(change: f64) -> String {
    if change.is_finite() { format!("{:+.1} %", change * 100.0) } else { "new".to_owned() }
}

pub(super) fn change(label: &LabelDrift) -> String {
    if label.after.is_none() { "gone".to_owned() } else { signed(label.change) }
}

fn positives(side: Side<'_>, label: Option<usize>) -> Option<f64> {
    label.map(|i| side.counts.sides(i).0)
}

fn weight(side: Side<'_>, label: Option<usize>) -> Option<f64> {
    label.map(|i| side.weights.primary().values[i])
}

fn prevalence(side: Side<'_>, label: Option<usize>) -> Option<f64> {
    label.and_then(|i| side.prevalence(i))
}

/// The cells of a label after its name, for people.
pub(super) fn cells(drift: &Drift<'_>, label: &LabelDrift) -> [String; 7] {
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), brief);
    let (before, after) = (drift.before, drift.after);
    [
        number(positives(before, label.before)),
        number(positives(after, label.after)),
        percent(prevalence(before, label.before)),
        percent(prevalence(after, label.after)),
        change(label),
        number(weight(before, label.before)),
        number(weight(after, label.after)),
    ]
}

pub(super) fn more(drift: &Drift<'_>, top: usize) -> Option<String> {
    let rest = drift.labels.len().saturating_sub(top);
    (rest > 0).then(|| format!("… {} more labels, changed less", thousands(rest as u64)))
}

/// For the terminal: the `top` labels that changed most.
#[must_use]
pub(crate) fn text(drift: &Drift<'_>, top: usize) -> String {
    const NAME_WIDTH: usize = 26;
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(COLUMNS);
    for label in drift.labels.iter().take(top) {
        let mut row = vec![short(drift.name(label), NAME_WIDTH)];
        row.extend(cells(drift, label));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut out = String::new();
    if !drift.differences.is_empty() {
        let each = drift.differences.iter().map(|one| format!("  {}\n", visible(one))).collect::<String>();
        out.push_str(&format!("warning: {DIFFERENTLY}\n{each}"));
    }
    out.push_str(&(summary(drift) + "\n"));
    for line in table.to_string().lines().map(str::to_owned).chain(more(drift, top)) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// What Markdown says first of results that were made in different ways.
pub(super) fn warning(drift: &Drift<'_>) -> String {
    if drift.differences.is_empty() {
        return String::new();
    }
    let each = drift.differences.iter().map(|one| format!("- {}\n", code_span(one))).collect::<String>();
    format!("**Warning: {DIFFERENTLY}.**\n\n{each}\n")
}

/// As Markdown: the `top` labels that changed most.
#[must_use]
pub(crate) fn markdown(drift: &Drift<'_>, top: usize) -> String {
    let mut out = format!("# Drift\n\n{}{}.\n\n", warning(drift), summary(drift));
    // Writing into a string cannot fail.
    let _ = table(drift, top, &mut out);
    out
}

/// The table of that.
pub(super) fn table(drift: &Drift<'_>, top: usize, out: &mut String) -> std::fmt::Result {
    writeln!(out, "| {} |\n|---|{}", COLUMNS.join(" | "), "---:|".repeat(COLUMNS.len() - 1))?;
    for label in drift.labels.iter().take(top) {
        writeln!(out, "| {} | {} |", code_span(drift.name(label)), cells(drift, label).join(" | "))?;
    }
    more(drift, top).map_or(Ok(()), |more| writeln!(out, "\n{more}."))
}

/// One line per label, for CSV: the first is the header; what a label does not have is empty.
pub(crate) fn records<'d>(drift: &'d Drift<'_>) -> impl Iterator<Item = [String; 8]> + 'd {
    let header = COLUMNS.map(|name| name.replace(' ', "_"));
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let record = move |label: &LabelDrift| {
        let (before, after) = (drift.before, drift.after);
        [
            drift.name(label).to_owned(),
            number(positives(before, label.before)),
            number(positives(after, label.after)),
            number(prevalence(before, label.before)),
            number(prevalence(after, label.after)),
            number(label.change.is_finite().then_some(label.change)),
            number(weight(before, label.before)),
            number(weight(after, label.after)),
        ]
    };
    std::iter::once(header).chain(drift.labels.iter().map(record))
}
