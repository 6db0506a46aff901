//! How large a job is, and so into how many tasks and parts it is cut.

use std::collections::BTreeSet;

use parquet::basic::Encoding;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use super::order::PieceOutput;
use crate::engine::cluster::sizes::{COUNTS, parts, tasks};
use crate::engine::counting::{Counting, Keys};
use crate::engine::dataset::Dataset;
use crate::error::Result;

/// Target for the pairs that one task counts.
const PAIRS: u64 = 1 << 21;

/// The size of a job.
#[derive(Debug)]
pub(super) struct JobSize {
    /// The shards that are read.
    pub(super) kept: Vec<bool>,
    pub(super) rows: u64,
    /// Tasks that read shards.
    pub(super) tasks: usize,
    /// About how many labels there are, and how many values of label columns: no task can have counts of more labels.
    labels: u64,
    values: u64,
}

impl JobSize {
    /// Of a job over the shards that are `kept`.
    pub(super) fn of(dataset: &Dataset, counting: &Counting, kept: Vec<bool>) -> Result<Self> {
        let layout = &counting.layout;
        let columns: BTreeSet<&str> = layout
            .columns()
            .chain(counting.by.iter().map(String::as_str))
            .chain(counting.sample_weight.as_deref())
            .collect();
        let known = match &counting.keys {
            Keys::Positions(labels) => Some(labels.len() as u64),
            Keys::Vocabulary(vocabulary) => Some(vocabulary.labels().len() as u64),
            Keys::Indices(labels) => *labels,
            Keys::Names(_) => None,
        };
        // Footers do not say how many labels each group has.
        let known = known.or((!counting.by.is_empty()).then_some(u64::MAX));
        let (mut shards, mut rows, mut bytes, mut values, mut found) = (0, 0_u64, 0_u64, 0_u64, 0);
        for (shard, _) in dataset.shards.iter().zip(&kept).filter(|(_, kept)| **kept) {
            (shards, rows) = (shards + 1, rows.saturating_add(shard.rows));
            let shard = shard.with_footer()?;
            for (field, leaves) in shard.schema.fields().iter().zip(shard.leaves()) {
                let name = field.name().as_str();
                if !columns.contains(name) {
                    continue;
                }
                let is_sought = known.is_none() && layout.labels.iter().any(|label| label == name);
                let groups = shard.metadata.row_groups().iter();
                for chunk in groups.flat_map(|group| leaves.clone().map(|leaf| group.column(leaf))) {
                    bytes = bytes.saturating_add(number(chunk.compressed_size()));
                    values = values.saturating_add(number(chunk.num_values()));
                    found = found.max(if is_sought { labels_in(chunk, &counting.keys) } else { 0 });
                }
            }
        }
        let (tasks, labels) = (places(tasks(shards, bytes, values)), known.unwrap_or(found));
        Ok(Self { kept, rows, tasks, labels, values })
    }

    /// Parts in which the counts of `tasks` tasks are merged: one where the client adds them up by itself.
    fn count_parts(&self, tasks: usize) -> usize {
        let of_labels = self.labels.saturating_mul(tasks as u64);
        places(parts(of_labels.min(self.values), COUNTS))
    }

    /// Counts of labels.
    pub(super) fn counts(&self) -> PieceOutput {
        PieceOutput::Counts { parts: self.count_parts(self.tasks) }
    }

    /// Pairs of row id and label.
    pub(super) fn pairs(&self) -> PieceOutput {
        let parts = places(parts(self.rows, PAIRS)).next_power_of_two();
        PieceOutput::Pairs { rows: self.rows, parts, count_parts: self.count_parts(parts) }
    }
}

fn places(number: u64) -> usize {
    usize::try_from(number).unwrap_or(1)
}

/// What a footer claims.
fn number(claimed: i64) -> u64 {
    claimed.try_into().unwrap_or(0)
}

/// About how many labels a chunk has, at most: an entry of a dictionary takes a byte or more, and indices begin with 0.
fn labels_in(chunk: &ColumnChunkMetaData, keys: &Keys) -> u64 {
    let entries = || {
        let pages = chunk.page_encoding_stats_mask()?;
        let all =
            [Encoding::RLE_DICTIONARY, Encoding::PLAIN_DICTIONARY].map(|encoding| pages.is_only(encoding));
        let start = chunk.dictionary_page_offset().filter(|_| all.contains(&true))?;
        Some(number(chunk.data_page_offset().saturating_sub(start)))
    };
    let largest = match (keys, chunk.statistics()) {
        (Keys::Indices(_), Some(Statistics::Int32(of))) => {
            of.max_opt().and_then(|max| u64::try_from(*max).ok())
        }
        (Keys::Indices(_), Some(Statistics::Int64(of))) => {
            of.max_opt().and_then(|max| u64::try_from(*max).ok())
        }
        _ => None,
    };
    let bounds = [entries(), largest.map(|largest| largest.saturating_add(1))];
    bounds.into_iter().flatten().fold(number(chunk.num_values()), u64::min)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::counts::NameOrder;

    /// [`labels_in`] of a file with one column.
    fn labels(column: ArrayRef, keys: &Keys, has_dictionary: bool) -> u64 {
        let batch = RecordBatch::try_from_iter([("label", column)]).unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(has_dictionary).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        labels_in(reader.metadata().row_group(0).column(0), keys)
    }

    #[test]
    fn footers_say_about_how_many_labels_there_are() {
        let (rows, distinct) = (50_000_i32, 100_i32);
        let indices = || Arc::new((0..rows).map(|row| row % distinct).collect::<Int32Array>()) as ArrayRef;
        let names =
            || Arc::new((0..rows).map(|row| Some(format!("l{}", row % distinct))).collect::<StringArray>());
        let (all, few) = (u64::try_from(rows).unwrap(), 100..2000);
        let by_name = Keys::Names(NameOrder::Name);
        assert!(few.contains(&labels(names(), &by_name, true)));
        assert_eq!(labels(names(), &by_name, false), all);
        for has_dictionary in [true, false] {
            assert_eq!(labels(indices(), &Keys::Indices(None), has_dictionary), 100);
        }
        assert!(few.contains(&labels(indices(), &by_name, true)));
        let negative = Arc::new(Int32Array::from(vec![-1; 3])) as ArrayRef;
        assert_eq!(labels(negative, &Keys::Indices(None), false), 3);
    }
}
