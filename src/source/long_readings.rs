//! Readings as pairs of row id and label.

use arrow::datatypes::Field;

use super::candidates::{CLOSE, Candidate, CandidateColumn, SURE};
use super::column_names::{
    COLUMNS_MAX, NameRank, is_id_name, is_index_name, is_row_name, is_score_name, may_name_rows, rank_of_name,
};
use super::declarations::ways;
use super::evidence::ColumnEvidence;
use super::layout::{Layout, LayoutKind, is_number, is_text};
use super::look::Look;
use super::offers::asked;
use crate::error::{Error, Result, for_shell};
use crate::sql_text::identifier;

/// Columns of a table that is nothing but pairs. A third one may say who labelled, and then rows are votes.
pub(super) const PAIR_COLUMNS: usize = 2;

/// The share of rows whose id other rows have too from which rows are pairs.
const OFTEN: f64 = 0.3;

/// The share of pairs that are there before from which rows may be no pairs.
const AGAIN: f64 = 0.2;

/// The share up to which pairs were listed again by mistake.
const HARDLY_AGAIN: f64 = 0.02;

/// Rows that are surely compared if no id repeats where they were looked at.
const ROWS_COMPARED: u64 = 1 << 20;

/// Ids from which labels that are all alike show a grid of both, and the part of cells that a sample may lack of it.
const GRID_MIN: u64 = 8;
const GRID_PART: u64 = 8;

/// Rows from which ids that never repeat show that each has one row.
const ROWS_MIN: u64 = 100;

impl Look<'_> {
    /// The same as [`Self::or_long`], with flags where ids are fractions, which are none, or NULL.
    pub(super) fn or_long_with_ids(&self, class: Candidate) -> Vec<Candidate> {
        let mut all = self.or_long(class);
        for one in &mut all {
            let Some(id) = &one.id else { continue };
            let layout = Layout {
                kind: LayoutKind::Long,
                labels: one.labels.clone(),
                id: one.id.clone(),
                value: None,
                delimiter: None,
            };
            let is_text_made = layout.check(self.schema).is_err();
            let has_nulls = self.found.get(id).is_some_and(|evidence| evidence.nulls > 0);
            let id = identifier(id);
            if is_text_made {
                let others = one
                    .labels
                    .iter()
                    .chain(&one.value)
                    .map(|name| identifier(name))
                    .collect::<Vec<_>>()
                    .join(", ");
                let query =
                    format!("SELECT nullif(CAST({id} AS VARCHAR), 'NaN') AS {id}, {others} FROM shards");
                one.more.push(format!("--query {}", for_shell(&query)));
            }
            if is_text_made || has_nulls {
                one.more.push(format!("--where {}", for_shell(&format!("{id} IS NOT NULL"))));
            }
        }
        all
    }

    /// A column of classes beside a row id may be one half of layout `long`.
    fn or_long(&self, class: Candidate) -> Vec<Candidate> {
        let name = class.labels[0].clone();
        if class.kind != LayoutKind::Class {
            return vec![class];
        }
        let mut ids = self.row_ids(&name);
        let Some(id) = ids.pop().filter(|_| ids.is_empty()) else { return self.or_long_by_any(class) };
        // Of two columns with names of row ids, that of the labels has fewer values.
        let distinct = |name: &str| self.found.get(name).map_or(0, ColumnEvidence::distinct);
        if is_id_name(&name) && rank_of_name(&name) == NameRank::Other && distinct(&name) >= distinct(&id) {
            return vec![class];
        }
        let long = |points: u32, why: String| Candidate {
            kind: LayoutKind::Long,
            id: Some(id.clone()),
            points,
            why,
            ..class.clone()
        };
        let columns = self.columns_in_use();
        let repeats = format!("row ids in {id:?} repeat, one row per (id, {name})");
        let share = self.repeating(&id);
        let is_small = columns <= COLUMNS_MAX + 1;
        if share > 0.0 && !self.repeats_in_a_file(&id) {
            // Ids that start anew in each file say nothing of the rows of others.
            let why =
                format!("row ids in {id:?} repeat between files alone: those of all files are the same rows");
            let long = long(class.points.saturating_sub(CLOSE).max(1), why);
            return if class.points > 0 { vec![class, long] } else { vec![class] };
        }
        if share > 0.0 && (is_small || share >= OFTEN) {
            let valued = self.pairs_with_values(&long(class.points + CLOSE, repeats.clone()), is_small);
            if !valued.is_empty() {
                let plain = [long(class.points, repeats), class];
                return valued.into_iter().chain(plain).collect();
            }
        }
        if class.points < SURE {
            // In tables with other columns, rows may be examples whose ids say who or where.
            let points = match (share, columns) {
                (share, ..=COLUMNS_MAX) if share > 0.0 => Some(class.points + CLOSE),
                (OFTEN.., _) => Some(class.points),
                _ => None,
            };
            let both = points.map(|points| long(points, repeats));
            return both.into_iter().chain([class]).collect();
        }
        match (share, columns) {
            // Pairs are rarely listed again and again, visits of one patient are.
            (OFTEN.., ..=PAIR_COLUMNS) if self.beside.share_again() >= AGAIN => {
                vec![long(class.points, repeats), Candidate { points: class.points - CLOSE, ..class }]
            }
            (OFTEN.., ..=PAIR_COLUMNS) => vec![long(class.points, repeats)],
            (share, _) if share > 0.0 => {
                let other = Candidate { points: class.points - CLOSE, ..class.clone() };
                vec![long(class.points, repeats), other]
            }
            // All rows of fewer are compared, unless a condition leaves some out.
            (_, ..=COLUMNS_MAX)
                if !self.is_seen_whole(&id)
                    && (!(ROWS_MIN..=ROWS_COMPARED).contains(&self.rows)
                        || self.given.condition.is_some()) =>
            {
                let why =
                    format!("no row id in {id:?} repeats in the rows that were looked at, but others may");
                let long = long(class.points - CLOSE, why);
                vec![class, long]
            }
            _ => vec![class],
        }
    }

    /// The same where several columns may be the row id, or none has the name of one.
    fn or_long_by_any(&self, class: Candidate) -> Vec<Candidate> {
        let name = class.labels[0].clone();
        let is_no_label = is_id_name(&name) && rank_of_name(&name) == NameRank::Other;
        let named = self.row_ids(&name);
        let is_text = self.schema.field_with_name(&name).is_ok_and(|field| is_text(field.data_type()));
        let is_small = self.columns_in_use() <= COLUMNS_MAX;
        let is_likely = class.points >= SURE || is_text && (is_small || !named.is_empty());
        if class.points == 0 || is_no_label || !is_likely {
            return vec![class];
        }
        let mut ids = if named.is_empty() { self.columns_named(&name, may_name_rows) } else { named };
        if ids.is_empty() && is_small {
            ids = self.columns_named(&name, |_| true);
            ids.retain(|id| self.are_pairs_by_shape(id, &name));
        }
        let mut is_grid = false;
        if ids.is_empty() {
            ids = self.columns_named(&name, |_| true);
            ids.retain(|id| self.are_a_grid(id, &name));
            is_grid = !ids.is_empty();
        }
        // Few values are those of who labelled, unless an image has many boxes.
        let names_rows = |id: &str| is_id_name(id) && is_row_name(id);
        let is_of_few =
            |id: &str| !names_rows(id) && self.found.get(id).is_some_and(ColumnEvidence::has_few_values);
        let repeating =
            ids.into_iter().filter(|id| self.repeating(id) >= OFTEN && (is_grid || !is_of_few(id)));
        let is_small = is_grid || self.columns_in_use() <= COLUMNS_MAX + 1;
        let mut all = Vec::new();
        for id in repeating {
            let why = format!("row ids in {id:?} repeat, one row per (id, {name})");
            let long = Candidate { kind: LayoutKind::Long, why, id: Some(id), ..class.clone() };
            all.extend(self.pairs_with_values(&long, is_small));
            all.push(Candidate { points: class.points.saturating_sub(CLOSE).max(1), ..long });
        }
        // What gives pairs a value is likelier than that each row is an example.
        let place = all.iter().filter(|long| long.value.is_some()).count();
        all.sort_by_key(|long| long.value.is_none());
        all.insert(place, class);
        all
    }

    /// Whether a table has hardly an id with a label twice, or each with a value, whatever its columns are called.
    fn are_pairs_by_shape(&self, id: &str, label: &str) -> bool {
        let is_id = |field: &Field| is_text(field.data_type()) || field.data_type().is_integer();
        let may_be_id = self.schema.field_with_name(id).is_ok_and(is_id);
        let are_once = self.columns_in_use() <= PAIR_COLUMNS && self.beside.share_again() <= HARDLY_AGAIN;
        may_be_id && (are_once || !self.values(id, label, true).is_empty())
    }

    /// Whether each value of a column stands beside each label once, as far as the sample tells, with a value of each pair.
    fn are_a_grid(&self, id: &str, label: &str) -> bool {
        let (Some(ids), Some(labels)) = (self.found.get(id), self.found.get(label)) else { return false };
        let times = || labels.texts.values().copied().chain(labels.counted().map(|(_, cells)| cells));
        let (least, most) =
            times().fold((u64::MAX, 0), |(least, most), times| (least.min(times), most.max(times)));
        let pairs = ids.distinct() * labels.distinct();
        !ids.is_full
            && ids.distinct() >= GRID_MIN
            && labels.distinct() > 1
            && most.saturating_sub(least) * GRID_PART <= most
            && pairs.abs_diff(labels.cells) * GRID_PART <= labels.cells
            && !self.values(id, label, true).is_empty()
    }

    /// Asks whether a column gives pairs of `id` and `label` a value.
    ///
    /// # Errors
    /// [`Error::Usage`] with both readings.
    pub(super) fn ask_for_value(&self, id: &str, label: &str) -> Result<()> {
        if self.given.value.is_some() {
            return Ok(());
        }
        let why = format!("each row is one pair of {id:?} and {label:?}");
        let pairs = Candidate::plain(LayoutKind::Long, vec![label.to_owned()], SURE, why);
        let pairs = Candidate { id: Some(id.to_owned()), ..pairs };
        let mut all = self.pairs_with_values(&pairs, self.columns_in_use() <= COLUMNS_MAX + 1);
        let Some(value) = all.first().and_then(|valued| valued.value.clone()) else { return Ok(()) };
        all.push(pairs);
        Err(asked(format!("does column {value:?} say whether a row has its label?"), &all))
    }

    /// Pairs with what gives them a value: once for each way to give all values a side.
    fn pairs_with_values(&self, pairs: &Candidate, is_small: bool) -> Vec<Candidate> {
        let id = pairs.id.as_deref().unwrap_or_default();
        let valued = self.values(id, &pairs.labels[0], is_small).into_iter().map(|(value, more)| Candidate {
            why: format!("{}, with a value in {value:?}", pairs.why),
            value: Some(value),
            more: [&pairs.more[..], &more[..]].concat(),
            ..pairs.clone()
        });
        valued.collect()
    }

    /// The number of columns that have no other use.
    pub(super) fn columns_in_use(&self) -> usize {
        let names = self.schema.fields().iter().map(|field| field.name().as_str());
        names.filter(|name| !is_index_name(name) && !self.given.taken.contains(name)).count()
    }

    /// The share of cells in the sample whose value other cells hold too.
    fn repeating(&self, name: &str) -> f64 {
        self.found.get(name).map_or(0.0, |evidence| {
            if evidence.cells == 0 { 0.0 } else { evidence.recurring() as f64 / evidence.cells as f64 }
        })
    }

    /// Asks whether the rows of pairs go on from file to file, where the row ids of two files begin alike.
    ///
    /// # Errors
    /// [`Error::Usage`] with both readings.
    pub(super) fn refuse_ids_anew(&self, pairs: &Candidate) -> Result<()> {
        let Some(id) = pairs.id.as_deref().filter(|_| pairs.kind == LayoutKind::Long) else { return Ok(()) };
        if !self.found.get(id).is_some_and(|evidence| evidence.repeated.starts_anew()) {
            return Ok(());
        }
        Err(Error::usage(format!("do row ids in {id:?} start anew in each file? two files begin with the same one")).hint(
            format!(
                "if rows of one id are the same row in all files, say so with {}; if not, count each file by itself, and \
                 merge the results with posweight weigh ONE OTHER --out BOTH",
                pairs.flags()
            ),
        ))
    }

    /// Whether some row has the value of another row of the same file.
    fn repeats_in_a_file(&self, name: &str) -> bool {
        self.found.get(name).is_some_and(|evidence| evidence.repeated.is_found())
    }

    /// Whether all rows were looked at, which are many and not NULL.
    fn is_seen_whole(&self, name: &str) -> bool {
        self.found.get(name).is_some_and(|evidence| evidence.cells >= self.rows.max(ROWS_MIN))
    }

    /// The column of values beside pairs of id and label, with the flags that give all its values a side; two, where one
    /// is named as scores are. In a table that is not `is_small`, its name must say so.
    fn values(&self, id: &str, label: &str, is_small: bool) -> Vec<(String, Vec<String>)> {
        let is_free = |name: &str| !is_index_name(name) && !self.given.taken.contains(&name);
        let fields = self.schema.fields().iter().filter(|field| is_free(field.name()));
        let others = fields.filter_map(|field| self.column(field)).filter(|column| {
            let data_type = column.field.data_type();
            let is_value = is_number(data_type) || is_text(data_type);
            column.name() != id && column.name() != label && is_value && column.classes.is_none()
        });
        let is_score = |column: &CandidateColumn<'_>| {
            is_number(column.field.data_type()) && is_score_name(column.name())
        };
        let is_value = |column: &CandidateColumn<'_>| {
            let mut numbers = column.evidence.numbers();
            column.is_cells() || column.evidence.has_values() && numbers.all(|x| (-1.0..=1.0).contains(&x))
        };
        let (scores, others): (Vec<_>, Vec<_>) = others.partition(is_score);
        // Texts and numbers that nothing gives a side are no values.
        let with_ways = |column: CandidateColumn<'_>| -> Vec<(String, Vec<String>)> {
            let ways = ways(column.evidence, column.domain).into_iter();
            ways.map(|more| (column.name().to_owned(), more)).collect()
        };
        let all = |columns: Vec<CandidateColumn<'_>>| -> Vec<_> {
            columns.into_iter().map(with_ways).filter(|ways| !ways.is_empty()).collect()
        };
        let others: Vec<_> = others.into_iter().filter(|other| is_small && is_value(other)).collect();
        match (&mut all(scores)[..], &mut all(others)[..]) {
            // What is 0 or 1 is rather the value than how sure it is.
            ([score], [other]) => [std::mem::take(other), std::mem::take(score)].concat(),
            ([one], _) | ([], [one]) => std::mem::take(one),
            _ => Vec::new(),
        }
    }

    /// The column that is the row id of layout `long`.
    ///
    /// # Errors
    /// [`Error::Usage`] where none, or more than one, has such a name.
    pub(super) fn id_column(&self, label: &str) -> Result<String> {
        let mut ids = self.row_ids(label);
        match &mut ids[..] {
            [only] => Ok(std::mem::take(only)),
            [] => Err(Error::usage("which column is the row id of layout long? no column has such a name")
                .hint("name it with --id")),
            _ => Err(Error::usage(format!(
                "which column is the row id of layout long? found {}",
                ids.join(", ")
            ))
            .hint("name it with --id")),
        }
    }

    /// The columns with names of row ids.
    fn row_ids(&self, label: &str) -> Vec<String> {
        self.columns_named(label, is_id_name)
    }

    /// The columns beside the labels with such a name.
    fn columns_named(&self, label: &str, is_such: fn(&str) -> bool) -> Vec<String> {
        let names = self.schema.fields().iter().map(|field| field.name());
        names
            .filter(|name| *name != label && is_such(name) && self.found.contains_key(*name))
            .cloned()
            .collect()
    }
}
