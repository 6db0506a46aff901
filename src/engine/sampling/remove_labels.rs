//! Removes labels from copied rows, in any layout that stores several labels per row.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, GenericListArray, Int64Array,
    OffsetSizeTrait, RecordBatch, Scalar, StringArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, FieldRef, Schema};

use crate::counts::Cell;
use crate::engine::cell_labels::{list_without, mask_without};
use crate::engine::counting::Counting;
use crate::engine::plain::visit::visit;
use crate::engine::read::interner::Interner;
use crate::engine::read::vector_text::VectorText;
use crate::error::{Error, Result};
use crate::source::layout::{LayoutKind, is_text};
use crate::source::structured::vector_with_places;
use crate::source::type_words::type_words;
use crate::source::values::Value;

fn internal(cause: &dyn std::fmt::Display) -> Error {
    Error::internal(cause.to_string())
}

/// Removes labels from rows.
#[derive(Debug)]
pub(crate) struct LabelRemover {
    counting: Arc<Counting>,
    /// A negative value for each label column of `wide`, or for the one of `vector`.
    negatives: Vec<ArrayRef>,
}

impl LabelRemover {
    /// For shards with columns `schema`.
    ///
    /// # Errors
    /// [`Error::Usage`] when no value of a column is negative.
    pub(crate) fn new(counting: Arc<Counting>, schema: &Schema) -> Result<Self> {
        let columns = counting.layout.labels.iter().enumerate();
        let negatives = match counting.layout.kind {
            LayoutKind::Wide => {
                columns.map(|(label, name)| negative(&counting, label, name, schema)).collect()
            }
            LayoutKind::Vector => {
                columns.map(|(label, name)| negative(&counting, label, name, schema)).collect()
            }
            _ => Ok(Vec::new()),
        };
        Ok(Self { negatives: negatives?, counting })
    }

    /// The rows of `batch` without the labels for which `goes` is true; its arguments are row and label.
    ///
    /// # Errors
    /// [`Error::Internal`] when a column has another type than during the count.
    pub(crate) fn apply(
        &self,
        batch: &RecordBatch,
        goes: &dyn Fn(usize, u32) -> bool,
    ) -> Result<RecordBatch> {
        let schema = batch.schema();
        let mut columns = batch.columns().to_vec();
        for (label, name) in self.counting.layout.labels.iter().enumerate() {
            // A shard may lack columns that others have.
            let Ok(place) = schema.index_of(name) else { continue };
            columns[place] = match self.counting.layout.kind {
                LayoutKind::Wide => self.cells(&columns[place], label, goes)?,
                LayoutKind::Vector if is_texts(&columns[place]) => {
                    self.vector_texts(&columns[place], goes)?
                }
                LayoutKind::Vector => self.elements(&columns[place], goes)?,
                LayoutKind::List if !is_texts(&columns[place]) => self.items(&columns[place], goes)?,
                LayoutKind::List | LayoutKind::Delimited => self.texts(&columns[place], goes)?,
                LayoutKind::Bits => self.masks(&columns[place], goes)?,
                // These layouts have one label per row, which stays.
                LayoutKind::Class | LayoutKind::Long | LayoutKind::Map => Arc::clone(&columns[place]),
            };
        }
        RecordBatch::try_new(schema, columns).map_err(|cause| internal(&cause))
    }

    fn is_positive(&self, label: usize, value: Option<Value<'_>>) -> bool {
        let domain = self.counting.domain(label);
        domain.target_of(value.as_ref()).0 == Cell::Positive
    }

    fn negative(&self, label: usize, to: &DataType) -> Result<ArrayRef> {
        let negative = self.negatives.get(label).ok_or_else(|| internal(&"no negative value"))?;
        // Shards may store labels in several types.
        cast(negative, to).map_err(|cause| internal(&cause))
    }

    fn cells(&self, array: &ArrayRef, label: usize, goes: &dyn Fn(usize, u32) -> bool) -> Result<ArrayRef> {
        let id = u32::try_from(label).unwrap_or(u32::MAX);
        let mut mask = vec![false; array.len()];
        visit(&plain(array)?, |row, value| mask[row] = self.is_positive(label, value) && goes(row, id))?;
        let negative = Scalar::new(self.negative(label, array.data_type())?);
        zip(&BooleanArray::from(mask), &negative, array).map_err(|cause| internal(&cause))
    }

    fn elements(&self, array: &ArrayRef, goes: &dyn Fn(usize, u32) -> bool) -> Result<ArrayRef> {
        let edit = |values: &ArrayRef, range: &dyn Fn(usize) -> std::ops::Range<usize>| {
            let mut mask = vec![false; values.len()];
            let mut places = (0..array.len())
                .filter(|row| !array.is_null(*row))
                .flat_map(|row| range(row).zip(0_u32..).map(move |(element, label)| (element, row, label)));
            let mut next = places.next();
            visit(&plain(values)?, |element, value| {
                if let Some((_, row, label)) = next.filter(|(at, ..)| *at == element) {
                    mask[element] = self.is_positive(label as usize, value) && goes(row, label);
                    next = places.next();
                }
            })?;
            let negative = Scalar::new(self.negative(0, values.data_type())?);
            zip(&BooleanArray::from(mask), &negative, values).map_err(|cause| internal(&cause))
        };
        match array.data_type() {
            DataType::List(field) => rebuilt::<i32>(array, field, edit),
            DataType::LargeList(field) => rebuilt::<i64>(array, field, edit),
            DataType::FixedSizeList(field, size) => {
                let list = array.as_fixed_size_list();
                let width = usize::try_from(*size).unwrap_or(0);
                let values = edit(list.values(), &|row| row * width..(row + 1) * width)?;
                let list =
                    FixedSizeListArray::try_new(Arc::clone(field), *size, values, list.nulls().cloned());
                Ok(Arc::new(list.map_err(|cause| internal(&cause))?))
            }
            other => Err(internal(&format!("a vector of type {other}"))),
        }
    }

    /// Whether a stored label stays.
    fn stays(
        &self,
        interner: &mut Interner,
        row: usize,
        value: &Value<'_>,
        goes: &dyn Fn(usize, u32) -> bool,
    ) -> bool {
        let names_none = self.counting.domain.is_missing(value);
        names_none || interner.id(value).map_or(true, |label| !goes(row, label))
    }

    fn items(&self, array: &ArrayRef, goes: &dyn Fn(usize, u32) -> bool) -> Result<ArrayRef> {
        match array.data_type() {
            DataType::List(field) => self.kept::<i32>(array.as_list(), field, goes),
            DataType::LargeList(field) => self.kept::<i64>(array.as_list(), field, goes),
            other => Err(Error::usage(format!(
                "--materialize: labels cannot be removed from a column of type {}",
                type_words(other)
            ))
            .hint("store the labels as a list, or use another plan")),
        }
    }

    fn kept<O: OffsetSizeTrait>(
        &self,
        list: &GenericListArray<O>,
        field: &FieldRef,
        goes: &dyn Fn(usize, u32) -> bool,
    ) -> Result<ArrayRef> {
        let mut interner = Interner::new(&self.counting.keys, self.counting.domain.spelling);
        let offsets = list.value_offsets();
        let row_of = |element: usize| offsets.partition_point(|start| start.as_usize() <= element) - 1;
        let mut stay = vec![true; list.values().len()];
        visit(&plain(list.values())?, |element, value| {
            if let Some(value) = value.filter(|_| element < offsets[offsets.len() - 1].as_usize()) {
                let row = row_of(element.max(offsets[0].as_usize()));
                stay[element] = self.stays(&mut interner, row, &value, goes);
            }
        })?;
        let (mut kept, mut lengths) = (Vec::new(), Vec::with_capacity(list.len()));
        for row in 0..list.len() {
            let range = offsets[row].as_usize()..offsets[row + 1].as_usize();
            let before = kept.len();
            kept.extend(range.filter(|element| stay[*element]).map(|element| element as u64));
            lengths.push(kept.len() - before);
        }
        let values = take(list.values(), &UInt64Array::from(kept), None).map_err(|cause| internal(&cause))?;
        let offsets = OffsetBuffer::<O>::from_lengths(lengths);
        let list = GenericListArray::try_new(Arc::clone(field), offsets, values, list.nulls().cloned());
        Ok(Arc::new(list.map_err(|cause| internal(&cause))?))
    }

    /// Texts that hold several labels.
    fn texts(&self, array: &ArrayRef, goes: &dyn Fn(usize, u32) -> bool) -> Result<ArrayRef> {
        let by = self.counting.layout.delimiter.clone();
        let mut interner = Interner::new(&self.counting.keys, self.counting.domain.spelling);
        rewritten(array, &mut |row, text| {
            if self.counting.domain.is_missing(&Value::Text(text)) {
                return Ok(text.to_owned());
            }
            let Some(by) = by.as_deref() else {
                let mut stays = |label: &Value<'_>| self.stays(&mut interner, row, label, goes);
                return list_without(&self.counting, text, &mut stays);
            };
            let kept = text.split(by).filter(|piece| {
                !self.counting.names_label(piece) || self.stays(&mut interner, row, &Value::Text(piece), goes)
            });
            Ok(kept.collect::<Vec<_>>().join(by))
        })
    }

    /// Texts that hold vectors.
    fn vector_texts(&self, array: &ArrayRef, goes: &dyn Fn(usize, u32) -> bool) -> Result<ArrayRef> {
        let negative = self.negative(0, &DataType::Utf8)?;
        let negative = negative.as_string::<i32>().value(0);
        rewritten(array, &mut |row, text| {
            let vector = VectorText::of(&Value::Text(text), &self.counting.domain);
            let VectorText::Numbers(numbers) = vector else { return Ok(text.to_owned()) };
            let removed = |label: usize| {
                let id = u32::try_from(label).unwrap_or(u32::MAX);
                let value = numbers.get(label).copied().flatten().map(Value::Float);
                self.is_positive(label, value) && goes(row, id)
            };
            let (mut rest, mut at, mut label) = (String::new(), 0, 0);
            let read = vector_with_places(text, |_, place| {
                if removed(label) {
                    rest.push_str(&text[at..place.start]);
                    rest.push_str(negative);
                    at = place.end;
                }
                label += 1;
            });
            rest.push_str(&text[at..]);
            read.map(|()| rest).map_err(|malformed| malformed.sentence(text, "a vector"))
        })
    }

    /// Integers whose bits are labels.
    fn masks(&self, array: &ArrayRef, goes: &dyn Fn(usize, u32) -> bool) -> Result<ArrayRef> {
        let mut interner = Interner::new(&self.counting.keys, self.counting.domain.spelling);
        let (mut changed, mut masks) = (vec![false; array.len()], vec![0; array.len()]);
        visit(&plain(array)?, |row, value| {
            let value = value.filter(|value| !self.counting.domain.is_missing(value));
            if let Some(mask) = value {
                let mut all = true;
                let left = mask_without(mask, &mut |bit| {
                    let stays = self.stays(&mut interner, row, bit, goes);
                    all &= stays;
                    stays
                });
                if let (Ok(left), false) = (left, all) {
                    (changed[row], masks[row]) = (true, left);
                }
            }
        })?;
        let masks: ArrayRef = Arc::new(UInt64Array::from(masks));
        let masks = cast(&masks, array.data_type()).map_err(|cause| internal(&cause))?;
        zip(&BooleanArray::from(changed), &masks, array).map_err(|cause| internal(&cause))
    }
}

/// Whether rows hold texts.
fn is_texts(array: &ArrayRef) -> bool {
    is_text(match array.data_type() {
        DataType::Dictionary(_, values) => values,
        other => other,
    })
}

/// Texts that are replaced by those of `edit`, which is given row and text.
fn rewritten(
    array: &ArrayRef,
    edit: &mut dyn FnMut(usize, &str) -> std::result::Result<String, String>,
) -> Result<ArrayRef> {
    let (mut texts, mut failed) = (Vec::with_capacity(array.len()), None);
    visit(&plain(array)?, |row, value| {
        texts.push(match value {
            Some(Value::Text(text)) => match edit(row, text) {
                Ok(text) => Some(text),
                Err(why) => {
                    failed.get_or_insert(why);
                    None
                }
            },
            Some(other) => Some(other.to_string()),
            None => None,
        });
    })?;
    if let Some(why) = failed {
        return Err(internal(&why));
    }
    let texts: ArrayRef = Arc::new(StringArray::from(texts));
    cast(&texts, array.data_type()).map_err(|cause| internal(&cause))
}

/// A list whose values are replaced by those of `edit`.
fn rebuilt<O: OffsetSizeTrait>(
    array: &ArrayRef,
    field: &FieldRef,
    edit: impl Fn(&ArrayRef, &dyn Fn(usize) -> std::ops::Range<usize>) -> Result<ArrayRef>,
) -> Result<ArrayRef> {
    let list = array.as_list::<O>();
    let offsets = list.value_offsets();
    let values = edit(list.values(), &|row| offsets[row].as_usize()..offsets[row + 1].as_usize())?;
    let list =
        GenericListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned());
    Ok(Arc::new(list.map_err(|cause| internal(&cause))?))
}

/// The values of a dictionary array; any other array unchanged.
fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values).map_err(|cause| internal(&cause)),
        _ => Ok(Arc::clone(array)),
    }
}

/// A negative value of a label column.
fn negative(counting: &Counting, label: usize, name: &str, schema: &Schema) -> Result<ArrayRef> {
    let field = schema.field_with_name(name).map_err(|cause| internal(&cause))?;
    let to = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type()
        }
        other => other,
    };
    let zero: ArrayRef = Arc::new(Int64Array::from(vec![0]));
    let said = counting
        .domain(label)
        .negative
        .iter()
        .map(|literal| -> ArrayRef { Arc::new(StringArray::from(vec![literal.to_string()])) });
    for candidate in [zero].into_iter().chain(said) {
        let Ok(candidate) = cast(&candidate, to) else { continue };
        let mut is_negative = false;
        visit(&plain(&candidate)?, |_, value| {
            is_negative =
                value.is_some_and(|value| counting.domain(label).target(&value).0 == Cell::Negative);
        })?;
        if is_negative {
            return Ok(candidate);
        }
    }
    Err(Error::usage(format!("--materialize: column {name:?} has no negative value"))
        .hint("declare one with --negative-values, or use another plan"))
}

#[cfg(test)]
mod tests {
    use arrow::array::ListArray;
    use arrow::datatypes::{Field, Int32Type};

    use super::*;
    use crate::counts::CountUnit;
    use crate::counts::Labels;
    use crate::engine::counting::{Engine, Keys};
    use crate::source::layout::Layout;
    use crate::source::values::Domain;

    fn remover(kind: LayoutKind, column: &ArrayRef, keys: Keys) -> (LabelRemover, RecordBatch) {
        let field = Field::new("x", column.data_type().clone(), true);
        let schema = Arc::new(Schema::new(vec![field]));
        let delimiter = (kind == LayoutKind::Delimited).then(|| ",".to_owned());
        let counting = Counting {
            layout: Layout { kind, labels: vec!["x".to_owned()], id: None, value: None, delimiter },
            unit: CountUnit::default(),
            keys,
            domain: Domain::default(),
            overrides: std::collections::HashMap::new(),
            ancestors: None,
            heads: Vec::new(),
            by: Vec::new(),
            sample_weight: None,
            filter: None,
            num_rows: None,
            ids_disjoint: false,
            part: false,
            labels_max: usize::MAX,
            engine: Engine::Plain,
            trust_statistics: true,
        };
        let remover = LabelRemover::new(Arc::new(counting), &schema).unwrap();
        (remover, RecordBatch::try_new(schema, vec![Arc::clone(column)]).unwrap())
    }

    /// Label 1 goes from row 0.
    fn removed(kind: LayoutKind, column: &ArrayRef, keys: Keys) -> ArrayRef {
        let (remover, batch) = remover(kind, column, keys);
        Arc::clone(remover.apply(&batch, &|row, label| (row, label) == (0, 1)).unwrap().column(0))
    }

    #[test]
    fn a_list_loses_the_label_in_one_row_only() {
        let lists = |rows: [Option<Vec<Option<i32>>>; 3]| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
        };
        let before = lists([Some(vec![Some(0), Some(1), Some(1)]), Some(vec![Some(1)]), None]);
        let after = lists([Some(vec![Some(0)]), Some(vec![Some(1)]), None]);
        assert_eq!(&removed(LayoutKind::List, &before, Keys::Indices(Some(2))), &after);
    }

    #[test]
    fn a_vector_keeps_its_length() {
        let vectors = |rows: [Option<Vec<Option<i32>>>; 2]| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
        };
        let before = vectors([Some(vec![Some(1), Some(1)]), Some(vec![Some(1), Some(1)])]);
        let after = vectors([Some(vec![Some(1), Some(0)]), Some(vec![Some(1), Some(1)])]);
        let labels: Labels = ["0", "1"].iter().collect();
        assert_eq!(&removed(LayoutKind::Vector, &before, Keys::Positions(labels)), &after);
    }

    #[test]
    fn a_text_loses_the_label_and_its_delimiter() {
        let before: ArrayRef = Arc::new(StringArray::from(vec![Some("0,1,0"), Some("1"), None]));
        let after: ArrayRef = Arc::new(StringArray::from(vec![Some("0,0"), Some("1"), None]));
        assert_eq!(&removed(LayoutKind::Delimited, &before, Keys::Indices(Some(2))), &after);
    }
}
