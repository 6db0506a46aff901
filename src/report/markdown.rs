//! `report.md`.

use std::fmt::Write;

use super::heads::HEADINGS;
use super::numbers::{brief, chance, counted, interval, number, percent, thousands};
use super::pytorch::pytorch;
use super::{ENDS, Report, code_span, drift};
use crate::counts::as_f64;
use crate::groups::farthest;
use crate::measures::{measure, prevalence};

/// Labels up to which all are listed.
const ALL_LABELS_MAX: usize = 50;

/// The report as Markdown.
#[must_use]
pub(crate) fn markdown(report: &Report<'_>) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = write_all(report, &mut out);
    out
}

fn write_all(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    writeln!(out, "# Label imbalance\n")?;
    if let Some(what) = report.failed() {
        writeln!(out, "**Error: {what}.**\n")?;
        report.failed_checks.iter().try_for_each(|check| writeln!(out, "- {}", code_span(check)))?;
        writeln!(out)?;
    }
    if let Some(what) = report.warned() {
        writeln!(out, "Warning: {what}.\n")?;
        report.warned_checks.iter().try_for_each(|check| writeln!(out, "- {}", code_span(check)))?;
        writeln!(out)?;
    }
    writeln!(
        out,
        "{}. {}, {}, MeanIR {}. Source: {}.\n",
        report.verdict(),
        counted(report.counts.rows(), report.unit.as_str()),
        counted(report.counts.len() as u64, "label"),
        number(report.measures.get("mean_ir")),
        report.source
    )?;
    findings(report, out)?;
    heads(report, out)?;
    if let Some(line) = report.groups_line(code_span) {
        writeln!(out, "{line}.\n")?;
    }
    let (most, least) = report.by_frequency(ALL_LABELS_MAX, ENDS);
    if least.is_empty() {
        writeln!(out, "## Labels, most frequent first\n")?;
        labels(report, &most, out)?;
    } else {
        writeln!(out, "## The {ENDS} most frequent labels\n")?;
        labels(report, &most, out)?;
        writeln!(out, "## The {ENDS} least frequent labels\n")?;
        labels(report, &least, out)?;
        writeln!(out, "All labels are in `weights.parquet` and `weights.json`.\n")?;
    }
    weights(report, &[most, least].concat(), out)?;
    groups(report, out)?;
    if let Some((name, found)) = report.drift {
        let (warning, summary) = (drift::warning(found), drift::summary(found));
        writeln!(out, "## Against {}\n\n{warning}{summary}.\n", code_span(name))?;
        drift::table(found, ENDS, out)?;
        writeln!(out)?;
    }
    writeln!(out, "## Measures\n\n| measure | value | is |\n|---|---:|---|")?;
    for line in report.lines() {
        writeln!(out, "| `{}` | {} | {} |", line.name, number(line.value), line.formula)?;
    }
    rows(report, out)?;
    writeln!(out, "\n## In PyTorch\n\n```python\n{}\n```", pytorch(report))
}

fn heads(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    let heads = report.heads();
    if heads.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Heads\n\n| {} |\n|---|---:|---:|---:|---:|---:|", HEADINGS.join(" | "))?;
    for head in &heads {
        writeln!(out, "| {} | {} |", code_span(head.column), head.cells().join(" | "))?;
    }
    writeln!(
        out,
        "\n`pos_weight.safetensors` has the vector of each as `pos_weight.<head>`. Weights are computed by head.\n"
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

fn labels(report: &Report<'_>, indices: &[usize], out: &mut String) -> std::fmt::Result {
    let vectors = &report.weights.vectors;
    let groups = if report.grouped.is_some() { " groups |" } else { "" };
    let (masses, uncertain) = (report.counts.masses(), report.has_uncertain());
    write!(
        out,
        "| # | label | positives |{groups} negatives |{} missing |",
        if uncertain { " uncertain |" } else { "" }
    )?;
    write!(out, "{} prevalence | IRLbl |", masses.map_or("", |_| " positive mass | negative mass |"))?;
    vectors.iter().try_for_each(|vector| write!(out, " `{}` |", vector.name))?;
    let scumble = report.rows.map(|rows| &rows.scumble);
    writeln!(out, "{} status |", scumble.map_or("", |_| " SCUMBLE |"))?;
    let columns = vectors.len()
        + usize::from(scumble.is_some())
        + 2 * usize::from(masses.is_some())
        + usize::from(report.grouped.is_some())
        + usize::from(uncertain);
    writeln!(out, "|---:|---|---:|---:|---:|---:|---:|{}---|", "---:|".repeat(columns))?;
    for &i in indices {
        let tally = &report.counts.tallies()[i];
        let groups = report
            .grouped
            .map_or_else(String::new, |grouped| format!(" {} |", thousands(grouped.positives[i])));
        write!(
            out,
            "| {i} | {} | {} |{groups} {} |{} {} |",
            code_span(report.counts.labels().name(i)),
            thousands(tally.positives),
            thousands(tally.negatives),
            if uncertain { format!(" {} |", thousands(tally.uncertain)) } else { String::new() },
            thousands(tally.missing),
        )?;
        if let Some(masses) = masses {
            write!(
                out,
                " {} | {} |",
                brief(masses[i].positives.to_f64()),
                brief(masses[i].negatives.to_f64())
            )?;
        }
        write!(out, " {} | {} |", percent(report.of_label(i, prevalence)), number(report.irlbl(i)))?;
        vectors.iter().try_for_each(|vector| write!(out, " {} |", brief(vector.values[i])))?;
        if let Some(scumble) = scumble {
            write!(out, " {} |", number(scumble[i]))?;
        }
        writeln!(out, " {} |", report.weights.status[i].as_str())?;
    }
    writeln!(out)
}

/// What the weights of some labels do.
fn weights(report: &Report<'_>, indices: &[usize], out: &mut String) -> std::fmt::Result {
    let vector = report.weights.primary();
    writeln!(
        out,
        "## What `{}` does\n\nIntervals contain the true value with 95 % (Beta posterior of prevalence, Jeffreys' prior). \
         Loss is its share {}. Batches have {}. The offset is what the weight \
         adds to a logit, to be taken off at inference; the bias is where the last layer starts.\n",
        vector.name,
        report.consequences.while_what(),
        counted(report.consequences.batch_size, "row"),
    )?;
    writeln!(
        out,
        "| label | weight | from … to | prevalence from … to | loss | batches without a positive | offset | bias |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
    for &i in indices {
        let does = report.consequences.of(i);
        writeln!(
            out,
            "| {} | {}{} | {} | {} | {} | {} | {} | {} |",
            code_span(report.counts.labels().name(i)),
            brief(vector.values[i]),
            if does.fp16_overflow { " (over fp16)" } else { "" },
            interval(does.weight, brief),
            interval(does.prevalence, |p| percent(Some(p))),
            percent(does.loss_share),
            chance(does.no_positive_in_batch),
            number(does.calibration_offset),
            number(does.bias),
        )?;
    }
    writeln!(out)
}

/// Sets of labels and pairs of labels.
fn rows(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    const SHOWN: usize = 10;
    writeln!(out, "\n## Labels by their positives\n\n| positives | labels |\n|---:|---:|")?;
    for bucket in report.buckets() {
        writeln!(out, "| {} | {} |", bucket.range(), thousands(bucket.labels))?;
    }
    let Some(rows) = report.rows else { return Ok(()) };
    let name = |label: usize| code_span(report.counts.labels().name(label));
    writeln!(out, "\n## Labels of a row\n\n| labels | rows | share |\n|---:|---:|---:|")?;
    let all = rows.rows();
    let share = |of: u64| percent((all > 0).then(|| as_f64(of) / as_f64(all)));
    let (shown, rest) = rows.cardinalities.split_at(rows.cardinalities.len().min(SHOWN + 1));
    for (k, &of) in shown.iter().enumerate() {
        writeln!(out, "| {k} | {} | {} |", thousands(of), share(of))?;
    }
    if !rest.is_empty() {
        let (of, last) =
            (rest.iter().fold(0, |sum: u64, rows| sum.saturating_add(*rows)), rows.cardinalities.len() - 1);
        writeln!(out, "| {} to {last} | {} | {} |", shown.len(), thousands(of), share(of))?;
    }
    writeln!(out, "\n## The most frequent sets of labels\n\n| rows | share | labels |\n|---:|---:|---|")?;
    for set in rows.top_labelsets.iter().take(SHOWN) {
        let labels: Vec<_> = set.labels.iter().take(SHOWN).map(|&label| name(label as usize)).collect();
        let more = if set.labels.len() > SHOWN { ", …" } else { "" };
        let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
        writeln!(out, "| {} | {} | {labels}{more} |", thousands(set.rows), share(set.rows))?;
    }
    let pairs = rows.pairs_together();
    if pairs.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n## Labels that go together\n\n| label | and | rows | of the one | of the other | phi |"
    )?;
    writeln!(out, "|---|---|---:|---:|---:|---:|")?;
    for pair in pairs.into_iter().take(SHOWN) {
        let [one, other] = pair.labels.map(name);
        let [of_one, of_other] = pair.conditional.map(percent);
        let (together, phi) = (thousands(pair.together), number(pair.phi));
        writeln!(out, "| {one} | {other} | {together} | {of_one} | {of_other} | {phi} |")?;
    }
    Ok(())
}

fn groups(report: &Report<'_>, out: &mut String) -> std::fmt::Result {
    const NAMED: usize = 5;
    if report.groups.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "## Groups\n\n| group | rows | MeanIR | LD | LPD | labels absent | shifted | such as | farthest |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---|---|")?;
    for (group, found) in report.groups.iter().zip(report.group_measures) {
        let name = |i: usize| code_span(report.counts.labels().name(i));
        let named: Vec<_> = found.absent.iter().chain(&found.shifted).take(NAMED).map(|&i| name(i)).collect();
        let farthest = farthest(report.counts, group.counts).map(|i| {
            let [here, all] = [group.counts, report.counts].map(|counts| {
                let (positives, negatives) = counts.sides(i);
                percent(prevalence(positives, negatives, 0.0))
            });
            format!("{}: {here}, of all rows {all}", name(i))
        });
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            code_span(group.name),
            thousands(group.counts.rows()),
            number(measure(group.counts, report.measures.compat).get("mean_ir")),
            number(found.ld),
            number(found.lpd),
            found.absent.len(),
            found.shifted.len(),
            named.join(", "),
            farthest.unwrap_or_else(|| "–".to_owned()),
        )?;
    }
    writeln!(out, "\nCounts and weights of each are in `by/`.\n")
}
