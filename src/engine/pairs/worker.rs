//! One thread of a count of pairs: rows become records.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;

use crate::engine::counting::Counting;
use crate::engine::pairs::ids::texts;
use crate::engine::pairs::names::LocalNumbers;
use crate::engine::pairs::ranges::IdRange;
use crate::engine::pairs::reader::{PairReader, PairRows};
use crate::engine::pairs::record::Record;
use crate::engine::pairs::scatter::Scatter;
use crate::engine::pairs::sorter::{RecordSink, Sorter};
use crate::error::Result;
use crate::source::shards::Shard;

/// What all threads need to know.
#[derive(Debug)]
pub(super) struct PairTask {
    pub(super) counting: Arc<Counting>,
    pub(super) shards: Arc<[Shard]>,
    /// Ranges of ids of shards that are counted by themselves.
    pub(super) own_ranges: Vec<Option<IdRange>>,
}

/// Takes batches of `[id, label, value?, weight?, by…, shard]`.
pub(super) struct PairWorker<R, S> {
    task: Arc<PairTask>,
    pub(super) reader: PairReader,
    /// Records of the shard at hand, if it is counted by itself.
    own: Scatter<R>,
    shard: Option<u32>,
    sorter: Sorter<R>,
    /// Records of all other shards.
    pub(super) common: Scatter<R>,
    /// Who takes the records of shards that are counted by themselves.
    pub(super) sink: S,
    /// A shard holds an id outside of the range that its statistics claim.
    pub(super) ids_outside: bool,
}

impl<R: Record, S: RecordSink<R>> PairWorker<R, S> {
    pub(super) fn new(
        task: Arc<PairTask>,
        names: LocalNumbers,
        [own, common]: [Scatter<R>; 2],
        budget: usize,
        sink: S,
    ) -> Self {
        Self {
            reader: PairReader::new(Arc::clone(&task.counting), Arc::clone(&task.shards), names),
            task,
            own,
            shard: None,
            sorter: Sorter::new(budget),
            common,
            sink,
            ids_outside: false,
        }
    }

    /// Takes one batch.
    pub(super) fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        let PairRows { ids, said, masses, shards, .. } = self.reader.read(batch)?;
        let mut start = 0;
        for rows in
            batch.column(batch.num_columns() - 1).as_primitive::<UInt32Type>().values().chunk_by(u32::eq)
        {
            if let Some(shard) = rows.first().filter(|shard| self.is_of_texts(**shard)) {
                self.check_texts(*shard, texts(&batch.column(0).slice(start, rows.len())));
            }
            start += rows.len();
        }
        let signed = batch.column(0).data_type().is_signed_integer();
        // Rows of one shard are neighbours.
        let mut start = 0;
        while start < ids.len() {
            let shard = shards[start];
            let end = start + shards[start..].iter().take_while(|&&other| other == shard).count();
            self.take(shard, &ids[start..end], signed, |row, id| {
                let record = R::new(id, said[start + row]);
                masses.get(start + row).map_or(record, |mass| record.with_mass(*mass))
            })?;
            start = end;
        }
        Ok(())
    }

    /// Whether the footer of a shard that is counted by itself says which texts its ids are.
    fn is_of_texts(&self, shard: u32) -> bool {
        matches!(self.task.own_ranges.get(shard as usize), Some(Some(IdRange::Texts(_))))
    }

    /// Looks at the ids of one shard that are to be taken, where its footer claims that they are texts; `None` for an id
    /// that is none.
    pub(super) fn check_texts<'t>(&mut self, shard: u32, mut ids: impl Iterator<Item = Option<&'t [u8]>>) {
        if let Some(Some(IdRange::Texts(range))) = self.task.own_ranges.get(shard as usize) {
            self.ids_outside |= !ids.all(|id| id.is_some_and(|id| range.contains(id)));
        }
    }

    /// Takes rows of one shard: their ids, and how each with its number becomes a record.
    pub(super) fn take(
        &mut self,
        shard: u32,
        ids: &[u128],
        signed: bool,
        record: impl Fn(usize, u128) -> R,
    ) -> Result<()> {
        self.enter(shard)?;
        let Self { task, common, own, ids_outside, .. } = self;
        let range = task.own_ranges.get(shard as usize).and_then(Option::as_ref);
        let to = if range.is_some() { own } else { common };
        for (row, &id) in ids.iter().enumerate() {
            // Texts were looked at before they became numbers.
            if let Some(IdRange::Numbers(range)) = range {
                *ids_outside |= !range.contains(&number(id, signed));
            }
            to.push(record(row, id))?;
        }
        Ok(())
    }

    /// Counts what is left of the last shard.
    pub(super) fn finish(&mut self) -> Result<()> {
        for part in 0..self.own.parts() {
            self.sorter.count(std::slice::from_ref(&self.own), part, &mut self.sink)?;
        }
        self.own.clear();
        Ok(())
    }

    /// Turns to a shard.
    fn enter(&mut self, shard: u32) -> Result<()> {
        if self.shard != Some(shard) {
            self.finish()?;
            self.shard = Some(shard);
        }
        Ok(())
    }
}

/// An id of 64 bits as statistics order it.
#[expect(clippy::cast_possible_truncation, reason = "narrow ids have 64 bits")]
fn number(id: u128, signed: bool) -> i128 {
    let id = id as u64;
    if signed { id.cast_signed().into() } else { id.into() }
}
