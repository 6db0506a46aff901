//! The message to executors: what to compute from pieces of shards, and which shards these are.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::pinned_shard::PinnedShard;
use crate::counts::{CountUnit, Labels, NameOrder};
use crate::engine::cluster::exchange::blocks::PartNumbers;
use crate::engine::cluster::exchange::count_blocks::CountWriter;
use crate::engine::counting::{Counting, Engine, Keys, Vocabulary};
use crate::engine::group_key::GroupKey;
use crate::engine::session::Limits;
use crate::error::{Error, Result};
use crate::source::ancestors::Ancestors;
use crate::source::folder_types::FolderType;
use crate::source::layout::{LabelKind, Layout};
use crate::source::values::Domain;

/// What executors compute from the rows of a piece.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum PieceOutput {
    /// Partial counts in this many parts; for layout `long`, of shards that share no row ids.
    Counts { parts: usize },
    /// Partial counts of each shard, as they are saved; for layout `long`, of shards that share no row ids.
    Shards,
    /// Pairs of layout `long`, of shards that may share row ids: about so many `rows` in so many `parts`, a power of
    /// two, whose counts come in `count_parts` parts.
    Pairs { rows: u64, parts: usize, count_parts: usize },
    /// Sets of labels with their numbers of rows, in these groups.
    Patterns(Vec<GroupKey>),
    /// The labels of every row, in these groups.
    Rows(Vec<GroupKey>),
}

/// What executors do with every piece.
#[derive(Debug, Clone)]
pub(super) struct PieceOrder {
    pub(super) output: PieceOutput,
    pub(super) counting: Arc<Counting>,
    /// The types that all shards widen to.
    pub(super) schema: SchemaRef,
    /// Hive keys that no file column hides.
    pub(super) hive: Vec<String>,
    /// What their values are, over all shards.
    pub(super) folder_types: BTreeMap<String, FolderType>,
}

/// Whose plan it is that has an order.
#[derive(Debug, Clone, Default)]
pub(super) struct PlanPlace {
    /// Limits for each piece or partition, where plans are executed.
    pub(super) limits: Option<Limits>,
    /// Processor time of the scheduler in microseconds: when the job came, and in an executor how much the scheduler
    /// had taken since then when it gave out the task.
    pub(super) scheduler: u64,
}

impl PieceOrder {
    /// What writes partial counts.
    pub(super) fn writer(&self) -> Result<CountWriter> {
        let parts = match self.output {
            PieceOutput::Counts { parts } => parts,
            PieceOutput::Pairs { count_parts, .. } => count_parts,
            PieceOutput::Shards | PieceOutput::Patterns(_) | PieceOutput::Rows(_) => 1,
        };
        let (n_by, has_mass) = (self.counting.by.len(), self.counting.has_mass());
        Ok(CountWriter { parts: PartNumbers::new(parts)?, n_by, has_mass })
    }
}

/// A piece: the number of its shard, and the range of bytes in which its row groups begin; `None` for all of them.
pub(super) type PieceRange = (u32, Option<(i64, i64)>);

/// [`PieceOrder`] as it is sent.
#[derive(Serialize, Deserialize)]
struct WireOrder {
    output: PieceOutput,
    counting: WireCounting,
    schema: Vec<u8>,
    hive: Vec<String>,
    folder_types: BTreeMap<String, FolderType>,
}

impl PieceOrder {
    /// The order as bytes, which may have the names of all labels.
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let mut schema = Vec::new();
        StreamWriter::try_new(&mut schema, &self.schema)
            .and_then(|mut writer| writer.finish())
            .map_err(|cause| Error::internal(cause.to_string()))?;
        packed(&WireOrder {
            output: self.output.clone(),
            counting: WireCounting::of(&self.counting),
            schema,
            hive: self.hive.clone(),
            folder_types: self.folder_types.clone(),
        })
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let WireOrder { output, counting, schema, hive, folder_types } = unpacked(bytes)?;
        let schema = StreamReader::try_new(&schema[..], None);
        Ok(Self {
            output,
            counting: Arc::new(counting.read()),
            schema: schema.map_err(|cause| Error::internal(cause.to_string()))?.schema(),
            hive,
            folder_types,
        })
    }
}

/// What a physical plan has beside an order: the pieces of a scan.
#[derive(Serialize, Deserialize)]
pub(super) struct OrderMessage {
    pub(super) scheduler: u64,
    pub(super) shards: BTreeMap<u32, PinnedShard>,
    pub(super) lists: Vec<Vec<PieceRange>>,
}

impl OrderMessage {
    /// The message behind the bytes of an order, which are the same in all tasks of a job.
    pub(super) fn write(&self, order: &[u8], message: &mut Vec<u8>) -> Result<()> {
        message.extend_from_slice(&(order.len() as u64).to_le_bytes());
        message.extend_from_slice(order);
        message.extend_from_slice(&packed(self)?);
        Ok(())
    }

    /// The message, and the bytes of the order.
    pub(super) fn read(message: &[u8]) -> Result<(Self, &[u8])> {
        let split = message.split_first_chunk().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
        });
        let (order, rest) = split.ok_or_else(|| other_version(&"it is too short"))?;
        Ok((unpacked(rest)?, order))
    }
}

fn packed(message: &impl Serialize) -> Result<Vec<u8>> {
    let bytes = postcard::to_allocvec(message).map_err(|cause| Error::internal(cause.to_string()))?;
    zstd::bulk::compress(&bytes, 1).map_err(|cause| Error::internal(cause.to_string()))
}

fn unpacked<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let bytes = zstd::decode_all(bytes).map_err(|cause| other_version(&cause))?;
    postcard::from_bytes(&bytes).map_err(|cause| other_version(&cause))
}

fn other_version(cause: &dyn Display) -> Error {
    Error::usage(format!("the physical plan cannot be decoded: {cause}"))
        .hint("run the same version of posweight on client, scheduler and executors")
}

/// [`Counting`] as it is sent.
#[derive(Serialize, Deserialize)]
struct WireCounting {
    layout: Layout,
    unit: CountUnit,
    keys: WireKeys,
    domain: Domain,
    overrides: HashMap<usize, Domain>,
    ancestors: Option<Ancestors>,
    by: Vec<String>,
    sample_weight: Option<String>,
    filter: Option<String>,
    ids_disjoint: bool,
    labels_max: usize,
    engine: Engine,
    trust_statistics: bool,
}

#[derive(Serialize, Deserialize)]
enum WireKeys {
    Positions(Vec<String>),
    Indices(Option<u64>),
    Vocabulary(Vec<String>, LabelKind),
    Names(NameOrder),
}

impl WireCounting {
    fn of(counting: &Counting) -> Self {
        let names = |labels: &Labels| labels.iter().map(str::to_owned).collect();
        Self {
            layout: counting.layout.clone(),
            unit: counting.unit,
            keys: match &counting.keys {
                Keys::Positions(labels) => WireKeys::Positions(names(labels)),
                Keys::Indices(bound) => WireKeys::Indices(*bound),
                Keys::Vocabulary(known) => WireKeys::Vocabulary(names(known.labels()), known.kind()),
                Keys::Names(order) => WireKeys::Names(*order),
            },
            domain: counting.domain.clone(),
            overrides: counting.overrides.clone(),
            ancestors: counting.ancestors.as_deref().cloned(),
            by: counting.by.clone(),
            sample_weight: counting.sample_weight.clone(),
            filter: counting.filter.clone(),
            ids_disjoint: counting.ids_disjoint,
            labels_max: counting.labels_max,
            engine: counting.engine,
            trust_statistics: counting.trust_statistics,
        }
    }

    fn read(&self) -> Counting {
        let labels = |names: &[String]| names.iter().collect::<Labels>();
        Counting {
            layout: self.layout.clone(),
            unit: self.unit,
            keys: match &self.keys {
                WireKeys::Positions(names) => Keys::Positions(labels(names)),
                WireKeys::Indices(bound) => Keys::Indices(*bound),
                WireKeys::Vocabulary(names, kind) => {
                    let vocabulary = Vocabulary::new(labels(names), *kind, self.domain.spelling);
                    Keys::Vocabulary(Arc::new(vocabulary))
                }
                WireKeys::Names(order) => Keys::Names(*order),
            },
            domain: self.domain.clone(),
            overrides: self.overrides.clone(),
            ancestors: self.ancestors.clone().map(Arc::new),
            heads: Vec::new(),
            by: self.by.clone(),
            sample_weight: self.sample_weight.clone(),
            filter: self.filter.clone(),
            // Only the client uses the true number of rows.
            num_rows: None,
            ids_disjoint: self.ids_disjoint,
            part: false,
            labels_max: self.labels_max,
            engine: self.engine,
            trust_statistics: self.trust_statistics,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::source::layout::LayoutKind;
    use crate::source::spelling::Spelling;

    fn counting(keys: Keys) -> Counting {
        Counting {
            layout: Layout {
                kind: LayoutKind::List,
                labels: vec!["tags".to_owned()],
                id: None,
                value: None,
                delimiter: None,
            },
            unit: CountUnit::Element,
            keys,
            domain: Domain { threshold: Some(0.5), ..Domain::default() },
            overrides: HashMap::from([(3, Domain::default())]),
            ancestors: None,
            heads: Vec::new(),
            by: vec!["split".to_owned()],
            sample_weight: None,
            filter: Some("x > 1".to_owned()),
            num_rows: None,
            ids_disjoint: false,
            part: false,
            labels_max: usize::MAX,
            engine: Engine::Plain,
            trust_statistics: true,
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let labels: Labels = ["ä", "b"].iter().collect();
        let vocabulary = Vocabulary::new(labels.clone(), LabelKind::Name, Spelling::default());
        for keys in [
            Keys::Positions(labels),
            Keys::Indices(Some(7)),
            Keys::Indices(None),
            Keys::Vocabulary(Arc::new(vocabulary)),
            Keys::Names(NameOrder::Number),
        ] {
            let order = PieceOrder {
                output: PieceOutput::Patterns(vec![vec![Some("train".to_owned())], vec![None]]),
                counting: Arc::new(counting(keys)),
                schema: Arc::new(Schema::new(vec![Field::new("tags", DataType::Utf8, true)])),
                hive: vec!["split".to_owned()],
                folder_types: BTreeMap::from([("split".to_owned(), FolderType::Date)]),
            };
            let lists = vec![vec![(4, Some((0, 99))), (5, None)], Vec::new()];
            let (mut message, bytes) = (Vec::new(), order.write().unwrap());
            let sent = OrderMessage { scheduler: 5, shards: BTreeMap::new(), lists: lists.clone() };
            sent.write(&bytes, &mut message).unwrap();
            let (read, read_bytes) = OrderMessage::read(&message).unwrap();
            assert_eq!((read.scheduler, read.lists, read_bytes), (5, lists, &bytes[..]));
            assert_eq!(format!("{:?}", PieceOrder::read(read_bytes).unwrap()), format!("{order:?}"));
        }
        for other in [&b"short"[..], b"of another version", &[0; 9]] {
            assert_eq!(OrderMessage::read(other).err().map(|error| error.exit_code()), Some(2));
        }
        assert_eq!(PieceOrder::read(b"of another version").err().map(|error| error.exit_code()), Some(2));
    }
}
