//! The folds of a split, on the terminal.

use comfy_table::{CellAlignment, Table, presets};

use super::numbers::{brief, counted, thousands};
use super::short;
use crate::counts::{LabelCounts, as_f64};
use crate::error::plural;
use crate::sampling::preview::{absent, full};
use crate::sampling::whole;

/// Labels shown of those that a fold lacks.
const LABELS_SHOWN: usize = 5;
/// Folds whose sizes a comparison shows one by one.
const SIZES_SHOWN: usize = 5;
/// Folds that one kind of sentence names.
const FOLDS_SHOWN: usize = 10;
/// Columns of labels: the rarest.
const COLUMNS: usize = 4;
/// A fold is named if its rows differ from its share by more than this part of the share.
const OFF: f64 = 0.1;
/// Rows by which the best folds may be off.
const ROWS_OFF: f64 = 2.0;

/// The folds of a split.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    /// Names, shares and counts.
    pub folds: Vec<(String, f64, LabelCounts)>,
    /// How far they are from the whole (LD).
    pub distance: Option<f64>,
    /// The same of random folds, the mean of some draws.
    pub random_distance: Option<f64>,
    /// Draws of random folds.
    pub draws: usize,
    /// The groups that stay in one fold.
    pub groups: Option<KeptGroups>,
}

/// Groups of rows that stay in one fold.
#[derive(Debug, Clone)]
pub(crate) struct KeptGroups {
    /// The column of their names.
    pub column: String,
    /// How many they are.
    pub number: u64,
    /// Rows of the largest.
    pub largest: u64,
}

/// The folds of the rows that `before` counts, in a table with the first of these `labels`, and what is to be known of
/// them.
pub(super) fn folds(before: &LabelCounts, split: &Split, labels: impl Iterator<Item = usize>) -> String {
    let rarest: Vec<usize> =
        labels.filter(|label| before.tallies()[*label].positives > 0).take(COLUMNS).collect();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let names = rarest.iter().map(|label| short(before.labels().name(*label), 14));
    table.set_header(["fold", "share", "rows"].into_iter().map(str::to_owned).chain(names));
    for (name, share, counts) in &split.folds {
        let positives = rarest.iter().map(|label| thousands(counts.tallies()[*label].positives));
        let first = [name.clone(), brief(*share), thousands(counts.rows())];
        table.add_row(first.into_iter().chain(positives));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut out: String = table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let with_positives = before.tallies().iter().filter(|tally| tally.positives > 0).count();
    if with_positives > rarest.len() {
        out.push_str(&format!(
            "positives of the {} with the fewest; {} more\n",
            plural(rarest.len() as u64, "label"),
            thousands((with_positives - rarest.len()) as u64)
        ));
    }
    out.push_str(&format!("distance of labels between folds and all rows ({})\n", distances(split)));
    for line in sentences(before, split) {
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// The folds in a few lines, for a comparison.
pub(super) fn in_short(before: &LabelCounts, split: &Split) -> Vec<String> {
    let rows = || split.folds.iter().map(|(.., counts)| counts.rows());
    let sizes = if split.folds.len() > SIZES_SHOWN {
        let (least, most) = (rows().min().unwrap_or(0), rows().max().unwrap_or(0));
        format!(
            "{} of {} to {} rows",
            plural(split.folds.len() as u64, "fold"),
            thousands(least),
            thousands(most)
        )
    } else {
        // A number may be the name, and blanks separate thousands.
        let each =
            split.folds.iter().map(|(name, _, counts)| format!("{name}: {}", thousands(counts.rows())));
        format!("folds {} rows", each.collect::<Vec<_>>().join(", "))
    };
    let mut lines = vec![format!("{sizes}; {}", distances(split))];
    lines.extend(sentences(before, split));
    lines
}

/// `LD 0.012, of random folds 0.11, mean of 8 draws`.
fn distances(split: &Split) -> String {
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), brief);
    let groups = if split.groups.is_some() { " of groups" } else { "" };
    if split.draws == 0 {
        return format!("LD {}; random folds{groups} leave one without rows", shown(split.distance));
    }
    format!(
        "LD {}, of random folds{groups} {}, mean of {}",
        shown(split.distance),
        shown(split.random_distance),
        plural(split.draws as u64, "draw")
    )
}

/// What is to be known of the folds: those without rows, with other shares than asked for, without positives and
/// without negatives of a label.
fn sentences(before: &LabelCounts, split: &Split) -> Vec<String> {
    let mut lines = Vec::new();
    let all = before.rows();
    if all == 0 {
        return lines;
    }
    let number = split.folds.len() as u64;
    let empty = split.folds.iter().filter(|(.., counts)| counts.rows() == 0);
    let names: Vec<&str> = empty.map(|(name, ..)| name.as_str()).collect();
    if !names.is_empty() {
        let why = match &split.groups {
            Some(groups) if groups.number < number => {
                format!("; {} has {} for {number} folds", groups.column, counted(groups.number, "group"))
            }
            _ if all < number => format!("; there are {} for {number} folds", counted(all, "row")),
            _ => String::new(),
        };
        let verb = if names.len() == 1 { "has" } else { "have" };
        let folds = plural(names.len() as u64, "fold");
        lines.push(format!("{folds} {verb} no rows: {}{why}", listed(names.into_iter(), FOLDS_SHOWN)));
    }
    let asked = |share: f64| share * as_f64(all);
    let filled = || split.folds.iter().filter(|(.., counts)| counts.rows() > 0);
    let off: Vec<String> = filled()
        .filter(|(_, share, counts)| {
            (as_f64(counts.rows()) - asked(*share)).abs() > (OFF * asked(*share)).max(ROWS_OFF)
        })
        .map(|(name, share, counts)| {
            let (rows, asked) = (counted(counts.rows(), "row"), whole(asked(*share) + 0.5));
            format!("fold {name} has {rows}, its share is {}", counted(asked, "row"))
        })
        .collect();
    if let Some(groups) = &split.groups
        && !off.is_empty()
    {
        let largest = counted(groups.largest, "row");
        lines.push(format!("groups stay whole, and the largest of {} has {largest}", groups.column));
    }
    lines.extend(first(off));
    let labels_named = |labels: Vec<usize>| {
        let names = labels.iter().map(|label| short(before.labels().name(*label), 20));
        (!labels.is_empty())
            .then(|| format!("{}: {}", plural(labels.len() as u64, "label"), listed(names, LABELS_SHOWN)))
    };
    let lacks = |what: &dyn Fn(&LabelCounts) -> Vec<usize>, says: &dyn Fn(&str, &str) -> String| {
        let lines = filled().filter_map(|(name, _, counts)| Some(says(name, &labels_named(what(counts))?)));
        first(lines.collect())
    };
    lines.extend(lacks(&|fold| absent(fold, before).collect(), &|name, labels| {
        format!("fold {name} has no positive of {labels}")
    }));
    lines.extend(lacks(&|fold| full(fold, before).collect(), &|name, labels| {
        format!("fold {name} has no negative of {labels}; LD leaves this out")
    }));
    lines
}

/// The first `lines`, and how many more folds there are to tell of.
fn first(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(FOLDS_SHOWN);
    lines.truncate(FOLDS_SHOWN);
    if more > 0 {
        lines.push(format!("and so of {}", plural(more as u64, "more fold")));
    }
    lines
}

/// The first `shown` of some names.
fn listed(names: impl ExactSizeIterator<Item = impl Into<String>>, shown: usize) -> String {
    let more = if names.len() > shown { ", …" } else { "" };
    names.take(shown).map(Into::into).collect::<Vec<String>>().join(", ") + more
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};

    fn counts(rows: u64, positives: &[u64]) -> LabelCounts {
        let tally = |&positives: &u64| Tally { positives, negatives: rows - positives, ..Tally::default() };
        let labels = Labels::indices(positives.len());
        LabelCounts::new(rows, labels, positives.iter().map(tally).collect(), None).unwrap()
    }

    fn split(folds: Vec<(u64, &[u64])>, groups: Option<(u64, u64)>) -> Split {
        let share = 1.0 / as_f64(folds.len() as u64);
        let folds = ["a", "b", "c", "d"].iter().zip(folds);
        let column = "patient".to_owned();
        Split {
            folds: folds
                .map(|(name, (rows, positives))| ((*name).to_owned(), share, counts(rows, positives)))
                .collect(),
            distance: Some(0.25),
            random_distance: Some(0.5),
            draws: 8,
            groups: groups.map(|(number, largest)| KeptGroups { column, number, largest }),
        }
    }

    #[test]
    fn folds_as_they_should_be_need_no_sentence() {
        let good = split(vec![(50, &[10, 20]), (50, &[11, 19])], None);
        let all = counts(100, &[21, 39]);
        assert!(sentences(&all, &good).is_empty());
        assert_eq!(
            in_short(&all, &good),
            ["folds a: 50, b: 50 rows; LD 0.25, of random folds 0.5, mean of 8 draws"]
        );
        assert!(sentences(&counts(0, &[0]), &split(vec![(0, &[0]), (0, &[0])], None)).is_empty());
    }

    #[test]
    fn empty_uneven_and_one_sided_folds_are_told_with_their_cause() {
        let all = counts(100, &[68, 32]);
        let bad = split(vec![(68, &[68, 0]), (32, &[0, 32]), (0, &[0, 0])], Some((2, 68)));
        assert_eq!(
            sentences(&all, &bad),
            [
                "1 fold has no rows: c; patient has 2 groups for 3 folds",
                "groups stay whole, and the largest of patient has 68 rows",
                "fold a has 68 rows, its share is 33 rows",
                "fold a has no positive of 1 label: 1",
                "fold b has no positive of 1 label: 0",
                "fold a has no negative of 1 label: 0; LD leaves this out",
                "fold b has no negative of 1 label: 1; LD leaves this out",
            ]
        );
        assert!(distances(&bad).contains("of random folds of groups 0.5"));
        let few = split(vec![(1, &[1]), (1, &[0]), (0, &[0])], None);
        let line = &sentences(&counts(2, &[1]), &few)[0];
        assert_eq!(line, "1 fold has no rows: c; there are 2 rows for 3 folds");
    }
}
