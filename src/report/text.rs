//! The summary on the terminal: 80 columns, no colour.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::numbers::{brief, counted, number, percent, thousands};
use super::{Report, drift, short, visible};
use crate::findings::FindingKind;
use crate::measures::prevalence;
use crate::sampling::whole;

/// Labels shown at least.
const SHOWN: usize = 10;
/// Lines of a terminal that are not for labels: header, facts and the prompt.
const OTHER_LINES: usize = 12;

/// The report as plain text, with as many labels as `lines` of a terminal hold.
#[must_use]
pub(crate) fn text(report: &Report<'_>, lines: Option<usize>) -> String {
    // A finding takes two lines.
    let other = OTHER_LINES + 2 * report.findings.len() + report.groups.len();
    let shown = lines.unwrap_or(0).saturating_sub(other).max(SHOWN);
    let failed: String = report.failed().map_or_else(String::new, |what| {
        let each = report.failed_checks.iter().map(|check| format!("  {}\n", visible(check)));
        format!("error: {what}\n{}", each.collect::<String>())
    });
    let mut out = format!(
        "{failed}{}, {}, {}\n",
        counted(report.counts.rows(), report.unit.as_str()),
        counted(report.counts.len() as u64, "label"),
        report.source
    );
    let (most, least) = report.by_frequency(shown, shown / 2);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut header = vec!["label", "positives", "negatives"];
    if report.has_uncertain() {
        header.push("uncertain");
    }
    header.push("missing");
    if report.grouped.is_some() {
        header.insert(2, "groups");
    }
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
    for check in report.warned_checks {
        let _ = writeln!(out, "warning: a check of severity warn failed: {}", visible(check));
    }
    out.push_str(&findings(report, |_| true));
    out
}

/// The findings of some kinds, with what to do about them.
#[must_use]
pub(crate) fn findings(report: &Report<'_>, of: impl Fn(FindingKind) -> bool) -> String {
    let mut out = String::new();
    for finding in report.findings.iter().filter(|finding| of(finding.kind)) {
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
    let end = |count: &str| if count == "1" { "" } else { "s" };
    for head in report.heads() {
        let [labels, _, missing, _, max_ir] = head.cells();
        let column = visible(head.column);
        writeln!(
            out,
            "head {column}: {labels} label{}, {missing} missing row{}, largest IR {max_ir}",
            end(&labels),
            end(&missing)
        )?;
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
            "{} set{} of labels ({} of one row), at most {} in a row, SCUMBLE {}{known}",
            of("distinct_labelsets"),
            end(&of("distinct_labelsets")),
            of("single_labelsets"),
            counted(whole(rows.get("max_labels_per_row").unwrap_or(0.0)), "label"),
            of("scumble"),
        )?;
    }
    if let Some(line) = report.groups_line(visible) {
        writeln!(out, "{line}")?;
    }
    let (batch, labels) = (report.consequences.batch_size, report.counts.len() as u64);
    let seldom = report.labels_seldom_in_batch();
    writeln!(
        out,
        "{} of {} {} no positive in most batches of {}",
        thousands(seldom),
        counted(labels, "label"),
        if seldom == 1 || labels == 1 { "has" } else { "have" },
        counted(batch, "row")
    )?;
    for (group, found) in report.groups.iter().zip(report.group_measures) {
        let (absent, shifted) = (found.absent.len(), found.shifted.len());
        let rows = counted(group.counts.rows(), "row");
        let absent = counted(absent as u64, "label");
        let name = visible(group.name);
        let (ld, lpd) = (number(found.ld), number(found.lpd));
        writeln!(out, "group {name}: {rows}, {absent} absent, {shifted} shifted, LD {ld}, LPD {lpd}")?;
    }
    let Some((name, found)) = report.drift else { return Ok(()) };
    writeln!(out, "against {}: {}", visible(name), drift::summary(found))?;
    if !found.differences.is_empty() {
        let differences: Vec<String> = found.differences.iter().map(|one| visible(one)).collect();
        writeln!(out, "  warning: {} {}", drift::DIFFERENTLY, differences.join("; "))?;
    }
    Ok(())
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
    ];
    if report.has_uncertain() {
        cells.push(thousands(tally.uncertain));
    }
    cells.push(thousands(tally.missing));
    if let Some(grouped) = report.grouped {
        cells.insert(2, thousands(grouped.positives[i]));
    }
    // What weights are made of where rows have weights or targets are soft.
    let masses = report.counts.masses().map(|masses| masses[i]);
    cells
        .extend(masses.into_iter().flat_map(|m| [m.positives, m.negatives]).map(|mass| brief(mass.to_f64())));
    cells.push(percent(report.of_label(i, prevalence)));
    cells.push(brief(report.weights.primary().values[i]));
    cells
}
