//! Where label columns lie in a shard.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::datatypes::{DataType, SchemaRef};

use crate::source::schema::plain_type;
use crate::source::shards::Shard;

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

    /// Leaves pages of a shard with deleted rows to the array reader.
    pub(crate) fn as_arrays(&mut self) {
        if let Self::Leaves { root, .. } = self {
            *self = Self::Arrays { root: *root, why: Cow::Borrowed("rows of a shard are deleted") };
        }
    }
}

/// The place of every column, in their order. `agreed` has the types that all shards widen to.
pub(crate) fn places(shard: &Shard, columns: &[String], agreed: &SchemaRef) -> Vec<ColumnPlace> {
    let (fields, below) = (shard.schema.fields(), shard.leaves());
    // A name that appears twice was refused for label columns.
    let by_name: HashMap<&str, usize> =
        fields.iter().enumerate().map(|(i, f)| (f.name().as_str(), i)).collect();
    let agreed: HashMap<&str, &DataType> =
        agreed.fields().iter().rev().map(|field| (field.name().as_str(), field.data_type())).collect();
    let place = |column: &String| {
        let Some(&root) = by_name.get(column.as_str()) else { return ColumnPlace::Absent };
        let own = fields[root].data_type();
        let same = agreed.get(column.as_str()).is_some_and(|agreed| same_values(agreed, &plain_type(own)));
        let arrays = |why| ColumnPlace::Arrays { root, why: Cow::Borrowed(why) };
        match below[root].len() {
            0 => arrays("its schema is unusual"),
            1 if same => ColumnPlace::Leaves { leaves: vec![below[root].start], root },
            1 => arrays("its type differs between shards"),
            _ => arrays("it holds more than one value per element"),
        }
    };
    columns.iter().map(place).collect()
}

/// The place of one column.
pub(crate) fn place(shard: &Shard, column: &str, agreed: &SchemaRef) -> ColumnPlace {
    let mut all = places(shard, &[column.to_owned()], agreed);
    all.pop().unwrap_or(ColumnPlace::Absent)
}

/// The place of labels with the values beside them.
pub(crate) fn beside(shard: &Shard, labels: ColumnPlace, values: &ColumnPlace) -> ColumnPlace {
    let path = |root: usize| shard.nested_at(root).map(|(_, path)| path);
    match (labels, values) {
        (ColumnPlace::Leaves { mut leaves, root }, ColumnPlace::Leaves { leaves: more, root: other }) => {
            if path(root).zip(path(*other)).is_some_and(|(labels, values)| labels.is_beside(values)) {
                leaves.extend(more);
                return ColumnPlace::Leaves { leaves, root };
            }
            ColumnPlace::Arrays { root, why: Cow::Borrowed("its values are in other lists") }
        }
        (ColumnPlace::Leaves { root, .. }, ColumnPlace::Arrays { why, .. }) => {
            ColumnPlace::Arrays { root, why: why.clone() }
        }
        (ColumnPlace::Leaves { root, .. }, ColumnPlace::Absent) => {
            ColumnPlace::Arrays { root, why: Cow::Borrowed("it has no values") }
        }
        (labels, _) => labels,
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
