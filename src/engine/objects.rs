//! Objects for DataFusion's own reader: every read is of the version that was listed, and footers, which are
//! known, are not read again.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result as DfResult;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{ObjectMeta, coalesce_ranges};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;

use crate::error::{Error, Result};
use crate::source::shards::Shard;
use crate::store::{Object, Place};

/// Bytes between two parts that are read along rather than left out.
const GAP_BYTES: u64 = 16 << 10;

/// Makes readers of files, each of which has its [`Shard`] as an extension.
#[derive(Debug)]
pub(super) struct Readers(DefaultParquetFileReaderFactory);

impl Readers {
    pub(super) fn new() -> Self {
        Self(DefaultParquetFileReaderFactory::new(Arc::new(LocalFileSystem::new())))
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DfResult<Box<dyn AsyncFileReader + Send>> {
        let shard = file.extension::<Shard>();
        let object = shard.and_then(|shard| Some((shard.place.object()?, &shard.metadata)));
        let Some((object, metadata)) = object else {
            let other = shard.filter(|shard| shard.is_renamed || shard.is_retyped);
            let other = other.map(|shard| Arc::clone(&shard.metadata));
            let file = self.0.create_reader(partition, file, hint, metrics)?;
            return Ok(match other {
                Some(metadata) => Box::new(OtherFooter { file, metadata }),
                None => file,
            });
        };
        Ok(Box::new(ObjectReader {
            object: object.clone(),
            metadata: Arc::clone(metadata),
            metrics: ParquetFileMetrics::new(partition, object.key(), metrics),
        }))
    }
}

/// Reads one file with another footer than its own.
struct OtherFooter {
    file: Box<dyn AsyncFileReader + Send>,
    metadata: Arc<ParquetMetaData>,
}

impl AsyncFileReader for OtherFooter {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.file.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.file.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let metadata = Arc::clone(&self.metadata);
        async move { Ok(metadata) }.boxed()
    }
}

/// Reads one object.
struct ObjectReader {
    object: Object,
    metadata: Arc<ParquetMetaData>,
    metrics: ParquetFileMetrics,
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

async fn read(object: &Object, range: Range<u64>) -> Result<Bytes> {
    let asked = object.fetch(range)?;
    asked.await.map_err(|cause| Error::internal(cause.to_string()))?
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.get_byte_ranges(vec![range])
            .map(|read| read?.pop().ok_or_else(|| external(Error::internal("nothing was read"))))
            .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        self.metrics.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
        async move {
            let object = &self.object;
            coalesce_ranges(&ranges, |range| read(object, range), GAP_BYTES).await.map_err(external)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let metadata = Arc::clone(&self.metadata);
        async move { Ok(metadata) }.boxed()
    }
}

/// The shard as the object store names it.
pub(crate) fn object_meta(shard: &Shard) -> Result<ObjectMeta> {
    let unreadable = |cause: object_store::path::Error| {
        Error::input(format!("this path cannot be read: {cause}")).at(&shard.name)
    };
    let location = match &shard.place {
        // Links in different folders may lead to one file, which is a shard of each.
        Place::File(_) => StorePath::from_absolute_path(shard.place_and_folders()).map_err(unreadable)?,
        // The address as a path, which no path of a file is.
        Place::Object(object) => {
            StorePath::parse(object.to_string().replacen("://", "/", 1)).map_err(unreadable)?
        }
    };
    Ok(ObjectMeta {
        location,
        last_modified: shard.modified.unwrap_or(std::time::UNIX_EPOCH).into(),
        size: shard.bytes,
        e_tag: shard.place.object().and_then(Object::e_tag).map(str::to_owned),
        version: None,
    })
}
