//! Blocks of bytes that machines send each other: each is a row, with a number that says which machine gets it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeBinaryArray, RecordBatch, UInt32Array};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::hash_utils::create_hashes;
use datafusion::physical_plan::repartition::REPARTITION_RANDOM_STATE;

use crate::error::{Error, Result};

/// The column by which rows are shuffled.
pub(in crate::engine::cluster) const PART: &str = "part";
const BLOCK: &str = "block";

/// The columns of blocks.
pub(in crate::engine::cluster) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new(PART, DataType::UInt32, false),
        Field::new(BLOCK, DataType::LargeBinary, false),
    ]))
}

/// A batch of one block.
pub(in crate::engine::cluster) fn batch(part: u32, block: Vec<u8>) -> Result<RecordBatch> {
    let offsets = OffsetBuffer::from_lengths([block.len()]);
    let blocks = LargeBinaryArray::try_new(offsets, Buffer::from_vec(block), None);
    let blocks = blocks.map_err(|cause| Error::internal(cause.to_string()))?;
    let columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(vec![part])), Arc::new(blocks)];
    RecordBatch::try_new(schema(), columns).map_err(|cause| Error::internal(cause.to_string()))
}

/// Calls `each` with every block of a batch.
pub(in crate::engine::cluster) fn read(
    batch: &RecordBatch,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let blocks = batch.column_by_name(BLOCK).and_then(|column| column.as_binary_opt::<i64>());
    let blocks = blocks.ok_or_else(damaged)?;
    (0..blocks.len()).try_for_each(|row| each(blocks.value(row)))
}

/// The error for a block that cannot be decoded.
pub(in crate::engine::cluster) fn damaged() -> Error {
    Error::internal("a block of an executor cannot be decoded")
}

/// The numbers of parts such that each part is one partition of a shuffle.
#[derive(Debug, Clone)]
pub(in crate::engine::cluster) struct PartNumbers(Vec<u32>);

impl PartNumbers {
    /// For this many parts, at least one.
    pub(in crate::engine::cluster) fn new(parts: usize) -> Result<Self> {
        /// Numbers that are tried, for each part: one in 10^11 parts has none.
        const TRIED: u32 = 32;
        let parts = parts.max(1);
        let all = u32::try_from(parts).ok().and_then(|parts| parts.checked_mul(TRIED));
        let all = all.ok_or_else(|| Error::internal("too many parts"))?;
        let numbers: ArrayRef = Arc::new(UInt32Array::from_iter_values(0..all));
        let mut hashes = vec![0; all as usize];
        // As the shuffle has it.
        create_hashes([&numbers], REPARTITION_RANDOM_STATE.random_state(), &mut hashes)
            .map_err(|cause| Error::internal(cause.to_string()))?;
        let mut chosen: Vec<Option<u32>> = vec![None; parts];
        for (number, hash) in (0..all).zip(hashes) {
            let place = usize::try_from(hash % parts as u64).unwrap_or(0);
            chosen[place].get_or_insert(number);
        }
        // A part without a number of its own shares one, which costs balance and nothing else.
        Ok(Self(chosen.into_iter().map(|number| number.unwrap_or(0)).collect()))
    }

    /// Whether it matters in which part something is.
    pub(in crate::engine::cluster) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// The number of part `part`, of one beyond them where it comes round.
    pub(in crate::engine::cluster) fn of(&self, part: u64) -> u32 {
        let place = usize::try_from(part % self.0.len() as u64).unwrap_or(0);
        self.0.get(place).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use datafusion::physical_expr::expressions::Column;
    use datafusion::physical_plan::Partitioning;
    use datafusion::physical_plan::metrics::Time;
    use datafusion::physical_plan::repartition::BatchPartitioner;

    use super::*;

    #[test]
    fn each_part_is_one_partition_of_a_shuffle() {
        for parts in [1, 2, 7, 64, 256] {
            let numbers = PartNumbers::new(parts).unwrap();
            let hash = Partitioning::Hash(vec![Arc::new(Column::new(PART, 0))], parts);
            let mut partitioner = BatchPartitioner::try_new(hash, Time::new(), 0, 1).unwrap();
            let mut seen = HashSet::new();
            for part in 0..parts as u64 {
                let one = batch(numbers.of(part), vec![1, 2, 3]).unwrap();
                let to = |partition, _| {
                    seen.insert(partition);
                    Ok(())
                };
                partitioner.partition(one, to).unwrap();
            }
            assert_eq!(seen.len(), parts);
            assert_eq!(numbers.of(parts as u64), numbers.of(0));
        }
    }

    #[test]
    fn blocks_are_read_as_they_were_sent() {
        let mut blocks = Vec::new();
        read(&batch(3, vec![1, 2]).unwrap(), |block| {
            blocks.push(block.to_vec());
            Ok(())
        })
        .unwrap();
        assert_eq!(blocks, [[1, 2]]);
    }
}
