//! Labels of rows become the arrays of the columns that are added.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBufferBuilder, FixedSizeListArray, Float32Array, Int32Array, ListArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};

use super::folds::{ColumnFolds, FoldColumn};
use crate::counts::LabelCounts;
use crate::error::{Error, Result, plural};
use crate::label_sets::LabelSets;
use crate::sampling::cell_weight::{CellWeigher, RowWeigher};
use crate::sampling::row_columns::{AddedColumn, AddedValues, MissingCell, TargetForm};
use crate::source::shards::Shard;
use crate::weights::Weights;

/// Cells that are made at a time.
const CELLS: usize = 1 << 20;

/// Makes one column.
#[derive(Debug, Clone)]
enum Maker {
    Weight(RowWeigher),
    Cells(CellWeigher),
    Dense(MissingCell),
    Sparse,
    Indices,
    Fold(Arc<FoldColumn>),
}

/// Makes the added columns of rows, and adds up what their targets hold.
#[derive(Debug, Clone)]
pub(super) struct ColumnMaker {
    makers: Arc<[Maker]>,
    schema: SchemaRef,
    /// Where each label of the rows stands in the target tensor; `None` where it is the same.
    places: Option<Arc<[u32]>>,
    pub(super) sums: TargetSums,
    positives: Vec<u32>,
    unknown: Vec<u32>,
}

/// How often each label is positive and missing in what was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetSums {
    pub(super) positives: Vec<u64>,
    pub(super) missing: Vec<u64>,
}

impl TargetSums {
    fn of(labels: usize) -> Self {
        Self { positives: vec![0; labels], missing: vec![0; labels] }
    }

    /// Adds those of other rows.
    pub(super) fn add(&mut self, other: &Self) {
        self.positives.iter_mut().zip(&other.positives).for_each(|(sum, more)| *sum += more);
        self.missing.iter_mut().zip(&other.missing).for_each(|(sum, more)| *sum += more);
    }
}

fn internal(cause: &arrow::error::ArrowError) -> Error {
    Error::internal(cause.to_string())
}

fn element(data_type: DataType, nullable: bool) -> FieldRef {
    Arc::new(Field::new("element", data_type, nullable))
}

/// A list with C numbers.
fn whole_list(labels: usize, nullable: bool) -> Result<DataType> {
    let size = i32::try_from(labels)
        .map_err(|_| Error::usage(format!("{labels} labels are too many for a list")))?;
    Ok(DataType::FixedSizeList(element(DataType::Float32, nullable), size))
}

/// The lists of positions and values of sparse targets.
fn sparse_fields() -> Fields {
    let list = |name: &str, of| Field::new(name, DataType::List(element(of, false)), false);
    Fields::from(vec![list("indices", DataType::Int32), list("values", DataType::Float32)])
}

impl ColumnMaker {
    /// Makes the columns `asked`, of which some have folds, from the `weights` and the `counts` of a result; `places` says where each
    /// label of the rows stands in it.
    ///
    /// # Errors
    /// [`Error::Usage`] for a scheme that does not fit a column.
    pub(super) fn new(
        (asked, folds): (&[AddedColumn], &[ColumnFolds]),
        weights: &Weights,
        counts: &LabelCounts,
        places: Option<Vec<u32>>,
    ) -> Result<Self> {
        let labels = counts.len();
        let mut fields = Vec::with_capacity(asked.len());
        let mut makers = Vec::with_capacity(asked.len());
        for (at, AddedColumn { name, values }) in asked.iter().enumerate() {
            let (maker, data_type, nullable) = match values {
                AddedValues::SampleWeight { rule, unlabelled } => {
                    let weigher = RowWeigher::new(*rule, *unlabelled, weights.primary(), counts)?;
                    (Maker::Weight(weigher), DataType::Float32, false)
                }
                AddedValues::LossWeights(rule) => (
                    Maker::Cells(CellWeigher::new(*rule, weights, counts)?),
                    whole_list(labels, false)?,
                    false,
                ),
                AddedValues::Targets(TargetForm::Dense(missing)) => {
                    (Maker::Dense(*missing), whole_list(labels, *missing == MissingCell::Null)?, false)
                }
                AddedValues::Targets(TargetForm::Sparse) => {
                    (Maker::Sparse, DataType::Struct(sparse_fields()), false)
                }
                AddedValues::Targets(TargetForm::Indices) => {
                    (Maker::Indices, DataType::List(element(DataType::Int32, false)), true)
                }
                AddedValues::Fold(_) => {
                    let folds = folds.get(at).and_then(Option::as_ref);
                    let folds = folds.ok_or_else(|| Error::internal("folds without a plan"))?;
                    (Maker::Fold(Arc::clone(folds)), DataType::Utf8, true)
                }
            };
            fields.push(Field::new(name, data_type, nullable));
            makers.push(maker);
        }
        Ok(Self {
            makers: makers.into(),
            schema: Arc::new(Schema::new(fields)),
            places: places.map(Into::into),
            sums: TargetSums::of(labels),
            positives: Vec::new(),
            unknown: Vec::new(),
        })
    }

    /// The columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn labels(&self) -> usize {
        self.sums.positives.len()
    }

    /// Calls `each` with the columns of some rows after the other. The first of `rows` is this row of this shard, which is
    /// `named` in messages; rows without it come from stdin.
    ///
    /// # Errors
    /// Those of `each`, and [`Error::Input`] for a row that a column cannot hold.
    pub(super) fn make(
        &mut self,
        (shard, first_row): (usize, u64),
        named: Option<&Shard>,
        rows: &LabelSets,
        mut each: impl FnMut(&[ArrayRef]) -> Result<()>,
    ) -> Result<()> {
        let step = (CELLS / self.labels().max(1)).max(1);
        for start in (0..rows.rows()).step_by(step) {
            let range = start..rows.rows().min(start + step);
            each(&self.arrays((shard, first_row), named, rows, range)?)?;
        }
        Ok(())
    }

    fn arrays(
        &mut self,
        (shard, first_row): (usize, u64),
        named: Option<&Shard>,
        rows: &LabelSets,
        range: Range<usize>,
    ) -> Result<Vec<ArrayRef>> {
        let places = first_row + range.start as u64..first_row + range.end as u64;
        let labels = self.labels();
        let makers = Arc::clone(&self.makers);
        let mut columns: Vec<ColumnBuffers> =
            makers.iter().map(|maker| ColumnBuffers::new(maker, range.len(), labels)).collect();
        for row in range {
            self.positives.clear();
            self.unknown.clear();
            match &self.places {
                None => {
                    self.positives.extend_from_slice(rows.positives(row));
                    self.unknown.extend_from_slice(rows.unknown(row));
                }
                Some(places) => {
                    let to = |label: &u32| places[*label as usize];
                    self.positives.extend(rows.positives(row).iter().map(to));
                    self.unknown.extend(rows.unknown(row).iter().map(to));
                    self.positives.sort_unstable();
                    self.unknown.sort_unstable();
                }
            }
            self.positives.iter().for_each(|label| self.sums.positives[*label as usize] += 1);
            self.unknown.iter().for_each(|label| self.sums.missing[*label as usize] += 1);
            for (maker, column) in makers.iter().zip(&mut columns) {
                let pushed = column.push(maker, &self.positives, &self.unknown, labels);
                pushed.map_err(|error| at_row(error, named, first_row + row as u64))?;
            }
        }
        let fields = self.schema.fields().iter();
        makers
            .iter()
            .zip(fields)
            .zip(columns)
            .map(|((maker, field), column)| match maker {
                Maker::Fold(folds) => folds.array(shard, places.clone()),
                _ => column.finish(maker, field),
            })
            .collect()
    }
}

/// An error about a row of a shard, or of stdin.
fn at_row(error: Error, shard: Option<&Shard>, row: u64) -> Error {
    match shard {
        Some(shard) => error.at(shard.row_words(row)).at(&shard.name),
        None => error.at(format!("row {row} (from 0)")).at("stdin"),
    }
}

/// The values of some rows of a column.
#[derive(Debug)]
struct ColumnBuffers {
    numbers: Vec<f32>,
    indices: Vec<i32>,
    ends: Vec<i32>,
    nulls: BooleanBufferBuilder,
    has_nulls: bool,
}

impl ColumnBuffers {
    fn new(maker: &Maker, rows: usize, labels: usize) -> Self {
        let cells = match maker {
            Maker::Weight(_) => rows,
            Maker::Cells(_) | Maker::Dense(_) => rows * labels,
            Maker::Sparse | Maker::Indices | Maker::Fold(_) => 0,
        };
        Self {
            numbers: Vec::with_capacity(cells),
            indices: Vec::new(),
            ends: vec![0],
            nulls: BooleanBufferBuilder::new(0),
            has_nulls: false,
        }
    }

    fn push(&mut self, maker: &Maker, positives: &[u32], unknown: &[u32], labels: usize) -> Result<()> {
        let number = |label: u32| i32::try_from(label).unwrap_or(i32::MAX);
        let start = self.numbers.len();
        match maker {
            // By the place of the row, whatever its labels.
            Maker::Fold(_) => {}
            Maker::Weight(weigher) => self.numbers.push(weigher.weight(positives)),
            Maker::Cells(weigher) => {
                self.numbers.resize(start + labels, 0.0);
                weigher.fill(positives, unknown, &mut self.numbers[start..]);
            }
            Maker::Dense(missing) => {
                self.numbers.resize(start + labels, 0.0);
                let row = &mut self.numbers[start..];
                positives.iter().for_each(|label| row[*label as usize] = 1.0);
                let value = match missing {
                    MissingCell::Number(number) => *number,
                    MissingCell::Nan | MissingCell::Null => f32::NAN,
                };
                unknown.iter().for_each(|label| row[*label as usize] = value);
                if *missing == MissingCell::Null {
                    let before = self.nulls.len();
                    self.nulls.append_n(labels, true);
                    unknown.iter().for_each(|label| self.nulls.set_bit(before + *label as usize, false));
                    self.has_nulls |= !unknown.is_empty();
                }
            }
            Maker::Sparse => {
                // Both are ascending.
                let (mut positives, mut unknown) = (positives.iter().peekable(), unknown.iter().peekable());
                loop {
                    let is_positive = match (positives.peek(), unknown.peek()) {
                        (None, None) => break,
                        (Some(a), Some(b)) => a < b,
                        (a, _) => a.is_some(),
                    };
                    let next = if is_positive { positives.next() } else { unknown.next() };
                    self.indices.extend(next.map(|label| number(*label)));
                    self.numbers.push(if is_positive { 1.0 } else { f32::NAN });
                }
                self.end_list()?;
            }
            Maker::Indices => {
                let is_silent = !unknown.is_empty() && unknown.len() == labels;
                if !unknown.is_empty() && !is_silent {
                    return Err(Error::input(format!(
                        "--targets indices: a row says nothing about {}, which a list of positive labels cannot say",
                        plural(unknown.len() as u64, "label")
                    ))
                    .hint("use --targets sparse, or --targets dense"));
                }
                self.indices.extend(positives.iter().map(|label| number(*label)));
                self.nulls.append(!is_silent);
                self.has_nulls |= is_silent;
                self.end_list()?;
            }
        }
        Ok(())
    }

    fn end_list(&mut self) -> Result<()> {
        let end =
            i32::try_from(self.indices.len()).map_err(|_| Error::internal("lists of too many labels"))?;
        self.ends.push(end);
        Ok(())
    }

    fn finish(mut self, maker: &Maker, field: &Field) -> Result<ArrayRef> {
        let nulls = self.has_nulls.then(|| NullBuffer::new(self.nulls.finish()));
        let offsets = OffsetBuffer::new(self.ends.into());
        Ok(match (maker, field.data_type()) {
            (Maker::Weight(_), _) => Arc::new(Float32Array::from(self.numbers)),
            (Maker::Cells(_) | Maker::Dense(_), DataType::FixedSizeList(element, size)) => {
                let values = Arc::new(Float32Array::new(self.numbers.into(), nulls));
                let list = FixedSizeListArray::try_new(Arc::clone(element), *size, values, None);
                Arc::new(list.map_err(|cause| internal(&cause))?)
            }
            (Maker::Indices, DataType::List(element)) => {
                let values = Arc::new(Int32Array::from(self.indices));
                let list = ListArray::try_new(Arc::clone(element), offsets, values, nulls);
                Arc::new(list.map_err(|cause| internal(&cause))?)
            }
            (Maker::Sparse, DataType::Struct(fields)) => {
                let list = |of, values: ArrayRef| {
                    ListArray::try_new(element(of, false), offsets.clone(), values, None)
                        .map_err(|cause| internal(&cause))
                };
                let indices = list(DataType::Int32, Arc::new(Int32Array::from(self.indices)))?;
                let values = list(DataType::Float32, Arc::new(Float32Array::from(self.numbers)))?;
                let both: Vec<ArrayRef> = vec![Arc::new(indices), Arc::new(values)];
                Arc::new(StructArray::try_new(fields.clone(), both, None).map_err(|cause| internal(&cause))?)
            }
            (_, other) => return Err(Error::internal(format!("a column of type {other}"))),
        })
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float32Type, Int32Type};

    use super::*;
    use crate::counts::{Labels, Tally};
    use crate::weights::{Adjust, Policy, Weighing, weigh};

    fn made(asked: &str, places: Option<Vec<u32>>) -> Result<ArrayRef> {
        let tally = Tally { positives: 1, negatives: 1, ..Tally::default() };
        let counts = LabelCounts::new(2, Labels::indices(3), vec![tally; 3], None).unwrap();
        let weighing = Weighing {
            schemes: vec!["ratio".parse().unwrap()],
            adjust: Adjust::default(),
            policy: Policy::default(),
        };
        let weights = weigh(&counts, &weighing).unwrap();
        let mut maker = ColumnMaker::new((&[AddedColumn::targets(asked)?], &[]), &weights, &counts, places)?;
        let mut rows = LabelSets::default();
        rows.clear(3);
        rows.add(2);
        rows.add(0);
        rows.end_row();
        rows.end_silent_row();
        if !asked.starts_with("indices") {
            rows.add(2);
            rows.add_unknown(1);
            rows.end_row();
        }
        let mut out = None;
        maker.make((0, 0), None, &rows, |arrays| {
            out = Some(Arc::clone(&arrays[0]));
            Ok(())
        })?;
        Ok(out.unwrap())
    }

    #[test]
    fn targets_say_positive_negative_and_missing() {
        let dense = made("dense:missing=-1", None).unwrap();
        let values = dense.as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec();
        assert_eq!(values, [1.0, 0.0, 1.0, -1.0, -1.0, -1.0, 0.0, -1.0, 1.0]);
        let dense = made("dense:missing=null", None).unwrap();
        let values = dense.as_fixed_size_list().values();
        assert_eq!((0..9).filter(|cell| values.is_null(*cell)).collect::<Vec<_>>(), [3, 4, 5, 7]);
        let sparse = made("sparse", None).unwrap();
        let indices = sparse.as_struct().column(0).as_list::<i32>();
        assert_eq!(indices.values().as_primitive::<Int32Type>().values(), &[0, 2, 0, 1, 2, 1, 2]);
        assert_eq!(indices.value_offsets(), [0, 2, 5, 7]);
        let values =
            sparse.as_struct().column(1).as_list::<i32>().values().as_primitive::<Float32Type>().clone();
        assert!(values.value(5).is_nan() && values.value(6) == 1.0);
        let indices = made("indices", None).unwrap();
        assert!(indices.is_null(1) && indices.as_list::<i32>().value_offsets() == [0, 2, 2]);
    }

    #[test]
    fn labels_stand_where_the_result_has_them() {
        let dense = made("dense:missing=-1", Some(vec![1, 2, 0])).unwrap();
        let values = dense.as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec();
        assert_eq!(values, [1.0, 1.0, 0.0, -1.0, -1.0, -1.0, 1.0, 0.0, -1.0]);
    }
}
