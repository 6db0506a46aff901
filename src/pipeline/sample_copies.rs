//! The sampled shards: `sampled/NAME`, and for each fold `sampled/fold=FOLD/NAME`, where `--fold-column` may name it otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;

use super::opening::Opened;
use super::plan::Plan;
use super::sampling::Sampling;
use crate::artifact::plan_copy::{CopiedRows, OriginalShard, RowCopy, copy_shard};
use crate::artifact::publish::{StagedFile, Staging};
use crate::counts::LabelCounts;
use crate::engine::sampling::{LabelRemover, SamplingPlan};
use crate::error::{Error, Result};
use crate::sampling::remedial::Remedial;
use crate::sampling::{Method, Rarity};
use crate::source::int96::for_copy;
use crate::source::names::of_copy;
use crate::source::shards::Shard;

/// Bytes of a row group that wait to be written, at least and at most.
const GROUP_BYTES: (usize, usize) = (1 << 20, 64 << 20);

/// What copies are made with.
#[derive(Debug)]
pub(super) struct Copies {
    shards: Arc<Vec<Shard>>,
    /// How labels are removed, and which go to the second copy; `remedial` only.
    edit: Option<(LabelRemover, Remedial)>,
    group_bytes: usize,
}

impl Copies {
    /// Of shards whose rows were counted.
    pub(super) fn new(
        plan: &Plan,
        sampling: &Sampling,
        opened: &Opened,
        counts: &LabelCounts,
    ) -> Result<Self> {
        let edit = match sampling.method {
            Method::Remedial { one_sided } => {
                let counting = Arc::new(opened.counting.knowing(counts.labels()));
                let remedial = Remedial::new(&Rarity::of(counts), one_sided);
                Some((LabelRemover::new(counting, &opened.dataset.schema)?, remedial))
            }
            _ => None,
        };
        let share = plan.count.limits.pool_bytes() / plan.count.limits.threads.max(1) / 2;
        let group_bytes = share.clamp(GROUP_BYTES.0, GROUP_BYTES.1);
        Ok(Self { shards: Arc::clone(&opened.dataset.shards), edit, group_bytes })
    }

    /// Writes the rows that were `planned` of the shards called `names`, `expected` of them, in a folder for each of
    /// `folds`, which begins with the name of their column.
    pub(super) fn write(
        &self,
        planned: &SamplingPlan,
        names: &[String],
        (column, folds): (&str, &[(String, f64)]),
        expected: u64,
        staging: &mut Staging,
        threads: usize,
    ) -> Result<()> {
        let written = AtomicU64::new(0);
        let parts: Vec<(String, CopiedRows)> = if folds.is_empty() {
            let rows = if self.edit.is_some() { CopiedRows::Split } else { CopiedRows::Repeated };
            vec![(String::new(), rows)]
        } else {
            let numbered = folds.iter().zip(0..);
            numbered
                .map(|((name, _), fold)| (format!("{column}={name}/"), CopiedRows::OfFold(fold)))
                .collect()
        };
        let wanted = parts.iter().flat_map(|(folder, rows)| {
            let written = &written;
            self.shards.iter().enumerate().map(move |(number, shard)| StagedFile {
                name: format!("sampled/{folder}{}", of_copy(&names[number])),
                write: Box::new(move |out| {
                    let whole = shard.with_footer()?;
                    let read = for_copy(&shard.place, &whole.metadata);
                    let (reader, columns) = read.map_err(|error| error.at(&shard.name))?;
                    let original = OriginalShard {
                        place: &shard.place,
                        name: &shard.name,
                        reader: &reader,
                        columns: &columns,
                    };
                    let decisions = planned.decided.of_shard(number);
                    let edit = |batch: &RecordBatch, copies: &[RowCopy]| self.edited(batch, copies);
                    let edit = self.edit.is_some().then_some(&edit as &_);
                    let rows = copy_shard(out, &original, decisions, *rows, edit, self.group_bytes)?;
                    written.fetch_add(rows, Ordering::Relaxed);
                    Ok(())
                }),
            })
        });
        staging.files(wanted.collect(), threads)?;
        self.shards.iter().try_for_each(Shard::check_unchanged)?;
        let written = written.into_inner();
        if written != expected {
            return Err(Error::internal(format!("{written} rows were copied, {expected} planned")));
        }
        Ok(())
    }

    /// Rows without the labels that belong to their other copy.
    fn edited(&self, batch: &RecordBatch, copies: &[RowCopy]) -> Result<RecordBatch> {
        let Some((edit, remedial)) = &self.edit else { return Ok(batch.clone()) };
        edit.apply(batch, &|row, label| match copies[row] {
            RowCopy::Whole => false,
            RowCopy::Majority => remedial.is_minority(label),
            RowCopy::Minority => !remedial.is_minority(label),
        })
    }
}
