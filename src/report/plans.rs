//! Sampling plans side by side.

use comfy_table::{CellAlignment, Table, presets};

use super::folds::{Split, in_short};
use super::numbers::{brief, counted, thousands};
use super::short;
use crate::counts::LabelCounts;
use crate::measures::Measures;
use crate::sampling::Preview;

/// One of several plans.
#[derive(Debug)]
pub(crate) struct ComparedPlan {
    /// Its name with its parameters.
    pub name: String,
    /// When it is the right one.
    pub when: &'static str,
    /// Its effect.
    pub preview: Preview,
    /// Rows that occur not exactly once; `None` for a plan that leaves all rows as they are.
    pub touched: Option<u64>,
    /// Its folds.
    pub split: Option<Split>,
}

/// The label with the fewest positives, of those that have some.
fn rarest(counts: &LabelCounts) -> Option<usize> {
    let positives = counts.tallies().iter().map(|tally| tally.positives).enumerate();
    positives
        .filter(|(_, positives)| *positives > 0)
        .min_by_key(|(_, positives)| *positives)
        .map(|(at, _)| at)
}

/// `plans` of the shards that `source` describes, which all draw with `draws`: a table, then when each is right.
#[must_use]
pub(crate) fn compared(plans: &[ComparedPlan], draws: &str, source: &str) -> String {
    let Some(Preview { before, measures_before, scumble, .. }) = plans.first().map(|plan| &plan.preview)
    else {
        return String::new();
    };
    let rows = counted(before.rows(), "row");
    let labels = counted(before.len() as u64, "label");
    let mut out = format!("{rows}, {labels}, {source}\n{}, {draws}\n", counted(plans.len() as u64, "plan"));
    let rarest = rarest(before);
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let name = rarest.map_or_else(|| "–".to_owned(), |label| short(before.labels().name(label), 14));
    table.set_header(["", "rows", "MeanIR", "MaxIR", "SCUMBLE", &name, "touched"].map(str::to_owned));
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), brief);
    let mut add =
        |name: String, counts: &LabelCounts, measures: &Measures, scumble: Option<f64>, touched: String| {
            let positives = rarest.map(|label| counts.tallies()[label].positives);
            table.add_row([
                name,
                thousands(counts.rows()),
                shown(measures.get("mean_ir")),
                shown(measures.get("max_ir")),
                shown(scumble),
                positives.map_or_else(|| "–".to_owned(), thousands),
                touched,
            ]);
        };
    add("no plan".to_owned(), before, measures_before, scumble.map(|[before, _]| before), "–".to_owned());
    for (number, plan) in plans.iter().enumerate() {
        let Preview { after, measures_after, scumble, .. } = &plan.preview;
        let touched = plan.touched.map_or_else(|| "–".to_owned(), thousands);
        let name = plan.name.split(':').next().unwrap_or_default();
        add(
            format!("{} {name}", number + 1),
            after,
            measures_after,
            scumble.map(|[_, after]| after),
            touched,
        );
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for line in table.to_string().lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push_str("rows: of an epoch");
    if rarest.is_some() {
        out.push_str(&format!("; {name}: positives of the rarest label"));
    }
    out.push_str("; touched: rows that occur not exactly once\n");
    for (number, plan) in plans.iter().enumerate() {
        out.push_str(&format!("{} {}\n  right {}\n", number + 1, plan.name, plan.when));
        for line in plan.split.iter().flat_map(|split| in_short(before, split)) {
            out.push_str(&format!("  {line}\n"));
        }
    }
    out
}
