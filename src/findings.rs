//! Everything unusual that a user should know, as values: what, where, why it matters, what to do.

mod extreme;
mod names;

use serde::{Deserialize, Serialize};

use names::Namespace;
pub(crate) use names::is_missing_name;

use crate::consequences::FP16_MAX;
use crate::counts::{LabelCounts, as_f64};
use crate::error::plural;
use crate::groups::GroupMeasures;
use crate::weights::{Kind, Status, Weights};

/// Labels with fewer positives are reported as rare.
pub(crate) const RARE_POSITIVES: u64 = 10;
/// Labels with a larger share of missing or uncertain rows are reported.
pub(crate) const MOSTLY_MISSING: f64 = 0.5;

/// A larger share of empty cells is reported.
const EMPTY_CELLS: f64 = 0.01;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// The result may not be what the user intended.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// Lower-case name.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What was found. One row of [`FINDINGS`] each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum FindingKind {
    /// No row was counted.
    NoRows,
    /// Rows were counted, but none of them has a label, and nothing else names any.
    NoLabels,
    /// Labels that no row has.
    NoPositives,
    /// Labels that every known row has.
    NoNegatives,
    /// Labels without any positive or negative row.
    NoKnownRows,
    /// Labels under `--min-positives`.
    BelowMinPositives,
    /// Labels with very few positives.
    RareLabel,
    /// Very large weights.
    ExtremeWeight,
    /// Weights that half precision cannot hold.
    Fp16Overflow,
    /// Labels that are missing or uncertain in most rows.
    MostlyMissing,
    /// Labels that no row of a group has.
    LabelAbsentInGroup,
    /// Labels far more or far less frequent in a group.
    LabelShiftInGroup,
    /// Weights changed by `--clip`.
    ClippedWeights,
    /// Layout `long` without the true number of rows.
    RowsUnknown,
    /// Null elements inside lists.
    NullElements,
    /// Lists that repeat labels.
    RepeatedLabels,
    /// The number of labels was taken from the largest index.
    LabelsInferred,
    /// Columns that some shards lack.
    AbsentColumns,
    /// Label columns in another order in some shards.
    ColumnOrder,
    /// Labels that differ in blanks or case alone.
    SimilarLabels,
    /// Labels that look like a missing value.
    MissingAsLabel,
    /// Labels that look like indices, in the order of their texts.
    NumericNames,
    /// Index 0 is a label that no row has.
    UnusedIndex0,
    /// Columns that may be labels, but were not taken for some.
    LeftOutColumns,
    /// Columns that nearly name each row do so no more.
    RepeatedKeys,
    /// Lists with nothing but values that were declared missing.
    EmptiedLists,
    /// Rows that are missing because their cell in a text file is empty.
    EmptyCells,
    /// Shards that could not be read.
    SkippedShards,
    /// Tables whose files are counted as they lie.
    TableAsFiles,
    /// Tables whose live rows are counted.
    TableVersion,
    /// Shards that several paths lead to.
    DoubledShards,
    /// Names of `--labels` that a column has, though they would stand for others, too.
    ExactNames,
    /// Keys of folders that a glob of `--labels` would match if they were columns.
    FolderNames,
    /// Files in folders of shards that are none.
    PassedOver,
    /// A folder whose value is of another kind than those of the others.
    OddFolder,
}

/// One row of `posweight list findings`.
#[derive(Debug)]
pub(crate) struct FindingInfo {
    /// The kind.
    pub kind: FindingKind,
    /// Name in files.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Why it matters.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Every finding, the most severe first.
#[rustfmt::skip]
pub(crate) const FINDINGS: [FindingInfo; 35] = [
    FindingInfo { kind: FindingKind::NoRows, id: "NO_ROWS", severity: Severity::Warning, cause: "no row was counted, so every weight comes from --zero-positives", remedy: "check the sources and the condition of --where" },
    FindingInfo { kind: FindingKind::NoLabels, id: "NO_LABELS", severity: Severity::Warning, cause: "no row names a label, so the result has no label and its vectors are empty", remedy: "check the label column; name the labels with --vocabulary or --num-labels if no row has one yet" },
    FindingInfo { kind: FindingKind::SkippedShards, id: "SKIPPED_SHARDS", severity: Severity::Warning, cause: "bad shards were skipped, so their rows are not counted", remedy: "write these shards again, or declare their values, as with --missing-values; drop --on-bad-shard skip to make this an error" },
    FindingInfo { kind: FindingKind::TableAsFiles, id: "TABLE_AS_FILES", severity: Severity::Warning, cause: "the files of a table are counted as they lie, as --as-files says, with deleted and replaced rows", remedy: "drop --as-files to see how to read its live rows" },
    FindingInfo { kind: FindingKind::NoKnownRows, id: "NO_KNOWN_ROWS", severity: Severity::Warning, cause: "no row is positive or negative for the label, or all that are weigh 0; its weight comes from --zero-positives", remedy: "check --missing-values and --sample-weight, or drop the label" },
    FindingInfo { kind: FindingKind::NoPositives, id: "NO_POSITIVES", severity: Severity::Warning, cause: "no row has the label, or all that have it weigh 0, so it cannot be learned; its weight comes from --zero-positives", remedy: "collect examples, drop the label, or set its weight with --zero-positives" },
    FindingInfo { kind: FindingKind::NoNegatives, id: "NO_NEGATIVES", severity: Severity::Warning, cause: "every known row has the label; its weight comes from --zero-negatives", remedy: "check whether missing rows are really negative, or set its weight with --zero-negatives" },
    FindingInfo { kind: FindingKind::Fp16Overflow, id: "FP16_OVERFLOW", severity: Severity::Warning, cause: "half precision holds at most 65504, so the weight becomes infinite in mixed-precision training", remedy: "limit weights with --clip 0,1000" },
    FindingInfo { kind: FindingKind::ExtremeWeight, id: "EXTREME_WEIGHT", severity: Severity::Warning, cause: "one row with the label weighs as much as 1000 without it, which makes training unstable", remedy: "limit weights with --clip 0,100, or damp them with --scheme sqrt" },
    FindingInfo { kind: FindingKind::RareLabel, id: "RARE_LABEL", severity: Severity::Warning, cause: "the label has fewer than 10 positives, so its weight is mostly noise", remedy: "collect examples, or treat the label as absent with --min-positives 10" },
    FindingInfo { kind: FindingKind::MostlyMissing, id: "MOSTLY_MISSING", severity: Severity::Warning, cause: "the label is missing or uncertain in more than half of the rows", remedy: "mask missing targets in the loss; check --missing-values" },
    FindingInfo { kind: FindingKind::LabelAbsentInGroup, id: "LABEL_ABSENT_IN_GROUP", severity: Severity::Warning, cause: "no row of a group has the label, so it cannot be learned or evaluated in that group", remedy: "split again, stratified by label, or merge groups" },
    FindingInfo { kind: FindingKind::LabelShiftInGroup, id: "LABEL_SHIFT_IN_GROUP", severity: Severity::Warning, cause: "the label is more than twice or less than half as frequent in a group as in all rows, beyond chance", remedy: "split again, stratified by label; weights fit only the group they are computed from" },
    FindingInfo { kind: FindingKind::RowsUnknown, id: "ROWS_UNKNOWN", severity: Severity::Warning, cause: "layout long lists only rows that have a label; rows without any label are not counted as negatives", remedy: "give the number of all rows with --num-rows" },
    FindingInfo { kind: FindingKind::NullElements, id: "NULL_ELEMENTS", severity: Severity::Warning, cause: "lists contain null elements, which name no label and were ignored", remedy: "check how the lists are written" },
    FindingInfo { kind: FindingKind::RepeatedLabels, id: "REPEATED_LABELS", severity: Severity::Warning, cause: "lists repeat labels, as the labels of tokens and pixels do, but a row counts once for each label that it has", remedy: "did you mean --unit element, which counts every element of the lists?" },
    FindingInfo { kind: FindingKind::AbsentColumns, id: "ABSENT_COLUMNS", severity: Severity::Warning, cause: "some shards lack the column; their rows count as missing, as --missing-columns says", remedy: "drop --missing-columns to make this an error" },
    FindingInfo { kind: FindingKind::LeftOutColumns, id: "LEFT_OUT_COLUMNS", severity: Severity::Warning, cause: "columns that may be labels were not taken for some, so they have no place in the vector", remedy: "name all label columns with --labels if one of these is a label, which then keeps its place; give a column without a name one" },
    FindingInfo { kind: FindingKind::RepeatedKeys, id: "REPEATED_KEYS", severity: Severity::Warning, cause: "a column beside the labels nearly names each row, and layout class, which was detected, takes each row for itself", remedy: "if its values are row ids, of which each may have several rows, use --layout long with --id; else --layout class" },
    FindingInfo { kind: FindingKind::EmptiedLists, id: "EMPTIED_LISTS", severity: Severity::Warning, cause: "lists hold only values that --missing-values declares, so their rows have no label, and are negative for all", remedy: "if the labels of such rows are not known, make these lists NULL with --query, or leave them out with --where" },
    FindingInfo { kind: FindingKind::ColumnOrder, id: "COLUMN_ORDER", severity: Severity::Warning, cause: "shards have their label columns in different orders; the vector has the order of the first shard", remedy: "name the columns with --labels in the order of the model's outputs, or use --order name" },
    FindingInfo { kind: FindingKind::SimilarLabels, id: "SIMILAR_LABELS", severity: Severity::Warning, cause: "labels differ only in blanks, in case, or in how accents are written, so one label may be counted as several", remedy: "merge them with --trim and --ignore-case, which see blanks around a name and its case; or correct the data" },
    FindingInfo { kind: FindingKind::NumericNames, id: "NUMERIC_NAMES", severity: Severity::Warning, cause: "the names of all labels are whole numbers that were written as texts, in the order of these texts: 10 comes before 2, and a number that never occurs has no place", remedy: "give the number of labels with --num-labels if they are indices, or sort them with --order number" },
    FindingInfo { kind: FindingKind::UnusedIndex0, id: "UNUSED_INDEX_0", severity: Severity::Warning, cause: "no row has the index 0, but rows have all others, so the indices may count from 1; the vector begins with a place for 0", remedy: "if they count from 1, subtract 1 in the data, or take them as names with --label-kind name" },
    FindingInfo { kind: FindingKind::EmptyCells, id: "EMPTY_CELLS", severity: Severity::Warning, cause: "text files cannot tell a row without labels from one whose labels are not known: an empty cell is missing, and such rows are left out", remedy: "say --null-as negative if an empty cell means that a row has no label" },
    FindingInfo { kind: FindingKind::MissingAsLabel, id: "MISSING_AS_LABEL", severity: Severity::Warning, cause: "a label has a name that usually means a missing value, such as nan, None or an empty text", remedy: "declare it with --missing-values if it means missing" },
    FindingInfo { kind: FindingKind::OddFolder, id: "ODD_FOLDER", severity: Severity::Warning, cause: "one key=value folder is of another kind than the others, so --where compares all values of the key as text", remedy: "rename the folder as the others are, or leave it out" },
    FindingInfo { kind: FindingKind::BelowMinPositives, id: "BELOW_MIN_POSITIVES", severity: Severity::Note, cause: "the label has fewer positives than --min-positives; its weight comes from --zero-positives", remedy: "lower --min-positives to weigh the label" },
    FindingInfo { kind: FindingKind::TableVersion, id: "TABLE_VERSION", severity: Severity::Note, cause: "the live rows of one version of a table are counted", remedy: "nothing; read the same version again with --table-version" },
    FindingInfo { kind: FindingKind::DoubledShards, id: "DOUBLED_SHARDS", severity: Severity::Note, cause: "several paths lead to the same shard with the same key=value folders, so it is counted once", remedy: "nothing, if the paths are links to the same data" },
    FindingInfo { kind: FindingKind::ExactNames, id: "EXACT_NAMES", severity: Severity::Note, cause: "a column has exactly the name that --labels gives, so the name stands for this column alone, though it would be a list of columns, too", remedy: "nothing, if this column is meant; else name each of the other columns with a --labels of its own" },
    FindingInfo { kind: FindingKind::FolderNames, id: "FOLDER_NAMES", severity: Severity::Note, cause: "globs of --labels stand for columns of files, not for keys of key=value folders and columns by which a table is partitioned", remedy: "nothing, if they are no labels; else name them in --labels beside the glob" },
    FindingInfo { kind: FindingKind::PassedOver, id: "PASSED_OVER", severity: Severity::Note, cause: "files of other endings beside the shards were passed over", remedy: "name them outright if they are Parquet files" },
    FindingInfo { kind: FindingKind::ClippedWeights, id: "CLIPPED_WEIGHTS", severity: Severity::Note, cause: "weights outside --clip were set to its limits", remedy: "widen --clip, or damp weights with --scheme sqrt" },
    FindingInfo { kind: FindingKind::LabelsInferred, id: "LABELS_INFERRED", severity: Severity::Note, cause: "the number of labels is the largest index found plus one, so the vector lacks larger indices that never occur", remedy: "give the number of labels with --num-labels, or their names with --vocabulary; of several class columns, count each by itself" },
];

impl FindingKind {
    /// The kind's row in [`FINDINGS`].
    #[must_use]
    pub(crate) fn info(self) -> &'static FindingInfo {
        FINDINGS.iter().find(|info| info.kind == self).unwrap_or(&FINDINGS[0])
    }

    /// Whether it says how rows were read, whatever their labels weigh.
    #[must_use]
    pub(crate) fn is_of_rows(self) -> bool {
        matches!(
            self,
            Self::NoRows
                | Self::NoLabels
                | Self::LeftOutColumns
                | Self::EmptiedLists
                | Self::RepeatedKeys
                | Self::SkippedShards
                | Self::TableAsFiles
                | Self::NoKnownRows
                | Self::MostlyMissing
                | Self::NullElements
                | Self::RepeatedLabels
                | Self::AbsentColumns
                | Self::SimilarLabels
                | Self::EmptyCells
                | Self::MissingAsLabel
                | Self::OddFolder
                | Self::ExactNames
                | Self::FolderNames
        )
    }

    /// What the count of a finding counts.
    #[must_use]
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::NoRows | Self::NoLabels | Self::RowsUnknown | Self::EmptyCells => "row",
            Self::SkippedShards | Self::ColumnOrder => "shard",
            Self::ClippedWeights => "weight",
            Self::NullElements => "null element",
            Self::RepeatedLabels => "label in lists",
            Self::AbsentColumns | Self::LeftOutColumns => "column",
            Self::EmptiedLists => "list",
            Self::OddFolder => "folder",
            _ => "label",
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// How many it concerns, of what [`FindingKind::unit`] names.
    pub count: u64,
    /// Indices of the labels concerned; empty when it concerns the whole set.
    pub labels: Vec<usize>,
    /// What was observed, in numbers.
    pub observed: String,
}

/// Facts of the scan besides the counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowFacts {
    /// Layout `long` without `--num-rows`.
    pub rows_unknown: bool,
    /// The number of labels was taken from the largest index.
    pub labels_inferred: bool,
    /// Class columns of several whose number of labels was taken from their largest index.
    #[serde(default)]
    pub inferred_heads: Vec<String>,
    /// Null elements inside lists.
    pub null_elements: u64,
    /// Labels in lists, however often a row repeats them; 0 where that was not counted.
    #[serde(default)]
    pub listed: u64,
    /// Empty cells of text files say that labels are not known.
    #[serde(default)]
    pub empty_cells: bool,
    /// Values are soft.
    #[serde(default)]
    pub is_soft: bool,
    /// The order of names was asked for.
    #[serde(default)]
    pub order_given: bool,
    /// Label columns that some shards lack.
    pub absent_columns: Vec<String>,
    /// Columns that may be labels, but were not taken for some.
    #[serde(default)]
    pub left_out: Option<String>,
    /// What rows of one value of a column that nearly names each row say, as a sentence.
    #[serde(default)]
    pub repeated_keys: Option<String>,
    /// Lists with nothing but values that were declared missing.
    #[serde(default)]
    pub emptied_lists: Option<String>,
    /// Two shards with their label columns in different orders, as a sentence.
    #[serde(default)]
    pub column_order: Option<String>,
    /// Shards that could not be read.
    pub skipped_shards: usize,
    /// A table whose files are counted as they lie.
    #[serde(default)]
    pub table_as_files: Option<String>,
    /// Tables that are read, with their versions.
    #[serde(default)]
    pub table_version: Option<String>,
    /// Shards that several paths lead to.
    #[serde(default)]
    pub doubled_shards: Option<String>,
    /// Names of label columns that would stand for other columns, too.
    #[serde(default)]
    pub exact_names: Option<String>,
    /// Keys of folders that globs of label columns do not stand for.
    #[serde(default)]
    pub folder_names: Option<String>,
    /// Files that were passed over.
    #[serde(default)]
    pub passed_over: Option<String>,
    /// A folder whose value is of another kind than those of the others.
    #[serde(default)]
    pub odd_folder: Option<String>,
    /// Groups of `--by` compared with all rows; computed again when counts are merged.
    #[serde(skip)]
    pub groups: Vec<GroupMeasures>,
}

/// All findings about counts and weights, the most severe first.
#[must_use]
pub(crate) fn find(counts: &LabelCounts, weights: &Weights, facts: &RowFacts) -> Vec<Finding> {
    FINDINGS.iter().filter_map(|info| find_one(info.kind, counts, weights, facts)).collect()
}

fn find_one(kind: FindingKind, counts: &LabelCounts, weights: &Weights, facts: &RowFacts) -> Option<Finding> {
    let with_status = |status: Status| labels_with(counts, |i| weights.status[i] == status);
    let primary = weights.primary();
    let is_weight = primary.kind != Kind::Additive;
    let whole = |is: bool, count: u64, observed: Option<String>| {
        let observed = observed.unwrap_or_else(|| plural(count, kind.unit()));
        is.then_some(Finding { kind, count, labels: Vec::new(), observed })
    };
    let said = |what: Option<&String>| whole(what.is_some(), 1, what.cloned());
    let named = || Namespace::parts(counts, facts.labels_inferred, &facts.inferred_heads);
    let labels = match kind {
        FindingKind::NoRows => return whole(counts.rows() == 0, 0, None),
        FindingKind::NoLabels => {
            return whole(counts.is_empty() && counts.rows() > 0, counts.rows(), None);
        }
        FindingKind::LeftOutColumns => return said(facts.left_out.as_ref()),
        FindingKind::EmptiedLists => return said(facts.emptied_lists.as_ref()),
        FindingKind::RowsUnknown => {
            let listed = format!("{} listed", plural(counts.rows(), "row"));
            return whole(facts.rows_unknown, counts.rows(), Some(listed));
        }
        FindingKind::LabelsInferred if counts.heads().is_empty() => {
            return whole(facts.labels_inferred, counts.len() as u64, None);
        }
        FindingKind::LabelsInferred => {
            let inferred = counts.heads().iter().filter(|head| facts.inferred_heads.contains(&head.column));
            let (columns, lengths): (Vec<&str>, Vec<usize>) =
                inferred.map(|head| (head.column.as_str(), head.length)).unzip();
            let n = lengths.iter().sum::<usize>() as u64;
            let observed = format!("{} of {}", plural(n, kind.unit()), columns.join(", "));
            return whole(!columns.is_empty(), n, Some(observed));
        }
        FindingKind::NullElements => {
            return whole(facts.null_elements > 0, facts.null_elements, None);
        }
        FindingKind::RepeatedLabels => {
            let distinct =
                counts.tallies().iter().fold(0, |sum: u64, tally| sum.saturating_add(tally.positives));
            let repeats = facts.listed > distinct.saturating_mul(2);
            let named =
                format!("lists hold {}, in rows with {distinct} different", plural(facts.listed, "label"));
            return whole(repeats, facts.listed, Some(named));
        }
        FindingKind::AbsentColumns => {
            let shown: Vec<&str> = facts.absent_columns.iter().take(5).map(String::as_str).collect();
            let n = facts.absent_columns.len() as u64;
            let named = format!("{}: {}", plural(n, "column"), shown.join(", "));
            return whole(n > 0, n, Some(named));
        }
        FindingKind::ColumnOrder => {
            let order = facts.column_order.clone();
            return whole(order.is_some(), 2, order);
        }
        FindingKind::TableAsFiles => return said(facts.table_as_files.as_ref()),
        FindingKind::TableVersion => return said(facts.table_version.as_ref()),
        FindingKind::DoubledShards => return said(facts.doubled_shards.as_ref()),
        FindingKind::ExactNames => return said(facts.exact_names.as_ref()),
        FindingKind::FolderNames => return said(facts.folder_names.as_ref()),
        FindingKind::PassedOver => return said(facts.passed_over.as_ref()),
        FindingKind::OddFolder => return said(facts.odd_folder.as_ref()),
        FindingKind::RepeatedKeys => return said(facts.repeated_keys.as_ref()),
        FindingKind::SimilarLabels => named().iter().flat_map(Namespace::similar).collect(),
        FindingKind::NumericNames if facts.order_given => Vec::new(),
        FindingKind::NumericNames => named().iter().flat_map(Namespace::numeric).collect(),
        FindingKind::MissingAsLabel => named().iter().flat_map(Namespace::missing).collect(),
        FindingKind::UnusedIndex0 => named().iter().filter_map(Namespace::unused_0).collect(),
        FindingKind::EmptyCells => {
            let missing = counts.tallies().iter().map(|tally| tally.missing).min();
            let missing = missing.or(counts.unlisted().map(|unlisted| unlisted.tally.missing)).unwrap_or(0);
            let are_many = as_f64(missing) > EMPTY_CELLS * as_f64(counts.rows());
            let observed = format!("{missing} of {}", plural(counts.rows(), "row"));
            return whole(facts.empty_cells && are_many, missing, Some(observed));
        }
        FindingKind::SkippedShards => {
            let n = facts.skipped_shards as u64;
            return whole(n > 0, n, None);
        }
        FindingKind::ClippedWeights => {
            let clipped: u64 = weights.vectors.iter().map(|vector| vector.clipped).sum();
            return whole(clipped > 0, clipped, None);
        }
        FindingKind::LabelAbsentInGroup => return in_groups(kind, counts, facts, |group| &group.absent),
        FindingKind::LabelShiftInGroup => return in_groups(kind, counts, facts, |group| &group.shifted),
        // Without rows, every label would repeat NO_ROWS.
        FindingKind::NoKnownRows if counts.rows() == 0 => Vec::new(),
        FindingKind::NoKnownRows => with_status(Status::NoKnownRows),
        // What to do about an index that no class has is said there.
        FindingKind::NoPositives => {
            let unused: Vec<usize> = named().iter().filter_map(Namespace::unused_0).collect();
            labels_with(counts, |i| weights.status[i] == Status::NoPositives && !unused.contains(&i))
        }
        FindingKind::NoNegatives => with_status(Status::NoNegatives),
        FindingKind::BelowMinPositives => with_status(Status::BelowMinPositives),
        FindingKind::RareLabel => labels_with(counts, |i| {
            weights.status[i] == Status::Ok && counts.tallies()[i].positives < RARE_POSITIVES
        }),
        FindingKind::ExtremeWeight => labels_with(counts, extreme::is_extreme(weights)),
        FindingKind::Fp16Overflow => labels_with(counts, |i| is_weight && primary.values[i] > FP16_MAX),
        FindingKind::MostlyMissing => labels_with(counts, |i| {
            let tally = &counts.tallies()[i];
            weights.status[i] != Status::NoKnownRows
                && as_f64(tally.missing + tally.uncertain) > MOSTLY_MISSING * as_f64(counts.rows())
        }),
    };
    let mut observed = format!("{} of {}", labels.len(), plural(counts.len() as u64, "label"));
    if kind == FindingKind::NoPositives && facts.is_soft {
        observed.push_str("; soft values are rounded to 1e-18");
    }
    of_labels(kind, labels, observed)
}

/// A finding about `labels`, if there are any.
fn of_labels(kind: FindingKind, labels: Vec<usize>, observed: String) -> Option<Finding> {
    let count = labels.len() as u64;
    (count > 0).then_some(Finding { kind, count, labels, observed })
}

/// Labels for which `is` holds.
fn labels_with(counts: &LabelCounts, is: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..counts.len()).filter(|&i| is(i)).collect()
}

/// Labels that `of` names in some group.
fn in_groups(
    kind: FindingKind,
    counts: &LabelCounts,
    facts: &RowFacts,
    of: impl Fn(&GroupMeasures) -> &Vec<usize>,
) -> Option<Finding> {
    let odd: Vec<&GroupMeasures> = facts.groups.iter().filter(|group| !of(group).is_empty()).collect();
    let mut labels: Vec<usize> = odd.iter().flat_map(|group| of(group)).copied().collect();
    labels.sort_unstable();
    labels.dedup();
    let observed = format!(
        "{} of {}, in {} of {}",
        labels.len(),
        plural(counts.len() as u64, "label"),
        odd.len(),
        plural(facts.groups.len() as u64, "group")
    );
    of_labels(kind, labels, observed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::weights::{Adjust, Policy, Scheme, Weighing, weigh};

    #[test]
    fn ids_are_unique_and_each_kind_has_its_row() {
        for (i, info) in FINDINGS.iter().enumerate() {
            assert_eq!(info.kind.info().id, info.id);
            assert!(FINDINGS[..i].iter().all(|other| other.id != info.id && other.severity <= info.severity));
        }
    }

    #[test]
    fn oddities_are_found_with_their_labels() {
        let sides = [(0, 1_000_000), (5, 999_995), (400_000, 600_000), (0, 0), (500, 499), (1_000_000, 0)];
        let tallies = sides.map(|(positives, negatives)| Tally {
            positives,
            negatives,
            missing: 1_000_000 - positives - negatives,
            ..Tally::default()
        });
        let counts = LabelCounts::new(1_000_000, Labels::indices(6), tallies.to_vec(), None).unwrap();
        let weighing = Weighing {
            schemes: vec![Scheme::Ratio { epsilon: 0.0 }],
            adjust: Adjust::default(),
            policy: Policy::default(),
        };
        let weights = weigh(&counts, &weighing).unwrap();
        let found = find(&counts, &weights, &RowFacts { rows_unknown: true, ..RowFacts::default() });
        let found: Vec<_> = found.iter().map(|f| (f.kind.info().id, f.labels.clone())).collect();
        let expected = [
            ("NO_KNOWN_ROWS", vec![3]),
            ("NO_POSITIVES", vec![0]),
            ("NO_NEGATIVES", vec![5]),
            ("FP16_OVERFLOW", vec![1]),
            ("RARE_LABEL", vec![1]),
            ("MOSTLY_MISSING", vec![4]),
            ("ROWS_UNKNOWN", vec![]),
        ];
        assert_eq!(found, expected);
    }
}
