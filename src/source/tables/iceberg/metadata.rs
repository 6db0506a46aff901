//! `*.metadata.json`: schemas, partition specs and snapshots.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::source::listing::table_kind::TableKind;
use crate::source::tables::columns::{Inside, TableColumn, TableColumns};
use crate::source::tables::types;

/// Format versions that can be read.
const FORMATS: std::ops::RangeInclusive<i64> = 1..=3;
/// The property with names of columns for files without field ids.
const NAME_MAPPING: &str = "schema.name-mapping.default";

/// The description of a table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TableMetadata {
    #[serde(default)]
    pub(super) location: String,
    #[serde(default)]
    current_schema_id: Option<i64>,
    #[serde(default)]
    schemas: Vec<Json>,
    #[serde(default)]
    schema: Option<Json>,
    #[serde(default)]
    partition_specs: Vec<PartitionSpec>,
    #[serde(default)]
    partition_spec: Option<Vec<PartitionField>>,
    #[serde(default)]
    pub(super) current_snapshot_id: Option<i64>,
    #[serde(default)]
    pub(super) snapshots: Vec<Snapshot>,
    #[serde(default)]
    snapshot_log: Vec<LogEntry>,
    #[serde(default)]
    properties: HashMap<String, String>,
    #[serde(default)]
    encryption_keys: Vec<Json>,
}

/// How files are put into partitions.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PartitionSpec {
    spec_id: i64,
    fields: Vec<PartitionField>,
}

/// One part of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PartitionField {
    #[serde(default)]
    pub(super) source_id: Option<i64>,
    pub(super) name: String,
    pub(super) transform: String,
}

/// A version of a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Snapshot {
    pub(super) snapshot_id: i64,
    #[serde(default)]
    pub(super) timestamp_ms: i64,
    #[serde(default)]
    pub(super) manifest_list: Option<String>,
    #[serde(default)]
    pub(super) manifests: Vec<String>,
    #[serde(default)]
    pub(super) schema_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct LogEntry {
    snapshot_id: i64,
    timestamp_ms: i64,
}

impl TableMetadata {
    /// Reads a description.
    ///
    /// # Errors
    /// [`Error::Input`] for other text, and for what a newer format has.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let refused = |what: String| {
            Error::input(what)
                .hint("write the table's live rows to Parquet with pyiceberg: table.scan().to_arrow()")
        };
        let version = serde_json::from_slice::<Json>(bytes).map_err(|cause| wrong(&cause))?;
        let version = version.get("format-version").and_then(Json::as_i64);
        match version {
            Some(version) if FORMATS.contains(&version) => {}
            Some(version) => {
                return Err(refused(format!("format version {version} of Iceberg is not supported")));
            }
            None => return Err(wrong(&"it names no format-version")),
        }
        let metadata: Self = serde_json::from_slice(bytes).map_err(|cause| wrong(&cause))?;
        if !metadata.encryption_keys.is_empty() {
            return Err(refused("the table is encrypted, which is not supported".to_owned()));
        }
        Ok(metadata)
    }

    /// The newest snapshot at a time in milliseconds.
    pub(super) fn at_time(&self, time: i64) -> Option<&Snapshot> {
        let logged = self.snapshot_log.iter().map(|entry| (entry.timestamp_ms, entry.snapshot_id));
        let listed = self.snapshots.iter().map(|snapshot| (snapshot.timestamp_ms, snapshot.snapshot_id));
        let before = |all: &mut dyn Iterator<Item = (i64, i64)>| {
            all.filter(|(at, _)| *at <= time).max_by_key(|(at, _)| *at)
        };
        let found =
            if self.snapshot_log.is_empty() { before(&mut { listed }) } else { before(&mut { logged }) };
        self.snapshot(found?.1)
    }

    /// A snapshot by its id.
    pub(super) fn snapshot(&self, id: i64) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.snapshot_id == id)
    }

    /// The fields of a partition spec.
    pub(super) fn partition_fields(&self, spec: i64) -> Option<&[PartitionField]> {
        let known = self.partition_specs.iter().find(|known| known.spec_id == spec);
        match (known, &self.partition_spec) {
            (Some(known), _) => Some(&known.fields),
            (None, Some(fields)) if self.partition_specs.is_empty() => Some(fields),
            _ => None,
        }
    }

    /// The columns of a snapshot; those of the table now without one.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no such schema, or old files have values that are no part of them.
    pub(super) fn columns(&self, schema: Option<i64>) -> Result<Schema> {
        let wanted = schema.or(self.current_schema_id);
        let is_wanted = |schema: &&Json| schema.get("schema-id").and_then(Json::as_i64) == wanted;
        let found = self.schemas.iter().find(is_wanted).or(self.schema.as_ref());
        let found = found.ok_or_else(|| wrong(&"its schema is missing"))?;
        let mapping = match self.properties.get(NAME_MAPPING) {
            Some(text) => serde_json::from_str(text).map_err(|cause| wrong(&cause))?,
            None => Json::Null,
        };
        let mut names = HashMap::new();
        mapped_names(&mapping, &mut names);
        let fields = found.get("fields").ok_or_else(|| wrong(&"its schema has no fields"))?;
        let stored = columns(fields, &names)?;
        let by_id = stored.iter().filter_map(|column| Some((i64::from(column.id?), column.name.clone())));
        Ok(Schema {
            names: by_id.collect(),
            columns: TableColumns {
                all: types::fields(Some(fields), TableKind::Iceberg),
                by_id: true,
                stored,
            },
        })
    }
}

/// The columns of a table, and their names by field id.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) columns: TableColumns,
    pub(super) names: HashMap<i64, String>,
}

pub(super) fn wrong(cause: &dyn std::fmt::Display) -> Error {
    Error::input(format!("this does not tell the live rows of the Iceberg table: {cause}")).hint(
        "restore the file, name another *.metadata.json of the table, or count the files as they lie with --as-files",
    )
}

/// Names by field id, at any depth.
fn mapped_names(mapping: &Json, names: &mut HashMap<i64, Vec<String>>) {
    for field in mapping.as_array().into_iter().flatten() {
        if let Some(id) = field.get("field-id").and_then(Json::as_i64) {
            let all = field.get("names").and_then(Json::as_array).into_iter().flatten();
            names.insert(id, all.filter_map(Json::as_str).map(str::to_owned).collect());
        }
        mapped_names(field.get("fields").unwrap_or(&Json::Null), names);
    }
}

fn columns(fields: &Json, names: &HashMap<i64, Vec<String>>) -> Result<Vec<TableColumn>> {
    let column = |field: &Json| {
        let (id, name) = (field.get("id").and_then(Json::as_i64), field.get("name").and_then(Json::as_str));
        let (Some(id), Some(name)) = (id, name) else { return Err(wrong(&"a field without id or name")) };
        if field.get("initial-default").is_some_and(|value| !value.is_null()) {
            return Err(Error::input(format!(
                "column {name:?} has a default value in old files, which is not supported"
            ))
            .hint("write the table's live rows to Parquet with pyiceberg: table.scan().to_arrow()"));
        }
        Ok(TableColumn {
            name: name.to_owned(),
            id: i32::try_from(id).ok(),
            stored_as: names.get(&id).cloned().unwrap_or_default(),
            inside: inside(field.get("type").unwrap_or(&Json::Null), names)?,
        })
    };
    fields.as_array().into_iter().flatten().map(column).collect()
}

fn inside(of: &Json, names: &HashMap<i64, Vec<String>>) -> Result<Inside> {
    let below = |key: &str| inside(of.get(key).unwrap_or(&Json::Null), names).map(Box::new);
    Ok(match of.get("type").and_then(Json::as_str) {
        Some("struct") => Inside::Fields(columns(of.get("fields").unwrap_or(&Json::Null), names)?),
        Some("list") => Inside::Elements(below("element")?),
        Some("map") => Inside::Entries(below("key")?, below("value")?),
        _ => Inside::Values,
    })
}
