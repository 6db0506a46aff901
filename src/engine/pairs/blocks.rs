//! BlockRecords as blocks of bytes: one machine reads pairs, another one counts those of a part of the ids.
//!
//! ```text
//! groups and names as the records of the block number them │ records of 16 or 24 bytes
//! ```
//!
//! Every block stands alone, so that machines need not agree on numbers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use hashbrown::HashMap;

use super::ids::are_narrow;
use super::names::SharedNumbers;
use super::record::{NarrowRecord, PairFact, Record, WideRecord};
use super::scatter::Scatter;
use super::sorter::{RecordSink, Sorter};
use super::totals::Totals;
use super::{PairCounter, PairInput, give};
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::{GROUPS_MAX, GroupKey, too_many};
use crate::engine::spill::Spill;
use crate::error::{Error, Result};

/// BlockRecords of a block.
const RECORDS: usize = 1 << 16;

/// Blocks with the numbers of their parts, one after the other; `None` at the end.
pub(in crate::engine) type PairBlocks = Box<dyn FnMut() -> Result<Option<(u64, Vec<u8>)>> + Send>;

/// Takes no records: no shard is counted by itself.
struct NoSink;

impl<R: Record> RecordSink<R> for NoSink {
    fn add(&mut self, _: &[R]) -> Result<()> {
        Err(Error::internal("a shard is counted by itself"))
    }
}

impl PairCounter {
    /// The records of `rows` in blocks; there are `parts` parts, a power of two.
    pub(super) async fn blocks(
        mut self,
        rows: PairInput,
        id_type: &DataType,
        parts: usize,
    ) -> Result<PairBlocks> {
        self.parts = parts.next_power_of_two();
        if are_narrow(id_type) {
            self.blocks_of::<NarrowRecord>(rows).await
        } else {
            self.blocks_of::<WideRecord>(rows).await
        }
    }

    async fn blocks_of<R: Record>(self, rows: PairInput) -> Result<PairBlocks> {
        let read = self.read::<R, NoSink>(rows, &mut || NoSink).await?;
        let (_, scatters) = read.ok_or_else(|| Error::internal("no ids were claimed"))?;
        let all = scatters.first().map_or(0, Scatter::parts);
        let mut writer = BlockWriter::new(&self.shared, &self.task.counting);
        // The parts of a scatter that belong to one machine follow each other.
        let order: Vec<usize> = (0..self.parts).flat_map(|part| (part..all).step_by(self.parts)).collect();
        let (parts, mut order, mut ready) = (self.parts, order.into_iter().peekable(), Vec::new());
        Ok(Box::new(move || {
            loop {
                if let Some(block) = ready.pop() {
                    return Ok(Some(block));
                }
                let Some(number) = order.next() else { return Ok(None) };
                let part = (number % parts) as u64;
                for scatter in &scatters {
                    scatter.read(number, |records| {
                        for &record in records {
                            writer.push(record)?;
                            if writer.records == RECORDS {
                                ready.push((part, writer.take()?));
                            }
                        }
                        Ok(())
                    })?;
                }
                let is_last = order.peek().is_none_or(|next| (next % parts) as u64 != part);
                if is_last && writer.records > 0 {
                    ready.push((part, writer.take()?));
                }
            }
        }))
    }
}

/// Numbers of this block for numbers of the machine.
#[derive(Debug, Default)]
struct BlockNumbers {
    /// By number of the machine: the number of the block, and the block that this is of.
    own: Vec<(u32, u32)>,
    used: Vec<usize>,
}

impl BlockNumbers {
    fn of(&mut self, number: usize, block: u32) -> Result<u32> {
        if number >= self.own.len() {
            self.own.resize(number + 1, (0, 0));
        }
        let own = &mut self.own[number];
        if own.1 != block {
            let next = u32::try_from(self.used.len()).map_err(|_| Error::internal("too many numbers"))?;
            *own = (next, block);
            self.used.push(number);
        }
        Ok(own.0)
    }
}

/// Writes blocks.
struct BlockWriter {
    shared: Arc<SharedNumbers>,
    has_names: bool,
    groups: BlockNumbers,
    names: BlockNumbers,
    /// The number of the block, from 1 on.
    block: u32,
    records: usize,
    bytes: Vec<u8>,
}

impl BlockWriter {
    fn new(shared: &Arc<SharedNumbers>, counting: &Counting) -> Self {
        Self {
            shared: Arc::clone(shared),
            has_names: matches!(counting.keys, Keys::Names(_)),
            groups: BlockNumbers::default(),
            names: BlockNumbers::default(),
            block: 1,
            records: 0,
            bytes: Vec::new(),
        }
    }

    fn push(&mut self, record: impl Record) -> Result<()> {
        let mut said = record.fact();
        if let (true, Some(label)) = (self.has_names, said.label()) {
            said = said.of_label(self.names.of(label, self.block)?);
        }
        record.saying(said.of_group(self.groups.of(said.group(), self.block)?)).write(&mut self.bytes);
        self.records += 1;
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<u8>> {
        let wrong = |cause: postcard::Error| Error::internal(cause.to_string());
        let (all, names) = (self.shared.groups(), self.shared.names());
        let groups: Vec<&GroupKey> = self.groups.used.iter().filter_map(|group| all.get(*group)).collect();
        let texts: Vec<&str> = self.names.used.iter().filter_map(|label| names.name(*label)).collect();
        if groups.len() < self.groups.used.len() || texts.len() < self.names.used.len() {
            return Err(Error::internal("a label or group of a pair has no name"));
        }
        let mut block = postcard::to_allocvec(&(groups, texts)).map_err(wrong)?;
        block.extend_from_slice(&self.bytes);
        self.groups.used.clear();
        self.names.used.clear();
        self.bytes.clear();
        (self.records, self.block) = (0, self.block + 1);
        Ok(block)
    }
}

/// Counts the records of blocks, within a budget.
pub(in crate::engine) struct BlockCounter {
    counting: Arc<Counting>,
    records: BlockRecords,
    groups: (HashMap<GroupKey, u32>, Vec<GroupKey>),
    names: (HashMap<Arc<str>, u32>, Vec<Arc<str>>),
    budget: usize,
}

enum BlockRecords {
    Narrow(Scatter<NarrowRecord>),
    Wide(Scatter<WideRecord>),
}

impl BlockCounter {
    /// For about `records` records of one of `parts` parts.
    pub(in crate::engine) fn new(
        counting: &Arc<Counting>,
        id_type: &DataType,
        (records, parts): (u64, usize),
        budget: usize,
        spill: &Arc<Spill>,
    ) -> Self {
        let (bits, spill) = (parts.next_power_of_two().trailing_zeros(), Arc::clone(spill));
        let records = if are_narrow(id_type) {
            BlockRecords::Narrow(Scatter::new(records, budget / 2, spill, bits))
        } else {
            BlockRecords::Wide(Scatter::new(records, budget / 2, spill, bits))
        };
        let (groups, names) = Default::default();
        Self { counting: Arc::clone(counting), records, groups, names, budget }
    }

    /// Takes the records of a block.
    pub(in crate::engine) fn add(&mut self, block: &[u8]) -> Result<()> {
        let damaged = || Error::internal("a block of pairs cannot be decoded");
        let ((groups, names), records): ((Vec<GroupKey>, Vec<&str>), _) =
            postcard::take_from_bytes(block).map_err(|_| damaged())?;
        let (known, keys) = &mut self.groups;
        let mut group_numbers = Vec::with_capacity(groups.len());
        for key in groups {
            let next = u32::try_from(keys.len()).map_err(|_| too_many())?;
            group_numbers.push(*known.entry(key).or_insert_with_key(|key| {
                keys.push(key.clone());
                next
            }));
        }
        if keys.len() > GROUPS_MAX {
            return Err(too_many());
        }
        let (known, texts) = &mut self.names;
        let mut label_numbers = Vec::with_capacity(names.len());
        for name in names {
            if let Some(number) = known.get(name) {
                label_numbers.push(*number);
                continue;
            }
            let number = u32::try_from(texts.len()).map_err(|_| Error::resource("too many labels"))?;
            let text: Arc<str> = name.into();
            known.insert(Arc::clone(&text), number);
            texts.push(text);
            label_numbers.push(number);
        }
        let has_names = matches!(self.counting.keys, Keys::Names(_));
        let translated = |said: PairFact| {
            let group = group_numbers.get(said.group()).copied()?;
            let said = said.of_group(group);
            match said.label() {
                Some(label) if has_names => Some(said.of_label(*label_numbers.get(label)?)),
                _ => Some(said),
            }
        };
        match &mut self.records {
            BlockRecords::Narrow(scatter) => push(scatter, records, translated),
            BlockRecords::Wide(scatter) => push(scatter, records, translated),
        }?
        .ok_or_else(damaged)
    }

    /// Calls `each` with the partial counts of all records.
    pub(in crate::engine) fn finish(
        self,
        each: &mut (dyn FnMut(&RecordBatch) -> Result<()> + Send),
    ) -> Result<()> {
        let totals = match self.records {
            BlockRecords::Narrow(scatter) => totals(scatter, self.budget / 2),
            BlockRecords::Wide(scatter) => totals(scatter, self.budget / 2),
        }?;
        let (groups, names) = (self.groups.1, self.names.1);
        give(&self.counting, &totals, &groups, |label| names.get(label).map(AsRef::as_ref), each)
    }
}

/// Adds written records to a scatter; `None` when they are damaged.
fn push<R: Record>(
    scatter: &mut Scatter<R>,
    records: &[u8],
    translated: impl Fn(PairFact) -> Option<PairFact>,
) -> Result<Option<()>> {
    let whole = records.chunks_exact(R::BYTES);
    if !whole.remainder().is_empty() {
        return Ok(None);
    }
    for record in whole.map(R::read) {
        let Some(said) = translated(record.fact()) else { return Ok(None) };
        scatter.push(record.saying(said))?;
    }
    Ok(Some(()))
}

fn totals<R: Record>(scatter: Scatter<R>, budget: usize) -> Result<Totals> {
    let (mut sorter, mut totals, scatter) = (Sorter::new(budget), Totals::default(), [scatter]);
    for part in 0..scatter[0].parts() {
        sorter.count(&scatter, part, &mut totals)?;
    }
    Ok(totals)
}
