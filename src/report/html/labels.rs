//! Labels: how frequent they are, and what they weigh.

use maud::{Markup, html};

use super::axis::Axis;
use super::columns::{HistogramColumn, columns};
use super::curve::{CurveChart, Note, Series, sampled};
use super::dots::{DotLine, Dots, SERIES_MAX};
use super::text::{NAME, name, share};
use crate::measures::prevalence;
use crate::report::label_ranks::LabelRanks;
use crate::report::numbers::{brief, chance, counted, interval, number, of_one, percent, thousands};
use crate::report::{FrequencyBucket, Report};
use crate::weights::{Status, WeightVector};

/// Labels up to which each has a line of its own.
const LINES_MAX: usize = 40;
/// Labels shown at each end where there are more.
const ENDS: usize = 8;
/// Labels of a chart of the largest.
const TOP: usize = 20;

/// Labels of charts, the most frequent first; none between the ends where there are too many.
fn shown(report: &Report<'_>) -> (Vec<usize>, Vec<usize>) {
    report.by_frequency(LINES_MAX, ENDS)
}

fn dots(
    report: &Report<'_>,
    labels: &[usize],
    about: &str,
    axis: Axis,
    show: fn(f64) -> String,
    line: impl Fn(usize) -> (Option<f64>, Option<[f64; 2]>, String),
) -> Markup {
    let line = |&label: &usize| {
        let (mark, interval, text) = line(label);
        DotLine { name: name(report, label, NAME), marks: vec![mark], interval, text }
    };
    let lines: Vec<DotLine> = labels.iter().map(line).collect();
    Dots { about, axis, series: &[], lines: &lines, reference: None, show }.draw()
}

/// How frequent labels are.
pub(super) fn prevalences(report: &Report<'_>) -> Option<Markup> {
    let of = |label: usize| report.of_label(label, prevalence);
    let axis = Axis::log((0..report.counts.len()).filter_map(of))?;
    let (most, least) = shown(report);
    let line = |label: usize| {
        (of(label).filter(|p| *p > 0.0), report.consequences.of(label).prevalence, percent(of(label)))
    };
    let ends = |labels: &[usize], about: &str| dots(report, labels, about, axis, share, line);
    Some(html! {
        p { "Share of known rows that have the label, on a logarithmic scale. Lines reach from one end of the 95 % \
             interval to the other." }
        @if least.is_empty() {
            figure { (ends(&most, "Prevalence of every label, the most frequent first")) }
        } @else {
            @let order = LabelRanks::new(report.counts.len(), of);
            @let known = |label: usize| of(label).filter(|p| *p > 0.0);
            @let notes = notes(report, &order, known);
            @let series = [Series {
                name: String::new(),
                values: order.at(&sampled(order.len())).into_iter().map(known).collect(),
                band: Vec::new(),
            }];
            figure {
                (CurveChart { about: "Prevalence of all labels, the most frequent first", axis, series: &series, notes: &notes, show: share }
                    .draw(order.len()))
                figcaption { "All labels by rank, the most frequent first." }
            }
            div.pair {
                figure { figcaption { "The head" } (ends(&most, "Prevalence of the most frequent labels")) }
                figure { figcaption { "The tail" } (ends(&least, "Prevalence of the least frequent labels")) }
            }
        }
        (buckets(report))
    })
}

/// The first and the last label of an order that have a value.
fn notes<F: Fn(usize) -> Option<f64>>(
    report: &Report<'_>,
    order: &LabelRanks<F>,
    of: impl Fn(usize) -> Option<f64>,
) -> Vec<Note> {
    let ends = order.ends(|label| of(label).is_some()).into_iter().flatten();
    ends.filter_map(|(place, label)| Some(Note { place, value: of(label)?, text: name(report, label, NAME) }))
        .collect()
}

/// A power of ten, short enough for six side by side on a phone: `10k`.
fn power_of_ten(number: u64) -> String {
    let units = [(1_000_000_000, "G"), (1_000_000, "M"), (1000, "k"), (1, "")];
    let unit = units.iter().find(|(of, _)| number >= *of);
    unit.map_or_else(|| number.to_string(), |(of, name)| format!("{}{name}", number / of))
}

fn buckets(report: &Report<'_>) -> Markup {
    let column = |bucket: FrequencyBucket| HistogramColumn {
        name: if bucket.to == 0 { "none".to_owned() } else { format!("≤ {}", power_of_ten(bucket.to)) },
        count: bucket.labels,
        text: thousands(bucket.labels),
    };
    let all: Vec<HistogramColumn> = report.buckets().into_iter().map(column).collect();
    html! {
        figure {
            (columns("Labels by their positives", "label", &all))
            figcaption { "Labels by their positives." }
        }
    }
}

/// Weights by scheme, side by side, and what the primary ones do.
pub(super) fn weights(report: &Report<'_>) -> Option<Markup> {
    let vectors = &report.weights.vectors[..report.weights.vectors.len().min(SERIES_MAX)];
    let values = vectors.iter().flat_map(|vector| vector.values.iter().copied());
    // What is added may be negative.
    let is_log = vectors.iter().all(|vector| vector.values.iter().all(|weight| *weight >= 0.0));
    let axis = if is_log { Axis::log(values) } else { Axis::linear(values.map(f64::abs)) }?;
    let (most, least) = shown(report);
    let mark = |weight: f64| (!is_log || weight > 0.0).then_some(weight);
    let series: Vec<String> = vectors.iter().map(|vector| vector.name.clone()).collect();
    let line = |&label: &usize| DotLine {
        name: name(report, label, NAME),
        marks: vectors.iter().map(|vector| mark(vector.values[label])).collect(),
        interval: report.consequences.of(label).weight,
        text: brief(vectors[0].values[label]),
    };
    let chart = |labels: &[usize], about: &str| {
        let lines: Vec<DotLine> = labels.iter().map(line).collect();
        Dots { about, axis, series: &series, lines: &lines, reference: None, show: brief }.draw()
    };
    let labels: Vec<usize> = most.iter().chain(&least).copied().collect();
    Some(html! {
        p { "One weight per label and scheme; " code { (vectors[0].name) } " is the one in " code { "pos_weight" }
            ". Lines show what it would be at the ends of the 95 % interval of prevalence: the longer, the more of \
             the weight is chance." }
        @if report.weights.vectors.len() > vectors.len() { p { "The first " (SERIES_MAX) " vectors are drawn." } }
        @if least.is_empty() {
            figure { (chart(&most, "Weights of every label, the most frequent first")) }
        } @else {
            (curve(report, axis, is_log))
            div.pair {
                figure { figcaption { "The head" } (chart(&most, "Weights of the most frequent labels")) }
                figure { figcaption { "The tail" } (chart(&least, "Weights of the least frequent labels")) }
            }
        }
        (consequences(report, &labels))
    })
}

fn curve(report: &Report<'_>, axis: Axis, is_log: bool) -> Markup {
    let order = LabelRanks::new(report.counts.len(), |label| Some(report.counts.sides(label).0));
    let drawn = order.at(&sampled(order.len()));
    // What the policy gives is no part of a curve.
    let of = |vector: &WeightVector, label: usize| {
        let is_drawn = report.weights.status[label] == Status::Ok && (!is_log || vector.values[label] > 0.0);
        is_drawn.then_some(vector.values[label])
    };
    let notes = notes(report, &order, |label| of(report.weights.primary(), label));
    let vectors = report.weights.vectors.iter().take(SERIES_MAX).enumerate();
    let series: Vec<Series> = vectors
        .map(|(which, vector)| Series {
            name: vector.name.clone(),
            values: drawn.iter().map(|label| of(vector, *label)).collect(),
            band: match which {
                0 => drawn.iter().map(|label| report.consequences.of(*label).weight).collect(),
                _ => Vec::new(),
            },
        })
        .collect();
    let about = "Weights of all labels, the most frequent first";
    html! {
        figure {
            (CurveChart { about, axis, series: &series, notes: &notes, show: brief }.draw(order.len()))
            figcaption { "All labels by rank, the most frequent first; the band is the 95 % interval." }
        }
    }
}

fn consequences(report: &Report<'_>, labels: &[usize]) -> Markup {
    let weights = report.weights.primary();
    html! {
        h3 { "What they do in training" }
        p { "The share of the loss is the one " (report.consequences.while_what()) ". A batch has "
            (counted(report.consequences.batch_size, "row")) ". Take the offset off the logit at inference to get \
            probabilities back; start the bias of the last layer at the last column." }
        section.scroll tabindex="0" aria-label="What weights do" {
            table {
                thead { tr {
                    th scope="col" { "Label" }
                    @for column in ["Weight", "From … to", "Share of loss", "Batches without a positive", "Offset", "Bias"] {
                        th.n scope="col" { (column) }
                    }
                } }
                tbody {
                    @for &label in labels {
                        @let does = report.consequences.of(label);
                        tr {
                            th scope="row" { (name(report, label, 2 * NAME)) }
                            td.n { (brief(weights.values[label])) @if does.fp16_overflow { " " span.badge { "over fp16" } } }
                            td.n { (interval(does.weight, brief)) }
                            td.n { (percent(does.loss_share)) }
                            td.n { (chance(does.no_positive_in_batch)) }
                            td.n { (number(does.calibration_offset)) }
                            td.n { (number(does.bias)) }
                        }
                    }
                }
            }
        }
    }
}

/// The labels that are rare beside the most frequent one.
pub(super) fn irlbl(report: &Report<'_>) -> Option<Markup> {
    let of = |label: usize| report.irlbl(label).filter(|irlbl| *irlbl > 0.0);
    let axis = Axis::log((0..report.counts.len()).filter_map(of))?;
    let mean = report.measures.get("mean_ir")?;
    let labels = report.largest(TOP, of);
    let line = |&label: &usize| DotLine::of(name(report, label, NAME), of(label));
    let lines: Vec<DotLine> = labels.iter().map(line).collect();
    let about = "IRLbl of the least frequent labels";
    let reference = Some((mean, format!("MeanIR {}", brief(mean))));
    let minority = report.measures.get("minority_labels").unwrap_or(0.0);
    let is_one = number(Some(minority)) == "1";
    Some(html! {
        p { "IRLbl is how many times rarer a label is than the most frequent one. " (of_one(Some(minority), "label"))
            (if is_one { " lies" } else { " lie" }) " above the mean of " (brief(mean)) ", the dashed line, and " (if is_one { "counts" } else { "count" }) " as minority; the spread (CVIR) is "
            (number(report.measures.get("cvir"))) "." }
        figure {
            (Dots { about, axis, series: &[], lines: &lines, reference, show: brief }.draw())
            @if labels.len() < report.counts.len() { figcaption { "The " (labels.len()) " largest." } }
        }
    })
}
