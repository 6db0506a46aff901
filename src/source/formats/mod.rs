//! Files that are not Parquet as shards: each becomes a Parquet file of this run, batch by batch.
//!
//! ```text
//! format ─▶ FormatReader: look at all files ─▶ open each ─▶ batches ─▶ Spool
//! ```

mod arrow;
mod csv;
mod csv_cells;
mod json_kinds;
mod json_lines;
mod json_value;
mod reader;

use std::path::Path;

use ::arrow::datatypes::Schema;
use ::arrow::error::ArrowError;

use self::arrow::ArrowFiles;
use self::csv::CsvFiles;
use self::json_lines::JsonLinesFiles;
use self::reader::{AsMap, FormatReader, LinedBatch, Rows, SourceFile};
use super::bad_shards::too_many;
use super::listing::{FileFormat, Listed, Listing, format_of};
use super::row_lines::RowLines;
use super::shards::Unreadable;
use super::spool::{Spool, Spooled};
use crate::error::{Error, Result};
use crate::store::Stat;

/// Makes the reader of a format.
type MakeReader = fn() -> Box<dyn FormatReader>;

/// Formats and their readers; Parquet has none.
const READERS: [(FileFormat, MakeReader); 4] = [
    (FileFormat::Arrow, || Box::new(ArrowFiles)),
    (FileFormat::Csv, || Box::new(CsvFiles::new(b','))),
    (FileFormat::Tsv, || Box::new(CsvFiles::new(b'\t'))),
    (FileFormat::JsonLines, || Box::new(JsonLinesFiles::default())),
];

/// Where rows are saved, and which.
pub(crate) struct SavePlace<'a> {
    /// The folder.
    pub parent: &'a Path,
    /// Bytes at most, of all files together.
    pub limit: u64,
    /// The columns to save, by position.
    pub choose: &'a dyn Fn(&Schema) -> Result<Vec<usize>>,
    /// Columns of JSON objects that are maps.
    pub as_map: AsMap<'a>,
    /// Files at most that may be left out because they cannot be read.
    pub spare: usize,
}

/// The shards of a run, once each is a Parquet file.
pub(crate) struct SavedFiles {
    /// The shards.
    pub listing: Listing,
    /// The files made for this run, for as long as they are needed.
    pub spooled: Vec<Spooled>,
    /// Files that were left out.
    pub unreadable: Vec<Unreadable>,
}

/// The same shards, with a Parquet file of this run in the place of each file of another format, for as long as what
/// is given beside them is held.
///
/// # Errors
/// [`Error::Input`] for a file that cannot be read, and for files of several formats; [`Error::Resource`] when there
/// is no room for the rows.
pub(crate) fn as_parquet(mut listing: Listing, save: &SavePlace<'_>) -> Result<SavedFiles> {
    let (spooled, mut unreadable) = (Vec::new(), Vec::new());
    let Some(format) = one_format(&listing.shards)? else {
        return Ok(SavedFiles { listing, spooled, unreadable });
    };
    let Some((_, make)) = READERS.iter().find(|(known, _)| *known == format) else {
        return Ok(SavedFiles { listing, spooled, unreadable });
    };
    loop {
        let (at, error) = match all_saved(make(), &listing.shards, save) {
            Ok((shards, spooled)) => {
                return Ok(SavedFiles { listing: Listing { shards, ..listing }, spooled, unreadable });
            }
            Err(failed) => failed,
        };
        // A file that could not be reached, or was replaced meanwhile, is no bad file.
        if save.spare == 0 || !matches!(error, Error::Input(_)) {
            return Err(error);
        }
        // What a bad file has said of types does not count either: all others are looked at again.
        unreadable.push(Unreadable { name: listing.shards.remove(at).name, error });
        if unreadable.len() > save.spare || listing.shards.is_empty() {
            return Err(too_many(unreadable, save.spare));
        }
    }
}

/// Saves all files; where that fails, which file it was and why.
fn all_saved(
    mut reader: Box<dyn FormatReader>,
    files: &[Listed],
    save: &SavePlace<'_>,
) -> std::result::Result<(Vec<Listed>, Vec<Spooled>), (usize, Error)> {
    let mut versions = Vec::with_capacity(files.len());
    for (at, listed) in files.iter().enumerate() {
        let file = source_file(listed);
        versions.push(version(&file).map_err(|error| (at, error))?);
        reader.look(&file).map_err(|error| (at, error))?;
    }
    reader.settle(save.as_map);
    let (mut shards, mut all, mut left) = (Vec::new(), Vec::new(), save.limit);
    for (at, (listed, before)) in files.iter().zip(versions).enumerate() {
        let file = source_file(listed);
        let mut save_one = || {
            let spooled = saved(&file, reader.open(&file)?, save, left)?;
            if version(&file)? != before {
                return Err(Error::changed("the file was rewritten while it was read")
                    .at(file.name)
                    .hint("run again once nothing writes to the files"));
            }
            left = left.saturating_sub(spooled.bytes()?);
            Ok(spooled)
        };
        let spooled = save_one().map_err(|error| (at, error))?;
        shards.push(Listed { place: spooled.listed().place, ..listed.clone() });
        all.push(spooled);
    }
    Ok((shards, all))
}

/// The same with all columns, in the temporary folder of the system, however large they are.
///
/// # Errors
/// As [`as_parquet`].
pub(crate) fn all_as_parquet(listing: Listing) -> Result<(Listing, Vec<Spooled>)> {
    let choose = |schema: &Schema| Ok((0..schema.fields().len()).collect());
    let (parent, limit) = (&std::env::temp_dir(), u64::MAX);
    let place = SavePlace { parent, limit, choose: &choose, as_map: &|_| None, spare: 0 };
    let SavedFiles { listing, spooled, .. } = as_parquet(listing, &place)?;
    Ok((listing, spooled))
}

/// The format of all files; other endings are Parquet files that were named outright.
fn one_format(shards: &[Listed]) -> Result<Option<FileFormat>> {
    let format = |listed: &Listed| format_of(&listed.name).map_or(FileFormat::Parquet, |(format, _)| format);
    let Some(first) = shards.first() else { return Ok(None) };
    let Some(other) = shards.iter().find(|shard| format(shard) != format(first)) else {
        return Ok(Some(format(first)));
    };
    let one = |listed: &Listed| {
        let name = format(listed).name();
        format!("{} is {} {name} file", listed.name, if name.starts_with('A') { "an" } else { "a" })
    };
    let end = |listed: &Listed| listed.name.rsplit('.').next().unwrap_or_default().to_owned();
    Err(Error::input(format!("{}, and {}: shards must have one format", one(first), one(other)))
        .hint(format!("name the files of one format, such as 'data/**/*.{}'", end(first))))
}

fn source_file(listed: &Listed) -> SourceFile<'_> {
    let compression = format_of(&listed.name).and_then(|(_, compression)| compression);
    SourceFile { name: &listed.name, place: &listed.place, compression }
}

/// Which version of a file this is.
fn version(file: &SourceFile<'_>) -> Result<Stat> {
    let opened = file.place.open().map_err(|cause| file.place.failed(&cause))?;
    opened.stat().map_err(|cause| file.place.failed(&cause))
}

fn saved(file: &SourceFile<'_>, mut rows: Rows<'_>, save: &SavePlace<'_>, limit: u64) -> Result<Spooled> {
    let name = file.name;
    let columns = (save.choose)(&rows.schema).map_err(|error| error.at(name))?;
    let project = |cause: ArrowError| Error::internal(cause.to_string());
    let schema = rows.schema.project(&columns).map_err(project)?;
    let file_name = file.place.file_name();
    let stem = file_name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("rows");
    let mut spool = Spool::of_file(schema.into(), save.parent, limit, name, stem)?;
    let mut row_lines = RowLines::default();
    while let Some(LinedBatch { batch, lines }) = (rows.next)()? {
        spool.write(&batch.project(&columns).map_err(project)?)?;
        lines.into_iter().for_each(|line| row_lines.add(line));
    }
    spool.add_lines(&row_lines);
    spool.finish()
}

#[cfg(test)]
mod tests;
