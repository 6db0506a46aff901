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
use crate::store::{self, Pinned};

/// What becomes of the rows of a piece.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Work {
    /// Partial counts; of layout `long`, of shards whose row ids no other has.
    Counts,
    /// Pairs of layout `long`, whose row ids several shards may have.
    Pairs,
    /// Patterns of labels, in these groups.
    Patterns(Vec<GroupKey>),
    /// The labels of every row, in these groups.
    Rows(Vec<GroupKey>),
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
    at: At,
    hive: Vec<(String, String)>,
    pub(super) bytes: u64,
    footer_sha256: [u8; 32],
}

/// Where a shard lies, and which version of what lies there it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum At {
    File(PathBuf, Option<SystemTime>),
    Object(Pinned),
}

impl Seen {
    pub(super) fn new(number: usize, shard: &Shard) -> Result<Self> {
        let at = match &shard.place {
            // The executor stands in another folder.
            store::Place::File(path) => {
                let path = std::path::absolute(path).map_err(|cause| Error::reading(path, &cause))?;
                At::File(path, shard.modified)
            }
            store::Place::Object(object) => At::Object(object.pinned()),
        };
        Ok(Self {
            number: u32::try_from(number).map_err(|_| Error::input("more than 2^32 shards"))?,
            name: shard.name.clone(),
            at,
            hive: shard.hive.clone(),
            bytes: shard.bytes,
            footer_sha256: shard.footer_sha256,
        })
    }

    /// Where it lies, for people.
    pub(super) fn place(&self) -> String {
        match &self.at {
            At::File(path, _) => path.display().to_string(),
            At::Object(object) => object.to_string(),
        }
    }

    /// Opens it here.
    ///
    /// # Errors
    /// [`Error::Input`] when it cannot be read, [`Error::Changed`] when it is not the one that was seen.
    pub(super) fn open(&self) -> Result<Shard> {
        let other = |what: &str| {
            Error::changed(format!("{}: an executor finds {what}", self.name)).hint(
                "run again once nothing writes to the shards; executors must read the store that the client reads",
            )
        };
        let (place, modified) = match &self.at {
            At::Object(object) => (store::Place::Object(object.object().map_err(here)?), None),
            At::File(path, modified) if path.exists() => (store::Place::File(path.clone()), *modified),
            At::File(..) => return Err(other("no such file")),
        };
        // Of an object every read makes sure that it is the version that was seen.
        let is_file = place.object().is_none();
        let listed = Listed { place, hive: self.hive.clone(), name: self.name.clone() };
        let shard = open(vec![listed], 1).map_err(here)?.pop();
        let shard = shard.ok_or_else(|| Error::internal("no shard was opened"))?;
        let same = (shard.bytes, shard.footer_sha256) == (self.bytes, self.footer_sha256)
            && (!is_file || shard.modified == modified);
        if same { Ok(shard) } else { Err(other("another file than was listed")) }
    }
}

/// What this process lacks, and not the client: credentials, or a kind of store.
fn here(error: Error) -> Error {
    if !matches!(error, Error::Usage(_)) {
        return error;
    }
    let hint = error.remedy().map(|hint| format!("where executors run: {hint}"));
    hint.into_iter().fold(error.at("an executor"), Error::hint)
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
    ids_disjoint: bool,
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
            // The true number of rows, and how many labels there may be, is for the client.
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
            let order = Order {
                work: Work::Patterns(vec![vec![Some("train".to_owned())], vec![None]]),
                counting: Arc::new(counting(keys)),
                schema: Arc::new(Schema::new(vec![Field::new("tags", DataType::Utf8, true)])),
                hive: vec!["split".to_owned()],
            };
            let lists = vec![vec![(4, Some((0, 99))), (5, None)], Vec::new()];
            let message = Message::new(&order, BTreeMap::new(), lists.clone()).unwrap();
            let read = Message::read(&message.write().unwrap()).unwrap();
            assert_eq!(read.lists, lists);
            assert_eq!(format!("{:?}", read.order().unwrap()), format!("{order:?}"));
        }
        assert_eq!(Message::read(b"of another version").err().map(|error| error.exit_code()), Some(2));
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
        let seen = Seen::new(0, &open(vec![listed], 1).unwrap()[0]).unwrap();
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
