//! Rows of layout `long` straight from encoded pages: labels become numbers once per dictionary entry.
//!
//! Labels and values of a row group are read first, as one number per row, then its ids beside them. A
//! row group of which a column cannot be read so is read as arrays.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tokio::task::yield_now;

use super::ids::bytes;
use super::reader::{LISTED, no_side, side};
use super::record::{NO_LABEL, Record, Said};
use super::worker::Worker;
use crate::counts::Cell;
use crate::engine::counting::Counting;
use crate::engine::long::Means;
use crate::engine::partial_exec::Progress;
use crate::engine::pieces::{self, Cut};
use crate::engine::plain::groups::Key;
use crate::engine::query::Dataset;
use crate::engine::scan::ahead::Reading;
use crate::engine::scan::columns::{Place, places};
use crate::engine::scan::labels::{cell, stored};
use crate::engine::scan::paths::{Paths, Tried};
use crate::engine::scan::reads::{self, Read, Wanted};
use crate::engine::scan::{ColumnPath, fallback};
use crate::error::{Error, Result};
use crate::pages::{
    Chunk, ChunkOutcome as Outcome, StoredValue as Value, Workspace, read_codes, read_values,
};
use crate::source::shards::Shard;

/// Rows of a row group that is read from encoded pages: their labels and values stand in memory.
const ROWS_MAX: i64 = 1 << 22;
/// What is asked for ahead may take this part of what records may.
const AHEAD_PART: usize = 4;

/// What the threads of a scan share.
pub(in crate::engine) struct Encoded {
    counting: Arc<Counting>,
    shards: Arc<[Shard]>,
    /// Row id, label and, where there is one, value.
    names: Vec<String>,
    /// The types that all shards widen to.
    agreed: SchemaRef,
    /// The group of `--by` that each shard belongs to.
    keys: Vec<Key>,
    /// Shards and row groups that no thread has taken yet.
    pieces: Mutex<std::vec::IntoIter<(usize, Range<usize>)>>,
    paths: Paths,
    progress: Arc<Progress>,
    /// Bytes of objects that one thread may ask for before it needs them.
    ahead: usize,
}

/// The reads of a row group; else the column because of which it is read as arrays, and why.
type Plan = std::result::Result<Vec<Read>, (usize, String)>;

impl Encoded {
    /// For the shards that are `kept`; those that are `whole` are read by one thread each.
    pub(in crate::engine) fn new(
        dataset: &Dataset,
        means: &Means<'_>,
        (kept, whole): (&[bool], &[bool]),
    ) -> Result<Self> {
        let Means { counting, threads, progress, budget, .. } = *means;
        let how = |number: usize| match (kept.get(number), whole.get(number)) {
            (Some(false), _) => Cut::Skip,
            (_, Some(true)) => Cut::Whole,
            _ => Cut::Split,
        };
        let lists = pieces::cut(&dataset.shards, how, threads)?;
        // The largest stand first in each list.
        let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
        let in_turns = (0..longest).flat_map(|i| lists.iter().filter_map(move |list| list.get(i)));
        let groups = |number: usize, piece| pieces::groups(&dataset.shards[number], pieces::range(piece));
        let pieces: Vec<_> = in_turns.map(|(number, piece)| (*number, groups(*number, piece))).collect();
        let value = |shard: &Shard, key: &String| {
            shard.hive.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
        };
        let layout = &counting.layout;
        let names: Vec<String> = [layout.id.as_deref(), Some(layout.column()), layout.value.as_deref()]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        Ok(Self {
            keys: dataset
                .shards
                .iter()
                .map(|shard| counting.by.iter().map(|by| value(shard, by)).collect())
                .collect(),
            paths: Paths::new(&names),
            names,
            shards: dataset.shards.clone().into(),
            agreed: Arc::clone(&dataset.schema),
            counting: Arc::clone(counting),
            pieces: Mutex::new(pieces.into_iter()),
            progress: Arc::clone(progress),
            ahead: budget / AHEAD_PART,
        })
    }

    /// How each column was read.
    pub(in crate::engine) fn paths(&self) -> Vec<ColumnPath> {
        self.paths.take()
    }

    /// The type of the row ids.
    pub(in crate::engine) fn id_type(&self) -> Result<&DataType> {
        self.agreed_type(&self.names[0])
    }

    fn agreed_type(&self, name: &str) -> Result<&DataType> {
        let field = self.agreed.field_with_name(name).map_err(|cause| Error::internal(cause.to_string()))?;
        Ok(field.data_type())
    }

    /// How a row group is read.
    fn plan(&self, shard: &Shard, group: usize, places: &[Place]) -> Result<Plan> {
        let metadata = shard.metadata.row_group(group);
        let id = self.id_type()?;
        if !(id.is_integer() || is_text(id) || *id == DataType::BinaryView) {
            return Ok(Err((0, format!("row ids of type {id}"))));
        }
        if metadata.num_rows() > ROWS_MAX {
            return Ok(Err((0, format!("{} rows in one row group", metadata.num_rows()))));
        }
        let far = shard.place.object().is_some();
        let mut reads = Vec::new();
        // Ids last, beside what is said of them.
        for (column, place) in places.iter().enumerate().rev() {
            match place {
                Place::Leaf { leaf, .. } => {
                    reads.extend(reads::plan(metadata, &[Wanted { column, leaf: *leaf }], far));
                }
                Place::Arrays { why, .. } => return Ok(Err((column, (*why).to_owned()))),
                Place::Absent => return Ok(Err((column, "a shard has no such column".to_owned()))),
            }
        }
        Ok(Ok(reads))
    }

    fn next(&self) -> Option<(usize, Range<usize>)> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).next()
    }
}

/// Feeds a worker.
pub(super) async fn run<R: Record>(mut worker: Worker<R>, encoded: Arc<Encoded>) -> Result<Worker<R>> {
    let mut reader = Reader {
        buffer: Vec::new(),
        workspace: Workspace::default(),
        labels: Vec::new(),
        sides: Vec::new(),
        ids: Vec::new(),
        tried: vec![Tried::default(); encoded.names.len()],
    };
    while let Some((number, groups)) = encoded.next() {
        let shard = &encoded.shards[number];
        let places = places(shard, &encoded.names, &encoded.agreed);
        let plans = groups.clone().map(|group| encoded.plan(shard, group, &places));
        let plans = plans.collect::<Result<Vec<_>>>()?;
        let reads = plans.iter().flatten().flatten().cloned().collect();
        let mut reading = Reading::new(shard, reads, encoded.ahead)?;
        for (group, plan) in groups.zip(plans) {
            if worker.lied {
                break;
            }
            reader.group(&encoded, (number, group), &places, (plan, &mut reading), &mut worker)?;
            yield_now().await;
        }
    }
    encoded.paths.add(&reader.tried);
    worker.finish()?;
    Ok(worker)
}

/// What one thread reads with.
struct Reader {
    buffer: Vec<u8>,
    workspace: Workspace,
    /// Per row of the row group at hand.
    labels: Vec<u32>,
    sides: Vec<u32>,
    /// Of some of its rows.
    ids: Vec<u128>,
    tried: Vec<Tried>,
}

impl Reader {
    /// Gives a worker all rows of a row group.
    fn group<R: Record>(
        &mut self,
        encoded: &Encoded,
        (number, group): (usize, usize),
        places: &[Place],
        (plan, reading): (Plan, &mut Reading),
        worker: &mut Worker<R>,
    ) -> Result<()> {
        let shard = &encoded.shards[number];
        let metadata = shard.metadata.row_group(group);
        let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
        self.labels.clear();
        self.sides.clear();
        let (mut left, mut why) = match plan {
            Ok(reads) => (reads.len(), None),
            Err(why) => (0, Some(why)),
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        while left > 0 && why.is_none() {
            let Some((read, bytes)) = reading.next(shard, &mut buffer)? else { break };
            left -= 1;
            encoded.progress.add_bytes(bytes.len() as u64);
            for (Wanted { column, leaf }, range) in &read.chunks {
                let chunk = Chunk { bytes: &bytes[range.clone()], meta: metadata.column(*leaf), rows };
                let place =
                    |error: Error| error.at(format!("{}: column {:?}", shard.name, encoded.names[*column]));
                why = self.column(encoded, (number, *column), &chunk, worker).map_err(place)?;
            }
        }
        reading.skip(left)?;
        self.buffer = buffer;
        match why {
            Some((column, why)) => self.arrays(encoded, (number, group), places, (column, &why), worker)?,
            None => self.tried.iter_mut().for_each(|tried| tried.encoded += 1),
        }
        encoded.progress.add(rows);
        Ok(())
    }

    /// Reads one column of a row group; says which and why where that is left to arrays.
    fn column<R: Record>(
        &mut self,
        encoded: &Encoded,
        (number, column): (usize, usize),
        chunk: &Chunk<'_>,
        worker: &mut Worker<R>,
    ) -> Result<Option<(usize, String)>> {
        let Self { workspace, labels, sides, ids, .. } = self;
        let shard = shard_number(number)?;
        let outcome = match column {
            0 => {
                let (signed, text) = (encoded.id_type()?.is_signed_integer(), is_text(encoded.id_type()?));
                let (group, mut at) = (worker.reader.group(&encoded.keys[number])?, 0);
                let outcome = read_values(chunk, workspace, &mut |values| {
                    ids.clear();
                    for value in values {
                        ids.push(id(*value, text)?);
                    }
                    worker.take(shard, ids, signed, |row| {
                        let label = labels.get(at + row).copied().unwrap_or(NO_LABEL);
                        let side = sides.get(at + row).and_then(|side| u8::try_from(*side).ok());
                        Said::new(group, label, side.unwrap_or(LISTED))
                    })?;
                    at += values.len();
                    Ok(())
                })?;
                if outcome == Outcome::Counted(false) {
                    return Err(worker.reader.null_id());
                }
                outcome.map(|_| ())
            }
            1 => {
                let mut code = |value: Option<Value<'_>>| match value.map(|value| stored(value).ok_or(value))
                {
                    Some(Err(value)) => worker.reader.stray(format!("{value} is not UTF-8"), shard),
                    Some(Ok(value)) => worker.reader.label(Some(value), shard),
                    None => worker.reader.label(None, shard),
                };
                read_codes(chunk, workspace, &mut code, labels)?
            }
            _ => {
                let mut stray = None;
                let mut code = |value: Option<Value<'_>>| {
                    let cell = value.map_or(Cell::Missing, |value| cell(&encoded.counting.domain, value));
                    if let (Cell::Invalid, Some(value), None) = (cell, value, &stray) {
                        stray = Some(value.to_string());
                    }
                    u32::from(side(cell))
                };
                let outcome = read_codes(chunk, workspace, &mut code, sides)?;
                match stray {
                    Some(value) if outcome == Outcome::Counted(()) => return Err(no_side(&value)),
                    _ => outcome,
                }
            }
        };
        Ok(match outcome {
            Outcome::Counted(()) => None,
            Outcome::Unsupported(why) => Some((column, why)),
        })
    }

    /// Gives a worker a row group as arrays, because of one of its columns. Pairs that it was given before
    /// count once.
    fn arrays<R: Record>(
        &mut self,
        encoded: &Encoded,
        (number, group): (usize, usize),
        places: &[Place],
        (column, why): (usize, &str),
        worker: &mut Worker<R>,
    ) -> Result<()> {
        for (other, tried) in self.tried.iter_mut().enumerate() {
            if other == column {
                tried.fell_back(why);
            } else {
                tried.fell_back(format!("read beside {}, {why}", encoded.names[column]));
            }
        }
        let root = |place: &Place| match place {
            Place::Leaf { root, .. } | Place::Arrays { root, .. } => Some(*root),
            Place::Absent => None,
        };
        let types = encoded.names.iter().map(|name| encoded.agreed_type(name)).collect::<Result<Vec<_>>>()?;
        let columns: Vec<_> = places.iter().map(root).zip(types).collect();
        let mut refused = None;
        let read = fallback::rows(&encoded.shards[number], group, &columns, |columns| {
            let batch = encoded.batch(number, columns)?;
            worker.update(&batch).map_err(|error| {
                refused = Some(error);
                Error::internal("refused")
            })
        });
        refused.map_or_else(|| read.map_err(|error| error.at(&encoded.shards[number].name)), Err)
    }
}

fn shard_number(shard: usize) -> Result<u32> {
    u32::try_from(shard).map_err(|_| Error::internal("more than 2^32 shards"))
}

impl Encoded {
    /// `[by…, id, label, value?, shard]`, as workers take them.
    fn batch(&self, number: usize, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
        let rows = columns.first().map_or(0, |column| column.len());
        let by = self.keys[number].iter();
        let mut all: Vec<ArrayRef> =
            by.map(|value| Arc::new(StringArray::from(vec![value.as_deref(); rows])) as ArrayRef).collect();
        all.extend(columns);
        all.push(Arc::new(UInt32Array::from(vec![shard_number(number)?; rows])));
        let field =
            |(i, column): (usize, &ArrayRef)| Field::new(i.to_string(), column.data_type().clone(), true);
        let schema = Schema::new(all.iter().enumerate().map(field).collect::<Vec<_>>());
        RecordBatch::try_new(Arc::new(schema), all).map_err(|cause| Error::internal(cause.to_string()))
    }
}

fn is_text(data_type: &DataType) -> bool {
    *data_type == DataType::Utf8View
}

/// A row id as 128 bits, as [`super::ids`] has it.
fn id(value: Value<'_>, text: bool) -> Result<u128> {
    match value {
        Value::Int(id) => Ok(id.cast_unsigned().into()),
        Value::UInt(id) => Ok(id.into()),
        Value::Text(id) if text && std::str::from_utf8(id).is_err() => {
            Err(Error::input(format!("{value} is not UTF-8")).hint("write the shard again"))
        }
        Value::Text(id) => Ok(bytes(id)),
        Value::Bool(_) | Value::Float(_) => Err(Error::internal(format!("row id {value}"))),
    }
}
