//! Rows of layout `long` straight from encoded pages: labels become numbers once per dictionary entry.
//!
//! Labels and values of a row group are read first, as one number per row, then its ids beside them. A
//! row group with an unsupported column is read as arrays.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;

use crate::counts::Cell;
use crate::engine::counting::Counting;
use crate::engine::dataset::{Cut, Dataset, group_of, shard_number};
use crate::engine::group_key::GroupKey;
use crate::engine::pairs::ids::bytes;
use crate::engine::pairs::reader::{LISTED, PairReader, no_side, side};
use crate::engine::pairs::record::{NO_LABEL, PairFact, Record};
use crate::engine::pairs::sorter::RecordSink;
use crate::engine::pairs::worker::PairWorker;
use crate::engine::read::batch::rows_of_shard;
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::chunk_source::{ChunkSource, Grouping};
use crate::engine::read::chunks::RowGroupReader;
use crate::engine::read::meaning::{cell, stored};
use crate::engine::read::pieces;
use crate::engine::read::routes::ColumnRoute;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::pages::{ChunkOutcome, StoredValue, ValueCodes, Workspace, read_codes, read_values};

/// Rows of a row group that is read from encoded pages: its labels and values are in memory.
const ROWS_MAX: i64 = 1 << 22;
/// What is asked for ahead may take this part of what records may.
const AHEAD_PART: usize = 4;

/// What the threads of a scan share.
pub(crate) struct PairScan {
    counting: Arc<Counting>,
    /// Row id, label and, where there is one, value.
    chunks: Arc<ChunkSource>,
    /// The group of `--by` that each shard belongs to.
    keys: Vec<GroupKey>,
    /// Shards and row groups that no thread has taken yet.
    pieces: Mutex<std::vec::IntoIter<(usize, Range<usize>)>>,
}

impl PairScan {
    /// For the shards that are `kept`; those that are `whole` are read by one thread each.
    pub(super) fn new(
        dataset: &Dataset,
        task: &CountTask,
        (kept, whole): (&[bool], &[bool]),
    ) -> Result<Self> {
        let CountTask { counting, progress, budget, .. } = task;
        let how = |number: usize| {
            let cut = match (kept.get(number), whole.get(number)) {
                (Some(false), _) => Cut::Skip,
                (_, Some(true)) => Cut::Whole,
                _ => Cut::Split,
            };
            dataset.cut(number, cut)
        };
        let lists = pieces::cut(&dataset.shards, how, task.threads())?;
        // The largest are first in each list.
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let in_turns = (0..longest).flat_map(|i| lists.iter().filter_map(move |list| list.get(i)));
        let pieces: Vec<_> = in_turns.map(|part| (part.shard, part.groups(&dataset.shards))).collect();
        let layout = &counting.layout;
        let names =
            [layout.id.as_deref(), Some(layout.column()), layout.value.as_deref()].into_iter().flatten();
        let shards = Arc::clone(&dataset.shards);
        let mut chunks = ChunkSource {
            grouping: Grouping::SideBySide { rows_max: ROWS_MAX },
            ..ChunkSource::new(shards, &dataset.schema, names, budget / AHEAD_PART, progress)
        };
        let id = chunks.data_type(0)?;
        if !(id.is_integer() || is_text(id) || *id == DataType::BinaryView) {
            chunks.unsupported.push((0, Cow::Owned(format!("row ids of type {id}"))));
        }
        Ok(Self {
            keys: dataset.shards.iter().map(|shard| group_of(shard, &counting.by)).collect(),
            counting: Arc::clone(counting),
            chunks: Arc::new(chunks),
            pieces: Mutex::new(pieces.into_iter()),
        })
    }

    /// How each column was read.
    pub(super) fn routes(&self) -> Vec<ColumnRoute> {
        self.chunks.routes.take()
    }

    /// The type of the row ids.
    pub(super) fn id_type(&self) -> Result<&DataType> {
        self.chunks.data_type(0)
    }

    fn next(&self) -> Option<(usize, Range<usize>)> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

/// Feeds a worker.
pub(super) async fn run<R: Record, S: RecordSink<R>>(
    worker: PairWorker<R, S>,
    scan: Arc<PairScan>,
) -> Result<PairWorker<R, S>> {
    let (mut buffer, id) = (Vec::new(), scan.id_type()?);
    let mut sink = PairSink {
        is_signed: id.is_signed_integer(),
        is_text: is_text(id),
        scan: &scan,
        worker,
        shard: 0,
        workspace: Workspace::default(),
        labels: Vec::new(),
        sides: Vec::new(),
        ids: Vec::new(),
    };
    while let Some((number, groups)) = scan.next() {
        sink.shard = number;
        let mut groups = RowGroupReader::open(&scan.chunks, number, groups, scan.chunks.ahead)?;
        while !sink.worker.ids_outside
            && let Some(rows) = groups.next(&mut buffer, &mut sink).await?
        {
            scan.chunks.progress.add(rows);
            sink.labels.clear();
            sink.sides.clear();
        }
        groups.finish();
    }
    let mut worker = sink.worker;
    worker.finish()?;
    Ok(worker)
}

/// Gives a worker the rows of one shard.
struct PairSink<'s, R, S> {
    scan: &'s PairScan,
    worker: PairWorker<R, S>,
    shard: usize,
    is_signed: bool,
    is_text: bool,
    workspace: Workspace,
    /// Per row of the row group at hand.
    labels: Vec<u32>,
    sides: Vec<u32>,
    /// Of some of its rows.
    ids: Vec<u128>,
}

impl<R: Record, S: RecordSink<R>> ChunkSink for PairSink<'_, R, S> {
    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        let [chunk] = pages.chunks else { return Err(Error::internal("more than one leaf of a column")) };
        let Self { scan, worker, workspace, labels, sides, ids, is_signed, is_text, .. } = self;
        let shard = shard_number(self.shard)?;
        match pages.column {
            0 => {
                let (group, mut at) = (worker.reader.group(&scan.keys[self.shard])?, 0);
                let outcome = read_values(chunk, workspace, &mut |values| {
                    worker.check_texts(shard, values.iter().map(text));
                    ids.clear();
                    for value in values {
                        ids.push(id(*value, *is_text)?);
                    }
                    let said = |row: usize| {
                        let label = labels.get(at + row).copied().unwrap_or(NO_LABEL);
                        let side = sides.get(at + row).and_then(|side| u8::try_from(*side).ok());
                        PairFact::new(group, label, side.unwrap_or(LISTED))
                    };
                    if worker.reader.has_ancestors() {
                        let (mut all_ids, mut all_said) = (Vec::new(), Vec::new());
                        for (row, &id) in ids.iter().enumerate() {
                            worker.reader.with_above(said(row), |said| {
                                all_ids.push(id);
                                all_said.push(said);
                            });
                        }
                        worker.take(shard, &all_ids, *is_signed, |row, id| R::new(id, all_said[row]))?;
                    } else {
                        worker.take(shard, ids, *is_signed, |row, id| R::new(id, said(row)))?;
                    }
                    at += values.len();
                    Ok(())
                })?;
                if outcome == ChunkOutcome::Counted(false) {
                    return Err(worker.reader.null_id());
                }
                Ok(outcome.map(|_| ()))
            }
            1 => {
                let mut codes = LabelCodes { reader: &mut worker.reader, shard };
                read_codes(chunk, workspace, &mut codes, labels)
            }
            _ => {
                let mut stray = None;
                let mut code = |value: Option<StoredValue<'_>>| {
                    let domain = &scan.counting.domain;
                    let cell = value.map_or_else(|| domain.target_of(None).0, |value| cell(domain, value));
                    if let (Cell::Invalid, Some(value), None) = (cell, value, &stray) {
                        stray = Some(value.to_string());
                    }
                    u32::from(side(cell))
                };
                let outcome = read_codes(chunk, workspace, &mut code, sides)?;
                match stray {
                    Some(value) if outcome == ChunkOutcome::Counted(()) => Err(no_side(&value)),
                    _ => Ok(outcome),
                }
            }
        }
    }

    /// Pairs that pages gave before count once.
    fn arrays(&mut self, _columns: &[usize], _first_row: u64, arrays: &[ArrayRef]) -> Result<()> {
        self.worker.update(&rows_of_shard(arrays, &self.scan.keys[self.shard], self.shard)?)
    }

    fn absent(&mut self, _column: usize, _rows: u64) -> Result<()> {
        Err(Error::internal("a column of pairs is read beside the others"))
    }
}

/// Gives the labels of a shard their numbers.
struct LabelCodes<'w> {
    reader: &'w mut PairReader,
    shard: u32,
}

impl ValueCodes for LabelCodes<'_> {
    fn code(&mut self, value: Option<StoredValue<'_>>) -> u32 {
        match value.map(|value| stored(value).ok_or(value)) {
            Some(Err(value)) => self.reader.stray(format!("{value} is not UTF-8"), self.shard),
            Some(Ok(value)) => self.reader.label(Some(value), self.shard),
            None => self.reader.label(None, self.shard),
        }
    }

    fn expect(&mut self, values: &[StoredValue<'_>]) {
        self.reader.fetch(values.iter().filter_map(text));
    }
}

fn is_text(data_type: &DataType) -> bool {
    *data_type == DataType::Utf8View
}

/// The bytes of a row id; `None` for one that is no text.
fn text<'v>(id: &StoredValue<'v>) -> Option<&'v [u8]> {
    match id {
        StoredValue::Text(bytes) => Some(bytes),
        _ => None,
    }
}

/// A row id as 128 bits, as [`super::ids`] has it.
fn id(value: StoredValue<'_>, text: bool) -> Result<u128> {
    match value {
        StoredValue::Int(id) => Ok(id.cast_unsigned().into()),
        StoredValue::UInt(id) => Ok(id.into()),
        StoredValue::Text(id) if text && !id.is_ascii() && std::str::from_utf8(id).is_err() => {
            Err(Error::input(format!("{value} is not UTF-8")).hint("write the shard again"))
        }
        StoredValue::Text(id) => Ok(bytes(id)),
        StoredValue::Bool(_) | StoredValue::Float(_) | StoredValue::Half(_) => {
            Err(Error::internal(format!("row id {value}")))
        }
    }
}
