//! How large a job is, and so into how many tasks and parts it is cut.

use std::collections::BTreeSet;

use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::order::PieceOutput;
use crate::engine::cluster::sizes::{COUNTS, TASK_BYTES, TASKS, parts};
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
    /// Labels where they are known, and values of label columns: no task can have counts of more labels.
    labels: Option<u64>,
    values: u64,
}

impl JobSize {
    /// Of a job over the shards that are `kept`.
    pub(super) fn of(dataset: &Dataset, counting: &Counting, kept: Vec<bool>) -> Result<Self> {
        let columns: BTreeSet<&str> = counting
            .layout
            .columns()
            .chain(counting.by.iter().map(String::as_str))
            .chain(counting.sample_weight.as_deref())
            .collect();
        let (mut shards, mut rows, mut bytes, mut values) = (0, 0_u64, 0_u64, 0_u64);
        for (shard, _) in dataset.shards.iter().zip(&kept).filter(|(_, kept)| **kept) {
            (shards, rows) = (shards + 1, rows.saturating_add(shard.rows));
            let shard = shard.with_footer()?;
            let chunks = shard.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
            let root = |chunk: &ColumnChunkMetaData| chunk.column_path().parts().first().cloned();
            for chunk in
                chunks.filter(|chunk| root(chunk).is_some_and(|root| columns.contains(root.as_str())))
            {
                bytes = bytes.saturating_add(chunk.compressed_size().try_into().unwrap_or(0));
                values = values.saturating_add(chunk.num_values().try_into().unwrap_or(0));
            }
        }
        let labels = match &counting.keys {
            Keys::Positions(labels) => Some(labels.len() as u64),
            Keys::Vocabulary(vocabulary) => Some(vocabulary.labels().len() as u64),
            Keys::Indices(labels) => *labels,
            Keys::Names(_) => None,
        };
        let [least, most] = TASKS;
        let tasks = (bytes / TASK_BYTES).clamp(least.min(shards), most);
        Ok(Self { kept, rows, tasks: usize::try_from(tasks).unwrap_or(1), labels, values })
    }

    /// Parts in which the counts of `tasks` tasks are merged: one where the client adds them up by itself.
    fn count_parts(&self, tasks: usize) -> usize {
        let of_labels = self.labels.map_or(u64::MAX, |labels| labels.saturating_mul(tasks as u64));
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
