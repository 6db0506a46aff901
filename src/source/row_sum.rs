//! A sum of rows that a program hands over, by which the same rows in the same batches are known again.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use sha2::{Digest as _, Sha256};

/// Bytes that are added at a time: a word for each lane.
const BLOCK: usize = 64;
/// An odd number: no two words lead to the same lane.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Adds up batches much faster than they are counted. It tells rows apart that differ by accident, not on purpose.
#[derive(Debug, Clone)]
pub(super) struct RowSum {
    lanes: [u64; BLOCK / 8],
    bytes: u64,
}

impl Default for RowSum {
    fn default() -> Self {
        Self { lanes: [1, 2, 3, 4, 5, 6, 7, 8], bytes: 0 }
    }
}

impl RowSum {
    /// Adds a batch.
    ///
    /// # Errors
    /// For types that no Arrow IPC stream holds.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        self.number(batch.num_rows() as u64);
        batch.columns().iter().try_for_each(|array| self.array(array))
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes so far, and their sum.
    pub(super) fn sum(&self) -> (u64, [u8; 32]) {
        let mut sum = Sha256::new();
        self.lanes.iter().chain([&self.bytes]).for_each(|number| sum.update(number.to_le_bytes()));
        (self.bytes, sum.finalize().into())
    }

    fn array(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        let width = array.data_type().primitive_width();
        if !matches!(array.data_type(), DataType::Boolean) && width.is_none() {
            return self.encoded(array);
        }
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        self.number(nulls.map_or(0, |nulls| nulls.null_count() as u64));
        if let Some(nulls) = nulls {
            self.bits(nulls.inner());
        }
        match width {
            None => self.bits(array.as_boolean().values()),
            Some(width) => {
                let data = array.to_data();
                let start = data.offset() * width;
                self.take(&data.buffers()[0][start..start + data.len() * width]);
            }
        }
        Ok(())
    }

    /// Adds an array of any type, as an Arrow IPC stream holds it.
    fn encoded(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        let schema = Schema::new(vec![Field::new("", array.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(schema.into(), vec![ArrayRef::clone(array)])?;
        let mut writer = StreamWriter::try_new(self, &batch.schema())?;
        writer.write(&batch)?;
        writer.finish()
    }

    fn bits(&mut self, bits: &BooleanBuffer) {
        let (bytes, whole) = (bits.sliced(), bits.len() / 8);
        self.take(&bytes[..whole]);
        // Behind the last bit may be anything.
        let rest = bits.len() % 8;
        self.number(if rest == 0 { 0 } else { u64::from(bytes[whole] & ((1 << rest) - 1)) });
    }

    fn number(&mut self, number: u64) {
        self.take(&number.to_le_bytes());
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| self.block(block));
        if !rest.is_empty() {
            let mut last = [0; BLOCK];
            last[..rest.len()].copy_from_slice(rest);
            self.block(&last);
        }
    }

    fn block(&mut self, block: &[u8; BLOCK]) {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in self.lanes.iter_mut().zip(words) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(29);
        }
    }
}

impl std::io::Write for RowSum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.take(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Int16Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn sum(arrays: Vec<ArrayRef>) -> [u8; 32] {
        let batch =
            RecordBatch::try_from_iter((b'a'..).map(char::from).map(String::from).zip(arrays)).unwrap();
        let mut sum = RowSum::default();
        sum.add(&batch).unwrap();
        sum.sum().1
    }

    fn bits(values: impl Iterator<Item = bool>) -> ArrayRef {
        Arc::new(values.map(Some).collect::<BooleanArray>())
    }

    #[test]
    fn the_same_rows_have_the_same_sum_wherever_they_begin() {
        let row = |row: usize| row.is_multiple_of(7);
        for (start, length) in [(0, 600), (1, 600), (3, 64), (8, 13), (599, 1), (600, 0)] {
            let alone = bits((start..start + length).map(row));
            assert_eq!(sum(vec![bits((0..1300).map(row)).slice(start, length)]), sum(vec![alone]), "{start}");
            let number = |at: usize| i16::try_from(at).ok();
            let whole: ArrayRef = Arc::new((0..1300).map(number).collect::<Int16Array>());
            let alone: ArrayRef = Arc::new((start..start + length).map(number).collect::<Int16Array>());
            assert_eq!(sum(vec![whole.slice(start, length)]), sum(vec![alone]), "{start}");
        }
    }

    #[test]
    fn other_rows_have_another_sum() {
        let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let list = |values: [i32; 2]| {
            let lists = [Some(values.map(Some)), None];
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)) as ArrayRef
        };
        let numbers = |values: [Option<i16>; 2]| Arc::new(Int16Array::from(values.to_vec())) as ArrayRef;
        let all = [
            sum(vec![bits([true].into_iter())]),
            sum(vec![bits([false].into_iter())]),
            sum(vec![bits([false, false].into_iter())]),
            sum(vec![bits((0..100).map(|row| row == 99))]),
            sum(vec![bits((0..100).map(|row| row == 98))]),
            sum(vec![bits([true].into_iter()), bits([false].into_iter())]),
            sum(vec![bits([false].into_iter()), bits([true].into_iter())]),
            sum(vec![numbers([Some(0), Some(1)])]),
            sum(vec![numbers([None, Some(1)])]),
            sum(vec![numbers([Some(1), None])]),
            sum(vec![texts(&["a", "b"])]),
            sum(vec![texts(&["ab", ""])]),
            sum(vec![list([1, 2])]),
            sum(vec![list([2, 1])]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{at}");
        }
        let (bytes, _) = RowSum::default().sum();
        assert_eq!(bytes, 0);
    }
}
