//! A label column inside other columns: down through the fields of structs, the elements of lists, the keys and
//! values of maps.
//!
//! ```text
//! target.cat         struct<cat: int>                       a cell per row
//! objects.category   list<struct<category: string>>         a list per row
//! objects.category   struct<category: list<list<int>>>      a list per row: lists inside lists are one
//! labels.key         map<string, float>                     a list per row
//! ```
//!
//! A column whose own name has the dot wins. A NULL struct makes its fields NULL. Below a list, a NULL struct, a
//! NULL list and a NULL value are NULL elements; an empty list inside a list adds nothing.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, LargeListArray, UInt64Builder};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{is_null, nullif, take};
use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Error, Result};

/// One step from a column to a column inside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum PathStep {
    /// A field of a struct, by its place.
    Field(usize),
    /// The elements of a list.
    Elements,
    /// The keys of a map.
    Keys,
    /// The values of a map.
    Values,
}

/// A label column inside another column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LabelPath {
    root: String,
    steps: Vec<PathStep>,
    data_type: DataType,
}

impl LabelPath {
    /// Finds the column inside the columns of `schema` that `text` names, such as `target.cat`; `None` where there
    /// is none, and for a name of a column of its own.
    #[must_use]
    pub(crate) fn find(text: &str, schema: &Schema) -> Option<Self> {
        if schema.field_with_name(text).is_ok() {
            return None;
        }
        schema.fields().iter().find_map(|field| {
            let rest = text.strip_prefix(field.name().as_str())?.strip_prefix('.')?;
            let mut steps = Vec::new();
            let leaf = descend(field.data_type(), rest, &mut steps)?;
            let data_type = canonical(field.data_type(), &steps, &leaf);
            Some(Self { root: field.name().clone(), steps, data_type })
        })
    }

    /// The keys of the map `name`, which may be inside a column, and its values; `None` where there is no map of
    /// simple values.
    #[must_use]
    pub(crate) fn of_map(name: &str, schema: &Schema) -> Option<(Self, Self)> {
        let [keys, values] = map_ends(name).map(|end| Self::find(&end, schema));
        let (keys, values) = (keys?, values?);
        let ends = [&keys, &values].map(|path| path.steps.last());
        (ends == [Some(&PathStep::Keys), Some(&PathStep::Values)]).then_some((keys, values))
    }

    /// Whether `values` lie beside these labels, in the same lists.
    #[must_use]
    pub(crate) fn is_beside(&self, values: &Self) -> bool {
        let is_field = |step: &&PathStep| matches!(step, PathStep::Field(_));
        let lists = |path: &Self| {
            let below = path.steps.iter().rev().take_while(is_field).count();
            let mut lists = path.steps[..path.steps.len() - below].to_vec();
            if let Some(end @ PathStep::Values) = lists.last_mut() {
                *end = PathStep::Keys;
            }
            lists
        };
        self.root == values.root && !lists(self).is_empty() && lists(self) == lists(values)
    }

    /// Whether `other` goes the same way, whatever is at its end.
    pub(crate) fn goes_as(&self, other: &Self) -> bool {
        self.root == other.root && self.steps == other.steps
    }

    /// Number of lists and maps that it goes through.
    #[must_use]
    pub(crate) fn lists(&self) -> usize {
        self.steps.iter().filter(|step| !matches!(step, PathStep::Field(_))).count()
    }

    /// Whether it leads to the keys or values of a map.
    pub(crate) fn is_in_map(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, PathStep::Keys | PathStep::Values))
    }

    /// The column that the path starts at.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The type that [`Self::read`] gives: that of the values, or a list of them.
    #[must_use]
    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// How many leaves of `root`, the type of the column it starts at, come before its own in a Parquet file, and
    /// how many leaves there are.
    #[must_use]
    pub(crate) fn leaf_of(&self, root: &DataType) -> (usize, usize) {
        let (mut before, mut at) = (0, root.clone());
        for step in &self.steps {
            let next = inner(&at, step);
            if let (PathStep::Field(place), DataType::Struct(fields)) = (step, &at) {
                before += fields.iter().take(*place).map(|field| leaves(field.data_type())).sum::<usize>();
            } else if let (PathStep::Values, Some(key)) = (step, inner(&at, &PathStep::Keys)) {
                before += leaves(&key);
            }
            at = next.unwrap_or(DataType::Null);
        }
        (before, leaves(root))
    }

    /// The column inside `array`, the column that the path starts at.
    ///
    /// # Errors
    /// [`Error::Internal`] where the array has another type than the schema says.
    pub(crate) fn read(&self, array: &ArrayRef) -> Result<ArrayRef> {
        let mut lists: Option<Nested> = None;
        let mut values = Arc::clone(array);
        for step in &self.steps {
            match step {
                PathStep::Field(place) => values = field(&values, *place)?,
                PathStep::Elements if lists.is_none() && self.is_last_list(&values) => break,
                PathStep::Elements | PathStep::Keys | PathStep::Values => {
                    let (inner, below) = Nested::of(&values, step)?;
                    (lists, values) = match lists {
                        None => (Some(inner), below),
                        Some(outer) => {
                            let (joined, below) = outer.join(&inner, &below)?;
                            (Some(joined), below)
                        }
                    };
                }
            }
        }
        match lists {
            None => Ok(values),
            Some(lists) => lists.array(values),
        }
    }

    /// Whether `values` is already what is asked for.
    fn is_last_list(&self, values: &ArrayRef) -> bool {
        values.data_type() == &self.data_type
    }
}

/// The names of the keys and of the values of the map `name`.
pub(crate) fn map_ends(name: &str) -> [String; 2] {
    [format!("{name}.key"), format!("{name}.value")]
}

/// Every column inside the columns of `schema` that could hold labels, as [`LabelPath::find`] takes them.
#[must_use]
pub(crate) fn paths(schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for field in schema.fields() {
        if matches!(within(field.data_type()), DataType::Struct(_) | DataType::Map(..)) {
            collect(field.name(), field.data_type(), &mut found);
        }
    }
    found
}

fn collect(name: &str, data_type: &DataType, found: &mut Vec<String>) {
    match within(data_type) {
        DataType::Struct(fields) => {
            fields
                .iter()
                .for_each(|field| collect(&format!("{name}.{}", field.name()), field.data_type(), found));
        }
        DataType::Map(..) => {
            for (end, step) in [("key", PathStep::Keys), ("value", PathStep::Values)] {
                if let Some(inside) = inner(within(data_type), &step) {
                    collect(&format!("{name}.{end}"), &inside, found);
                }
            }
        }
        _ => found.push(name.to_owned()),
    }
}

/// The type below all lists.
fn within(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            within(field.data_type())
        }
        other => other,
    }
}

/// The steps to what `rest` names below `data_type`, and the type there.
fn descend(data_type: &DataType, rest: &str, steps: &mut Vec<PathStep>) -> Option<DataType> {
    let before = steps.len();
    let found = match data_type {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            steps.push(PathStep::Elements);
            descend(&inner(data_type, &PathStep::Elements)?, rest, steps)
        }
        _ if rest.is_empty() => (!data_type.is_nested()).then(|| data_type.clone()),
        DataType::Struct(fields) => fields.iter().enumerate().find_map(|(place, field)| {
            let rest = after(rest, field.name())?;
            steps.truncate(before);
            steps.push(PathStep::Field(place));
            descend(field.data_type(), rest, steps)
        }),
        DataType::Map(..) => {
            [("key", PathStep::Keys), ("value", PathStep::Values)].into_iter().find_map(|(name, step)| {
                let (rest, below) = (after(rest, name)?, inner(data_type, &step)?);
                steps.truncate(before);
                steps.push(step);
                descend(&below, rest, steps)
            })
        }
        _ => None,
    };
    if found.is_none() {
        steps.truncate(before);
    }
    found
}

/// What follows `name` and a dot in `path`; nothing where the path ends there.
fn after<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(name)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.').filter(|rest| !rest.is_empty()) }
}

/// The type one step below.
fn inner(data_type: &DataType, step: &PathStep) -> Option<DataType> {
    match (data_type, step) {
        (DataType::Struct(fields), PathStep::Field(place)) => Some(fields.get(*place)?.data_type().clone()),
        (
            DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _),
            PathStep::Elements,
        ) => Some(field.data_type().clone()),
        (DataType::Map(entries, _), PathStep::Keys | PathStep::Values) => {
            let DataType::Struct(fields) = entries.data_type() else { return None };
            Some(fields.get(usize::from(*step == PathStep::Values))?.data_type().clone())
        }
        _ => None,
    }
}

/// Leaves of a type in a Parquet file.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => leaves(field.data_type()),
        _ => 1,
    }
}

/// The type of what is read: the one list that ends a path keeps its own.
fn canonical(root: &DataType, steps: &[PathStep], leaf: &DataType) -> DataType {
    let lists = steps.iter().filter(|step| !matches!(step, PathStep::Field(_))).count();
    match (lists, steps.split_last()) {
        (0, _) => leaf.clone(),
        (1, Some((PathStep::Elements, before))) => {
            before.iter().try_fold(root.clone(), |at, step| inner(&at, step)).unwrap_or(DataType::Null)
        }
        _ => DataType::LargeList(Arc::new(Field::new("item", leaf.clone(), true))),
    }
}

/// A field of structs, NULL where they are.
fn field(structs: &ArrayRef, place: usize) -> Result<ArrayRef> {
    let Some(structs) = structs.as_struct_opt().filter(|structs| place < structs.num_columns()) else {
        return Err(Error::internal(format!("{} has no field {place}", structs.data_type())));
    };
    let column = structs.column(place);
    if structs.null_count() == 0 {
        return Ok(Arc::clone(column));
    }
    let absent: BooleanArray = is_null(structs).map_err(|cause| Error::internal(cause.to_string()))?;
    nullif(column, &absent).map_err(|cause| Error::internal(cause.to_string()))
}

/// Lists without their values.
struct Nested {
    /// Where each list starts among the values, and where the last one ends.
    offsets: Vec<usize>,
    nulls: Option<NullBuffer>,
}

impl Nested {
    /// The lists of `array`, and the values below them.
    fn of(array: &ArrayRef, step: &PathStep) -> Result<(Self, ArrayRef)> {
        let size = |offset: i64| usize::try_from(offset).unwrap_or(0);
        let (offsets, values) = match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                (
                    lists.value_offsets().iter().map(|at| size(i64::from(*at))).collect(),
                    lists.values().clone(),
                )
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                (lists.value_offsets().iter().map(|at| size(*at)).collect(), lists.values().clone())
            }
            DataType::FixedSizeList(_, width) => {
                let lists = array.as_fixed_size_list();
                let width = size(i64::from(*width));
                ((0..=lists.len()).map(|row| row * width).collect(), lists.values().clone())
            }
            DataType::Map(..) => {
                let maps = array.as_map();
                let offsets = maps.value_offsets().iter().map(|at| size(i64::from(*at))).collect();
                let values = if *step == PathStep::Values { maps.values() } else { maps.keys() };
                (offsets, values.clone())
            }
            other => return Err(Error::internal(format!("{other} is no list"))),
        };
        Ok((Self { offsets, nulls: array.nulls().cloned() }, values))
    }

    fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// One list per row of what the lists inside these lists hold; a NULL among them is a NULL element.
    fn join(self, inner: &Self, values: &ArrayRef) -> Result<(Self, ArrayRef)> {
        let (mut places, mut offsets) = (UInt64Builder::new(), vec![0]);
        let mut len = 0;
        for row in 0..self.rows() {
            let lists = if self.is_null(row) { 0..0 } else { self.offsets[row]..self.offsets[row + 1] };
            for list in lists {
                if inner.is_null(list) {
                    places.append_null();
                    len += 1;
                    continue;
                }
                let range = inner.offsets[list]..inner.offsets[list + 1];
                len += range.len();
                range.for_each(|place| places.append_value(place as u64));
            }
            offsets.push(len);
        }
        let values =
            take(values, &places.finish(), None).map_err(|cause| Error::internal(cause.to_string()))?;
        Ok((Self { offsets, nulls: self.nulls }, values))
    }

    fn array(self, values: ArrayRef) -> Result<ArrayRef> {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets: Vec<i64> =
            self.offsets.iter().map(|at| i64::try_from(*at).unwrap_or(i64::MAX)).collect();
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let lists = LargeListArray::try_new(item, offsets, values, self.nulls)
            .map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(Arc::new(lists))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Int32Array, Int32Builder, ListArray, MapBuilder, StringArray, StringBuilder, StructArray,
    };
    use arrow::datatypes::{Fields, Int32Type};

    use super::*;

    fn schema(name: &str, array: &ArrayRef) -> Schema {
        Schema::new(vec![Field::new(name, array.data_type().clone(), true)])
    }

    fn fields(columns: &[(&str, ArrayRef)]) -> Fields {
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect()
    }

    fn structs(columns: &[(&str, ArrayRef)], valid: &[bool]) -> ArrayRef {
        let arrays = columns.iter().map(|(_, column)| Arc::clone(column)).collect();
        Arc::new(StructArray::new(fields(columns), arrays, Some(NullBuffer::from(valid))))
    }

    fn lists(offsets: &[i32], values: ArrayRef, valid: &[bool]) -> ArrayRef {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.to_vec()));
        Arc::new(ListArray::new(item, offsets, values, Some(NullBuffer::from(valid))))
    }

    /// What a path of lists of integers holds, row by row.
    fn held(array: &ArrayRef) -> Vec<Option<Vec<Option<i32>>>> {
        let rows = array.as_list::<i64>().iter();
        rows.map(|row| row.map(|row| row.as_primitive::<Int32Type>().iter().collect())).collect()
    }

    #[test]
    fn a_field_of_a_null_struct_is_null() {
        let cat: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(0), None]));
        let dog: ArrayRef = Arc::new(Int32Array::from(vec![1, 1, 1]));
        let target = structs(&[("cat", cat), ("dog", dog)], &[true, false, true]);
        let path = LabelPath::find("target.dog", &schema("target", &target)).unwrap();
        assert_eq!((path.root(), path.data_type()), ("target", &DataType::Int32));
        assert_eq!(path.leaf_of(target.data_type()), (1, 2));
        let read = path.read(&target).unwrap();
        assert_eq!(read.as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(1)]);
    }

    #[test]
    fn a_column_whose_own_name_has_the_dot_wins() {
        let one: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let target = structs(&[("cat", one)], &[true]);
        let own = Field::new("target.cat", DataType::Int32, true);
        let schema = Schema::new(vec![Field::new("target", target.data_type().clone(), true), own]);
        assert_eq!(LabelPath::find("target.cat", &schema), None);
        assert_eq!(LabelPath::find("target.dog", &schema), None);
        assert_eq!(paths(&schema), ["target.cat"]);
    }

    #[test]
    fn a_field_of_a_list_of_structs_is_a_list() {
        let bbox = lists(&[0, 1, 2, 2, 2], Arc::new(Int32Array::from(vec![9, 8])), &[true, true, true, true]);
        let category: ArrayRef = Arc::new(Int32Array::from(vec![Some(0), Some(2), None, Some(5)]));
        let objects = structs(&[("bbox", bbox), ("category", category)], &[true, true, true, false]);
        let column = lists(&[0, 2, 2, 2, 4], objects, &[true, true, false, true]);
        let path = LabelPath::find("objects.category", &schema("objects", &column)).unwrap();
        assert_eq!(path.leaf_of(column.data_type()), (1, 2));
        let read = path.read(&column).unwrap();
        assert_eq!(held(&read), [Some(vec![Some(0), Some(2)]), Some(vec![]), None, Some(vec![None, None])]);
        assert_eq!(paths(&schema("objects", &column)), ["objects.bbox", "objects.category"]);
    }

    #[test]
    fn lists_inside_lists_are_one_and_a_null_list_inside_is_a_null_element() {
        let inner =
            lists(&[0, 2, 2, 3, 3], Arc::new(Int32Array::from(vec![1, 2, 3])), &[true, true, true, false]);
        let outer = lists(&[0, 2, 4, 4], inner, &[true, true, false]);
        let column = structs(&[("marks", outer)], &[true, true, true]);
        let path = LabelPath::find("page.marks", &schema("page", &column)).unwrap();
        let read = path.read(&column).unwrap();
        assert_eq!(held(&read), [Some(vec![Some(1), Some(2)]), Some(vec![Some(3), None]), None]);
        let sliced = path.read(&column.slice(1, 2)).unwrap();
        assert_eq!(held(&sliced), [Some(vec![Some(3), None]), None]);
    }

    #[test]
    fn a_list_in_a_struct_keeps_its_type_and_takes_the_struct_for_its_own_null() {
        let marks = lists(&[0, 1, 2], Arc::new(Int32Array::from(vec![7, 8])), &[true, true]);
        let column = structs(
            &[("name", Arc::new(StringArray::from(vec!["a", "b"]))), ("marks", marks)],
            &[true, false],
        );
        let path = LabelPath::find("page.marks", &schema("page", &column)).unwrap();
        assert!(matches!(path.data_type(), DataType::List(_)));
        let read = path.read(&column).unwrap();
        assert_eq!(read.data_type(), path.data_type());
        assert_eq!(read.nulls().map(NullBuffer::null_count), Some(1));
        assert_eq!(path.leaf_of(column.data_type()), (1, 2));
    }

    #[test]
    fn a_map_has_keys_and_values_side_by_side() {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for row in [Some(vec![("cat", Some(1)), ("dog", None)]), None, Some(vec![])] {
            for (key, value) in row.clone().unwrap_or_default() {
                maps.keys().append_value(key);
                maps.values().append_option(value);
            }
            maps.append(row.is_some()).unwrap();
        }
        let column: ArrayRef = Arc::new(maps.finish());
        let (keys, values) = LabelPath::of_map("labels", &schema("labels", &column)).unwrap();
        assert_eq!((keys.leaf_of(column.data_type()), values.leaf_of(column.data_type())), ((0, 2), (1, 2)));
        assert_eq!(held(&values.read(&column).unwrap()), [Some(vec![Some(1), None]), None, Some(vec![])]);
        let keys = keys.read(&column).unwrap();
        let first = keys.as_list::<i64>().value(0);
        assert_eq!(first.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("cat"), Some("dog")]);
    }
}
