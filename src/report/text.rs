//! The summary on the terminal: 80 columns, no colour.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::numbers::{brief, number, percent, thousands};
use super::{Report, drift, short, visible};
use crate::measures::prevalence;
use crate::sampling::whole;

/// Labels shown at each end.
const SHOWN: usize = 5;

/// The report as plain text.
#[must_use]
pub(crate) fn text(report: &Report<'_>) -> String {
    let mut out = format!(
        "{} {}, {} labels, {}\n",
        thousands(report.counts.rows()),
        report.unit.many(),
        thousands(report.counts.len() as u64),
        report.source
    );
    let (most, least) = report.by_frequency(2 * SHOWN, SHOWN);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut header = vec!["label", "positives", "negatives", "missing"];
    if report.counts.masses().is_some() {
        header.extend(["pos. mass", "neg. mass"]);
    }
    let primary = primary_name(report);
    header.extend(["prevalence", primary.as_str()]);
    table.set_header(header);
    for &i in &most {
        table.add_row(row(report, i));
    }
    if !least.is_empty() {
        table.add_row(vec![format!("… {} more", report.counts.len() - most.len() - least.len())]);
        for &i in &least {
            table.add_row(row(report, i));
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in table.to_string().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    // Writing into a string cannot fail.
    let _ = facts(report, &mut out);
    for finding in report.findings {
        let info = finding.kind.info();
        let names: Vec<_> =
            finding.labels.iter().take(3).map(|&i| short(report.counts.labels().name(i), 20)).collect();
        let names = match (names.is_empty(), finding.labels.len() > 3) {
            (true, _) => String::new(),
            (false, more) => format!(": {}{}", names.join(", "), if more { ", …" } else { "" }),
        };
        let _ = writeln!(
            out,
            "{} {} ({}{names})\n  {}",
            info.severity.as_str(),
            info.id,
            finding.observed,
            info.remedy
        );
    }
    out
}

/// Facts of one line each.
fn facts(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    for head in report.heads() {
        let [labels, _, missing, _, max_ir] = head.cells();
        let column = visible(head.column);
        writeln!(out, "head {column}: {labels} labels, {missing} missing rows, largest IR {max_ir}")?;
    }
    if let Some(rows) = report.rows {
        let of = |name: &str| number(rows.get(name));
        let known = match rows.get("unknown_rows") {
            Some(unknown) if unknown > 0.0 => {
                let known = thousands(report.counts.rows().saturating_sub(whole(unknown)));
                format!(" over all rows, {} over the {known} that know a label", of("scumble_known"))
            }
            _ => String::new(),
        };
        writeln!(
            out,
            "{} sets of labels ({} of one row), at most {} labels in a row, SCUMBLE {}{known}",
            of("distinct_labelsets"),
            of("single_labelsets"),
            of("max_labels_per_row"),
            of("scumble"),
        )?;
    }
    let (batch, labels) = (report.consequences.batch_size, report.counts.len() as u64);
    let seldom = report.labels_seldom_in_batch();
    writeln!(
        out,
        "{} of {} labels have no positive in most batches of {batch} rows",
        thousands(seldom),
        thousands(labels)
    )?;
    for (group, found) in report.groups.iter().zip(report.group_measures) {
        let (absent, shifted) = (found.absent.len(), found.shifted.len());
        let rows = thousands(group.counts.rows());
        let name = visible(group.name);
        let (ld, lpd) = (number(found.ld), number(found.lpd));
        writeln!(
            out,
            "group {name}: {rows} rows, {absent} labels absent, {shifted} shifted, LD {ld}, LPD {lpd}"
        )?;
    }
    report
        .drift
        .map_or(Ok(()), |(name, found)| writeln!(out, "against {}: {}", visible(name), drift::summary(found)))
}

fn primary_name(report: &Report<'_>) -> String {
    short(&report.weights.primary().name, 16)
}

fn row(report: &Report<'_>, i: usize) -> Vec<String> {
    const NAME_WIDTH: usize = 26;
    let tally = &report.counts.tallies()[i];
    let mut cells = vec![
        short(report.counts.labels().name(i), NAME_WIDTH),
        thousands(tally.positives),
        thousands(tally.negatives),
        thousands(tally.missing + tally.uncertain),
    ];
    // What weights are made of where rows have weights or targets are soft.
    let masses = report.counts.masses().map(|masses| masses[i]);
    cells
        .extend(masses.into_iter().flat_map(|m| [m.positives, m.negatives]).map(|mass| brief(mass.to_f64())));
    cells.push(percent(report.of_label(i, prevalence)));
    cells.push(brief(report.weights.primary().values[i]));
    cells
}
