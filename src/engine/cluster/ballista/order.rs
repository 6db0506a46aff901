//! What executors are told: what to do with pieces of shards, and which shards these are.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};

use crate::counts::Labels;
use crate::engine::collect::GroupKey;
use crate::engine::counting::{Counting, Engine, Keys, Vocabulary};
use crate::error::{Error, Result};
use crate::source::layout::{LabelKind, Layout};
use crate::source::listing::Listed;
use crate::source::shards::{Shard, open};
use crate::source::values::Domain;

/// What becomes of the rows of a piece.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Work {
    /// Partial counts.
    Counts,
    /// Pairs of layout `long`.
    Pairs,
    /// Patterns of labels, in these groups.
    Patterns(Vec<GroupKey>),
}

/// What is asked of every piece.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) work: Work,
    pub(super) counting: Arc<Counting>,
    /// The types that all shards widen to.
    pub(super) schema: SchemaRef,
    /// Hive keys that no file column hides.
    pub(super) hive: Vec<String>,
}

/// A shard as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) number: u32,
    name: String,
    pub(super) path: PathBuf,
    hive: Vec<(String, String)>,
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
    footer_sha256: [u8; 32],
}

impl Seen {
    pub(super) fn new(number: usize, shard: &Shard) -> Result<Self> {
        // The executor stands in another folder.
        let path =
            std::path::absolute(&shard.path).map_err(|cause| Error::reading(&shard.path, &cause))?;
        Ok(Self {
            number: u32::try_from(number).map_err(|_| Error::input("more than 2^32 shards"))?,
            name: shard.name.clone(),
            path,
            hive: shard.hive.clone(),
            bytes: shard.bytes,
            modified: shard.modified,
            footer_sha256: shard.footer_sha256,
        })
    }

    /// Opens it here.
    ///
    /// # Errors
    /// [`Error::Input`] when it cannot be read, [`Error::Changed`] when it is not the one that was seen.
    pub(super) fn open(&self) -> Result<Shard> {
        let Self { name, path, hive, .. } = self.clone();
        let mut opened = open(vec![Listed { path, hive, name }], 1)?;
        let shard = opened.pop().ok_or_else(|| Error::internal("no shard was opened"))?;
        let same = (shard.bytes, shard.modified, shard.footer_sha256)
            == (self.bytes, self.modified, self.footer_sha256);
        if same {
            return Ok(shard);
        }
        Err(Error::changed(format!("{}: an executor finds another file than was listed", self.name))
            .hint("run again once nothing writes to the shards; executors must read the store of the client"))
    }
}

/// A piece: the number of its shard, and the range in which its row groups begin.
pub(super) type Place = (u32, Option<(i64, i64)>);

/// An order with the pieces of a plan, as it is sent.
#[derive(Serialize, Deserialize)]
pub(super) struct Message {
    work: Work,
    counting: Written,
    schema: Vec<u8>,
    hive: Vec<String>,
    pub(super) shards: BTreeMap<u32, Seen>,
    pub(super) lists: Vec<Vec<Place>>,
}

impl Message {
    pub(super) fn new(order: &Order, shards: BTreeMap<u32, Seen>, lists: Vec<Vec<Place>>) -> Result<Self> {
        let mut schema = Vec::new();
        StreamWriter::try_new(&mut schema, &order.schema)
            .and_then(|mut writer| writer.finish())
            .map_err(|cause| Error::internal(cause.to_string()))?;
        let (work, counting, hive) = (order.work.clone(), Written::of(&order.counting), order.hive.clone());
        Ok(Self { work, counting, schema, hive, shards, lists })
    }

    pub(super) fn order(&self) -> Result<Order> {
        let schema = StreamReader::try_new(&self.schema[..], None);
        Ok(Order {
            work: self.work.clone(),
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
            Error::usage(format!("this plan cannot be read here: {cause}"))
                .hint("client, scheduler and executors must be of one version of posweight")
        };
        let bytes = zstd::decode_all(bytes).map_err(|cause| other(&cause))?;
        postcard::from_bytes(&bytes).map_err(|cause| other(&cause))
    }
}

/// [`Counting`] in plain values.
#[derive(Serialize, Deserialize)]
struct Written {
    layout: Layout,
    keys: WrittenKeys,
    domain: Domain,
    overrides: HashMap<usize, Domain>,
    by: Vec<String>,
    sample_weight: Option<String>,
    filter: Option<String>,
    engine: Engine,
    trust_statistics: bool,
}

#[derive(Serialize, Deserialize)]
enum WrittenKeys {
    Positions(Vec<String>),
    Indices(Option<u64>),
    Vocabulary(Vec<String>, LabelKind),
    Names,
}

impl Written {
    fn of(counting: &Counting) -> Self {
        let names = |labels: &Labels| labels.iter().map(str::to_owned).collect();
        Self {
            layout: counting.layout.clone(),
            keys: match &counting.keys {
                Keys::Positions(labels) => WrittenKeys::Positions(names(labels)),
                Keys::Indices(bound) => WrittenKeys::Indices(*bound),
                Keys::Vocabulary(known) => WrittenKeys::Vocabulary(names(known.labels()), known.kind()),
                Keys::Names => WrittenKeys::Names,
            },
            domain: counting.domain.clone(),
            overrides: counting.overrides.clone(),
            by: counting.by.clone(),
            sample_weight: counting.sample_weight.clone(),
            filter: counting.filter.clone(),
            engine: counting.engine,
            trust_statistics: counting.trust_statistics,
        }
    }

    fn read(&self) -> Counting {
        let labels = |names: &[String]| names.iter().collect::<Labels>();
        Counting {
            layout: self.layout.clone(),
            keys: match &self.keys {
                WrittenKeys::Positions(names) => Keys::Positions(labels(names)),
                WrittenKeys::Indices(bound) => Keys::Indices(*bound),
                WrittenKeys::Vocabulary(names, kind) => {
                    Keys::Vocabulary(Arc::new(Vocabulary::new(labels(names), *kind)))
                }
                WrittenKeys::Names => Keys::Names,
            },
            domain: self.domain.clone(),
            overrides: self.overrides.clone(),
            by: self.by.clone(),
            sample_weight: self.sample_weight.clone(),
            filter: self.filter.clone(),
            // The true number of rows, and whose ids are whose, is for the client.
            num_rows: None,
            ids_disjoint: false,
            engine: self.engine,
            trust_statistics: self.trust_statistics,
        }
    }
}
