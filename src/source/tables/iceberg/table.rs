//! One snapshot of a table: its data files, and which of their rows are deleted.

use std::collections::HashMap;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::deletes::{DeletedPositions, add_positions, vector};
use super::manifest::{FileContent, ManifestEntry, ManifestPlace, encrypted, entries, manifests};
use super::metadata::{PartitionField, Schema, Snapshot, TableMetadata, wrong};
use crate::error::{Error, Result};
use crate::source::listing::table_kind::TableKind;
use crate::source::tables::at::{TableAt, shown};
use crate::source::tables::deleted_rows::DeletedRows;
use crate::source::tables::root::Root;
use crate::source::tables::table::{FilePartition, LiveFile, Table, TableFacts, TableVersion};
use crate::store::plain;

const WAY_OUT: &str = "write the table's live rows to Parquet with pyiceberg: table.scan().to_arrow(); or count the files as they lie with --as-files";

/// One snapshot of a table.
#[derive(Debug)]
pub(crate) struct IcebergTable {
    facts: TableFacts,
    /// Of each file.
    deletions: Vec<Deletions>,
    places: Places,
}

/// Which rows of a file are deleted.
#[derive(Debug, Clone)]
enum Deletions {
    None,
    Rows(DeletedRows),
    /// A deletion vector: its file, offset, size and number of rows.
    Vector(String, u64, u64, Option<u64>),
}

impl Table for IcebergTable {
    fn facts(&self) -> &TableFacts {
        &self.facts
    }

    fn deleted(&self, file: usize) -> Result<Option<DeletedRows>> {
        match self.deletions.get(file) {
            None | Some(Deletions::None) => Ok(None),
            Some(Deletions::Rows(rows)) => Ok(Some(rows.clone())),
            Some(Deletions::Vector(path, offset, size, records)) => {
                let blob = self.places.root.read_part(&self.places.below(path), *offset, *size)?;
                let rows = DeletedRows::new(vector(&blob).map_err(|error| error.at(path))?);
                let found = rows.count(0..u64::MAX);
                match records {
                    Some(said) if *said != found => Err(Error::input(format!(
                        "{path}: a deletion vector names {found} rows, but the manifest says {said}"
                    ))
                    .hint(WAY_OUT)),
                    _ => Ok(Some(rows)),
                }
            }
        }
    }
}

/// Where the files of a table lie.
#[derive(Debug)]
struct Places {
    root: Root,
    /// What paths of the table begin with, if they may lie in the folder of the table.
    location: Option<String>,
}

impl Places {
    /// The path below the folder, or as it is. A table that was moved names the place where it was.
    fn below(&self, path: &str) -> String {
        let path = plain(path);
        let below = self.location.as_ref().and_then(|location| path.strip_prefix(location.as_str()));
        below.and_then(|below| below.strip_prefix('/')).map_or_else(|| path.clone(), str::to_owned)
    }

    fn read(&self, path: &str) -> Result<Bytes> {
        self.root.read(&self.below(path))
    }
}

impl IcebergTable {
    /// Opens a snapshot of the table that a file, or the newest in the folder, describes.
    pub(crate) fn open(root: Root, described_by: Option<&str>, at: Option<TableAt>) -> Result<Self> {
        let path = root.shown();
        let file = match described_by {
            Some(file) => file.to_owned(),
            None => newest_metadata(&root)?,
        };
        let bytes = match described_by {
            Some(file) if !file.contains("://") => {
                std::fs::read(file).map(Bytes::from).map_err(|cause| Error::reading(file.as_ref(), &cause))?
            }
            _ => root.read(&file)?,
        };
        let metadata = TableMetadata::parse(&unzipped(bytes)?).map_err(|error| error.at(&file).at(&path))?;
        let in_folder = described_by.is_none_or(|file| file.rsplit('/').nth(1) == Some("metadata"));
        let location = Some(plain(metadata.location.trim_end_matches('/')));
        let places = Places { root, location: location.filter(|location| in_folder && !location.is_empty()) };
        let snapshot = snapshot(&metadata, at).map_err(|error| error.at(&path))?;
        let schema =
            metadata.columns(snapshot.and_then(|snapshot| snapshot.schema_id.filter(|_| at.is_some())));
        let schema = schema.map_err(|error| error.at(&file))?;
        let mut files = Files {
            metadata: &metadata,
            places: &places,
            schema: &schema,
            data: Vec::new(),
            deletes: Vec::new(),
        };
        if let Some(snapshot) = snapshot {
            files.read(snapshot).map_err(|error| error.at(&path))?;
        }
        let live = files.live().map_err(|error| error.at(&path))?;
        let version = snapshot.map(|snapshot| snapshot.snapshot_id);
        let version = TableVersion { kind: TableKind::Iceberg, path, version };
        let (facts, deletions) = TableFacts::of(version, live, schema.columns);
        Ok(Self { facts, deletions, places })
    }
}

/// The snapshot that is asked for; `None` for a table that has none.
fn snapshot(metadata: &TableMetadata, at: Option<TableAt>) -> Result<Option<&Snapshot>> {
    let found = match at {
        None => match metadata.current_snapshot_id.filter(|id| *id >= 0) {
            None => return Ok(None),
            Some(id) => metadata.snapshot(id).ok_or_else(|| wrong(&format!("snapshot {id} is missing")))?,
        },
        Some(at) => {
            let (found, what) = match at {
                TableAt::Version(id) => (metadata.snapshot(id), format!("snapshot {id}")),
                TableAt::Time(time) => {
                    (metadata.at_time(time), format!("snapshot from {} or before", shown(time)))
                }
            };
            found.ok_or_else(|| {
                let mut known: Vec<_> = metadata.snapshots.iter().collect();
                known.sort_by_key(|snapshot| snapshot.timestamp_ms);
                let of = |snapshot: &&Snapshot| {
                    format!("{} of {}", snapshot.snapshot_id, shown(snapshot.timestamp_ms))
                };
                let range = match &known[..] {
                    [] => "the table has no snapshot".to_owned(),
                    [one] => format!("the only snapshot is {}", of(one)),
                    [first, .., last] => format!("snapshots are {} to {}", of(first), of(last)),
                };
                Error::input(format!("there is no {what} of this table")).hint(range)
            })?
        }
    };
    Ok(Some(found))
}

/// The files of a snapshot.
struct Files<'a> {
    metadata: &'a TableMetadata,
    places: &'a Places,
    schema: &'a Schema,
    data: Vec<(ManifestEntry, i64)>,
    deletes: Vec<ManifestEntry>,
}

impl Files<'_> {
    fn read(&mut self, snapshot: &Snapshot) -> Result<()> {
        let listed = match &snapshot.manifest_list {
            Some(list) => manifests(&self.places.read(list)?).map_err(|error| error.at(list))?,
            // The first format names manifests in the snapshot itself.
            None => snapshot
                .manifests
                .iter()
                .map(|path| ManifestPlace { path: path.clone(), bytes: None, spec: 0, sequence: 0 })
                .collect(),
        };
        for place in listed {
            let bytes = self.places.read(&place.path)?;
            if place.bytes.is_some_and(|said| said != bytes.len() as u64) {
                return Err(Error::input(format!(
                    "{}: the manifest has {} bytes, but its list says {}",
                    place.path,
                    bytes.len(),
                    place.bytes.unwrap_or_default()
                ))
                .hint("restore the file, or read another snapshot with --table-version"));
            }
            for entry in entries(&bytes, place.sequence).map_err(|error| error.at(&place.path))? {
                self.add(entry, place.spec).map_err(|error| error.at(&place.path))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: ManifestEntry, spec: i64) -> Result<()> {
        if entry.is_encrypted {
            return Err(encrypted().at(&entry.path));
        }
        let is_vector = entry.content == FileContent::PositionDeletes && entry.format == "PUFFIN";
        if entry.format != "PARQUET" && !is_vector {
            return Err(Error::input(format!(
                "{}: files of format {} are not supported",
                entry.path, entry.format
            ))
            .hint(WAY_OUT));
        }
        match entry.content {
            FileContent::Data => self.data.push((entry, spec)),
            _ => self.deletes.push(entry),
        }
        Ok(())
    }

    /// The live files with their deleted rows.
    fn live(self) -> Result<Vec<(LiveFile, Deletions)>> {
        let sequences: HashMap<&str, i64> =
            self.data.iter().map(|(entry, _)| (entry.path.as_str(), entry.sequence)).collect();
        let mut vectors: HashMap<&str, &ManifestEntry> = HashMap::new();
        let mut positions = DeletedPositions::new();
        for delete in &self.deletes {
            // DeletedPositions delete rows that were written before them or with them.
            let applies = |path: &str| sequences.get(path).is_some_and(|data| *data <= delete.sequence);
            match (delete.content, &delete.referenced, delete.blob) {
                (FileContent::EqualityDeletes, ..) => {
                    if sequences.values().any(|data| *data < delete.sequence) {
                        return Err(Error::input(format!(
                            "{}: rows deleted by the values of their columns (equality deletes) are not supported",
                            delete.path
                        ))
                        .hint(format!("compact the table, which applies such deletes; or {WAY_OUT}")));
                    }
                }
                (_, Some(path), Some(_)) if delete.format == "PUFFIN" => {
                    if applies(path) && vectors.insert(path, delete).is_some() {
                        return Err(
                            Error::input(format!("{path}: the file has two deletion vectors")).hint(WAY_OUT)
                        );
                    }
                }
                _ if delete.format == "PUFFIN" => {
                    return Err(Error::input(format!(
                        "{}: a deletion vector that names no data file",
                        delete.path
                    ))
                    .hint(WAY_OUT));
                }
                _ => {
                    let bytes = self.places.read(&delete.path)?;
                    add_positions(bytes, &mut positions, &applies).map_err(|error| error.at(&delete.path))?;
                }
            }
        }
        self.data
            .iter()
            .map(|(entry, spec)| {
                let deletions = match (vectors.get(entry.path.as_str()), positions.remove(&entry.path)) {
                    // A vector holds what files of positions said before it.
                    (Some(vector), _) => {
                        let (offset, size) = vector.blob.unwrap_or_default();
                        Deletions::Vector(vector.path.clone(), offset, size, vector.records)
                    }
                    (None, Some(rows)) => Deletions::Rows(DeletedRows::new(rows)),
                    (None, None) => Deletions::None,
                };
                let live = LiveFile {
                    place: self.places.root.place(&self.places.below(&entry.path))?,
                    bytes: entry.bytes,
                    partition: self.partition(entry, *spec).map_err(|error| error.at(&entry.path))?,
                    has_deleted: !matches!(deletions, Deletions::None),
                };
                Ok((live, deletions))
            })
            .collect()
    }

    /// The columns that have one value in the whole file.
    fn partition(&self, entry: &ManifestEntry, spec: i64) -> Result<FilePartition> {
        let fields = self.metadata.partition_fields(spec);
        let fields = fields.ok_or_else(|| wrong(&format!("partition spec {spec} is missing")))?;
        let column = |field: &PartitionField| self.schema.names.get(&field.source_id?).cloned();
        let mut partition = FilePartition::default();
        for (place, field) in fields.iter().enumerate() {
            let Some(name) = column(field).filter(|_| field.transform == "identity") else { continue };
            let by_name = entry.partition.iter().find(|(known, _)| *known == field.name);
            let by_place = entry.partition.get(place).filter(|_| entry.partition.len() == fields.len());
            match by_name.or(by_place) {
                Some((_, Ok(value))) => partition.told.push((name, value.clone())),
                Some((_, Err(data_type))) => partition.untold.push((name, data_type.clone())),
                None => return Err(wrong(&format!("partition {:?} is missing", field.name))),
            }
        }
        Ok(partition)
    }
}

/// The path of the newest `*.metadata.json` below the folder of a table.
fn newest_metadata(root: &Root) -> Result<String> {
    let names: Vec<String> = match root {
        Root::Folder(folder, _) => {
            let folder = folder.join("metadata");
            let entries = std::fs::read_dir(&folder).map_err(|cause| Error::reading(&folder, &cause))?;
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
        }
        Root::Store(bucket, address, _) => {
            let found = bucket.objects(&address.join("metadata"), |_| true)?;
            found.iter().filter_map(|object| object.key().rsplit('/').next().map(str::to_owned)).collect()
        }
    };
    let number = |name: &String| {
        let digits: String = name.trim_start_matches('v').chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()
    };
    if names.iter().any(|name| name == "version-hint.text")
        && let Ok(hint) = root.read("metadata/version-hint.text")
    {
        let hint = String::from_utf8_lossy(&hint).trim().to_owned();
        let hinted = [format!("v{hint}.metadata.json"), format!("v{hint}.gz.metadata.json"), hint];
        if let Some(name) = hinted.iter().find(|name| names.contains(name)) {
            return Ok(format!("metadata/{name}"));
        }
    }
    let described: Vec<&String> = names.iter().filter(|name| name.ends_with(".metadata.json")).collect();
    let newest = described.iter().filter_map(|name| number(name)).max();
    let mut newest = described.iter().filter(|name| number(name) == newest);
    match (newest.next(), newest.next()) {
        (Some(one), None) => Ok(format!("metadata/{one}")),
        (Some(one), Some(other)) => Err(Error::input(format!(
            "{}: the live rows of this Iceberg table cannot be told: metadata/{one} and metadata/{other} are equally new",
            root.shown()
        ))
        .hint("name the one that the catalog of the table names")),
        (None, _) => Err(wrong(&"there is no *.metadata.json").at(root.shown())),
    }
}

fn unzipped(bytes: Bytes) -> Result<Bytes> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).map_err(|cause| wrong(&cause))?;
    Ok(text.into())
}
