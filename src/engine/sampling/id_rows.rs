//! Rows of layout `long` for sampling plans: a shard of this run holds the labels of every id, by the order of the ids.
//!
//! ```text
//! pairs ─▶ sorted by id ─┬▶ RowFeed ─▶ SetSpool: {label: true, or NULL where it is missing}   read as layout map
//!                        └▶ the ids, in the same order
//! ```

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanBuilder, MapBuilder, RecordBatch, RecordBatchReader, UInt32Builder,
    new_empty_array,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use crate::counts::CountUnit;
use crate::engine::counting::{Counting, Engine, Keys};
use crate::engine::dataset::Dataset;
use crate::engine::pairs::in_order::in_order;
use crate::engine::rows::block::Block;
use crate::engine::rows::decode::label_count;
use crate::engine::rows::ids::RowFeed;
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::engine::spill::{Spill, Spilled};
use crate::engine::task::CountTask;
use crate::error::{Error, Result};
use crate::source::label_path::map_ends;
use crate::source::layout::{Layout, LayoutKind};
use crate::source::schema::{Need, agree};
use crate::source::shards::{Shard, open};
use crate::source::spool::{Spool, Spooled};
use crate::source::values::Domain;

/// The columns of the shards of this run.
const LABELS: &str = "labels";
const ID: &str = "id";

fn internal(cause: &dyn std::fmt::Display) -> Error {
    Error::internal(cause.to_string())
}

/// The rows of layout `long`, in the order of their ids.
#[derive(Debug)]
pub(crate) struct IdRows {
    /// One shard with the labels of each row.
    pub(crate) dataset: Dataset,
    /// How they are read.
    pub(crate) counting: Arc<Counting>,
    /// What was spilled to sort them.
    pub(crate) spilled: Spilled,
    ids: Spooled,
    /// Removed when this is dropped.
    _labels: Spooled,
}

impl IdRows {
    /// Sorts the rows of `request`, whose labels are known.
    ///
    /// # Errors
    /// As [`crate::engine::count`], and [`Error::Resource`] when the rows take more than the limits permit.
    pub(crate) async fn new(request: &Request<'_>) -> Result<Self> {
        let Request { dataset, counting, limits, progress, .. } = *request;
        let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
        let task = CountTask::new(counting, limits, &spill, progress)?;
        let (labels, rest) = (label_count(&counting.keys)?, counting.unlisted());
        let temporary = std::env::temp_dir();
        let parent = limits.spill_dir.as_deref().unwrap_or(&temporary);
        let group_bytes = limits.pool_bytes() / 8;
        let spool = |schema, name: &str| {
            let spool = Spool::create(schema, parent, limits.spill_limit, name)?;
            Ok::<_, Error>(spool.in_groups_of(group_bytes))
        };
        let mut feed = RowFeed::new(SetSpool::new(&spool)?, labels, rest);
        let mut ids: Option<(Spool, SchemaRef)> = None;
        let mut take = |some: ArrayRef| {
            let (spool, schema) = match &mut ids {
                Some(there) => there,
                none => {
                    let field = Field::new(ID, shown_as(some.data_type()).clone(), false);
                    let schema = Arc::new(Schema::new(vec![field]));
                    none.insert((spool(Arc::clone(&schema), ID)?, schema))
                }
            };
            let some = cast(&some, schema.field(0).data_type()).map_err(|cause| internal(&cause))?;
            let batch = RecordBatch::try_new(Arc::clone(schema), vec![some]);
            spool.write(&batch.map_err(|cause| internal(&cause))?)
        };
        in_order(&task, dataset, &mut feed, &mut take).await?;
        dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
        let spooled = feed.finish()??;
        let ids = match ids {
            Some((spool, _)) => spool.finish()?,
            None => return Err(Error::input("no row meets the condition").hint("change --where")),
        };
        let shards = open(vec![spooled.listed()], 1)?;
        let ends = map_ends(LABELS);
        let shards: Vec<Shard> =
            shards.into_iter().map(|shard| shard.with_nested(ends.iter().map(String::as_str))).collect();
        let schema = agree(&shards, &|_| Need::Labels)?.schema;
        let counting = Arc::new(of_map(counting, ends, labels));
        let dataset = Dataset::new(shards, schema);
        Ok(Self { dataset, counting, spilled: spill.spilled(), ids, _labels: spooled })
    }

    /// The ids, to be read in order.
    ///
    /// # Errors
    /// [`Error::Internal`] when the file of this run is damaged.
    pub(crate) fn ids(&self) -> Result<IdReader> {
        let batches = self.ids.read()?;
        let data_type = batches.schema().field(0).data_type().clone();
        Ok(IdReader { batches, rest: new_empty_array(&data_type), data_type })
    }
}

/// How the labels of the shard of this run are read.
fn of_map(counting: &Counting, [keys, values]: [String; 2], labels: usize) -> Counting {
    let labels_of_map = vec![keys];
    Counting {
        layout: Layout {
            kind: LayoutKind::Map,
            labels: labels_of_map,
            id: None,
            value: Some(values),
            delimiter: None,
        },
        unit: CountUnit::Row,
        keys: Keys::Indices(Some(labels as u64)),
        domain: Domain::default(),
        ancestors: None,
        filter: None,
        num_rows: None,
        engine: Engine::Auto,
        ..counting.clone()
    }
}

/// The type in which other programs read ids best.
fn shown_as(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Utf8View => &DataType::Utf8,
        DataType::BinaryView => &DataType::Binary,
        other => other,
    }
}

/// Saves the labels of rows.
struct SetSpool {
    spool: Spool,
    schema: SchemaRef,
}

impl SetSpool {
    fn new(spool: &impl Fn(SchemaRef, &str) -> Result<Spool>) -> Result<Self> {
        let labels = MapBuilder::new(None, UInt32Builder::new(), BooleanBuilder::new()).finish();
        let field = Field::new(LABELS, labels.data_type().clone(), true);
        let schema = Arc::new(Schema::new(vec![field]));
        Ok(Self { spool: spool(Arc::clone(&schema), LABELS)?, schema })
    }
}

impl RowSink for SetSpool {
    type Found = Result<Spooled>;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        let mut maps = MapBuilder::new(None, UInt32Builder::new(), BooleanBuilder::new());
        for row in 0..block.rows() {
            let is_silent = block.sets.is_silent(row);
            if !is_silent {
                for label in block.sets.positives(row) {
                    maps.keys().append_value(*label);
                    maps.values().append_value(true);
                }
                for label in block.sets.unknown(row) {
                    maps.keys().append_value(*label);
                    maps.values().append_null();
                }
            }
            maps.append(!is_silent).map_err(|cause| internal(&cause))?;
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::new(maps.finish())]);
        self.spool.write(&batch.map_err(|cause| internal(&cause))?)
    }

    fn finish(self) -> Self::Found {
        self.spool.finish()
    }
}

/// Reads ids in order.
#[derive(Debug)]
pub(crate) struct IdReader {
    batches: ParquetRecordBatchReader,
    /// Those of the last batch that were not given yet.
    rest: ArrayRef,
    /// Their type.
    pub(crate) data_type: DataType,
}

impl IdReader {
    /// The next `n` ids.
    ///
    /// # Errors
    /// [`Error::Internal`] when there are fewer.
    pub(crate) fn next(&mut self, n: usize) -> Result<ArrayRef> {
        let (mut parts, mut left) = (Vec::new(), n);
        while left > 0 {
            if self.rest.is_empty() {
                let batch = self.batches.next().ok_or_else(|| internal(&"fewer ids than rows of a plan"))?;
                self.rest = Arc::clone(batch.map_err(|cause| internal(&cause))?.column(0));
            }
            let some = left.min(self.rest.len());
            parts.push(self.rest.slice(0, some));
            self.rest = self.rest.slice(some, self.rest.len() - some);
            left -= some;
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        if parts.is_empty() {
            return Ok(new_empty_array(&self.data_type));
        }
        concat(&parts).map_err(|cause| internal(&cause))
    }
}
