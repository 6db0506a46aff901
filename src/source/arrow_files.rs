//! Arrow IPC files as shards: each becomes a Parquet file of this run, batch by batch.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use arrow::array::RecordBatchReader;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};

use super::listing::{Listed, Listing, is_arrow};
use super::spool::{Spool, Spooled};
use super::stdin::END_OF_STREAM;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::store::Place;

/// Where rows are saved, and which.
pub(crate) struct SavePlace<'a> {
    /// The folder.
    pub parent: &'a Path,
    /// Bytes at most, of all files together.
    pub limit: u64,
    /// The columns to save, by position.
    pub choose: &'a dyn Fn(&Schema) -> Result<Vec<usize>>,
}

/// The same shards, with a Parquet file of this run in the place of each Arrow IPC file, for as long as what is given
/// beside them is held.
///
/// # Errors
/// [`Error::Input`] for a file that is no Arrow IPC file, and for Parquet files among Arrow IPC files;
/// [`Error::Resource`] when there is no room for the rows.
pub(crate) fn as_parquet(listing: Listing, save: &SavePlace<'_>) -> Result<(Listing, Vec<Spooled>)> {
    let Some(arrow) = listing.shards.iter().find(|shard| is_arrow(&shard.name)) else {
        return Ok((listing, Vec::new()));
    };
    if let Some(other) = listing.shards.iter().find(|shard| !is_arrow(&shard.name)) {
        return Err(Error::input(format!(
            "{} is an Arrow IPC file, and {} is not: shards must have one format",
            arrow.name, other.name
        ))
        .hint("name the files of one format, such as 'data/*.arrow'"));
    }
    let (mut shards, mut all, mut left) = (Vec::new(), Vec::new(), save.limit);
    for listed in listing.shards {
        let spooled = converted(&listed, save, left)?;
        left = left.saturating_sub(spooled.bytes()?);
        shards.push(Listed { place: spooled.listed().place, ..listed });
        all.push(spooled);
    }
    Ok((Listing { shards, ..listing }, all))
}

/// The same with all columns, in the temporary folder of the system, however large they are.
///
/// # Errors
/// As [`as_parquet`].
pub(crate) fn all_as_parquet(listing: Listing) -> Result<(Listing, Vec<Spooled>)> {
    let choose = |schema: &Schema| Ok((0..schema.fields().len()).collect());
    as_parquet(listing, &SavePlace { parent: &std::env::temp_dir(), limit: u64::MAX, choose: &choose })
}

fn converted(listed: &Listed, save: &SavePlace<'_>, limit: u64) -> Result<Spooled> {
    let name = &listed.name;
    let Place::File(path) = &listed.place else {
        return Err(Error::input(format!("{name}: Arrow IPC files are not read from object stores"))
            .hint("copy the file to this machine, or write it as Parquet"));
    };
    let mut input = BufReader::new(File::open(path).map_err(|cause| Error::reading(path, &cause))?);
    let mut start = [0; 6];
    let is_file = input.read_exact(&mut start).is_ok() && &start == b"ARROW1";
    if start.starts_with(b"FEA1") {
        return Err(wrong(name, &"it is a Feather file of version 1"));
    }
    if !is_file {
        // A stream that was cut off between two batches looks whole but for this.
        let mut end = [0; 8];
        let has_end = input.seek(SeekFrom::End(-8)).is_ok() && input.read_exact(&mut end).is_ok();
        if !has_end || end != END_OF_STREAM {
            return Err(wrong(name, &"it ends without the mark of a whole stream"));
        }
    }
    input.rewind().map_err(|cause| Error::reading(path, &cause))?;
    // Damaged files can panic inside the decoder.
    let opened = guarded(|| -> std::result::Result<Box<dyn RecordBatchReader>, ArrowError> {
        Ok(if is_file {
            Box::new(FileReader::try_new(input, None)?)
        } else {
            Box::new(StreamReader::try_new(input, None)?)
        })
    });
    let opened = opened.ok_or_else(|| wrong(name, &"its schema cannot be decoded"))?;
    let mut batches = opened.map_err(|cause| wrong(name, &cause))?;
    let columns = (save.choose)(&batches.schema()).map_err(|error| error.at(name))?;
    let project = |cause: ArrowError| Error::internal(cause.to_string());
    let schema = batches.schema().project(&columns).map_err(project)?;
    let stem = path.file_stem().map_or_else(|| "arrow".into(), |stem| stem.to_string_lossy().into_owned());
    let mut spool = Spool::of_file(schema.into(), save.parent, limit, name, &stem)?;
    while let Some(batch) =
        guarded(|| batches.next()).ok_or_else(|| wrong(name, &"a batch cannot be decoded"))?
    {
        spool.write(&batch.map_err(|cause| wrong(name, &cause))?.project(&columns).map_err(project)?)?;
    }
    spool.finish()
}

fn wrong(name: &str, cause: &dyn Display) -> Error {
    let text = cause.to_string();
    let error = Error::input(format!("{name}: not a whole Arrow IPC file: {text}"));
    // Compressed buffers need a feature of the reader that this build lacks.
    if text.contains("compress") || text.contains("lz4") || text.contains("zstd") {
        return Error::input(format!("{name}: this build does not read compressed Arrow IPC files: {text}"))
            .hint("write it with compression='uncompressed', or as Parquet: pyarrow.parquet.write_table(table, path)");
    }
    error.hint("write the file again, or as Parquet: pyarrow.parquet.write_table(table, path)")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use arrow::ipc::writer::{FileWriter, StreamWriter};

    use super::*;
    use crate::source::listing::list;
    use crate::source::shards::open;
    use crate::source::tables::at::HowTables;

    fn batch() -> RecordBatch {
        let columns: [(&str, ArrayRef); 2] = [
            ("a", Arc::new(Int32Array::from(vec![1, 0, 1]))),
            ("x", Arc::new(Int32Array::from(vec![7, 8, 9]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn bytes(is_file: bool) -> Vec<u8> {
        let batch = batch();
        if is_file {
            let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
            (0..2).for_each(|_| writer.write(&batch).unwrap());
            writer.finish().unwrap();
            return writer.into_inner().unwrap();
        }
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        (0..2).for_each(|_| writer.write(&batch).unwrap());
        writer.finish().unwrap();
        writer.into_inner().unwrap()
    }

    fn save(folder: &Path, limit: u64) -> Result<(Listing, Vec<Spooled>)> {
        let listing = list(&[folder.join("in").display().to_string()], HowTables::default())?;
        let choose = |_: &Schema| Ok(vec![0]);
        as_parquet(listing, &SavePlace { parent: &folder.join("spool"), limit, choose: &choose })
    }

    #[test]
    fn files_and_streams_are_shards_under_their_own_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("in/a.arrow"), bytes(true)).unwrap();
        std::fs::write(folder.path().join("in/b.feather"), bytes(false)).unwrap();
        let (listing, spooled) = save(folder.path(), 1 << 20).unwrap();
        let shards = open(listing.shards, 1).unwrap();
        assert!(shards[0].name.ends_with("in/a.arrow") && shards[1].name.ends_with("in/b.feather"));
        assert!(shards.iter().all(|shard| shard.rows == 6 && shard.schema.fields().len() == 1));
        drop(spooled);
        assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
        assert_eq!(save(folder.path(), 400).unwrap_err().exit_code(), 6);
    }

    #[test]
    fn what_is_cut_off_is_refused_wherever_it_breaks() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        for whole in [bytes(true), bytes(false)] {
            for cut in 0..whole.len() {
                std::fs::write(folder.path().join("in/a.arrow"), &whole[..cut]).unwrap();
                let refused = save(folder.path(), 1 << 20).map(|_| ()).unwrap_err();
                assert_eq!(refused.exit_code(), 4, "{cut}: {refused}");
            }
        }
    }
}
