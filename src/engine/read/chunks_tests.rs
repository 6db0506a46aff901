//! The loop over row groups, with a sink that writes down what it is given.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::executor::block_on;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::engine::progress::Progress;
use crate::engine::read::chunk_sink::{ChunkSink, ColumnPages};
use crate::engine::read::chunk_source::{ChunkSource, Grouping};
use crate::engine::read::chunks::RowGroupReader;
use crate::error::Result;
use crate::pages::ChunkOutcome;
use crate::source::listing::Listed;
use crate::source::shards::{Shard, open};
use crate::store::{Address, Bucket, Place, register};

/// Gives up on column `unsupported` after some rows.
#[derive(Default)]
struct Notes {
    unsupported: Option<usize>,
    seen: Vec<String>,
}

impl ChunkSink for Notes {
    fn pages(&mut self, pages: &ColumnPages<'_>) -> Result<ChunkOutcome<()>> {
        assert_eq!((pages.chunks.len(), pages.chunks[0].rows), (1, 100));
        if self.unsupported == Some(pages.column) {
            return Ok(ChunkOutcome::Unsupported("because".to_owned()));
        }
        self.seen.push(format!("pages {}", pages.column));
        Ok(ChunkOutcome::Counted(()))
    }

    fn arrays(&mut self, columns: &[usize], first_row: u64, arrays: &[ArrayRef]) -> Result<()> {
        let rows: Vec<usize> = arrays.iter().map(Array::len).collect();
        self.seen.push(format!("arrays {columns:?} from {first_row}: {rows:?}"));
        Ok(())
    }

    fn absent(&mut self, column: usize, rows: u64) -> Result<()> {
        self.seen.push(format!("absent {column}: {rows}"));
        Ok(())
    }

    fn rows_given(&self, column: usize) -> u64 {
        if self.unsupported == Some(column) && column == 0 { 30 } else { 0 }
    }
}

/// Two row groups of 100 rows with columns a and b, as a file and as an object.
fn shards(folder: &std::path::Path) -> Vec<Shard> {
    let a: ArrayRef = Arc::new((0..200).map(|row| Some(row % 7 == 0)).collect::<BooleanArray>());
    let b: ArrayRef = Arc::new((0..200).collect::<Int32Array>());
    let batch = RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    let path = folder.join("x.parquet");
    std::fs::write(&path, &bytes).unwrap();
    let store = Arc::new(InMemory::new());
    block_on(store.put(&"x".into(), bytes.into())).unwrap();
    register("chunks://b", store);
    let address = Address::parse("chunks://b/x").unwrap();
    let object = Bucket::of(&address).unwrap().object(&address).unwrap().unwrap();
    [Place::File(path), Place::Object(object)]
        .into_iter()
        .flat_map(|place| {
            open(vec![Listed { place, hive: Vec::new(), name: "x".to_owned(), table: None }], 1).unwrap()
        })
        .collect()
}

/// What a sink is given of both row groups, and how columns were read.
fn read(
    shard: &Shard,
    columns: &[&str],
    grouping: Grouping,
    unsupported: Option<usize>,
) -> (Vec<String>, String) {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        field("a", DataType::Boolean),
        field("b", DataType::Int32),
        field("c", DataType::Int32),
    ]));
    let progress = Arc::new(Progress::default());
    let shards = vec![shard.clone()].into();
    let source = ChunkSource::new(shards, &schema, columns.iter().copied(), 0, &progress);
    let source = Arc::new(ChunkSource { grouping, ..source });
    let mut reader = RowGroupReader::open(&source, 0, 0..2, source.ahead).unwrap();
    let (mut buffer, mut notes) = (Vec::new(), Notes { unsupported, seen: Vec::new() });
    for _ in 0..2 {
        assert_eq!(block_on(reader.next(&mut buffer, &mut notes)).unwrap(), Some(100));
    }
    assert_eq!(block_on(reader.next(&mut buffer, &mut notes)).unwrap(), None);
    reader.finish();
    let second = notes.seen.split_off(notes.seen.len() / 2);
    assert_eq!(notes.seen, second, "both row groups are read alike");
    let route = |route: crate::engine::read::routes::ColumnRoute| {
        format!("{} {} {} {:?}", route.column, route.encoded, route.arrays, route.why)
    };
    (second, source.routes.take().into_iter().map(route).collect::<Vec<_>>().join(", "))
}

#[test]
fn every_column_is_given_once_from_pages_or_else_as_arrays() {
    let folder = tempfile::tempdir().unwrap();
    for shard in shards(folder.path()) {
        let (seen, routes) = read(&shard, &["b", "c", "a"], Grouping::Apart, None);
        assert_eq!(seen, ["absent 1: 100", "pages 2", "pages 0"]);
        assert_eq!(routes, "b 2 0 None, c 0 0 None, a 2 0 None");
        let (seen, routes) = read(&shard, &["b", "c", "a"], Grouping::Apart, Some(0));
        assert_eq!(seen, ["absent 1: 100", "pages 2", "arrays [0] from 30: [70]"]);
        assert_eq!(routes, "b 0 2 Some(\"because\"), c 0 0 None, a 2 0 None");
    }
}

#[test]
fn columns_side_by_side_are_all_from_pages_or_all_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let side_by_side = |rows_max| Grouping::SideBySide { rows_max };
    for shard in shards(folder.path()) {
        let (seen, routes) = read(&shard, &["a", "b"], side_by_side(100), None);
        assert_eq!(seen, ["pages 1", "pages 0"]);
        assert_eq!(routes, "a 2 0 None, b 2 0 None");
        let (seen, routes) = read(&shard, &["a", "b"], side_by_side(100), Some(1));
        assert_eq!(seen, ["arrays [0, 1] from 0: [100, 100]"]);
        assert_eq!(routes, "a 0 2 Some(\"read beside b, because\"), b 0 2 Some(\"because\")");
        let (seen, routes) = read(&shard, &["a", "c"], side_by_side(100), None);
        assert_eq!(seen, ["arrays [0, 1] from 0: [100, 100]"]);
        assert!(routes.ends_with("c 0 2 Some(\"a shard has no such column\")"), "{routes}");
        let (_, routes) = read(&shard, &["a", "b"], side_by_side(99), None);
        assert!(routes.starts_with("a 0 2 Some(\"100 rows in one row group\")"), "{routes}");
    }
}
