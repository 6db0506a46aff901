//! Columns without a value beside columns that are one label each: whether they are labels, too.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::DataType;

use super::aside_names::is_aside;
use super::candidates::CandidateColumn;
use super::column_names::{is_id_name, is_remark_name, is_row_name};
use super::layout::{Layout, LayoutKind, is_number, is_text, item};
use super::look::Look;
use super::named_alike::{ALIKE, common_stem, stem};
use super::offers::names;
use crate::error::plural;

/// The columns `sure` of `columns` and those without a value that are labels as they are: columns of the same type, unless it is
/// text, and columns that are named like several of `sure`.
pub(super) fn with_empty(columns: &[CandidateColumn<'_>], sure: &HashSet<&str>) -> Vec<String> {
    let types: HashSet<&DataType> = columns
        .iter()
        .filter(|column| sure.contains(column.name()))
        .map(|column| column.field.data_type())
        .filter(|data_type| !is_text(data_type))
        .collect();
    let mut stems: HashMap<&str, usize> = HashMap::new();
    sure.iter().filter_map(|name| stem(name)).for_each(|stem| *stems.entry(stem).or_default() += 1);
    let is_named_alike = |name: &str| stem(name).is_some_and(|stem| stems.get(stem) >= Some(&ALIKE));
    let is_label = |column: &&CandidateColumn<'_>| {
        sure.contains(column.name())
            || is_empty(column) && (types.contains(column.field.data_type()) || is_named_alike(column.name()))
    };
    columns.iter().filter(is_label).map(|column| column.name().to_owned()).collect()
}

/// Whether the cells that were looked at hold no value, though they could.
fn is_empty(column: &CandidateColumn<'_>) -> bool {
    let data_type = column.field.data_type();
    item(data_type).is_none()
        && column.classes.is_none()
        && (is_number(data_type) || is_text(data_type))
        && column.is_empty()
}

/// Columns that may be labels, beside those that are.
#[derive(Debug, Default)]
pub(super) struct EmptyColumns {
    /// Those between two label columns.
    pub(super) between: Vec<String>,
    /// The others.
    pub(super) others: Vec<String>,
}

impl EmptyColumns {
    /// All of them.
    pub(super) fn all(self) -> Vec<String> {
        [self.between, self.others].concat()
    }
}

impl Look<'_> {
    /// Columns without a value that are none of `labels`. Columns of texts beside labels that are no texts are not meant.
    pub(super) fn empty_beside(&self, labels: &[String]) -> EmptyColumns {
        let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
        let is_label = |name: &str| known.contains(name);
        let columns: Vec<CandidateColumn<'_>> = self.columns().collect();
        let have_texts =
            columns.iter().any(|column| is_label(column.name()) && is_text(column.field.data_type()));
        let is_odd = |column: &CandidateColumn<'_>| {
            is_empty(column)
                && !is_label(column.name())
                && !is_id_name(column.name())
                && (have_texts || !is_text(column.field.data_type()))
        };
        let mut found = EmptyColumns::default();
        // Columns since the last one with values, which is a label if `is_behind` says so.
        let (mut open, mut is_behind) = (Vec::new(), false);
        for column in &columns {
            if is_odd(column) {
                open.push(column.name().to_owned());
                continue;
            }
            if column.is_empty() && !is_label(column.name()) {
                continue;
            }
            let is_between = is_behind && is_label(column.name());
            let may_be = |name: &String| is_between && !is_remark_name(name) && !is_row_name(name);
            let (between, others): (Vec<_>, Vec<_>) = std::mem::take(&mut open).into_iter().partition(may_be);
            found.between.extend(between);
            found.others.extend(others);
            is_behind = is_label(column.name());
        }
        found.others.extend(open);
        found
    }

    /// Columns that may be labels beside those of a layout that was found, as a sentence.
    pub(super) fn left_out(&self, layout: &Layout) -> Option<String> {
        if layout.kind != LayoutKind::Wide || !self.given.labels.is_empty() {
            return None;
        }
        let empty = self.empty_beside(&layout.labels).all();
        let empty = match &empty[..] {
            [] => None,
            [one] => Some(format!("column {one:?} holds no value in the rows that were looked at")),
            several => Some(format!(
                "{} hold no value in the rows that were looked at: {}",
                plural(several.len() as u64, "column"),
                names(several)
            )),
        };
        // An index of pandas has a number for each row.
        let is_label = |column: &CandidateColumn<'_>| column.evidence.cells > 2 && column.is_cells();
        let unnamed = self.schema.field_with_name("").ok().and_then(|field| self.column(field));
        let unnamed =
            unnamed.filter(is_label).map(|_| "a column without a name holds only 0 and 1".to_owned());
        let all: Vec<String> = empty
            .into_iter()
            .chain(unnamed)
            .chain(self.tested())
            .chain(self.taken_by_flags())
            .chain(self.others_left_out(&layout.labels))
            .collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// Columns of 0 and 1 of which the condition leaves one value, as a sentence.
    fn tested(&self) -> Option<String> {
        let fixed = self.tests.fixed.iter().filter(|name| {
            let column = self.schema.field_with_name(name).ok().and_then(|field| self.column(field));
            column.is_some_and(|column| column.is_cells() && !is_empty(&column))
        });
        let fixed: Vec<String> = fixed.map(|name| format!("{name:?}")).collect();
        (!fixed.is_empty()).then(|| format!("--where leaves one value of {}", fixed.join(", ")))
    }

    /// Columns of 0 and 1 that `--by` or another flag takes, as a sentence.
    fn taken_by_flags(&self) -> Option<String> {
        let is_column = |name: &str| self.schema.field_with_name(name).is_ok();
        let taken = self.given.taken.iter().filter(|name| {
            let column = self.schema.field_with_name(name).ok().and_then(|field| self.column(field));
            let is_label = |column: CandidateColumn<'_>| column.is_cells() && !is_empty(&column);
            column.is_some_and(is_label) && !is_aside(name, &is_column) && !is_id_name(name)
        });
        let taken: Vec<String> = taken.map(|name| format!("{name:?}")).collect();
        let holds = if taken.len() == 1 { "holds" } else { "hold" };
        (!taken.is_empty())
            .then(|| format!("{} {holds} only 0 and 1, but another flag names it", taken.join(", ")))
    }

    /// Columns with values that are none of `labels`, though their values or their names are such as those have.
    fn others_left_out(&self, labels: &[String]) -> Vec<String> {
        /// Columns that are told with their cells; of more, the names.
        const TOLD: usize = 3;
        let common = common_stem(labels.iter().map(String::as_str));
        let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
        let mut keys = Vec::new();
        let mut alike = Vec::new();
        let mut cells = Vec::new();
        for field in self.free_fields().filter(|field| !known.contains(field.name().as_str())) {
            let column = self.column(field);
            let is_named_alike = common.is_some() && stem(field.name()) == common;
            match column {
                Some(column) if is_empty(&column) => {}
                Some(column) if column.classes.is_none() && column.is_cells() => {
                    keys.push(field.name().clone());
                }
                _ if is_named_alike => {
                    alike.push(field.name().clone());
                    cells.push(column.map(|column| column.evidence.shown.join(", ")).unwrap_or_default());
                }
                _ => {}
            }
        }
        let keys = match &keys[..] {
            [] => None,
            [one] => Some(format!(
                "column {one:?} holds only 0 and 1, but its name is that of a row id or a weight"
            )),
            several => Some(format!(
                "columns {} hold only 0 and 1, but have names of row ids or weights",
                names(several)
            )),
        };
        let told = |(name, cells): (&String, &String)| {
            let cells = if cells.is_empty() { String::new() } else { format!(": {cells}") };
            format!("column {name:?} is named as label columns are, but holds other values{cells}")
        };
        let alike: Vec<String> = if alike.len() <= TOLD {
            alike.iter().zip(&cells).map(told).collect()
        } else {
            vec![format!(
                "{} are named as label columns are, but hold other values: {}",
                plural(alike.len() as u64, "column"),
                names(&alike)
            )]
        };
        keys.into_iter().chain(alike).collect()
    }

    /// What is left out of `labels` because it holds no value, as the end of a sentence.
    pub(super) fn without_empty(&self, labels: &[String]) -> String {
        match &self.empty_beside(labels).all()[..] {
            [] => String::new(),
            [one] => format!("; without {}, which holds no value", names(std::slice::from_ref(one))),
            several => format!("; without {}, which hold no value", names(several)),
        }
    }
}
