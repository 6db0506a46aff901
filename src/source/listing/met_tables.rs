//! Tables that a listing meets: Delta Lake, Iceberg, Hudi.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::table_kind::TableKind;
use crate::error::{Error, Result};
use crate::source::tables::open::{FoundPlace, FoundTable, can_read};
use crate::store::{Address, is_address, plain};

/// Tables that were met while listing.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Files count as they lie.
    as_files: bool,
    /// Folders of this machine that were looked at.
    seen: BTreeMap<PathBuf, Option<(TableKind, Option<String>)>>,
    /// Those that are no sources of their own, by path or address, with the metadata to read them by.
    met: BTreeMap<String, (TableKind, Option<String>)>,
    /// Those that are read.
    found: Vec<FoundTable>,
}

impl Tables {
    /// Tables of a listing, whose files may count as they lie.
    pub(super) fn new(as_files: bool) -> Self {
        Self { as_files, ..Self::default() }
    }

    /// Whether tables of a format are read, rather than refused or counted as files.
    pub(super) fn reads(&self, kind: TableKind) -> bool {
        !self.as_files && can_read(kind)
    }

    /// Notes a table in a store whose files were named.
    pub(super) fn add(&mut self, folder: String, kind: TableKind, metadata: Option<String>) {
        self.met.entry(folder).or_insert((kind, metadata));
    }

    /// Notes a table that is read.
    pub(super) fn add_found(&mut self, found: FoundTable) {
        self.found.push(found);
    }

    /// Notes the Iceberg table that a file of this machine describes.
    pub(super) fn add_metadata(&mut self, file: &Path) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let above = folder.parent().filter(|_| folder.ends_with("metadata"));
        let table = match above {
            Some(above) if above.as_os_str().is_empty() => Path::new("."),
            Some(above) => above,
            None => folder,
        };
        self.found.push(FoundTable {
            kind: TableKind::Iceberg,
            place: FoundPlace::Folder(table.to_owned()),
            metadata: Some(file.display().to_string()),
        });
    }

    /// Notes the Iceberg table whose description a catalog names.
    pub(super) fn add_of_catalog(&mut self, source: &str, metadata: &str) -> Result<()> {
        if self.as_files {
            return Err(Error::usage(format!(
                "{source}: --as-files reads files as they lie, but a catalog names tables"
            ))
            .hint(format!(
                "drop --as-files, or name the folder of the table: its description is {metadata}"
            )));
        }
        let metadata = plain(metadata);
        if is_address(&metadata) {
            self.found.push(of_metadata(&Address::parse(&metadata)?));
        } else {
            self.add_metadata(Path::new(&metadata));
        }
        Ok(())
    }

    /// Takes the tables that are read.
    pub(super) fn take_found(&mut self) -> Vec<FoundTable> {
        std::mem::take(&mut self.found)
    }

    /// Whether `folder`, all of which is meant, is a table that is read.
    pub(super) fn enter(&mut self, folder: &Path) -> bool {
        let Some((kind, metadata)) = self.kind_of(folder) else { return false };
        if self.reads(kind) {
            self.found.push(FoundTable {
                kind,
                place: FoundPlace::Folder(folder.to_owned()),
                metadata: None,
            });
            return true;
        }
        self.add(folder.display().to_string(), kind, metadata);
        false
    }

    /// The format of the table that a folder is.
    fn kind_of(&mut self, folder: &Path) -> Option<(TableKind, Option<String>)> {
        if let Some(known) = self.seen.get(folder) {
            return known.clone();
        }
        let kind = if folder.join("_delta_log").is_dir() {
            Some((TableKind::Delta, None))
        } else if folder.join(".hoodie").is_dir() {
            Some((TableKind::Hudi, None))
        } else {
            newest_metadata(&folder.join("metadata")).map(|path| (TableKind::Iceberg, Some(path)))
        };
        self.seen.insert(folder.to_owned(), kind.clone());
        kind
    }

    /// Whether a file lies in a table, by its path and by what links lead to.
    pub(super) fn look_above(&mut self, file: &Path) {
        for path in [std::path::absolute(file), fs::canonicalize(file)].into_iter().flatten() {
            for folder in path.ancestors().skip(1) {
                let is_new = !self.seen.contains_key(folder);
                if let Some((kind, metadata)) = self.kind_of(folder) {
                    self.add(folder.display().to_string(), kind, metadata);
                }
                if !is_new {
                    break;
                }
            }
        }
    }

    /// How many were met.
    pub(super) fn count(&self) -> usize {
        self.met.len() + self.found.len()
    }

    /// Whether there is a table in `folder` or below.
    pub(super) fn are_in(&self, folder: &Path) -> bool {
        let is_below = |found: &FoundTable| match &found.place {
            FoundPlace::Folder(table) => table.starts_with(folder),
            FoundPlace::Store(..) => false,
        };
        self.met.keys().any(|table| Path::new(table).starts_with(folder)) || self.found.iter().any(is_below)
    }

    /// The error that names those that are not read.
    pub(super) fn refused(&self) -> Option<Error> {
        let errors = self.distinct().into_iter().map(|(folder, kind, metadata)| {
            let article = if kind == TableKind::Iceberg { "an" } else { "a" };
            let is = format!("{folder}: this is {article} {} table, whose files also hold deleted and replaced rows", kind.name());
            if can_read(kind) {
                return Error::input(format!("{is}; files inside it cannot be named"))
                    .hint(format!("name the table, {folder}, to count its live rows, and choose some with --where; or count the files as they lie with --as-files"));
            }
            let feature = match kind.feature() {
                Some(feature) => format!("install posweight with cargo install --features {feature}; or "),
                None => String::new(),
            };
            Error::input(format!("{is}; this build cannot read it")).hint(format!(
                "{feature}{}; or count the files as they lie with --as-files",
                kind.way_out(folder, metadata)
            ))
        });
        Error::together(errors.collect(), "sources")
    }

    /// What is said of them where files count as they lie.
    pub(super) fn said(&self) -> Option<String> {
        let tables = self.distinct();
        let (folder, kind, _) = tables.first()?;
        let more = if tables.len() > 1 { format!(" and {} more", tables.len() - 1) } else { String::new() };
        Some(format!("{} table {folder}{more}", kind.name()))
    }

    /// Each table once, whatever path leads to it.
    fn distinct(&self) -> Vec<(&str, TableKind, Option<&str>)> {
        let mut known = BTreeSet::new();
        let mut met: Vec<_> = self.met.iter().collect();
        // A path as it was written comes first.
        met.sort_by_key(|(folder, _)| (folder.starts_with('/'), folder.len()));
        met.into_iter()
            .filter(|(folder, _)| known.insert(fs::canonicalize(folder).unwrap_or_else(|_| folder.into())))
            .map(|(folder, (kind, metadata))| (folder.as_str(), *kind, metadata.as_deref()))
            .collect()
    }
}

/// The Iceberg table that an object describes.
pub(super) fn of_metadata(address: &Address) -> FoundTable {
    let folder = address.key().rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = folder.strip_suffix("metadata").map_or(folder, |table| table.trim_end_matches('/'));
    FoundTable {
        kind: TableKind::Iceberg,
        place: FoundPlace::Store(address.with_key(folder), Vec::new()),
        metadata: Some(address.to_string()),
    }
}

/// The newest `*.metadata.json` of a folder: the one with the largest number in front.
fn newest_metadata(folder: &Path) -> Option<String> {
    let names = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let newest = names.filter(|name| is_metadata(name)).max_by_key(|name| {
        let digits: String = name.trim_start_matches('v').chars().take_while(char::is_ascii_digit).collect();
        (digits.parse::<u64>().unwrap_or(0), name.clone())
    })?;
    Some(folder.join(newest).display().to_string())
}

/// Whether a file in `metadata/` is one that Iceberg writes.
pub(super) fn is_metadata(name: &str) -> bool {
    name.ends_with(".metadata.json")
}
