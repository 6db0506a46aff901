//! The one loop over row groups: each column from statistics, else from pages, else from arrays where pages are
//! not supported.
//!
//! ```text
//! RowGroupReader: some row groups of one shard, a file or an object
//!   places ─▶ absent
//!   known_pages ─▶ reads ─▶ ahead ─▶ pages ─┐
//!                    arrays ◀── unsupported ┘
//!                            each ─▶ ChunkSink
//! ```

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::compute::filter;
use parquet::file::metadata::RowGroupMetaData;
use tokio::task::yield_now;

use crate::engine::read::ahead::ReadQueue;
use crate::engine::read::arrays::{ArrayColumn, ArrayReader};
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::chunk_source::{ChunkSource, Grouping};
use crate::engine::read::known_pages::{self, ChosenPages, choose_pages};
use crate::engine::read::named_columns::NamedColumns;
use crate::engine::read::places::{ColumnPlace, place};
use crate::engine::read::reads::{self, ChunkRead, Wanted};
use crate::engine::read::routes::ColumnRoute;
use crate::engine::read::row_facts::{RowFacts, row_facts};
use crate::engine::work::WorkClock;
use crate::error::{Error, Result};
use crate::pages::{Chunk, ChunkOutcome, Constant, Nesting, RowMask, constant};
use crate::source::shards::Shard;
use crate::source::tables::footer::rows_of_group;

/// What is read of a row group.
#[derive(Debug)]
struct GroupPlan {
    group: usize,
    /// How many reads give it.
    reads: usize,
    /// Pages of columns that not all have to be decoded.
    chosen: ChosenPages,
    /// Why all columns are read as arrays, if they are.
    refusal: Option<(usize, String)>,
}

/// Some row groups of a shard, given one after the other to one thread.
#[derive(Debug)]
pub(crate) struct RowGroupReader {
    source: Arc<ChunkSource>,
    shard: usize,
    /// The shard with its footer.
    own: Arc<Shard>,
    places: Vec<ColumnPlace>,
    /// The lists around a column that need to be known.
    nestings: HashMap<usize, Nesting>,
    queue: ReadQueue,
    /// Row groups without a plan.
    groups: Range<usize>,
    planned: VecDeque<GroupPlan>,
    routes: Vec<ColumnRoute>,
}

impl RowGroupReader {
    /// The first bytes of an object are asked for at once; what is asked for may take `ahead` bytes, or be one
    /// read.
    pub(crate) fn open(
        source: &Arc<ChunkSource>,
        shard: usize,
        groups: Range<usize>,
        ahead: usize,
    ) -> Result<Self> {
        let places = source.places(shard);
        let kept = &source.shards[shard];
        let asks_statistics = source.trusts_statistics || !source.questions.is_empty();
        let own = if asks_statistics { kept.with_footer() } else { kept.with_places() }?.into_owned();
        let mut reader = Self {
            nestings: nestings(&own, &places),
            places,
            queue: ReadQueue::new(&own, ahead)?,
            own: Arc::new(own),
            source: Arc::clone(source),
            shard,
            groups,
            planned: VecDeque::new(),
            routes: vec![ColumnRoute::default(); source.columns.len()],
        };
        reader.plan_ahead()?;
        Ok(reader)
    }

    /// Bytes of an object that were asked for.
    pub(crate) fn bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Adds how the columns were read to the account.
    pub(crate) fn finish(self) {
        self.source.routes.add(&self.routes);
    }

    /// Gives the next row group to `sink`, and how many of its rows count; `None` after the last. Files are read into `buffer`.
    pub(crate) async fn next<S: ChunkSink>(
        &mut self,
        buffer: &mut Vec<u8>,
        sink: &mut S,
    ) -> Result<Option<u64>> {
        let Some(plan) = self.next_plan(buffer)? else { return Ok(None) };
        let GroupPlan { group, reads, chosen, refusal } = plan;
        let (source, is_near) = (Arc::clone(&self.source), self.queue.file().is_some());
        let asking = Instant::now();
        let mut facts = row_facts(&source, &source.questions, (self.shard, &self.own), group)?;
        if source.heeds_masks
            && let Some(live) = live_mask(&self.own, group)
        {
            facts.spread(&live);
        }
        let clock = &source.progress.clock;
        WorkClock::add(&clock.mask, asking);
        let Some(parts) = &facts.parts else {
            self.queue.skip(reads)?;
            return self.give_rows(group, sink).map(Some);
        };
        let rows = parts.iter().map(|part| part.rows).sum();
        if rows == 0 && self.rows(group) > 0 {
            self.queue.skip(reads)?;
            return Ok(Some(rows));
        }
        for part in parts {
            sink.part(part)?;
        }
        let mut again = Vec::new();
        match refusal {
            Some(refusal) => again.push(refusal),
            None => self.without_reading((group, &facts), &chosen, sink)?,
        }
        let shard = Arc::clone(&self.own);
        let mut left = reads;
        while left > 0 && (again.is_empty() || self.is_apart()) {
            let reading = Instant::now();
            let (read, bytes) = self.queue.next(&shard, buffer).await?;
            WorkClock::add(&clock.read, reading);
            left -= 1;
            self.plan_ahead()?;
            source.progress.add_bytes(read.len() as u64);
            let walking = Instant::now();
            self.give_pages((group, &facts), &read, &bytes, &chosen, sink, &mut again)?;
            WorkClock::add(&clock.pages, walking);
            if is_near {
                // Lets a cancelled run end, and other tasks of this thread go on.
                yield_now().await;
            }
        }
        self.queue.skip(left)?;
        match again.first() {
            Some((column, why)) if !self.is_apart() => {
                for (other, route) in self.routes.iter_mut().enumerate() {
                    let beside = format!("read beside {}, {why}", source.columns[*column]);
                    route.fell_back(if other == *column { why } else { &beside });
                }
                let all: Vec<usize> = (0..self.places.len()).collect();
                self.give_arrays((group, &facts), &all, sink)?;
            }
            None if !self.is_apart() => self.routes.iter_mut().for_each(|route| route.encoded += 1),
            _ => {
                for (column, why) in &again {
                    self.routes[*column].fell_back(why);
                    self.give_arrays((group, &facts), &[*column], sink)?;
                }
            }
        }
        Ok(Some(rows))
    }

    /// Whether statistics are believed; they know nothing of single rows.
    fn trusts_statistics(&self) -> bool {
        let source = &self.source;
        source.trusts_statistics && source.questions.is_empty() && self.own.deleted.is_none()
    }

    fn is_apart(&self) -> bool {
        matches!(self.source.grouping, Grouping::Apart)
    }

    fn metadata(&self, group: usize) -> &RowGroupMetaData {
        self.own.metadata.row_group(group)
    }

    /// The rows that are not deleted.
    fn rows(&self, group: usize) -> u64 {
        self.own.live_rows(group)
    }

    /// Plans row groups of an object as long as there is memory for their bytes.
    fn plan_ahead(&mut self) -> Result<()> {
        while self.queue.wants_more()
            && let Some(group) = self.groups.next()
        {
            let refusal = self.source.refusal(self.metadata(group), &self.places);
            let reads = if refusal.is_none() { self.reads(group) } else { Vec::new() };
            self.planned.push_back(GroupPlan {
                group,
                reads: reads.len(),
                chosen: ChosenPages::default(),
                refusal,
            });
            self.queue.add(reads)?;
        }
        Ok(())
    }

    /// The plan of the next row group.
    fn next_plan(&mut self, buffer: &mut Vec<u8>) -> Result<Option<GroupPlan>> {
        self.plan_ahead()?;
        if let Some(plan) = self.planned.pop_front() {
            return Ok(Some(plan));
        }
        let Some(group) = self.groups.next() else { return Ok(None) };
        let mut plan = GroupPlan { group, reads: 0, chosen: ChosenPages::default(), refusal: None };
        plan.refusal = self.source.refusal(self.metadata(group), &self.places);
        if plan.refusal.is_some() {
            return Ok(Some(plan));
        }
        let reads = if self.trusts_statistics() {
            self.reads_of_unknown_pages(&mut plan, buffer)?
        } else {
            self.reads(group)
        };
        plan.reads = reads.len();
        self.queue.add(reads)?;
        Ok(Some(plan))
    }

    /// The reads of a row group.
    fn reads(&self, group: usize) -> Vec<ChunkRead> {
        let shard = &self.own;
        let (metadata, far) = (shard.metadata.row_group(group), shard.place.object().is_some());
        let wanted = self.wanted(group);
        if self.is_apart() {
            return reads::plan(metadata, &wanted, far);
        }
        let columns: Vec<&[Wanted]> = wanted.chunk_by(|a, b| a.column == b.column).collect();
        columns.into_iter().rev().flat_map(|leaves| reads::plan(metadata, leaves, far)).collect()
    }

    /// The same without pages whose statistics tell what they hold. Only of files: see [`known_pages`].
    fn reads_of_unknown_pages(
        &mut self,
        plan: &mut GroupPlan,
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<ChunkRead>> {
        let wanted = self.wanted(plan.group);
        let shard = &self.own;
        let Some(file) = self.queue.file() else { return Ok(self.reads(plan.group)) };
        let index_bytes;
        (plan.chosen, index_bytes) = choose_pages(shard, plan.group, &wanted, file, buffer)?;
        self.source.progress.add_bytes(index_bytes);
        Ok(known_pages::plan(shard.metadata.row_group(plan.group), &wanted, &plan.chosen))
    }

    /// The chunks of a row group that their statistics leave to be read.
    fn wanted(&self, group: usize) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for (column, place) in self.places.iter().enumerate() {
            if let ColumnPlace::Leaves { leaves, .. } = place
                && self.constant(group, leaves).is_none()
            {
                wanted.extend(leaves.iter().map(|&leaf| Wanted { column, leaf }));
            }
        }
        wanted
    }

    /// What statistics say of all values of a column, where they are believed.
    fn constant(&self, group: usize, leaves: &[usize]) -> Option<Constant<'_>> {
        let [leaf] = leaves else { return None };
        let rows = u64::try_from(self.metadata(group).num_rows()).ok();
        let rows = rows.filter(|_| self.trusts_statistics())?;
        constant(self.metadata(group).column(*leaf), rows)
    }

    /// Gives what takes no read of pages: columns that are absent, known by statistics, or read as arrays.
    fn without_reading<S: ChunkSink>(
        &mut self,
        (group, facts): (usize, &RowFacts),
        chosen: &ChosenPages,
        sink: &mut S,
    ) -> Result<()> {
        for column in 0..self.places.len() {
            match &self.places[column] {
                ColumnPlace::Absent => {
                    for part in facts.parts.iter().flatten() {
                        sink.part(part)?;
                        sink.absent(column, part.rows)?;
                    }
                }
                ColumnPlace::Arrays { why, .. } => {
                    self.routes[column].fell_back(why);
                    self.give_arrays((group, facts), &[column], sink)?;
                }
                ColumnPlace::Leaves { leaves, .. } => {
                    if let Some(constant) = self.constant(group, leaves) {
                        sink.statistics(column, &[constant])?;
                        self.routes[column].statistics += 1;
                    } else if let Some(chosen) = chosen.get(&column)
                        && chosen.parts().next().is_none()
                    {
                        sink.statistics(column, &chosen.constants)?;
                        self.routes[column].statistics += 1;
                        self.routes[column].statistics_pages += chosen.known;
                    }
                }
            }
        }
        Ok(())
    }

    /// Gives the pages of one read, and adds the columns that they do not give, with the reasons, to `again`.
    fn give_pages<S: ChunkSink>(
        &mut self,
        (group, facts): (usize, &RowFacts),
        read: &ChunkRead,
        bytes: &[u8],
        chosen: &ChosenPages,
        sink: &mut S,
        again: &mut Vec<(usize, String)>,
    ) -> Result<()> {
        let (source, own) = (Arc::clone(&self.source), Arc::clone(&self.own));
        let metadata = own.metadata.row_group(group);
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        for leaves in read.chunks.chunk_by(|(a, _), (b, _)| a.column == b.column) {
            let Some((Wanted { column, .. }, _)) = leaves.first() else { continue };
            let (column, chosen) = (*column, chosen.get(column));
            let chunk = |(wanted, range): &(Wanted, Range<usize>)| Chunk {
                bytes: &bytes[range.clone()],
                meta: metadata.column(wanted.leaf),
                rows,
                clock: Some(&source.progress.clock.decompress),
            };
            let chunks: Vec<Chunk<'_>> = leaves.iter().map(chunk).collect();
            let nesting = self.nestings.get(&column);
            let pages = ColumnPages { column, chunks: &chunks, nesting, chosen, mask: None, weights: None };
            let outcome = give_groups(facts, &pages, sink);
            match outcome.map_err(|error| source.at(error, self.shard, &[column]))? {
                ChunkOutcome::Counted(()) => {
                    if let Some(chosen) = chosen {
                        sink.statistics(column, &chosen.constants)?;
                        self.routes[column].statistics_pages += chosen.known;
                    }
                    self.routes[column].encoded += u64::from(self.is_apart());
                }
                ChunkOutcome::Unsupported(why) => again.push((column, why)),
            }
        }
        Ok(())
    }

    /// Gives columns of a row group as arrays, side by side.
    fn give_arrays<S: ChunkSink>(
        &self,
        (group, facts): (usize, &RowFacts),
        columns: &[usize],
        sink: &mut S,
    ) -> Result<()> {
        let Self { source, shard, own, places, .. } = self;
        let at = |error| source.at(error, *shard, columns);
        let start = Instant::now();
        let read = |place, to| ArrayColumn { place, to, may_be_entries: false };
        let types = |column: &usize| Ok(read(places[*column].root(), source.data_type(*column)?));
        let mut wanted = columns.iter().map(types).collect::<Result<Vec<ArrayColumn<'_>>>>()?;
        if let Some(values) = &source.values {
            let place = place(own, values, &source.agreed);
            wanted.push(read(place.root(), source.type_of(values)?));
        }
        let mut row = columns.iter().map(|column| sink.rows_given(*column)).min().unwrap_or(0);
        let mut arrays = ArrayReader::open(own, group, wanted, row).map_err(at)?;
        while let Some((rows, batch)) = arrays.next().map_err(at)? {
            for part in facts.parts.iter().flatten() {
                sink.part(part)?;
                sink.arrays(columns, row, &facts.rows_of(part, (row, rows), &batch)?)?;
            }
            row += rows as u64;
        }
        WorkClock::add(&source.progress.clock.arrays, start);
        Ok(())
    }

    /// Gives the rows of a row group of many groups, and how many count.
    fn give_rows<S: ChunkSink>(&self, group: usize, sink: &mut S) -> Result<u64> {
        let Self { source, shard, own, .. } = self;
        let questions = &source.questions;
        let cells = source.columns.iter().map(String::as_str).chain(source.values.as_deref());
        let n_cells = cells.clone().count();
        let mut columns =
            NamedColumns::open(source, (*shard, own.as_ref()), group, cells.chain(questions.columns()))?;
        let mut given = 0;
        while let Some((rows, arrays)) = columns.next()? {
            let (cells, asked) = arrays.split_at(n_cells);
            let answers = questions.answer(asked, rows).map_err(|error| columns.at(error))?;
            let all =
                cells.iter().chain(&answers.weight).chain(answers.by).cloned().collect::<Vec<ArrayRef>>();
            let kept = kept_rows(&all, answers.holds.as_ref())?;
            given += kept.first().map_or(0, |column| column.len() as u64);
            sink.rows(&kept).map_err(|error| columns.at(error))?;
        }
        Ok(given)
    }
}

/// Gives the pages of a column for the rows of each group.
fn give_groups<S: ChunkSink>(
    facts: &RowFacts,
    pages: &ColumnPages<'_>,
    sink: &mut S,
) -> Result<ChunkOutcome<()>> {
    let parts = facts.parts.as_deref().unwrap_or_default();
    if parts.len() > 1
        && let Some(outcome) = sink.pages_of_groups(pages, facts)?
    {
        return Ok(outcome);
    }
    for part in parts {
        sink.part(part)?;
        let (mask, weights) = (part.mask_for_pages(), facts.weights(part));
        let outcome = sink.pages(&ColumnPages { mask, weights, ..*pages })?;
        // Pages are unsupported for all groups alike.
        if outcome != ChunkOutcome::Counted(()) {
            return Ok(outcome);
        }
    }
    Ok(ChunkOutcome::Counted(()))
}

/// The rows of a row group of the file that are not deleted; `None` where none are.
fn live_mask(shard: &Shard, group: usize) -> Option<RowMask> {
    let (deleted, rows) = (shard.deleted.as_ref()?, rows_of_group(&shard.metadata, group));
    let all = usize::try_from(rows.end - rows.start).ok().filter(|_| deleted.count(rows.clone()) > 0)?;
    let mut words = vec![0; all.div_ceil(64)];
    deleted.fill_mask(rows, &mut words);
    words.iter_mut().for_each(|word| *word = !*word);
    Some(RowMask::new(words, all))
}

/// The rows that meet a condition.
fn kept_rows(arrays: &[ArrayRef], holds: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
    let Some(holds) = holds else { return Ok(arrays.to_vec()) };
    let kept = arrays.iter().map(|array| filter(array, holds));
    kept.collect::<Result<_, _>>().map_err(|cause| Error::internal(cause.to_string()))
}

/// The lists around columns that have several, or several leaves.
fn nestings(shard: &Shard, places: &[ColumnPlace]) -> HashMap<usize, Nesting> {
    let descriptor = shard.metadata.file_metadata().schema_descr();
    let mut found = HashMap::new();
    for (column, place) in places.iter().enumerate() {
        if let ColumnPlace::Leaves { leaves, .. } = place
            && let Some(&leaf) = leaves.first()
            && (leaves.len() > 1 || descriptor.column(leaf).max_rep_level() > 1)
        {
            found.extend(Nesting::of(descriptor, leaf).map(|nesting| (column, nesting)));
        }
    }
    found
}
