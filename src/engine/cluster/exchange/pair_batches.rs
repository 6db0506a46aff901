//! Pairs of row id and label as record batches, which machines count together.
//!
//! ```text
//! by_0 … │ id │ label_index │ label │ side
//! ───────┼────┼─────────────┼───────┼─────
//!  train │ 17 │           3 │       │    3   side of a pair
//!  train │ 17 │             │       │    1   the id occurs
//! ```

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder, UInt8Builder, UInt64Builder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::counts::Cell;
use crate::engine::counting::{Counting, Keys};
use crate::engine::pairs::ids::are_narrow;
use crate::engine::pairs::names::{LocalNumbers, SharedNumbers};
use crate::engine::pairs::reader::{self, PairReader, PairRows, refuse};
use crate::engine::partial::by_name;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// The columns of an id: 64 bits, or 128.
const IDS: [&str; 2] = ["id", "id_high"];

/// The columns that identify the row id of a pair.
pub(in crate::engine::cluster) fn id_columns(id: &DataType) -> &'static [&'static str] {
    if are_narrow(id) { &IDS[..1] } else { &IDS }
}

/// The number of a side. Of duplicate pairs, the one with the largest number counts.
pub(in crate::engine::cluster) fn side(cell: Cell) -> u8 {
    reader::side(cell)
}

/// The columns of pairs with `n_by` group columns and row ids of type `id`.
pub(in crate::engine::cluster) fn schema(n_by: usize, id: &DataType) -> SchemaRef {
    let mut fields: Vec<_> = (0..n_by).map(|i| Field::new(by_name(i), DataType::Utf8, true)).collect();
    fields.extend(id_columns(id).iter().map(|name| Field::new(*name, DataType::UInt64, false)));
    fields.push(Field::new("label_index", DataType::UInt64, true));
    fields.push(Field::new("label", DataType::Utf8, true));
    fields.push(Field::new("side", DataType::UInt8, false));
    Arc::new(Schema::new(fields))
}

/// Reads pairs from batches of `[id, label, value?, by…, shard]`.
pub(in crate::engine::cluster) struct PairLister {
    counting: Arc<Counting>,
    shards: Arc<[Shard]>,
    schema: SchemaRef,
    shared: Arc<SharedNumbers>,
    reader: PairReader,
}

impl PairLister {
    pub(in crate::engine::cluster) fn new(counting: &Arc<Counting>, shards: &[Shard], id: &DataType) -> Self {
        let (shared, shards): (_, Arc<[Shard]>) =
            (SharedNumbers::new(&counting.keys, counting.domain.spelling), shards.to_vec().into());
        let reader = PairReader::new(Arc::clone(counting), Arc::clone(&shards), LocalNumbers::new(&shared));
        let schema = schema(counting.by.len(), id);
        Self { counting: Arc::clone(counting), shards, schema, shared, reader }
    }

    /// The pairs of a batch, and one row without a label for each run of equal ids.
    pub(in crate::engine::cluster) fn pairs(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let PairRows { ids, said, .. } = self.reader.read(batch)?;
        let (groups, names) = (self.shared.groups(), self.shared.names());
        let open = matches!(self.counting.keys, Keys::Names(_));
        let mut by: Vec<StringBuilder> = self.counting.by.iter().map(|_| StringBuilder::new()).collect();
        let mut words = [UInt64Builder::new(), UInt64Builder::new()];
        let (mut index, mut name) = (UInt64Builder::new(), StringBuilder::new());
        let mut sides = UInt8Builder::new();
        let mut put = |id: u128, group: usize, label: Option<usize>, side: u8| {
            for (at, column) in by.iter_mut().enumerate() {
                column.append_option(groups.get(group).and_then(|key| key[at].as_deref()));
            }
            words[0].append_value(low(id));
            words[1].append_value(low(id >> 64));
            index.append_option(label.filter(|_| !open).map(|label| label as u64));
            name.append_option(label.filter(|_| open).and_then(|label| names.name(label)));
            sides.append_value(side);
        };
        let mut before = None;
        for (id, said) in ids.into_iter().zip(said) {
            if before != Some((id, said.group())) {
                before = Some((id, said.group()));
                put(id, said.group(), None, side(Cell::Negative));
            }
            let side = u8::try_from(said.side()).unwrap_or(0);
            if said.label().is_some() && side > 0 {
                put(id, said.group(), said.label(), side);
            }
        }
        let mut columns: Vec<ArrayRef> = by.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef).collect();
        let given = self.schema.fields().len() - by.len() - 3;
        columns.extend(words.iter_mut().take(given).map(|b| Arc::new(b.finish()) as ArrayRef));
        columns.push(Arc::new(index.finish()));
        columns.push(Arc::new(name.finish()));
        columns.push(Arc::new(sides.finish()));
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|cause| Error::internal(cause.to_string()))
    }

    /// Reports unknown labels; called after the last batch.
    ///
    /// # Errors
    /// [`Error::Input`] with every unknown label and its first shard.
    pub(in crate::engine::cluster) fn finish(self) -> Result<()> {
        refuse(&self.counting, &self.shards, self.reader.unknown)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low(id: u128) -> u64 {
    id as u64
}
