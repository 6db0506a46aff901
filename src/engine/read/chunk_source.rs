//! The columns that are read, of all shards.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, SchemaRef};
use parquet::file::metadata::RowGroupMetaData;

use crate::engine::progress::Progress;
use crate::engine::read::condition::Condition;
use crate::engine::read::places::{ColumnPlace, beside, place, places};
use crate::engine::read::routes::Routes;
use crate::error::{Error, Result};
use crate::source::layout::{Layout, LayoutKind};
use crate::source::shards::Shard;

/// How the columns of a row group are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Grouping {
    /// Each by itself, in the order of the file.
    Apart,
    /// All from pages, the last first, or all as arrays side by side.
    SideBySide {
        /// Row groups of more rows are read as arrays.
        rows_max: i64,
    },
}

/// What is asked of rows beside their labels.
#[derive(Debug, Default)]
pub(crate) struct RowQuestions {
    /// What rows have to meet to count.
    pub(crate) condition: Option<Condition>,
    /// The column that weighs rows; weights come last among arrays.
    pub(crate) weight: Option<String>,
    /// The columns that group rows, where folders do not tell all of them.
    pub(crate) by: Vec<String>,
}

/// What rows answer.
pub(crate) struct RowAnswers<'a> {
    /// Which rows meet the condition; `None` without one.
    pub(crate) holds: Option<BooleanArray>,
    /// Doubles.
    pub(crate) weight: Option<ArrayRef>,
    pub(crate) by: &'a [ArrayRef],
}

impl RowQuestions {
    /// Whether nothing is asked: then rows need not be told apart.
    pub(crate) fn is_empty(&self) -> bool {
        self.condition.is_none() && self.weight.is_none() && self.by.is_empty()
    }

    /// The columns that are asked for.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let condition = self.condition.iter().flat_map(Condition::columns);
        condition.chain(self.weight.as_deref()).chain(self.by.iter().map(String::as_str))
    }

    /// What `rows` rows of these columns answer.
    pub(crate) fn answer<'a>(&self, columns: &'a [ArrayRef], rows: usize) -> Result<RowAnswers<'a>> {
        let asked = self.condition.as_ref().map_or(0, |condition| condition.columns().count());
        let (asked, rest) = columns.split_at(asked);
        let (weight, by) = rest.split_at(usize::from(self.weight.is_some()));
        let holds = self.condition.as_ref().map(|condition| condition.holds(asked.to_vec(), rows));
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let weight = weight.first().map(|weight| cast_with_options(weight, &DataType::Float64, &exact));
        let weight = weight.transpose().map_err(|cause| Error::input(format!("--sample-weight: {cause}")))?;
        Ok(RowAnswers { holds: holds.transpose()?, weight, by })
    }
}

/// The columns that are read, for all threads.
#[derive(Debug)]
pub(crate) struct ChunkSource {
    pub(crate) shards: Arc<Vec<Shard>>,
    pub(crate) columns: Vec<String>,
    /// The values beside the labels of the one column.
    pub(crate) values: Option<String>,
    /// Columns whose pages cannot be read in any shard, and why.
    pub(crate) unsupported: Vec<(usize, Cow<'static, str>)>,
    /// The types that all shards widen to.
    pub(crate) agreed: SchemaRef,
    pub(crate) grouping: Grouping,
    /// Whether statistics are believed.
    pub(crate) trusts_statistics: bool,
    /// What is asked of rows beside their labels. Then a sink has to heed
    /// [`ColumnPages::mask`](super::chunk_sink::ColumnPages::mask) and
    /// [`ColumnPages::weights`](super::chunk_sink::ColumnPages::weights), and statistics are not believed.
    pub(crate) questions: RowQuestions,
    /// Whether the sink heeds masks; else shards with deleted rows are read as arrays.
    pub(crate) heeds_masks: bool,
    /// Bytes of an object that one thread may ask for before it needs them.
    pub(crate) ahead: usize,
    /// How each column was read.
    pub(crate) routes: Routes,
    pub(crate) progress: Arc<Progress>,
}

impl ChunkSource {
    /// Columns of these names, each by itself, without help from statistics.
    pub(crate) fn new<'c>(
        shards: Arc<Vec<Shard>>,
        agreed: &SchemaRef,
        columns: impl Iterator<Item = &'c str> + Clone,
        ahead: usize,
        progress: &Arc<Progress>,
    ) -> Self {
        Self {
            shards,
            routes: Routes::new(columns.clone()),
            columns: columns.map(str::to_owned).collect(),
            values: None,
            unsupported: Vec::new(),
            agreed: Arc::clone(agreed),
            grouping: Grouping::Apart,
            trusts_statistics: false,
            questions: RowQuestions::default(),
            heeds_masks: false,
            ahead,
            progress: Arc::clone(progress),
        }
    }

    /// The label columns of a layout, without help from statistics.
    pub(crate) fn of_labels(
        shards: Arc<Vec<Shard>>,
        agreed: &SchemaRef,
        layout: &Layout,
        ahead: usize,
        progress: &Arc<Progress>,
    ) -> Self {
        let labels = layout.labels.iter().map(String::as_str);
        let mut source = Self::new(shards, agreed, labels, ahead, progress);
        if layout.kind == LayoutKind::Map {
            source.values.clone_from(&layout.value);
            if source.values.is_none() {
                source.unsupported.push((0, Cow::Borrowed("its cells are texts with labels and values")));
            }
        }
        source
    }

    /// The type of a column that all shards widen to.
    pub(crate) fn data_type(&self, column: usize) -> Result<&DataType> {
        self.type_of(&self.columns[column])
    }

    pub(super) fn type_of(&self, name: &str) -> Result<&DataType> {
        let field = self.agreed.field_with_name(name);
        field.map(Field::data_type).map_err(|cause| Error::internal(cause.to_string()))
    }

    pub(super) fn places(&self, shard: usize) -> Vec<ColumnPlace> {
        let mut places = places(&self.shards[shard], &self.columns, &self.agreed);
        if self.shards[shard].deleted.is_some() && !self.heeds_masks {
            places.iter_mut().for_each(ColumnPlace::as_arrays);
        }
        if let (Some(values), Some(labels)) = (&self.values, places.first_mut()) {
            let shard = &self.shards[shard];
            let values = place(shard, values, &self.agreed);
            *labels = beside(shard, std::mem::replace(labels, ColumnPlace::Absent), &values);
        }
        for (column, why) in &self.unsupported {
            if let ColumnPlace::Leaves { root, .. } = places[*column] {
                places[*column] = ColumnPlace::Arrays { root, why: why.clone() };
            }
        }
        places
    }

    /// Puts shard and column in front of what is wrong.
    pub(super) fn at(&self, error: Error, shard: usize, columns: &[usize]) -> Error {
        let shard = &self.shards[shard].name;
        match columns {
            [column] => error.at(format!("{shard}: column {:?}", self.columns[*column])),
            _ => error.at(shard),
        }
    }

    /// The column that makes all columns of a row group be read as arrays, and why.
    pub(super) fn refusal(
        &self,
        group: &RowGroupMetaData,
        places: &[ColumnPlace],
    ) -> Option<(usize, String)> {
        let Grouping::SideBySide { rows_max } = self.grouping else { return None };
        let unsupported = |(column, place): (usize, &ColumnPlace)| match place {
            ColumnPlace::Leaves { .. } => None,
            ColumnPlace::Arrays { why, .. } => Some((column, why.clone().into_owned())),
            ColumnPlace::Absent => Some((column, "a shard has no such column".to_owned())),
        };
        let many = || Some((0, format!("{} rows in one row group", group.num_rows())));
        let first = places.iter().enumerate().find_map(unsupported);
        first.or_else(|| if group.num_rows() > rows_max { many() } else { None })
    }
}
