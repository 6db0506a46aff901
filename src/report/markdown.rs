//! `report.md`.

use std::fmt::Write;

use super::{ENDS, Report, brief, code_span, percent, thousands};
use crate::counts::as_f64;
use crate::measures::{MEASURES, irlbl, prevalence};
use crate::row_measures::{PAIR_ROWS_MIN, ROW_MEASURES};

/// Labels up to which all are listed.
const ALL_LABELS_MAX: usize = 50;

/// The report as Markdown.
#[must_use]
pub fn markdown(report: &Report<'_>) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_all(report, &mut out);
    out
}

fn write_all(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    let warnings = report.findings.iter().filter(|f| f.kind.info().severity.as_str() == "warning").count();
    let verdict = match warnings {
        0 => "No warnings.".to_owned(),
        1 => "One warning.".to_owned(),
        n => format!("{n} warnings."),
    };
    let mean_ir = report.measures.get("mean_ir").map_or_else(|| "–".to_owned(), brief);
    writeln!(out, "# Label imbalance\n")?;
    writeln!(
        out,
        "{verdict} {} rows, {} labels, MeanIR {mean_ir}. Source: {}.\n",
        thousands(report.counts.rows()),
        thousands(report.counts.len() as u64),
        report.source
    )?;
    findings(report, out)?;
    labels(report, out)?;
    groups(report, out)?;
    writeln!(out, "## Measures\n\n| measure | value | is |\n|---|---:|---|")?;
    for (measure, (name, value)) in MEASURES.iter().zip(&report.measures.values) {
        let value = value.map_or_else(|| "–".to_owned(), brief);
        writeln!(out, "| `{name}` | {value} | {} |", measure.formula)?;
    }
    for measure in ROW_MEASURES.iter().filter(|_| report.rows.is_some()) {
        let value = report.rows.and_then(measure.of).map_or_else(|| "–".to_owned(), brief);
        writeln!(out, "| `{}` | {value} | {} |", measure.name, measure.formula)?;
    }
    rows(report, out)?;
    writeln!(
        out,
        "\n## In PyTorch\n\n```python\nfrom safetensors.torch import load_file\n\
         pos_weight = load_file(\"pos_weight.safetensors\")[\"pos_weight\"]  # shape [{}], label order\n\
         loss = torch.nn.BCEWithLogitsLoss(pos_weight=pos_weight)\n```",
        report.counts.len()
    )
}

fn findings(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    const NAMED: usize = 10;
    if report.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Findings\n")?;
    for finding in report.findings {
        let info = finding.kind.info();
        write!(out, "- **{}** ({}, {}): {}.", info.id, info.severity.as_str(), finding.observed, info.cause)?;
        if !finding.labels.is_empty() {
            let named: Vec<_> = finding
                .labels
                .iter()
                .take(NAMED)
                .map(|&i| code_span(report.counts.labels().name(i)))
                .collect();
            let more = if finding.labels.len() > NAMED { ", …" } else { "" };
            write!(out, " Labels: {}{more}.", named.join(", "))?;
        }
        writeln!(out, " *To do*: {}.", info.remedy)?;
    }
    writeln!(out)
}

fn labels(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    let (most, least) = report.by_frequency(ALL_LABELS_MAX, ENDS);
    if least.is_empty() {
        writeln!(out, "## Labels, most frequent first\n")?;
        table(report, &most, out)
    } else {
        writeln!(out, "## The {ENDS} most frequent labels\n")?;
        table(report, &most, out)?;
        writeln!(out, "## The {ENDS} least frequent labels\n")?;
        table(report, &least, out)?;
        writeln!(out, "All labels are in `weights.parquet` and `weights.json`.\n")
    }
}

fn table(report: &Report<'_>, indices: &[usize], out: &mut String) -> std::fmt::Result {
    let vectors = &report.weights.vectors;
    write!(out, "| # | label | positives | negatives | missing | prevalence | IRLbl |")?;
    vectors.iter().try_for_each(|vector| write!(out, " `{}` |", vector.name))?;
    writeln!(out, " status |")?;
    writeln!(out, "|---:|---|---:|---:|---:|---:|---:|{}---|", "---:|".repeat(vectors.len()))?;
    for &i in indices {
        let tally = &report.counts.tallies()[i];
        write!(
            out,
            "| {i} | {} | {} | {} | {} | {} | {} |",
            code_span(report.counts.labels().name(i)),
            thousands(tally.positives),
            thousands(tally.negatives),
            thousands(tally.missing + tally.uncertain),
            percent(report.of_label(i, prevalence)),
            report.of_label(i, irlbl).map_or_else(|| "–".to_owned(), brief),
        )?;
        vectors.iter().try_for_each(|vector| write!(out, " {} |", brief(vector.values[i])))?;
        writeln!(out, " {} |", report.weights.status[i].as_str())?;
    }
    writeln!(out)
}

/// Sets of labels and pairs of labels.
fn rows(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    const SHOWN: usize = 10;
    let Some(rows) = report.rows else { return Ok(()) };
    let name = |label: usize| code_span(report.counts.labels().name(label));
    writeln!(out, "\n## Labels of a row\n\n| labels | rows | share |\n|---:|---:|---:|")?;
    let share = |of: u64| percent((rows.rows > 0).then(|| as_f64(of) / as_f64(rows.rows)));
    let (shown, rest) = rows.cardinalities.split_at(rows.cardinalities.len().min(SHOWN + 1));
    for (k, &of) in shown.iter().enumerate() {
        writeln!(out, "| {k} | {} | {} |", thousands(of), share(of))?;
    }
    if !rest.is_empty() {
        let of: u64 = rest.iter().sum();
        writeln!(
            out,
            "| {} to {} | {} | {} |",
            shown.len(),
            rows.max_labels_per_row(),
            thousands(of),
            share(of)
        )?;
    }
    writeln!(out, "\n## The most frequent sets of labels\n\n| rows | share | labels |\n|---:|---:|---|")?;
    for set in rows.top_labelsets.iter().take(SHOWN) {
        let labels: Vec<_> = set.labels.iter().take(SHOWN).map(|&label| name(label as usize)).collect();
        let more = if set.labels.len() > SHOWN { ", …" } else { "" };
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        writeln!(out, "| {} | {} | {labels}{more} |", thousands(set.rows), share(set.rows))?;
    }
    let pairs = rows.closest_pairs(report.counts, PAIR_ROWS_MIN, SHOWN);
    if pairs.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Labels that go together\n\n| label | and | rows | of the one | of the other | phi |"
    )?;
    writeln!(out, "|---|---|---:|---:|---:|---:|")?;
    for pair in pairs {
        let [one, other] = pair.labels.map(name);
        let [of_one, of_other] = pair.conditional.map(percent);
        let phi = pair.phi.map_or_else(|| "–".to_owned(), brief);
        writeln!(out, "| {one} | {other} | {} | {of_one} | {of_other} | {phi} |", thousands(pair.together))?;
    }
    Ok(())
}

fn groups(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    const NAMED: usize = 5;
    if report.groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Groups\n\n| group | rows | labels absent | such as |\n|---|---:|---:|---|")?;
    for (name, counts) in &report.groups {
        let absent: Vec<usize> = (0..counts.len()).filter(|&i| counts.tallies()[i].positives == 0).collect();
        let named: Vec<_> = absent.iter().take(NAMED).map(|&i| code_span(counts.labels().name(i))).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            code_span(name),
            thousands(counts.rows()),
            absent.len(),
            named.join(", ")
        )?;
    }
    writeln!(out)
}
