//! `report.html`: one page that needs nothing else, read without a script.
//!
//! [`labels`] prevalence, weights, IRLbl, all labels in charts · [`rows`] what rows say · [`groups`] groups and
//! drift · [`table`] every label · [`dots`], [`curve`], [`columns`] and [`heat`] draw, on
//! an [`axis`] · [`text`] names and numbers

mod axis;
mod columns;
mod curve;
mod dots;
mod groups;
mod heat;
mod labels;
mod rows;
mod table;
mod text;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use text::{NAME, name};

use super::Report;
use super::heads::HEADINGS;
use super::numbers::{brief, number, thousands};
use super::pytorch::pytorch;
use crate::counts::CountUnit;
use crate::findings::{Finding, Severity};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// SHA-256 of the script, by which the policy of the page knows it.
const SCRIPT_HASH: &str = "sha256-mQFfjSEz4HhEwCdHobfSR2t7UQHYXqyOODAmLkKoZJc=";

/// The report as one page.
#[must_use]
pub(crate) fn html(report: &Report<'_>) -> String {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src '{SCRIPT_HASH}'; \
         base-uri 'none'; form-action 'none'"
    );
    let sections = sections(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(concat!("posweight ", env!("CARGO_PKG_VERSION")));
                title { "Label imbalance: " (report.verdict()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#findings" { "Skip to the findings" }
                (header(report))
                nav aria-label="Sections" {
                    ul { @for (id, short, ..) in &sections { li { a href={"#" (id)} { (short) } } } }
                }
                main {
                    @for (id, _, title, content) in &sections {
                        section id=(id) aria-labelledby={(id) "-title"} {
                            h2 id={(id) "-title"} { (title) }
                            (content)
                        }
                    }
                }
                footer {
                    p { "Written by posweight " (env!("CARGO_PKG_VERSION")) ". Numbers are in "
                        code { "imbalance.json" } ", " code { "weights.json" } " and " code { "weights.parquet" } "." }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Id, short title, title and content.
type Section = (&'static str, &'static str, &'static str, Markup);

/// Every section that there is something for.
fn sections(report: &Report<'_>) -> Vec<Section> {
    let all = [
        ("findings", "Findings", "Findings", Some(findings(report))),
        ("heads", "Heads", "Heads", heads(report)),
        ("prevalence", "Prevalence", "Prevalence", labels::prevalences(report)),
        ("weights", "Weights", "Weights", labels::weights(report)),
        ("irlbl", "IRLbl", "Imbalance between labels", labels::irlbl(report)),
        ("cardinality", "Cardinality", "Labels of a row", rows::cardinality(report)),
        ("pairs", "Pairs", "Labels that go together", rows::pairs(report)),
        ("scumble", "SCUMBLE", "Rare labels beside frequent ones", rows::scumble(report)),
        ("plan", "Plan", "Sampling plan of this result", rows::plan(report)),
        ("plans", "Plans", "Sampling plans", rows::plans(report)),
        ("groups", "Groups", "Groups", groups::groups(report)),
        ("drift", "Drift", "Drift", groups::drift(report)),
        ("measures", "Measures", "Measures", Some(measures(report))),
        ("labels", "All labels", "All labels", Some(table::labels(report))),
        ("pytorch", "PyTorch", "In PyTorch", Some(code(report))),
    ];
    all.into_iter().filter_map(|(id, short, title, content)| Some((id, short, title, content?))).collect()
}

fn header(report: &Report<'_>) -> Markup {
    let measure = |name: &str| number(report.measures.get(name));
    let of_rows = |name: &str| report.rows.and_then(|rows| rows.get(name));
    let units = if report.unit == CountUnit::Row { "Rows" } else { "Elements" };
    let worst = report.findings.iter().map(|finding| finding.kind.info().severity).min();
    html! {
        header {
            p.kicker { "Label imbalance · " (super::visible(&report.source)) }
            @if let Some(what) = report.failed() {
                h1.warning { "Error: " (what) }
                ul { @for check in report.failed_checks { li { code { (super::visible(check)) } } } }
            }
            @if let Some(what) = report.warned() {
                p { "Warning: " (what) }
                ul { @for check in report.warned_checks { li { code { (super::visible(check)) } } } }
            }
            h1 class=(worst.map_or("good", Severity::as_str)) { (report.verdict()) }
            dl.figures {
                div { dt { (units) } dd { (thousands(report.counts.rows())) } }
                div { dt { "Labels" } dd { (thousands(report.counts.len() as u64)) } }
                div { dt { "Mean" abbr title="imbalance ratio of a label: positives of the most frequent label over its own" { "IR" } }
                    dd { (measure("mean_ir")) } }
                div { dt { "Largest IR" } dd { (measure("max_ir")) } }
                div { dt { "Labels per row" } dd { (measure("cardinality")) } }
                @if let Some(scumble) = of_rows("scumble") { div { dt { "SCUMBLE" } dd { (brief(scumble)) } } }
            }
        }
    }
}

fn heads(report: &Report<'_>) -> Option<Markup> {
    let lines = report.heads();
    (!lines.is_empty()).then(|| {
        html! {
            p { "Each label column is a head with a vector of its own: " code { "pos_weight.<head>" } " in "
                code { "pos_weight.safetensors" } ". Weights are computed by head." }
            table {
                thead { tr {
                    @for (at, heading) in HEADINGS.iter().enumerate() { th.n[at > 0] scope="col" { (heading) } }
                } }
                tbody {
                    @for line in &lines {
                        tr {
                            th scope="row" { code { (super::visible(line.column)) } }
                            @for cell in line.cells() { td.n { (cell) } }
                        }
                    }
                }
            }
        }
    })
}

fn findings(report: &Report<'_>) -> Markup {
    html! {
        @if report.findings.is_empty() { p { "No findings: labels and counts show nothing unusual." } }
        ol.findings {
            @for finding in report.findings { (one_finding(report, finding)) }
        }
    }
}

fn one_finding(report: &Report<'_>, finding: &Finding) -> Markup {
    const NAMED: usize = 8;
    let info = finding.kind.info();
    let mut cause = info.cause.chars();
    let cause = cause.next().map(|first| first.to_uppercase().chain(cause).collect::<String>());
    html! {
        li class=(info.severity.as_str()) {
            h3 { span.badge { (info.severity.as_str()) } " " code { (info.id) } }
            p.observed { (super::visible(&finding.observed)) }
            p { (cause.unwrap_or_default()) "." }
            p { strong { "To do: " } (info.remedy) "." }
            @if !finding.labels.is_empty() {
                p.names {
                    @for &label in finding.labels.iter().take(NAMED) { code { (name(report, label, NAME)) } " " }
                    @if finding.labels.len() > NAMED {
                        "and " (thousands((finding.labels.len() - NAMED) as u64)) " more"
                    }
                }
            }
        }
    }
}

/// How a training loop uses the vector.
fn code(report: &Report<'_>) -> Markup {
    html! { section.scroll tabindex="0" aria-label="Code" { pre { code { (pytorch(report)) } } } }
}

fn measures(report: &Report<'_>) -> Markup {
    html! {
        section.scroll tabindex="0" aria-label="Table of measures" {
            table {
                thead { tr { th scope="col" { "Measure" } th.n scope="col" { "Value" } th scope="col" { "Is" } } }
                tbody {
                    @for line in report.lines() {
                        tr { th scope="row" { code { (line.name) } } td.n { (number(line.value)) } td { (line.formula) } }
                    }
                }
            }
        }
    }
}
