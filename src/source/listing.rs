//! From what a person wrote (files, folders, globs, addresses) to the list of files and objects to read.
//!
//! One rule for all of them: names that start with `.` or `_` and forms such as `sample_submission` are passed over at
//! every level unless they are written out; the order is that of the text of the paths, whatever the file system lists
//! first.

mod braces;
mod file_address;
mod folders;
mod hive;
mod met_tables;
mod objects;
mod names;
mod pattern;
pub(crate) mod table_kind;
mod taken;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use self::braces::alternatives;
use self::file_address::of_file_address;
use self::folders::{PassedOver, is_link};
pub(crate) use self::hive::{NULL_FOLDER, hive_folder, hive_text, hive_value, of_path};
use self::met_tables::Tables;
pub(crate) use self::names::{FileCompression, FileFormat, format_of};
pub(crate) use self::taken::source_of_files;
use super::tables::at::HowTables;
use super::tables::open::{FoundPlace, FoundTable, of_catalog, open};
use super::tables::table::{Table, TableFile, said};
use crate::error::{Error, Result, plural};
use crate::store::{Address, Place, is_address};

/// One file or object to read, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The path, starting as the person wrote it, or the object.
    pub place: Place,
    /// `key=value` folders on the way to it, outermost first, as they are written: see [`hive_value`].
    pub hive: Vec<(String, String)>,
    /// What messages and accounts call it.
    pub name: String,
    /// The table that it belongs to.
    pub table: Option<TableFile>,
}

/// What sources stand for.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The shards, in order.
    pub shards: Vec<Listed>,
    /// The tables whose live files are among them.
    pub tables: Vec<Arc<dyn Table>>,
    /// What a person should know about them.
    pub notes: Notes,
}

impl Listing {
    /// The same, unless a version is asked for and no source is a table.
    ///
    /// # Errors
    /// [`Error::Usage`] then.
    pub(crate) fn of_version(self, how: HowTables) -> Result<Self> {
        if how.at.is_some() && self.tables.is_empty() {
            return Err(Error::usage("--table-version and --table-timestamp: no source is a table")
                .hint("drop the flag, or name the folder of a Delta Lake or Iceberg table"));
        }
        Ok(self)
    }
}

/// What a person should know about a listing, as sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// Tables whose files are counted as they lie.
    pub tables: Option<String>,
    /// Versions of tables that are read.
    pub versions: Option<String>,
    /// Shards that are reached twice.
    pub doubled: Option<String>,
    /// Files of other endings.
    pub passed_over: Option<String>,
}

/// Lists the files that `sources` stand for. A shard that is reached twice by the same `key=value` folders is
/// listed once; by others, it is listed for each.
///
/// A folder stands for every shard below it, a glob for what it matches, a file for itself; so it is with
/// addresses of stores.
///
/// The folder of a table stands for its live files.
///
/// # Errors
/// [`Error::Input`] naming every source that does not exist, cannot be read or holds no shard, and tables that this
/// build cannot read, unless they count as files.
pub(crate) fn list(sources: &[String], how: HowTables) -> Result<Listing> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let (mut tables, mut passed) = (Tables::new(how.as_files), PassedOver::default());
    for source in sources {
        for one in alternatives(source) {
            match expand(&one, &mut tables, &mut passed) {
                Ok(places) => found.extend(places),
                Err(error) => wrong.push(error),
            }
        }
    }
    if !how.as_files {
        wrong.extend(tables.refused());
    }
    let mut shards: Vec<Listed> = found
        .into_iter()
        .map(|place| Listed { hive: hive::of(&place), name: place.to_string(), place, table: None })
        .collect();
    let mut opened: Vec<Arc<dyn Table>> = Vec::new();
    for one in tables.take_found() {
        match live_files(one, how) {
            Ok((table, files)) => {
                shards.extend(files);
                opened.push(table);
            }
            Err(error) => wrong.push(error),
        }
    }
    if let Some(error) = Error::together(wrong, "sources") {
        return Err(error);
    }
    if let Some(table) = opened.first()
        && shards.is_empty()
    {
        return Err(Error::input(format!("{}: the table has no rows", table.version()))
            .hint("choose another version with --table-version or --table-timestamp"));
    }
    shards.sort_by(|a, b| a.name.cmp(&b.name));
    let mut first: BTreeMap<(PathBuf, Vec<(String, String)>), String> = BTreeMap::new();
    let (mut doubled, mut example) = (0_u64, None);
    let mut folder = (PathBuf::new(), PathBuf::new());
    shards.retain(|shard| {
        let key = (absolute(&shard.place, &mut folder), shard.hive.clone());
        match first.get(&key) {
            // The same path, written twice, is what overlapping sources mean.
            Some(before) if *before == shard.name => false,
            Some(before) => {
                doubled += 1;
                example.get_or_insert_with(|| format!("{} is {before}", shard.name));
                false
            }
            None => {
                first.insert(key, shard.name.clone());
                true
            }
        }
    });
    let notes = Notes {
        tables: tables.said(),
        versions: all_said(&opened),
        doubled: example.map(|example| format!("{}: {example}", plural(doubled, "path"))),
        passed_over: passed.said(),
    };
    Ok(Listing { shards, tables: opened, notes })
}

/// The live files of a table, with its values of partition columns as folders.
fn live_files(found: FoundTable, how: HowTables) -> Result<(Arc<dyn Table>, Vec<Listed>)> {
    let above = match &found.place {
        FoundPlace::Folder(folder) => hive::of_path(&folder.join("file")),
        FoundPlace::Store(address, _) => hive::of_path(&PathBuf::from(address.key()).join("object")),
    };
    let table = open(found, how.at)?.ok_or_else(|| Error::internal("a table that is not read"))?;
    let files = table.files().iter().enumerate().map(|(file, live)| {
        let own =
            live.partition.told.iter().map(|(key, value)| (key.clone(), hive::written(value.as_deref())));
        Listed {
            place: live.place.clone(),
            hive: above.iter().cloned().chain(own).collect(),
            name: live.place.to_string(),
            table: Some(TableFile { table: Arc::clone(&table), file }),
        }
    });
    let files = files.collect();
    Ok((table, files))
}

/// What a person should know about tables that are read.
fn all_said(tables: &[Arc<dyn Table>]) -> Option<String> {
    let all: Vec<String> = tables.iter().map(|table| said(table.as_ref())).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The absolute path without links, or the address; `folder` is the last folder with its own.
fn absolute(place: &Place, folder: &mut (PathBuf, PathBuf)) -> PathBuf {
    let Place::File(path) = place else { return place.absolute() };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return place.absolute() };
    if parent.as_os_str().is_empty() || is_link(path) {
        return place.absolute();
    }
    if folder.0 != parent {
        let Ok(target) = std::fs::canonicalize(parent) else { return place.absolute() };
        *folder = (parent.to_owned(), target);
    }
    folder.1.join(name)
}

fn expand(source: &str, tables: &mut Tables, passed: &mut PassedOver) -> Result<Vec<Place>> {
    if source == "-" {
        return Err(Error::usage("-: stdin is a source of compute and run alone")
            .hint("name files, folders or globs; ./- is a file of that name"));
    }
    if let Some(path) = of_file_address(source) {
        return expand(&path?, tables, passed);
    }
    if let Some(metadata) = of_catalog(source) {
        tables.add_of_catalog(source, &metadata?)?;
        return Ok(Vec::new());
    }
    if is_address(source) {
        let found = objects::expand(&Address::parse(source)?, tables, passed)?;
        return Ok(found.into_iter().map(Place::Object).collect());
    }
    let found = folders::expand(source, tables, passed)?;
    Ok(found.into_iter().map(Place::File).collect())
}
