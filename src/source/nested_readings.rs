//! Readings of columns inside other columns, which are offered but never chosen unasked.

use super::candidates::{Candidate, CandidateColumn};
use super::column_names::{NameRank, is_score_name, rank_of_name};
use super::declarations::ways;
use super::empty_columns::with_empty;
use super::label_path::LabelPath;
use super::layout::{LayoutKind, is_number, is_text, item};
use super::look::Look;
use super::offers::names;

/// Points of a column inside another whose name is one of labels; of one that holds names; of any other.
const NAMED: u32 = 3;
const TEXTS: u32 = 2;
const OTHER: u32 = 1;

impl Look<'_> {
    /// The ways to read the columns inside other columns.
    pub(super) fn nested_readings(&self) -> Vec<Candidate> {
        let mut all = Vec::new();
        let mut roots: Vec<&str> = Vec::new();
        for field in &self.nested {
            let Some(path) = LabelPath::find(field.name(), self.schema).filter(|path| !path.is_in_map())
            else {
                continue;
            };
            let Some(column) = self.column(field) else { continue };
            let root = self.schema.field_with_name(path.root()).map_or("", |root| root.name().as_str());
            if is_cell(&column) {
                if !roots.contains(&root) {
                    roots.push(root);
                    all.extend(self.fields_of(root));
                }
                continue;
            }
            let points = points_of(&column, root);
            let readings = column.readings().into_iter();
            all.extend(readings.map(|reading| Candidate { points: reading.points.min(points), ..reading }));
            all.extend(self.with_values(&column, &path));
        }
        all
    }

    /// The fields of a struct that are one label each.
    fn fields_of(&self, root: &str) -> Option<Candidate> {
        let prefix = format!("{root}.");
        let fields = self.nested.iter().filter(|field| field.name().starts_with(&prefix));
        let columns: Vec<_> = fields.filter_map(|field| self.column(field)).collect();
        let sure = columns.iter().filter(|column| is_cell(column)).map(CandidateColumn::name);
        let labels = with_empty(&columns, &sure.collect());
        let cells = columns.iter().find(|column| is_cell(column))?.evidence.shown.clone();
        let why = format!("fields of the struct {root:?} hold only 0 and 1: {}", names(&labels));
        let points = if labels.len() > 1 { NAMED } else { OTHER };
        let plain = Candidate::plain(LayoutKind::Wide, labels, points, why);
        Some(Candidate { cells, is_spelled: true, ..plain })
    }

    /// Names in a list of structs with a number for each beside them.
    fn with_values(&self, column: &CandidateColumn<'_>, path: &LabelPath) -> Vec<Candidate> {
        if !item(column.field.data_type()).is_some_and(is_text) {
            return Vec::new();
        }
        let is_value = |field: &&arrow::datatypes::Field| {
            let beside =
                LabelPath::find(field.name(), self.schema).is_some_and(|other| path.is_beside(&other));
            let is_score = |name: &str| name.rsplit('.').next().is_some_and(is_score_name);
            beside && item(field.data_type()).is_some_and(is_number) && is_score(field.name())
        };
        let Some(value) = self.nested.iter().find(is_value) else { return Vec::new() };
        let Some(evidence) = self.found.get(value.name()) else { return Vec::new() };
        let why = format!("{:?} are labels, each with a value in {:?}", column.name(), value.name());
        let plain = Candidate::plain(LayoutKind::Map, vec![column.name().to_owned()], TEXTS, why);
        let ways = ways(evidence, self.given.domain).into_iter();
        ways.map(|more| Candidate { more, value: Some(value.name().clone()), ..plain.clone() }).collect()
    }
}

fn is_cell(column: &CandidateColumn<'_>) -> bool {
    item(column.field.data_type()).is_none() && column.classes.is_none() && column.is_cells()
}

fn points_of(column: &CandidateColumn<'_>, root: &str) -> u32 {
    let last = column.name().rsplit('.').next().unwrap_or_default();
    let data_type = column.field.data_type();
    if rank_of_name(last) != NameRank::Other || column.classes.is_some() {
        NAMED
    } else if is_text(item(data_type).unwrap_or(data_type)) || rank_of_name(root) != NameRank::Other {
        TEXTS
    } else {
        OTHER
    }
}
