//! Where label columns lie in a shard.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use arrow::datatypes::{DataType, Field, SchemaRef};

use crate::source::schema::plain_type;
use crate::source::shards::Shard;

/// A column of the files, or a field within one: the name of the column, then of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaPath {
    /// As people name it.
    pub(crate) name: String,
    /// The fields below the column, if any: of a struct, or of the structs in a list.
    fields: Vec<String>,
}

impl SchemaPath {
    /// The column of this name.
    pub(crate) fn column(name: &str) -> Self {
        Self { name: name.to_owned(), fields: Vec::new() }
    }

    fn root(&self) -> &str {
        &self.name
    }
}

/// A label column in one shard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ColumnPlace {
    /// Its pages can be read: those of these leaves, which lie below column `root`.
    Leaves { leaves: Vec<usize>, root: usize },
    /// It is read as arrays, because of this.
    Arrays { root: usize, why: Cow<'static, str> },
    /// The shard has no such column.
    Absent,
}

impl ColumnPlace {
    /// The column of the shard.
    pub(crate) fn root(&self) -> Option<usize> {
        match self {
            Self::Leaves { root, .. } | Self::Arrays { root, .. } => Some(*root),
            Self::Absent => None,
        }
    }
}

/// The place of every label column, in their order. `agreed` has the types that all shards widen to.
pub(crate) fn places(shard: &Shard, columns: &[SchemaPath], agreed: &SchemaRef) -> Vec<ColumnPlace> {
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let fields = shard.schema.fields();
    let mut below: Vec<Range<usize>> = vec![0..0; fields.len()];
    for leaf in 0..descriptor.num_columns() {
        if let Some(leaves) = below.get_mut(descriptor.get_column_root_idx(leaf)) {
            *leaves = if Range::is_empty(leaves) { leaf } else { leaves.start }..leaf + 1;
        }
    }
    // A name that appears twice was refused for label columns.
    let roots: HashMap<&str, usize> =
        fields.iter().enumerate().map(|(i, f)| (f.name().as_str(), i)).collect();
    let place = |column: &SchemaPath| {
        let Some(&root) = roots.get(column.root()) else { return ColumnPlace::Absent };
        let own = fields[root].data_type();
        let same = agreed
            .field_with_name(column.root())
            .is_ok_and(|field| same_values(field.data_type(), &plain_type(own)));
        let arrays = |why| ColumnPlace::Arrays { root, why: Cow::Borrowed(why) };
        let Some(found) = leaves_below(own, &column.fields) else { return ColumnPlace::Absent };
        let first = below[root].start;
        match found.len() {
            1 if below[root].len() != leaf_count(own) => arrays("its schema is unusual"),
            1 if same => {
                ColumnPlace::Leaves { leaves: (first + found.start..first + found.end).collect(), root }
            }
            1 => arrays("its type differs between shards"),
            _ => arrays("it holds more than one value per element"),
        }
    };
    columns.iter().map(place).collect()
}

/// The leaves below the field that a path leads to from a column of this type, counted from the first leaf of
/// the column.
fn leaves_below(data_type: &DataType, path: &[String]) -> Option<Range<usize>> {
    let Some((name, rest)) = path.split_first() else { return Some(0..leaf_count(data_type)) };
    if let DataType::Struct(fields) = data_type {
        let at = fields.iter().position(|field| field.name() == name)?;
        let before: usize = fields.iter().take(at).map(|field| leaf_count(field.data_type())).sum();
        let found = leaves_below(fields[at].data_type(), rest)?;
        return Some(before + found.start..before + found.end);
    }
    leaves_below(element(data_type)?.data_type(), path)
}

fn leaf_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaf_count(field.data_type())).sum(),
        _ => element(data_type).map_or(1, |element| leaf_count(element.data_type())),
    }
}

/// What lists of any kind hold; of a map, its entries.
fn element(data_type: &DataType) -> Option<&Field> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::Map(field, _) => Some(field),
        _ => None,
    }
}

/// Whether two types hold the same values, whatever holds them.
fn same_values(a: &DataType, b: &DataType) -> bool {
    use DataType::{FixedSizeList, LargeList, List};
    match (a, b) {
        (List(x) | LargeList(x) | FixedSizeList(x, _), List(y) | LargeList(y) | FixedSizeList(y, _)) => {
            x.data_type() == y.data_type()
        }
        _ => a == b || (a.is_integer() && b.is_integer()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Fields;

    use super::*;

    #[test]
    fn paths_lead_to_leaves_through_structs_and_lists() {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let fields = |fields: Vec<Field>| DataType::Struct(Fields::from(fields));
        let list = |element| DataType::List(Arc::new(field("element", element)));
        let point = fields(vec![field("x", DataType::Int8), field("y", DataType::Int8)]);
        let objects = list(fields(vec![
            field("box", list(point)),
            field("category", DataType::Utf8),
            field("tags", list(DataType::Utf8)),
        ]));
        let leaves = |path: &[&str]| {
            leaves_below(&objects, &path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(leaf_count(&objects), 4);
        assert_eq!(leaves(&[]), Some(0..4));
        assert_eq!(leaves(&["box"]), Some(0..2));
        assert_eq!(leaves(&["box", "y"]), Some(1..2));
        assert_eq!(leaves(&["category"]), Some(2..3));
        assert_eq!(leaves(&["tags"]), Some(3..4));
        assert_eq!(leaves(&["category", "x"]), None);
        assert_eq!(leaves(&["label"]), None);
    }
}
