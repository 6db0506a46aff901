//! Readings as pairs of row id and label.

use super::candidates::{CLOSE, Candidate, SURE};
use super::codes::ways;
use super::column_names::is_id_name;
use super::layout::{LayoutKind, is_number, is_text};
use super::look::Look;
use crate::error::{Error, Result};

/// Columns at most beside which a table of pairs is likely.
const COLUMNS_MAX: usize = 3;

/// The share of rows whose id other rows have too from which rows are pairs.
const OFTEN: f64 = 0.3;

impl Look<'_> {
    /// A column of classes beside a row id may be one half of layout `long`.
    pub(super) fn or_long(&self, class: Candidate) -> Vec<Candidate> {
        let name = class.labels[0].clone();
        let Ok(id) = self.id_column(&name) else { return vec![class] };
        if class.kind != LayoutKind::Class {
            return vec![class];
        }
        let long = |points: u32, why: String| Candidate {
            kind: LayoutKind::Long,
            id: Some(id.clone()),
            points,
            why,
            ..class.clone()
        };
        let columns = self.schema.fields().len();
        let repeats = format!("row ids in {id:?} repeat, one row per (id, {name})");
        let share = self.repeating(&id);
        let values =
            if columns <= COLUMNS_MAX + 1 && share > 0.0 { self.values(&id, &name) } else { Vec::new() };
        if !values.is_empty() {
            let with = values.into_iter().map(|(value, more)| {
                let why = format!("{repeats}, with a value in {value:?}");
                let more = [&class.more[..], &more[..]].concat();
                Candidate { value: Some(value), more, ..long(class.points + CLOSE, why) }
            });
            let plain = [long(class.points, repeats.clone()), class.clone()];
            return with.chain(plain).collect();
        }
        if class.points < SURE {
            let is_pair = share > 0.0 && columns <= COLUMNS_MAX;
            let both = is_pair.then(|| long(class.points + CLOSE, repeats));
            return both.into_iter().chain([class]).collect();
        }
        match (share, columns) {
            (OFTEN.., ..=COLUMNS_MAX) => vec![long(class.points, repeats)],
            (share, _) if share > 0.0 => {
                let other = Candidate { points: class.points - CLOSE, ..class.clone() };
                vec![long(class.points, repeats), other]
            }
            (_, ..=COLUMNS_MAX) => {
                let long = long(class.points - CLOSE, format!("{name:?} is one of several rows per {id:?}"));
                vec![class, long]
            }
            _ => vec![class],
        }
    }

    /// The share of cells in the sample whose value other cells hold too.
    fn repeating(&self, name: &str) -> f64 {
        self.found.get(name).map_or(0.0, |evidence| {
            if evidence.cells == 0 { 0.0 } else { evidence.recurring() as f64 / evidence.cells as f64 }
        })
    }

    /// The one column of values beside pairs of id and label, with the flags that give all its values a side.
    fn values(&self, id: &str, label: &str) -> Vec<(String, Vec<String>)> {
        let mut others = self.columns().filter(|column| {
            let data_type = column.field.data_type();
            let is_value = is_number(data_type) || is_text(data_type);
            column.name() != id && column.name() != label && is_value && column.classes.is_none()
        });
        let (Some(column), None) = (others.next(), others.next()) else { return Vec::new() };
        let within =
            column.evidence.numbers().all(|x| (-1.0..=1.0).contains(&x)) && column.evidence.has_values();
        if !within && !column.is_cells() {
            return Vec::new();
        }
        let ways = ways(column.evidence, column.domain);
        ways.into_iter().map(|more| (column.name().to_owned(), more)).collect()
    }

    /// The column that is the row id of layout `long`.
    ///
    /// # Errors
    /// [`Error::Usage`] where none, or more than one, has such a name.
    pub(super) fn id_column(&self, label: &str) -> Result<String> {
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        let ids: Vec<&str> = names
            .filter(|name| *name != label && is_id_name(name) && self.found.contains_key(*name))
            .collect();
        match ids[..] {
            [only] => Ok(only.to_owned()),
            [] => Err(Error::usage("which column is the row id of layout long? no column has such a name")
                .hint("name it with --id")),
            _ => Err(Error::usage(format!(
                "which column is the row id of layout long? found {}",
                ids.join(", ")
            ))
            .hint("name it with --id")),
        }
    }
}
