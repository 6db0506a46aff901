//! A piece of a shard, some of its row groups, counted by one thread.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::engine::plain::counter::Counter;
use crate::engine::read::chunks::RowGroupReader;
use crate::engine::scan::job::{ScanBuffers, ScanJob};
use crate::engine::scan::sink::CountSink;
use crate::engine::scan::tallies::PartialBatches;
use crate::error::Result;

/// Counts row group after row group, then gives partial counts.
pub(super) struct ScanPiece {
    job: Arc<ScanJob>,
    shard: usize,
    /// The row groups that are not counted; `None` when all are.
    groups: Option<RowGroupReader>,
    /// What this piece is counted with, later what is given.
    buffers: Option<ScanBuffers>,
    /// Counts the rows of `list`, `delimited`, `class` and `vector` that are read as arrays.
    arrays: Counter,
    ready: PartialBatches,
    /// Buffers of other threads whose counts are to be given too, once all row groups are counted.
    others: Vec<ScanBuffers>,
}

impl ScanPiece {
    pub(super) fn open(job: &Arc<ScanJob>, shard: usize, groups: Range<usize>) -> Result<Self> {
        Ok(Self {
            groups: Some(RowGroupReader::open(&job.chunks, shard, groups, job.chunks.ahead)?),
            buffers: Some(job.buffers()),
            arrays: Counter::new(Arc::clone(&job.counting)),
            ready: PartialBatches::default(),
            others: Vec::new(),
            job: Arc::clone(job),
            shard,
        })
    }

    /// The next partial counts, and what gives those after them; `None` at the end.
    pub(super) async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            let names = self.buffers.as_ref().map(|buffers| &buffers.tools.interner);
            if let Some(batch) = self.ready.next(names) {
                return Ok(Some((batch, self)));
            }
            if self.groups.is_some() {
                self.count_group().await?;
                continue;
            }
            if let Some(given) = self.buffers.take() {
                self.job.rest(given);
            }
            match self.others.pop() {
                Some(mut buffers) => {
                    self.ready.append(buffers.give(&self.job));
                    self.buffers = Some(buffers);
                }
                None if self.ready.is_empty() => return Ok(None),
                None => {}
            }
        }
    }

    async fn count_group(&mut self) -> Result<()> {
        let Some(groups) = &mut self.groups else { return Ok(()) };
        let mut buffers = self.buffers.take().unwrap_or_else(|| self.job.buffers());
        if buffers.has_many_names(&self.job) {
            buffers.tools.interner.clear();
        }
        let mut buffer = std::mem::take(&mut buffers.read);
        let mut sink = CountSink::new(&self.job, self.shard, &mut buffers, &mut self.arrays);
        let counted = groups.next(&mut buffer, &mut sink).await?;
        buffers.read = buffer;
        let Some(rows) = counted else {
            if let Some(groups) = self.groups.take() {
                groups.finish();
            }
            self.arrays.report(&self.job.chunks.progress.live);
            self.ready.push(self.arrays.take());
            self.others = self.job.put_back(buffers);
            self.job.end_piece(self.shard);
            return Ok(());
        };
        self.job.chunks.progress.add(rows);
        buffers.tell_if_asked(&self.job);
        self.arrays.tell_if_asked(&self.job.chunks.progress.live);
        if buffers.has_many_names(&self.job) {
            self.ready = buffers.give(&self.job);
        }
        if self.arrays.is_full() {
            self.arrays.report(&self.job.chunks.progress.live);
            self.ready.push(self.arrays.take());
        }
        self.buffers = Some(buffers);
        Ok(())
    }
}
