//! Delta Lake tables, whose log is read by `delta_kernel`.

use std::fmt;
use std::sync::Arc;

use delta_kernel::history_manager::{HistoryCommitType, latest_version_as_of};
use delta_kernel::scan::state::{DvInfo, ScanFile};
use delta_kernel::schema::StructType;
use delta_kernel::table_features::ColumnMappingMode;
use delta_kernel::{Engine, KernelError, Snapshot, SnapshotRef};
use delta_kernel_default_engine::DefaultEngineBuilder;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde_json::Value as Json;

use super::at::{TableAt, shown};
use super::columns::{Inside, TableColumn, TableColumns};
use super::deleted_rows::DeletedRows;
use super::root::Root;
use super::table::{FilePartition, LiveFile, Table, TableFacts, TableVersion};
use super::types::fields;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::listing::table_kind::TableKind;
use crate::store::{self, Doing};

const WAY_OUT: &str =
    "restore the log of the table, read another version with --table-version, or count files with --as-files";

/// One version of a table.
pub(super) struct DeltaTable {
    facts: TableFacts,
    /// Of each file.
    deletions: Vec<DvInfo>,
    snapshot: SnapshotRef,
    engine: Box<dyn Engine>,
}

impl fmt::Debug for DeltaTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaTable").field("version", &self.facts.version).finish_non_exhaustive()
    }
}

impl Table for DeltaTable {
    fn facts(&self) -> &TableFacts {
        &self.facts
    }

    fn deleted(&self, file: usize) -> Result<Option<DeletedRows>> {
        let Some(info) = self.deletions.get(file).filter(|info| info.has_vector()) else { return Ok(None) };
        let failed = |cause: &dyn fmt::Display| {
            Error::input(format!("its deletion vector cannot be read: {cause}; the {}", self.facts.version))
                .hint(WAY_OUT)
        };
        let rows = guarded(|| info.get_row_indexes(self.engine.as_ref(), self.snapshot.table_root()))
            .ok_or_else(|| failed(&"the decoder gave up"))?
            .map_err(|cause| of_store(&self.version().path, &cause).unwrap_or_else(|| failed(&text(&cause))))?
            .unwrap_or_default();
        let said = info.cardinality().map_err(|cause| failed(&text(&cause)))?.unwrap_or(0);
        let rows = DeletedRows::new(rows);
        if rows.count(0..u64::MAX) != said {
            let found = rows.count(0..u64::MAX);
            return Err(failed(&format!("it names {found} rows, but the log says {said}")));
        }
        Ok(Some(rows))
    }
}

impl DeltaTable {
    /// Opens a version; the newest without one.
    pub(super) fn open(root: &Root, at: Option<TableAt>) -> Result<Self> {
        let (store, address): (Arc<dyn ObjectStore>, String) = match root {
            Root::Folder(_, real) => (Arc::new(LocalFileSystem::new()), real.display().to_string()),
            Root::Store(bucket, address, _) => {
                (bucket.store(), format!("{}/", address.to_string().trim_end_matches('/')))
            }
        };
        let engine = DefaultEngineBuilder::new(store).build();
        let path = root.shown();
        let failed =
            |cause: KernelError| of_store(&root.shown(), &cause).unwrap_or_else(|| unreadable(root, &cause));
        let snapshot = snapshot(root, &address, &engine, at)?;
        let scan = Arc::clone(&snapshot).scan_builder().without_row_transforms().build().map_err(failed)?;
        let mut found: Vec<ScanFile> = Vec::new();
        for part in scan.scan_metadata(&engine).map_err(failed)? {
            found = part.and_then(|part| part.visit_scan_files(found, Vec::push)).map_err(failed)?;
        }
        let mode = snapshot.table_properties().column_mapping_mode;
        let columns = DeltaColumns::of(&snapshot.schema(), scan.physical_schema(), mode);
        let mut files = Vec::with_capacity(found.len());
        for file in found {
            let place = place(root, &snapshot, &file.path)?;
            let partition = columns.partition.iter().map(|(name, stored_as)| {
                // Delta Lake writes NULL as no text.
                let value = file.partition_values.get(stored_as).filter(|value| !value.is_empty());
                (name.clone(), value.cloned())
            });
            let live = LiveFile {
                partition: FilePartition { told: partition.collect(), untold: Vec::new() },
                place,
                bytes: u64::try_from(file.size).ok(),
                has_deleted: file.dv_info.has_vector(),
            };
            files.push((live, file.dv_info));
        }
        let number = i64::try_from(snapshot.version()).ok();
        let version = TableVersion { kind: TableKind::Delta, path, version: number };
        let (facts, deletions) = TableFacts::of(version, files, columns.of_table);
        Ok(Self { facts, deletions, snapshot, engine: Box::new(engine) })
    }
}

/// The version that is asked for.
fn snapshot(root: &Root, address: &str, engine: &dyn Engine, at: Option<TableAt>) -> Result<SnapshotRef> {
    let open_at = |version: Option<u64>| {
        let builder = Snapshot::builder_for(address);
        let builder = match version {
            Some(version) => builder.at_version(version),
            None => builder,
        };
        guarded(|| builder.build(engine)).unwrap_or_else(|| Err(KernelError::generic("its log is damaged")))
    };
    let failed =
        |cause: KernelError| of_store(&root.shown(), &cause).unwrap_or_else(|| unreadable(root, &cause));
    let outside = |what: String, newest: &SnapshotRef| {
        Error::input(format!("{}: there is no {what} of this table", root.shown())).hint(format!(
            "versions are {} to {}",
            earliest(root),
            newest.version()
        ))
    };
    match at {
        None => open_at(None).map_err(failed),
        Some(TableAt::Version(version)) => {
            let asked = u64::try_from(version).ok();
            let built = asked.map(|version| open_at(Some(version)));
            match built {
                Some(Ok(snapshot)) if Some(snapshot.version()) == asked => Ok(snapshot),
                Some(Err(cause)) if of_store(&root.shown(), &cause).is_some() => Err(failed(cause)),
                built => {
                    let newest = open_at(None).map_err(failed)?;
                    let is_there = asked.is_some_and(|asked| {
                        asked <= newest.version()
                            && earliest(root).parse().is_ok_and(|first: u64| asked >= first)
                    });
                    match built {
                        Some(Err(cause)) if is_there => Err(failed(cause)),
                        _ => Err(outside(format!("version {version}"), &newest)),
                    }
                }
            }
        }
        Some(TableAt::Time(time)) => {
            let newest = open_at(None).map_err(failed)?;
            match latest_version_as_of(&newest, engine, time, HistoryCommitType::Recreatable) {
                Ok(commit) => open_at(Some(commit.version)).map_err(failed),
                Err(_) => Err(outside(format!("version from {} or before", shown(time)), &newest)),
            }
        }
    }
}

/// The first version that the log has.
fn earliest(root: &Root) -> String {
    log_files(root)
        .iter()
        .filter_map(|name| name.split('.').next()?.parse::<u64>().ok())
        .min()
        .map_or_else(|| "none".to_owned(), |version| version.to_string())
}

/// Names of the files of the log.
fn log_files(root: &Root) -> Vec<String> {
    let mut names: Vec<String> = match root {
        Root::Folder(shown, _) => std::fs::read_dir(shown.join("_delta_log"))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect(),
        Root::Store(bucket, address, _) => {
            let found = bucket.objects(&address.join("_delta_log"), |_| true).unwrap_or_default();
            found.iter().filter_map(|object| object.key().rsplit('/').next().map(str::to_owned)).collect()
        }
    };
    names.sort();
    names
}

/// What the kernel says about a table, with the commit that is no JSON if one is behind it.
fn unreadable(root: &Root, cause: &KernelError) -> Error {
    let commits = log_files(root).into_iter().filter(|name| {
        let name = name.strip_suffix(".json").unwrap_or_default();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
    });
    let mut cut = commits.filter(|name| {
        let bytes = root.read(&format!("_delta_log/{name}")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().any(|line| !line.trim().is_empty() && serde_json::from_str::<Json>(line).is_err())
    });
    let path = root.shown();
    match cut.next() {
        Some(name) => Error::input(format!("{path}: the live rows of this Delta Lake table cannot be told: _delta_log/{name} holds a line that is no JSON")),
        None => Error::input(format!("{path}: the live rows of this Delta Lake table cannot be told: {}", text(cause))),
    }
    .hint(WAY_OUT)
}

/// The error of a kernel as text, without its backtrace.
fn text(cause: &KernelError) -> String {
    cause.without_backtrace().to_string()
}

/// The error of a store that is behind one of the kernel.
fn of_store(place: &str, cause: &KernelError) -> Option<Error> {
    match cause.without_backtrace() {
        KernelError::ObjectStore(cause) if !matches!(cause, object_store::Error::NotFound { .. }) => {
            Error::behind(cause).or_else(|| Some(store::of_store(place, cause, Doing::Looking)))
        }
        _ => None,
    }
}

/// The place of a file by its path in the log, which is an address or below the table, with percent escapes.
fn place(root: &Root, snapshot: &SnapshotRef, path: &str) -> Result<crate::store::Place> {
    let wrong = |cause: &dyn fmt::Display| {
        Error::input(format!("{}: the table names the file {path}: {cause}", root.shown())).hint(WAY_OUT)
    };
    let address = snapshot.table_root().join(path).map_err(|cause| wrong(&cause))?;
    if address.scheme() == "file" {
        let path = address.to_file_path().map_err(|()| wrong(&"this is no path"))?;
        return root.place(&path.display().to_string());
    }
    let key = object_store::path::Path::from_url_path(address.path()).map_err(|cause| wrong(&cause))?;
    root.place(&format!("{}://{}/{key}", address.scheme(), address.authority()))
}

/// The columns of a table, and those that its folders say.
struct DeltaColumns {
    of_table: TableColumns,
    /// Partition columns: their names, and what the log calls them.
    partition: Vec<(String, String)>,
}

impl DeltaColumns {
    fn of(logical: &StructType, physical: &StructType, mode: Option<ColumnMappingMode>) -> Self {
        let json_of = |schema: &StructType| {
            let mut json = serde_json::to_value(schema).unwrap_or_default();
            json.get_mut("fields").map(Json::take).unwrap_or_default()
        };
        let fields_of = |json: &Json| json.as_array().cloned().unwrap_or_default();
        let logical = json_of(logical);
        let stored: Vec<String> = fields_of(&json_of(physical)).iter().filter_map(name).collect();
        let is_mapped = matches!(mode, Some(ColumnMappingMode::Id | ColumnMappingMode::Name));
        let by_id = mode == Some(ColumnMappingMode::Id);
        let all = fields(Some(&logical), TableKind::Delta);
        let (mut columns, mut partition) =
            (TableColumns { by_id, all, ..TableColumns::default() }, Vec::new());
        for field in fields_of(&logical) {
            let Some(column) = column(&field, is_mapped, by_id) else { continue };
            let stored_as = stored_name(&field, is_mapped).unwrap_or_default();
            if stored.contains(&stored_as) {
                columns.stored.push(column);
            } else {
                partition.push((column.name, stored_as));
            }
        }
        Self { of_table: columns, partition }
    }
}

fn name(field: &Json) -> Option<String> {
    field.get("name")?.as_str().map(str::to_owned)
}

/// What files call a field.
fn stored_name(field: &Json, is_mapped: bool) -> Option<String> {
    let mapped = field.get("metadata").and_then(|metadata| metadata.get("delta.columnMapping.physicalName"));
    match mapped.and_then(Json::as_str) {
        Some(mapped) if is_mapped => Some(mapped.to_owned()),
        _ => name(field),
    }
}

fn column(field: &Json, is_mapped: bool, by_id: bool) -> Option<TableColumn> {
    let id = field.get("metadata").and_then(|metadata| metadata.get("delta.columnMapping.id"));
    Some(TableColumn {
        name: name(field)?,
        id: id.and_then(Json::as_i64).and_then(|id| i32::try_from(id).ok()),
        stored_as: if by_id { Vec::new() } else { stored_name(field, is_mapped).into_iter().collect() },
        inside: inside(field.get("type")?, is_mapped, by_id),
    })
}

fn inside(of: &Json, is_mapped: bool, by_id: bool) -> Inside {
    let below = |key: &str| Box::new(of.get(key).map_or(Inside::Values, |of| inside(of, is_mapped, by_id)));
    match of.get("type").and_then(Json::as_str) {
        Some("struct") => {
            let fields = of.get("fields").and_then(Json::as_array).into_iter().flatten();
            Inside::Fields(fields.filter_map(|field| column(field, is_mapped, by_id)).collect())
        }
        Some("array") => Inside::Elements(below("elementType")),
        Some("map") => Inside::Entries(below("keyType"), below("valueType")),
        _ => Inside::Values,
    }
}
