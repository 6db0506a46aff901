//! A piece of a shard, some of its row groups, counted by one thread.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{Field, Schema};

use super::columns::{Place, places};
use super::fallback;
use super::job::{Hand, Job, Tools};
use super::labels::{Labels, cell};
use super::paths::Tried;
use super::reads::{self, Read, Wanted};
use super::tallies::{Giving, Tallies};
use crate::counts::Cell;
use crate::engine::plain::{Counter, tally_column};
use crate::error::{Error, Result};
use crate::pages::{Chunk, FlatCount, Outcome, constant, count_flat, count_sets, count_vector};
use crate::source::layout::LayoutKind;

/// Names kept by a thread; above, they are given out and forgotten.
const NAME_BYTES_MAX: usize = 16 << 20;

/// Counts row group after row group, then gives partial counts.
pub(super) struct Piece {
    job: Arc<Job>,
    shard: usize,
    groups: Range<usize>,
    places: Vec<Place>,
    file: File,
    hand: Hand,
    tallies: Tallies,
    /// Counts the rows of `list`, `delimited`, `class` and `vector` that are read as arrays.
    arrays: Counter,
    tried: Vec<Tried>,
    giving: Option<Giving>,
}

impl Piece {
    pub(super) fn open(job: &Arc<Job>, shard: usize, groups: Range<usize>) -> Result<Self> {
        let labels = &job.counting.layout.labels;
        let at = &job.shards[shard];
        Ok(Self {
            places: places(at, labels, &job.agreed),
            file: File::open(&at.path).map_err(|cause| Error::reading(&at.path, &cause))?,
            hand: job.hand(),
            tallies: Tallies::new(job),
            arrays: Counter::new(Arc::clone(&job.counting)),
            tried: vec![Tried::default(); labels.len()],
            giving: None,
            job: Arc::clone(job),
            shard,
            groups,
        })
    }

    /// The next partial counts, and what gives those after them; `None` at the end.
    pub(super) async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            if let Some(giving) = &mut self.giving {
                if let Some(batch) = giving.next(&self.job, &self.job.keys[self.shard], &self.hand) {
                    return Ok(Some((batch, self)));
                }
                self.giving = None;
                if self.hand.tools.interner.name_bytes() > NAME_BYTES_MAX {
                    self.hand.tools.interner.clear();
                }
            } else if let Some(group) = self.groups.next() {
                self.count_group(group).await?;
                let full = self.hand.tools.interner.name_bytes() > NAME_BYTES_MAX || self.arrays.is_full();
                if full || self.groups.is_empty() {
                    let mut giving = self.tallies.take(&self.job, self.shard, &mut self.hand);
                    giving.push(self.arrays.take());
                    self.giving = Some(giving);
                }
            } else {
                self.job.paths.add(&self.tried);
                self.job.put_back(self.hand);
                return Ok(None);
            }
        }
    }

    async fn count_group(&mut self, group: usize) -> Result<()> {
        let job = Arc::clone(&self.job);
        let layout = job.counting.layout.kind;
        let metadata = job.shards[self.shard].metadata.row_group(group);
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let mut wanted = Vec::new();
        for column in 0..self.places.len() {
            match self.places[column] {
                Place::Absent => self.tallies.add_absent(column, rows, layout),
                Place::Arrays { root, why } => self.read_arrays(group, column, root, why)?,
                Place::Leaf { leaf, .. } => {
                    if !self.trust(group, column, leaf) {
                        wanted.push(Wanted { column, leaf });
                    }
                }
            }
        }
        for read in reads::plan(metadata, &wanted) {
            self.count_read(group, rows, &read)?;
            // Lets a cancelled run end, and other tasks of this thread go on.
            tokio::task::yield_now().await;
        }
        if layout == LayoutKind::Wide {
            self.tallies.rows += rows;
        }
        job.progress.add(rows);
        Ok(())
    }

    /// Takes the statistics of a chunk for its values, where that was asked for and they tell all.
    fn trust(&mut self, group: usize, column: usize, leaf: usize) -> bool {
        let counting = &self.job.counting;
        if !counting.trust_statistics || counting.layout.kind != LayoutKind::Wide {
            return false;
        }
        let metadata = &self.job.shards[self.shard].metadata;
        let Some(constant) = constant(metadata.row_group(group).column(leaf)) else { return false };
        let cell = constant.value.map_or(Cell::Missing, |value| cell(counting.domain(column), value));
        self.tallies.add_constant(column, constant, cell);
        self.tried[column].statistics += 1;
        true
    }

    fn count_read(&mut self, group: usize, rows: u64, read: &Read) -> Result<()> {
        let job = Arc::clone(&self.job);
        let counting = &*job.counting;
        let shard = &job.shards[self.shard];
        let mut again = Vec::new();
        let bytes = read.fetch(shard, &mut self.file, &mut self.hand.buffer)?;
        for (Wanted { column, leaf }, range) in &read.chunks {
            let chunk = Chunk {
                bytes: &bytes[range.clone()],
                meta: shard.metadata.row_group(group).column(*leaf),
                rows,
            };
            let Tools { workspace, interner, counter } = &mut self.hand.tools;
            let tallies = &mut self.tallies;
            let outcome = match counting.layout.kind {
                LayoutKind::Wide => {
                    let domain = counting.domain(*column);
                    let outcome = count_flat(&chunk, workspace, &|value| cell(domain, value));
                    outcome.map(|outcome| outcome.map(|count| tallies.add_flat(*column, count)))
                }
                LayoutKind::Vector => {
                    let cell = |position: usize, value: crate::pages::Value<'_>| {
                        cell(counting.domain(position), value)
                    };
                    let outcome = count_vector(&chunk, workspace, &cell, &mut tallies.labels);
                    outcome.map(|outcome| outcome.map(|count| tallies.add_vector(count)))
                }
                _ => {
                    let outcome = count_sets(&chunk, workspace, &mut Labels { counting, interner }, counter);
                    outcome.map(|outcome| outcome.map(|count| tallies.add_sets(count)))
                }
            };
            match outcome.map_err(|error| place(&job, self.shard, error, *column))? {
                Outcome::Counted(()) => self.tried[*column].encoded += 1,
                Outcome::Unsupported(why) => again.push((*column, why)),
            }
        }
        for (column, why) in again {
            if let Place::Leaf { root, .. } = self.places[column] {
                self.read_arrays(group, column, root, &why)?;
            }
        }
        Ok(())
    }

    /// Counts one column of one row group the plain way.
    fn read_arrays(&mut self, group: usize, column: usize, root: usize, why: &str) -> Result<()> {
        self.tried[column].fell_back(why);
        let job = Arc::clone(&self.job);
        let shard = &job.shards[self.shard];
        let name = &job.counting.layout.labels[column];
        let field = job.agreed.field_with_name(name).map_err(|cause| Error::internal(cause.to_string()))?;
        let outcome = fallback::arrays(shard, group, root, field.data_type(), |array| {
            if job.counting.layout.kind == LayoutKind::Wide {
                let (tally, first_invalid) = tally_column(&array, column, &job.counting)?;
                self.tallies.add_flat(column, FlatCount { tally, first_invalid });
                return Ok(());
            }
            self.arrays.update(&self.as_rows(array)?)
        });
        outcome.map_err(|error| place(&job, self.shard, error, column))
    }

    /// `[label column, by…, shard]`, as [`Counter`] takes them.
    fn as_rows(&self, array: ArrayRef) -> Result<RecordBatch> {
        let rows = array.len();
        let shard = u32::try_from(self.shard).map_err(|_| Error::internal("more than 2^32 shards"))?;
        let mut columns = vec![array];
        for value in &self.job.keys[self.shard] {
            columns.push(Arc::new(StringArray::from(vec![value.as_deref(); rows])));
        }
        columns.push(Arc::new(UInt32Array::from(vec![shard; rows])));
        let field =
            |(i, column): (usize, &ArrayRef)| Field::new(i.to_string(), column.data_type().clone(), true);
        let schema = Schema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), columns).map_err(|cause| Error::internal(cause.to_string()))
    }
}

/// Puts shard and column in front of what is wrong with one of its chunks.
fn place(job: &Job, shard: usize, error: Error, column: usize) -> Error {
    error.at(format!("{}: column {:?}", job.shards[shard].name(), job.counting.layout.labels[column]))
}
