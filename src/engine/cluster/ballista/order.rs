//! The message to executors: what to compute from pieces of shards, and which shards these are.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};

use crate::counts::Labels;
use crate::engine::counting::{Counting, Engine, Keys, Vocabulary};
use crate::engine::dataset::shard_number;
use crate::engine::group_key::GroupKey;
use crate::error::{Error, Result};
use crate::source::layout::{LabelKind, Layout};
use crate::source::listing::Listed;
use crate::source::shards::{Shard, open};
use crate::source::values::Domain;
use crate::store::{self, Pinned};

/// What executors compute from the rows of a piece.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum PieceOutput {
    /// Partial counts; for layout `long`, of shards that share no row ids.
    Counts,
    /// Pairs of layout `long`, of shards that may share row ids.
    Pairs,
    /// Sets of labels with their numbers of rows, in these groups.
    Patterns(Vec<GroupKey>),
    /// The labels of every row, in these groups.
    Rows(Vec<GroupKey>),
}

/// What executors do with every piece.
#[derive(Debug)]
pub(super) struct PieceOrder {
    pub(super) output: PieceOutput,
    pub(super) counting: Arc<Counting>,
    /// The types that all shards widen to.
    pub(super) schema: SchemaRef,
    /// Hive keys that no file column hides.
    pub(super) hive: Vec<String>,
}

/// A shard as the client saw it, so that executors can check that they see the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PinnedShard {
    pub(super) number: u32,
    name: String,
    location: ShardLocation,
    hive: Vec<(String, String)>,
    pub(super) bytes: u64,
    footer_sha256: [u8; 32],
}

/// Path and modification time of a file, or address and version of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum ShardLocation {
    File(PathBuf, Option<SystemTime>),
    Object(Pinned),
}

impl PinnedShard {
    pub(super) fn new(number: usize, shard: &Shard) -> Result<Self> {
        let location = match &shard.place {
            // Executors run in another folder.
            store::Place::File(path) => {
                let path = std::path::absolute(path).map_err(|cause| Error::reading(path, &cause))?;
                ShardLocation::File(path, shard.modified)
            }
            store::Place::Object(object) => ShardLocation::Object(object.pinned()),
        };
        Ok(Self {
            number: shard_number(number)?,
            name: shard.name.clone(),
            location,
            hive: shard.hive.clone(),
            bytes: shard.bytes,
            footer_sha256: shard.footer_sha256,
        })
    }

    /// Path or address, for messages.
    pub(super) fn path(&self) -> String {
        match &self.location {
            ShardLocation::File(path, _) => path.display().to_string(),
            ShardLocation::Object(object) => object.to_string(),
        }
    }

    /// Opens the shard on the machine of this process.
    ///
    /// # Errors
    /// [`Error::Input`] when it cannot be read, [`Error::Changed`] when it is not the shard that the client saw.
    pub(super) fn open(&self) -> Result<Shard> {
        let other = |what: &str| {
            Error::changed(format!("{}: an executor found {what}", self.name)).hint(
                "make sure that executors see the same files as the client, and run again once nothing writes to them",
            )
        };
        let (place, modified) = match &self.location {
            ShardLocation::Object(object) => {
                (store::Place::Object(object.object().map_err(on_executor)?), None)
            }
            ShardLocation::File(path, modified) if path.exists() => {
                (store::Place::File(path.clone()), *modified)
            }
            ShardLocation::File(..) => return Err(other("no such file")),
        };
        // Reads of an object check its version themselves.
        let is_file = place.object().is_none();
        let listed = Listed { place, hive: self.hive.clone(), name: self.name.clone() };
        let shard = open(vec![listed], 1).map_err(on_executor)?.pop();
        let shard = shard.ok_or_else(|| Error::internal("no shard was opened"))?;
        let is_same = (shard.bytes, shard.footer_sha256) == (self.bytes, self.footer_sha256)
            && (!is_file || shard.modified == modified);
        if is_same { Ok(shard) } else { Err(other("another file than the client listed")) }
    }
}

/// A usage error that concerns the executor, not the client: missing credentials or an unsupported store.
fn on_executor(error: Error) -> Error {
    if !matches!(error, Error::Usage(_)) {
        return error;
    }
    let hint = error.remedy().map(|hint| format!("on the machines of the executors: {hint}"));
    hint.into_iter().fold(error.at("an executor"), Error::hint)
}

/// A piece: the number of its shard, and the range of bytes in which its row groups begin; `None` for all of them.
pub(super) type PieceRange = (u32, Option<(i64, i64)>);

/// An order and the pieces of a physical plan, as they are sent.
#[derive(Serialize, Deserialize)]
pub(super) struct OrderMessage {
    output: PieceOutput,
    counting: WireCounting,
    schema: Vec<u8>,
    hive: Vec<String>,
    pub(super) shards: BTreeMap<u32, PinnedShard>,
    pub(super) lists: Vec<Vec<PieceRange>>,
}

impl OrderMessage {
    pub(super) fn new(
        order: &PieceOrder,
        shards: BTreeMap<u32, PinnedShard>,
        lists: Vec<Vec<PieceRange>>,
    ) -> Result<Self> {
        let mut schema = Vec::new();
        StreamWriter::try_new(&mut schema, &order.schema)
            .and_then(|mut writer| writer.finish())
            .map_err(|cause| Error::internal(cause.to_string()))?;
        let (output, counting, hive) =
            (order.output.clone(), WireCounting::of(&order.counting), order.hive.clone());
        Ok(Self { output, counting, schema, hive, shards, lists })
    }

    pub(super) fn order(&self) -> Result<PieceOrder> {
        let schema = StreamReader::try_new(&self.schema[..], None);
        Ok(PieceOrder {
            output: self.output.clone(),
            counting: Arc::new(self.counting.read()),
            schema: schema.map_err(|cause| Error::internal(cause.to_string()))?.schema(),
            hive: self.hive.clone(),
        })
    }

    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let bytes = postcard::to_allocvec(self).map_err(|cause| Error::internal(cause.to_string()))?;
        zstd::encode_all(&bytes[..], 1).map_err(|cause| Error::internal(cause.to_string()))
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let other = |cause: &dyn std::fmt::Display| {
            Error::usage(format!("the physical plan cannot be decoded: {cause}"))
                .hint("run the same version of posweight on client, scheduler and executors")
        };
        let bytes = zstd::decode_all(bytes).map_err(|cause| other(&cause))?;
        postcard::from_bytes(&bytes).map_err(|cause| other(&cause))
    }
}

/// [`Counting`] as it is sent.
#[derive(Serialize, Deserialize)]
struct WireCounting {
    layout: Layout,
    keys: WireKeys,
    domain: Domain,
    overrides: HashMap<usize, Domain>,
    by: Vec<String>,
    sample_weight: Option<String>,
    filter: Option<String>,
    ids_disjoint: bool,
    engine: Engine,
    trust_statistics: bool,
}

#[derive(Serialize, Deserialize)]
enum WireKeys {
    Positions(Vec<String>),
    Indices(Option<u64>),
    Vocabulary(Vec<String>, LabelKind),
    Names,
}

impl WireCounting {
    fn of(counting: &Counting) -> Self {
        let names = |labels: &Labels| labels.iter().map(str::to_owned).collect();
        Self {
            layout: counting.layout.clone(),
            keys: match &counting.keys {
                Keys::Positions(labels) => WireKeys::Positions(names(labels)),
                Keys::Indices(bound) => WireKeys::Indices(*bound),
                Keys::Vocabulary(known) => WireKeys::Vocabulary(names(known.labels()), known.kind()),
                Keys::Names => WireKeys::Names,
            },
            domain: counting.domain.clone(),
            overrides: counting.overrides.clone(),
            by: counting.by.clone(),
            sample_weight: counting.sample_weight.clone(),
            filter: counting.filter.clone(),
            ids_disjoint: counting.ids_disjoint,
            engine: counting.engine,
            trust_statistics: counting.trust_statistics,
        }
    }

    fn read(&self) -> Counting {
        let labels = |names: &[String]| names.iter().collect::<Labels>();
        Counting {
            layout: self.layout.clone(),
            keys: match &self.keys {
                WireKeys::Positions(names) => Keys::Positions(labels(names)),
                WireKeys::Indices(bound) => Keys::Indices(*bound),
                WireKeys::Vocabulary(names, kind) => {
                    Keys::Vocabulary(Arc::new(Vocabulary::new(labels(names), *kind)))
                }
                WireKeys::Names => Keys::Names,
            },
            domain: self.domain.clone(),
            overrides: self.overrides.clone(),
            by: self.by.clone(),
            sample_weight: self.sample_weight.clone(),
            filter: self.filter.clone(),
            // Only the client uses the true number of rows and the maximum number of labels.
            num_rows: None,
            ids_disjoint: self.ids_disjoint,
            part: false,
            labels_max: usize::MAX,
            engine: self.engine,
            trust_statistics: self.trust_statistics,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::source::layout::LayoutKind;

    fn counting(keys: Keys) -> Counting {
        Counting {
            layout: Layout {
                kind: LayoutKind::List,
                labels: vec!["tags".to_owned()],
                id: None,
                value: None,
                delimiter: None,
            },
            keys,
            domain: Domain { threshold: Some(0.5), ..Domain::default() },
            overrides: HashMap::from([(3, Domain::default())]),
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
        let vocabulary = Vocabulary::new(labels.clone(), LabelKind::Name);
        for keys in [
            Keys::Positions(labels),
            Keys::Indices(Some(7)),
            Keys::Indices(None),
            Keys::Vocabulary(Arc::new(vocabulary)),
            Keys::Names,
        ] {
            let order = PieceOrder {
                output: PieceOutput::Patterns(vec![vec![Some("train".to_owned())], vec![None]]),
                counting: Arc::new(counting(keys)),
                schema: Arc::new(Schema::new(vec![Field::new("tags", DataType::Utf8, true)])),
                hive: vec!["split".to_owned()],
            };
            let lists = vec![vec![(4, Some((0, 99))), (5, None)], Vec::new()];
            let message = OrderMessage::new(&order, BTreeMap::new(), lists.clone()).unwrap();
            let read = OrderMessage::read(&message.write().unwrap()).unwrap();
            assert_eq!(read.lists, lists);
            assert_eq!(format!("{:?}", read.order().unwrap()), format!("{order:?}"));
        }
        assert_eq!(OrderMessage::read(b"of another version").err().map(|error| error.exit_code()), Some(2));
    }

    #[test]
    fn a_shard_that_is_not_the_one_that_was_listed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.parquet");
        let write = |values: Vec<bool>| {
            let batch =
                RecordBatch::try_from_iter([("a", Arc::new(BooleanArray::from(values)) as _)]).unwrap();
            let file = std::fs::File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        };
        write(vec![true, false]);
        let listed =
            Listed { place: store::Place::File(path.clone()), hive: Vec::new(), name: "x".to_owned() };
        let seen = PinnedShard::new(0, &open(vec![listed], 1).unwrap()[0]).unwrap();
        assert_eq!(seen.open().unwrap().rows, 2);
        // Of the same size and time, as a copy on another disk may be.
        let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
        write(vec![false, false]);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(seen.open().unwrap_err().exit_code(), 8);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(seen.open().unwrap_err().exit_code(), 8);
    }
}
