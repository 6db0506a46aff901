//! A piece of a shard, some of its row groups, counted by one thread.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{Field, Schema};

use super::ahead::Ahead;
use super::choice::{self, Choice};
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
use crate::pages::{
    Chunk, ChunkOutcome as Outcome, Constant, FlatCount, constant, count_flat, count_flat_pages, count_sets,
    count_vector,
};
use crate::source::layout::LayoutKind;
use crate::store::Reader;

/// Where the bytes of a piece come from.
enum Source {
    /// A file, read when bytes are needed.
    Near(Reader),
    /// An object, whose reads are asked for before.
    Far(Box<Far>),
}

/// What is read of an object.
struct Far {
    ahead: Ahead,
    /// Row groups of which nothing was asked for.
    groups: Range<usize>,
    /// The reads of the next row groups to count.
    planned: VecDeque<Vec<Read>>,
    /// Those of them that were not asked for.
    waiting: VecDeque<Read>,
}

/// Counts row group after row group, then gives partial counts.
pub(super) struct Piece {
    job: Arc<Job>,
    shard: usize,
    groups: Range<usize>,
    places: Vec<Place>,
    source: Source,
    /// What this piece is counted with, later what is given.
    hand: Option<Hand>,
    /// Counts the rows of `list`, `delimited`, `class` and `vector` that are read as arrays.
    arrays: Counter,
    /// Of the row group at hand, the pages of columns that not all have to be decoded.
    choice: Choice,
    tried: Vec<Tried>,
    giving: Giving,
    /// Hands whose counts are to be given too, once all row groups are counted.
    others: Option<Vec<Hand>>,
}

impl Piece {
    pub(super) fn open(job: &Arc<Job>, shard: usize, groups: Range<usize>) -> Result<Self> {
        let labels = &job.counting.layout.labels;
        let at = &job.shards[shard];
        let source = match at.place.object() {
            None => Source::Near(at.place.open().map_err(|cause| at.place.failed(&cause))?),
            Some(object) => Source::Far(Box::new(Far {
                ahead: Ahead::new(object.clone(), job.ahead_bytes),
                groups: groups.clone(),
                planned: VecDeque::new(),
                waiting: VecDeque::new(),
            })),
        };
        Ok(Self {
            places: places(at, labels, &job.agreed),
            source,
            hand: Some(job.hand()),
            arrays: Counter::new(Arc::clone(&job.counting)),
            choice: Choice::default(),
            tried: vec![Tried::default(); labels.len()],
            giving: Giving::default(),
            others: None,
            job: Arc::clone(job),
            shard,
            groups,
        })
    }

    /// The next partial counts, and what gives those after them; `None` at the end.
    pub(super) async fn next(mut self) -> Result<Option<(RecordBatch, Self)>> {
        loop {
            let names = self.hand.as_ref().map(|hand| &hand.tools.interner);
            if let Some(batch) = self.giving.next(&self.job.keys[self.shard], names) {
                return Ok(Some((batch, self)));
            }
            if let Some(group) = self.groups.next() {
                let mut hand = self.hand.take().unwrap_or_else(|| self.job.hand());
                if hand.has_many_names(&self.job) {
                    hand.tools.interner.clear();
                }
                self.count_group(group, &mut hand).await?;
                if hand.has_many_names(&self.job) {
                    self.giving = hand.give(&self.job, self.shard);
                }
                if self.arrays.is_full() {
                    self.giving.push(self.arrays.take());
                }
                self.hand = Some(hand);
                continue;
            }
            let others = self.others.get_or_insert_with(|| {
                self.job.paths.add(&self.tried);
                self.giving.push(self.arrays.take());
                self.hand.take().map_or_else(Vec::new, |hand| self.job.put_back(hand))
            });
            if let Some(given) = self.hand.take() {
                self.job.rest(given);
            }
            match others.pop() {
                Some(mut hand) => {
                    self.giving.append(hand.give(&self.job, self.shard));
                    self.hand = Some(hand);
                }
                None if self.giving.is_empty() => return Ok(None),
                None => {}
            }
        }
    }

    async fn count_group(&mut self, group: usize, hand: &mut Hand) -> Result<()> {
        let job = Arc::clone(&self.job);
        let layout = job.counting.layout.kind;
        let metadata = job.shards[self.shard].metadata.row_group(group);
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        let reads = self.plan(group, hand)?;
        for column in 0..self.places.len() {
            match self.places[column] {
                Place::Absent => hand.tallies.add_absent(column, rows, layout),
                Place::Arrays { root, why } => self.read_arrays(group, column, root, why, hand)?,
                Place::Leaf { leaf, .. } => self.trust(group, column, leaf, hand),
            }
        }
        for read in reads {
            match &mut self.source {
                Source::Near(file) => {
                    let mut buffer = std::mem::take(&mut hand.buffer);
                    let bytes = read.fetch(&job.shards[self.shard], file, &mut buffer)?;
                    self.count_read(group, rows, &read, bytes, hand)?;
                    hand.buffer = buffer;
                    // Lets a cancelled run end, and other tasks of this thread go on.
                    tokio::task::yield_now().await;
                }
                Source::Far(far) => {
                    let bytes = far.ahead.next().await?;
                    self.ask_ahead()?;
                    self.count_read(group, rows, &read, &bytes, hand)?;
                }
            }
        }
        if layout == LayoutKind::Wide {
            hand.tallies.rows += rows;
        }
        job.progress.add(rows);
        Ok(())
    }

    /// The reads of the next row group.
    fn plan(&mut self, group: usize, hand: &mut Hand) -> Result<Vec<Read>> {
        let wanted = self.wanted(group);
        if let Source::Near(file) = &mut self.source {
            let shard = &self.job.shards[self.shard];
            let metadata = shard.metadata.row_group(group);
            if !self.job.trusts_statistics() {
                return Ok(reads::plan(metadata, &wanted, false));
            }
            let index_bytes;
            (self.choice, index_bytes) = choice::choose(shard, group, &wanted, file, &mut hand.buffer)?;
            self.job.progress.add_bytes(index_bytes);
            return Ok(choice::plan(metadata, &wanted, &self.choice));
        }
        self.ask_ahead()?;
        match &mut self.source {
            Source::Far(far) => {
                far.planned.pop_front().ok_or_else(|| Error::internal("a row group was not planned"))
            }
            Source::Near(_) => Ok(Vec::new()),
        }
    }

    /// The chunks of a row group that their statistics leave to be counted.
    fn wanted(&self, group: usize) -> Vec<Wanted> {
        let places = self.places.iter().enumerate();
        let wanted = places.filter_map(|(column, place)| match *place {
            Place::Leaf { leaf, .. } if self.constant(group, leaf).is_none() => Some(Wanted { column, leaf }),
            _ => None,
        });
        wanted.collect()
    }

    /// Asks for as many of the next reads as there may be.
    fn ask_ahead(&mut self) -> Result<()> {
        loop {
            let Source::Far(far) = &mut self.source else { return Ok(()) };
            if let Some(read) = far.waiting.front() {
                if !far.ahead.has_room(read) {
                    return Ok(());
                }
                far.ahead.ask(read)?;
                far.waiting.pop_front();
                continue;
            }
            let Some(group) = far.groups.next() else { return Ok(()) };
            let metadata = self.job.shards[self.shard].metadata.row_group(group);
            let reads = reads::plan(metadata, &self.wanted(group), true);
            if let Source::Far(far) = &mut self.source {
                far.waiting.extend(reads.iter().cloned());
                far.planned.push_back(reads);
            }
        }
    }

    /// What the statistics of a chunk say of all its values, where they are to be believed.
    fn constant(&self, group: usize, leaf: usize) -> Option<Constant<'_>> {
        let metadata = self.job.shards[self.shard].metadata.row_group(group);
        let rows = u64::try_from(metadata.num_rows()).ok().filter(|_| self.job.trusts_statistics())?;
        constant(metadata.column(leaf), rows)
    }

    /// Takes the statistics of a chunk, or of all its pages, for its values, where they tell all.
    fn trust(&mut self, group: usize, column: usize, leaf: usize, hand: &mut Hand) {
        if let Some(constant) = self.constant(group, leaf) {
            add_constants(&self.job, (self.shard, column), &[constant], &mut hand.tallies);
            self.tried[column].statistics += 1;
        } else if let Some(chosen) = self.choice.get(&column)
            && chosen.parts().next().is_none()
        {
            add_constants(&self.job, (self.shard, column), &chosen.constants, &mut hand.tallies);
            self.tried[column].statistics += 1;
            self.tried[column].statistics_pages += chosen.known;
        }
    }

    fn count_read(
        &mut self,
        group: usize,
        rows: u64,
        read: &Read,
        bytes: &[u8],
        hand: &mut Hand,
    ) -> Result<()> {
        let job = Arc::clone(&self.job);
        let counting = &*job.counting;
        let shard = &job.shards[self.shard];
        let mut again = Vec::new();
        job.progress.add_bytes(read.len() as u64);
        for (Wanted { column, leaf }, range) in &read.chunks {
            let chunk = Chunk {
                bytes: &bytes[range.clone()],
                meta: shard.metadata.row_group(group).column(*leaf),
                rows,
            };
            let Tools { workspace, interner, counter } = &mut hand.tools;
            let tallies = &mut hand.tallies;
            let outcome = match counting.layout.kind {
                LayoutKind::Wide => {
                    let (at, domain) = ((self.shard, *column), counting.domain(*column));
                    let cell = |value: crate::pages::StoredValue<'_>| cell(domain, value);
                    let outcome = match self.choice.get(column) {
                        None => count_flat(&chunk, workspace, &cell),
                        Some(chosen) => {
                            count_flat_pages(&chunk, chosen, workspace, &cell).inspect(|outcome| {
                                if let Outcome::Counted(_) = outcome {
                                    add_constants(&job, at, &chosen.constants, tallies);
                                    self.tried[*column].statistics_pages += chosen.known;
                                }
                            })
                        }
                    };
                    outcome.map(|outcome| outcome.map(|count| tallies.add_flat(at, count)))
                }
                LayoutKind::Vector => {
                    let cell = |position: usize, value: crate::pages::StoredValue<'_>| {
                        cell(counting.domain(position), value)
                    };
                    let outcome = count_vector(&chunk, workspace, &cell, &mut tallies.labels);
                    outcome.map(|outcome| outcome.map(|count| tallies.add_vector(self.shard, count)))
                }
                _ => {
                    let outcome = count_sets(&chunk, workspace, &mut Labels { counting, interner }, counter);
                    outcome.map(|outcome| outcome.map(|count| tallies.add_sets(self.shard, count)))
                }
            };
            match outcome.map_err(|error| place(&job, self.shard, error, *column))? {
                Outcome::Counted(()) => self.tried[*column].encoded += 1,
                Outcome::Unsupported(why) => again.push((*column, why)),
            }
        }
        for (column, why) in again {
            if let Place::Leaf { root, .. } = self.places[column] {
                self.read_arrays(group, column, root, &why, hand)?;
            }
        }
        Ok(())
    }

    /// Counts one column of one row group the plain way.
    fn read_arrays(
        &mut self,
        group: usize,
        column: usize,
        root: usize,
        why: &str,
        hand: &mut Hand,
    ) -> Result<()> {
        self.tried[column].fell_back(why);
        let job = Arc::clone(&self.job);
        let shard = &job.shards[self.shard];
        let name = &job.counting.layout.labels[column];
        let field = job.agreed.field_with_name(name).map_err(|cause| Error::internal(cause.to_string()))?;
        let outcome = fallback::arrays(shard, group, root, field.data_type(), |array| {
            if job.counting.layout.kind == LayoutKind::Wide {
                let (tally, first_invalid) = tally_column(&array, column, &job.counting)?;
                hand.tallies.add_flat((self.shard, column), FlatCount { tally, first_invalid });
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

/// Counts what statistics say of a column.
fn add_constants(job: &Job, at: (usize, usize), constants: &[Constant<'_>], tallies: &mut Tallies) {
    let domain = job.counting.domain(at.1);
    for constant in constants {
        let cell = constant.value.map_or(Cell::Missing, |value| cell(domain, value));
        tallies.add_constant(at, *constant, cell);
    }
}

/// Puts shard and column in front of what is wrong with one of its chunks.
fn place(job: &Job, shard: usize, error: Error, column: usize) -> Error {
    error.at(format!("{}: column {:?}", job.shards[shard].name, job.counting.layout.labels[column]))
}
