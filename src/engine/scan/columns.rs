//! Where the label columns lie in a shard.

use std::collections::HashMap;

use arrow::datatypes::{DataType, SchemaRef};

use crate::source::schema::plain_type;
use crate::source::shards::Shard;

/// A label column in one shard.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) enum Place {
    /// Its pages can be counted: the leaf that has them.
    Leaf { leaf: usize, root: usize },
    /// It is read as arrays, because of this.
    Arrays { root: usize, why: &'static str },
    /// The shard has no such column.
    Absent,
}

/// The place of every label column, in their order. `agreed` has the types that all shards widen to.
pub(in crate::engine) fn places(shard: &Shard, labels: &[String], agreed: &SchemaRef) -> Vec<Place> {
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let fields = shard.schema.fields();
    let mut leaves: Vec<(usize, usize)> = vec![(0, 0); fields.len()];
    for leaf in 0..descriptor.num_columns() {
        if let Some((first, count)) = leaves.get_mut(descriptor.get_column_root_idx(leaf)) {
            *first = if *count == 0 { leaf } else { *first };
            *count += 1;
        }
    }
    // A name that stands twice was refused for label columns.
    let roots: HashMap<&str, usize> =
        fields.iter().enumerate().map(|(i, f)| (f.name().as_str(), i)).collect();
    labels
        .iter()
        .map(|label| {
            let Some(&root) = roots.get(label.as_str()) else { return Place::Absent };
            let same = agreed
                .field_with_name(label)
                .is_ok_and(|field| same_values(field.data_type(), &plain_type(fields[root].data_type())));
            match leaves[root] {
                (leaf, 1) if same => Place::Leaf { leaf, root },
                (_, 1) => Place::Arrays { root, why: "its type differs between shards" },
                _ => Place::Arrays { root, why: "it holds more than one value per element" },
            }
        })
        .collect()
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
