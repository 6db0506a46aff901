//! What a sampling plan does, on the terminal: 80 columns, no colour.

use comfy_table::{CellAlignment, Table, presets};

use super::folds::{Split, folds};
use super::numbers::{brief, counted, thousands};
use super::short;
use crate::counts::LabelCounts;
use crate::error::plural;
use crate::measures::Measures;
use crate::measures::irlbl;
use crate::sampling::{Method, Preview};

/// Labels shown at each end.
const SHOWN: usize = 5;
/// Labels shown that came along.
const DRAGGED: usize = 5;

/// A plan in a few lines: a method that draws with `draws`, of shards that `source` describes.
#[must_use]
pub(crate) fn plan(
    preview: &Preview,
    split: Option<&Split>,
    method: &Method,
    draws: &str,
    source: &str,
) -> String {
    let Preview { before, .. } = preview;
    let mut out = format!(
        "{}, {}, {source}\nplan {method}, {draws}\n",
        counted(before.rows(), "row"),
        counted(before.len() as u64, "label")
    );
    match split {
        None => out.push_str(&epoch(preview, method)),
        Some(split) => out.push_str(&folds(before, split, by_positives(before).into_iter().rev())),
    }
    out
}

fn lines(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn empty() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// Labels by their positives, the most frequent first.
fn by_positives(counts: &LabelCounts) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&label| (std::cmp::Reverse(counts.tallies()[label].positives), label));
    order
}

/// Those at both ends of this order.
fn ends(counts: &LabelCounts) -> Vec<usize> {
    let mut order = by_positives(counts);
    if order.len() > 2 * SHOWN {
        order.drain(SHOWN..order.len() - SHOWN);
    }
    order
}

fn epoch(preview: &Preview, method: &Method) -> String {
    let Preview { before, measures_before, after, measures_after, .. } = preview;
    let mut table = empty();
    table.set_header(["", "before", "after"]);
    table.add_row(["rows of an epoch".to_owned(), thousands(before.rows()), thousands(after.rows())]);
    for (name, key) in [("MeanIR", "mean_ir"), ("MaxIR", "max_ir"), ("labels per row", "cardinality")] {
        let shown = |measures: &Measures| measures.get(key).map_or_else(|| "–".to_owned(), brief);
        table.add_row([name.to_owned(), shown(measures_before), shown(measures_after)]);
    }
    if let Some(sides) = preview.scumble {
        table.add_row(["SCUMBLE".to_owned(), brief(sides[0]), brief(sides[1])]);
    }
    let mut out = lines(table);
    let mut table = empty();
    table.set_header(["label", "positives", "after", "IRLbl", "after"]);
    let rarity = |counts: &LabelCounts, measures: &Measures, label| {
        measures.of_label(counts, label, irlbl).map_or_else(|| "–".to_owned(), brief)
    };
    let shown = ends(before);
    for (place, label) in shown.iter().copied().enumerate() {
        if place == SHOWN && shown.len() < before.len() {
            table.add_row([format!("… {} more", thousands((before.len() - shown.len()) as u64))]);
        }
        table.add_row([
            short(before.labels().name(label), 26),
            thousands(before.tallies()[label].positives),
            thousands(after.tallies()[label].positives),
            rarity(before, measures_before, label),
            rarity(after, measures_after, label),
        ]);
    }
    out.push_str(&lines(table));
    let dragged = preview.dragged();
    if !dragged.is_empty() {
        let shown = dragged
            .iter()
            .take(DRAGGED)
            .map(|one| format!("{} +{}", short(before.labels().name(one.label), 20), thousands(one.added)));
        let more = if dragged.len() > DRAGGED { ", …" } else { "" };
        let gains = if dragged.len() == 1 { "gains" } else { "gain" };
        // Other plans clone and draw for other reasons too.
        let why = if matches!(method, Method::MlRos { .. }) { " in rows cloned for rarer ones" } else { "" };
        out.push_str(&format!(
            "{} up to MeanIR {gains} positives{why}: {}{more}\n",
            plural(dragged.len() as u64, "label"),
            shown.collect::<Vec<_>>().join(", ")
        ));
    }
    out
}
