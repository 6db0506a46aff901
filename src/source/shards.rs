//! Shards: the files of a run, each with its footer read and checked once.
//!
//! ```text
//! file:  PAR1 │ row group 0 │ row group 1 │ … │ footer (Thrift) │ footer length │ PAR1
//!                                               └ read here, once: schema, row groups, metadata
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::ParquetMetaData;
use sha2::{Digest, Sha256};

use super::footer::{GroupParts, Known, checked_rows, read_footer, unplaced, with_schema};
use super::group_outline::GroupOutline;
use super::identity::{identity, of_table};
use super::label_path::LabelPath;
use super::listing::{Listed, of_path};
use super::null_dictionaries::as_nulls;
use super::row_stream::StreamEnd;
use super::tables::deleted_rows::DeletedRows;
use super::tables::footer::{as_named, rows_of_group};
use super::tables::table::TableFile;
use crate::artifact::counts::add_fingerprints;
use crate::artifact::provenance::ShardHashes;
use crate::error::{Error, Result};
use crate::store::{Place, Stat, through_links};
use crate::threads::in_order;

/// What a shard takes beside its name and its footer, together with all that is made of it. Measured on 100 000
/// files of ten columns, which took 1.2 KB each.
const SHARD_BYTES: usize = 1280;

/// Footers of objects that are asked for at a time.
const REQUESTS: usize = 32;

/// One Parquet file of a run.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    /// Where it lies.
    pub place: Place,
    /// What messages and accounts call it: the path, or `-`.
    pub name: String,
    /// `key=value` folders on the way to the file.
    pub hive: Vec<(String, String)>,
    /// Size in bytes when it was listed.
    pub bytes: u64,
    /// Modification time when it was listed.
    pub modified: Option<SystemTime>,
    /// Of a file, which one it was: see [`Stat`].
    pub inode: Option<(u64, SystemTime)>,
    /// Rows, by the footer, without those that are deleted.
    pub rows: u64,
    /// Rows that the table of the file has deleted: neither the footer nor statistics know of them.
    pub deleted: Option<Arc<DeletedRows>>,
    /// The table that the file belongs to.
    pub table: Option<TableFile>,
    /// The footer names columns as the table does, not as the file does.
    pub is_renamed: bool,
    /// The footer gives columns other Arrow types than the file does, at which readers fail.
    pub is_retyped: bool,
    /// SHA-256 of the footer, which pins schema, row groups and statistics; of a stream, BLAKE3 of all its bytes.
    pub footer_sha256: [u8; 32],
    /// The columns of the file as Arrow types, and after them those of `nested`.
    pub schema: SchemaRef,
    /// Label columns inside the columns of the file: see [`Shard::with_nested`].
    pub nested: Arc<[LabelPath]>,
    /// The footer; where `groups` are kept apart, without row groups and rows.
    pub metadata: Arc<ParquetMetaData>,
    /// The row groups of a shard whose footer is not kept: see [`Shard::with_footer`].
    pub groups: Option<Arc<[GroupOutline]>>,
    /// Columns that are encrypted.
    pub encrypted: Arc<BTreeSet<String>>,
    /// The footer was read in an earlier run, so its row groups were skipped: see [`Shard::whole`].
    pub is_outline: bool,
}

/// The rows of all shards. Footers may claim more together than a number holds.
pub(crate) fn rows_of(shards: &[Shard]) -> u64 {
    shards.iter().fold(0, |sum, shard| sum.saturating_add(shard.rows))
}

impl Shard {
    /// The same shard once all rows of a stream have come, of which it holds the first.
    pub(crate) fn know(&mut self, end: StreamEnd) {
        (self.rows, self.bytes, self.footer_sha256) = (end.rows, end.bytes, end.hash);
    }

    /// The value of the footer's key-value entry `key`.
    #[must_use]
    pub(crate) fn key_value(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// The shard with columns of these names beside its own, where they lie inside its own, such as `target.cat`.
    /// Names of its own columns, and those that it lacks, change nothing.
    #[must_use]
    pub(crate) fn with_nested<'n>(mut self, names: impl Iterator<Item = &'n str>) -> Self {
        let mut fields = self.schema.fields().to_vec();
        let mut nested = self.nested.to_vec();
        for name in names {
            let known = fields.iter().any(|field| field.name() == name);
            if let Some(path) = LabelPath::find(name, &self.schema).filter(|_| !known) {
                fields.push(Arc::new(Field::new(name, path.data_type().clone(), true)));
                nested.push(path);
            }
        }
        if nested.len() > self.nested.len() {
            self.schema = Arc::new(Schema::new(fields));
            self.nested = nested.into();
        }
        self
    }

    /// The column at `place` of the schema, if it lies inside a column of the file, and where that one is.
    #[must_use]
    pub(crate) fn nested_at(&self, place: usize) -> Option<(usize, &LabelPath)> {
        let own = self.schema.fields().len() - self.nested.len();
        let path = self.nested.get(place.checked_sub(own)?)?;
        Some((self.schema.index_of(path.root()).ok()?, path))
    }

    /// The leaves of the file below each column of the schema; none for a nested column that the file holds in an
    /// unusual way.
    #[must_use]
    pub(crate) fn leaves(&self) -> Vec<Range<usize>> {
        let descriptor = self.metadata.file_metadata().schema_descr();
        let fields = self.schema.fields();
        let mut below: Vec<Range<usize>> = vec![0..0; fields.len()];
        for leaf in 0..descriptor.num_columns() {
            if let Some(leaves) = below.get_mut(descriptor.get_column_root_idx(leaf)) {
                *leaves = if Range::is_empty(leaves) { leaf } else { leaves.start }..leaf + 1;
            }
        }
        for place in 0..fields.len() {
            if let Some((root, path)) = self.nested_at(place) {
                let (before, all) = path.leaf_of(fields[root].data_type());
                let leaf = below[root].start + before;
                below[place] = if below[root].len() == all { leaf..leaf + 1 } else { 0..0 };
            }
        }
        below
    }

    /// The names of the columns in `nested`.
    pub(crate) fn nested_names(&self) -> impl Iterator<Item = &str> {
        let own = self.schema.fields().len() - self.nested.len();
        self.schema.fields().iter().skip(own).map(|field| field.name().as_str())
    }

    /// Size, times, inode and footer, as one hash; objects have their `ETag` in place of times and inode. What a
    /// table says of the file is a part of it.
    #[must_use]
    pub(crate) fn identity(&self) -> String {
        let stat = Stat { bytes: self.bytes, modified: self.modified, inode: self.inode };
        let table = self.table.as_ref().map(|table| of_table(table, self.deleted.as_deref()));
        identity(&self.place, stat, &self.footer_sha256, table)
    }

    /// SHA-256 of the footer as text.
    pub(crate) fn footer_text(&self) -> String {
        self.footer_sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// All rows of the file, with those that its table has deleted.
    pub(crate) fn file_rows(&self) -> u64 {
        self.rows + self.deleted.as_ref().map_or(0, |deleted| deleted.len())
    }

    /// The rows of a row group that are not deleted.
    #[must_use]
    pub(crate) fn live_rows(&self, group: usize) -> u64 {
        let rows = self.rows_of_group(group);
        let deleted = self.deleted.as_ref();
        rows - deleted.map_or(0, |deleted| deleted.count(rows_of_group(&self.metadata, group)))
    }

    /// Which rows of a row group are not deleted; `None` for all.
    #[must_use]
    pub(crate) fn live_selection(&self, group: usize) -> Option<RowSelection> {
        let (deleted, rows) = (self.deleted.as_ref()?, rows_of_group(&self.metadata, group));
        (deleted.count(rows.clone()) > 0).then(|| deleted.selection(rows))
    }

    /// The absolute path or address; where links lead out of the folders that say the `key=value` pairs, the path
    /// through them.
    #[must_use]
    pub(crate) fn place_and_folders(&self) -> PathBuf {
        let target = self.place.absolute();
        match &self.place {
            Place::File(path) if of_path(&target) != self.hive => through_links(path).unwrap_or(target),
            _ => target,
        }
    }

    /// The shard with its row groups.
    ///
    /// # Errors
    /// As [`open`], and [`Error::Changed`] when it is another file by now.
    pub(crate) fn whole(&self) -> Result<Self> {
        if !self.is_outline {
            return self.with_footer().map(Cow::into_owned);
        }
        self.check_unchanged()?;
        let listed = Listed {
            place: self.place.clone(),
            hive: self.hive.clone(),
            name: self.name.clone(),
            table: self.table.clone(),
        };
        let whole = open_one(&listed, &Known::default()).map_err(|error| error.at(&self.name))?;
        whole.check_unchanged()?;
        Ok(whole.with_footer()?.into_owned().with_nested(self.nested_names()))
    }

    /// Whether the file is still the one that was listed: same size, modification time and inode. Of an object
    /// every read has made sure of that.
    ///
    /// # Errors
    /// [`Error::Changed`] naming the shard when it is not, or is gone.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let changed = |what: &str| {
            Error::changed(format!("{what} during the scan"))
                .at(&self.name)
                .hint("run again once nothing writes to the shards")
        };
        let Place::File(path) = &self.place else { return Ok(()) };
        let now = fs::metadata(path).map_err(|_| changed("the shard vanished"))?;
        let now = Stat::of_file(&now);
        let inodes = [now.inode, self.inode].map(|inode| inode.map(|(number, _)| number));
        if now.bytes != self.bytes || now.modified != self.modified || inodes[0] != inodes[1] {
            return Err(changed("the shard was replaced or rewritten"));
        }
        Ok(())
    }
}

/// A file that cannot be read as a shard, and why.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    /// What messages and accounts call it.
    pub name: String,
    /// What is wrong with it; the message names it.
    pub error: Error,
}

/// Opens every listed file and reads its footer, as many at a time as there are `threads`.
///
/// # Errors
/// One [`Error::Input`] that names every bad shard and what is wrong with each.
pub(crate) fn open(listed: Vec<Listed>, threads: usize) -> Result<Vec<Shard>> {
    let (shards, unreadable) = open_readable(listed, threads, &Known::default());
    match Error::together(unreadable.into_iter().map(|one| one.error).collect(), "shards") {
        Some(error) => Err(error),
        None => Ok(shards),
    }
}

/// The same, with what cannot be read beside what can; both in the order of the list. Of shards that are `known`
/// only an outline is read.
#[must_use]
pub(crate) fn open_readable(
    listed: Vec<Listed>,
    threads: usize,
    known: &Known,
) -> (Vec<Shard>, Vec<Unreadable>) {
    let mut unreadable = Vec::new();
    // A thread that waits for the network needs no processor.
    let remote = listed.iter().any(|file| file.place.object().is_some());
    let threads = if remote { threads.max(REQUESTS) } else { threads };
    let name_of = |error: Error, name: String| Unreadable {
        // What a store says names the object.
        error: if error.to_string().starts_with(&name) { error } else { error.at(&name) },
        name,
    };
    known.expect(listed.len());
    let opened = in_order(listed, threads, |file| match open_one(&file, known) {
        Ok(shard) => Ok(shard),
        Err(error) => Err(Box::new(name_of(error, file.name))),
    });
    // In place: a second list of many shards would take as much memory again.
    let shards = opened.into_iter().filter_map(|one| one.map_err(|bad| unreadable.push(*bad)).ok()).collect();
    (shards, unreadable)
}

fn open_one(listed: &Listed, known: &Known) -> Result<Shard> {
    known.check()?;
    let place = &listed.place;
    let bare = |cause: &std::io::Error| unplaced(place, cause);
    let mut file = place.open().map_err(|cause| bare(&cause))?;
    let stat = file.stat().map_err(|cause| bare(&cause))?;
    let bytes = stat.bytes;
    let table = listed.table.as_ref();
    table.map_or(Ok(()), |table| table.check_size(bytes))?;
    let footer = read_footer(&mut file, bytes, place)?;
    let footer_sha256 = Sha256::digest(&footer).into();
    let deleted = table.map_or(Ok(None), TableFile::deleted)?;
    let of_table = table.map(|table| of_table(table, deleted.as_deref()));
    let is_outline = known.has(|| identity(place, stat, &footer_sha256, of_table));
    let outline = crate::pages::outline(&footer);
    // A footer that cannot be outlined may have encrypted columns, too.
    let may_be_encrypted = !is_outline && outline.as_ref().map_or(true, |outline| outline.is_encrypted);
    let encrypted = if may_be_encrypted { crate::pages::encrypted_columns(&footer) } else { BTreeSet::new() };
    // Of many small files, a few numbers of each row group are kept.
    let mut is_few = table.is_none() && place.object().is_none() && known.is_full();
    let mut is_retyped = false;
    let (mut decoded, rows) = if is_outline {
        let outline = outline.as_ref().map_err(Clone::clone)?;
        (known.decode(&outline.footer)?, u64::try_from(outline.rows).unwrap_or(0))
    } else {
        let of = |parts| known.with_groups(&footer, outline.as_ref().ok(), parts);
        let mut decoded = of(if is_few { GroupParts::Places } else { GroupParts::All })?;
        let rows = checked_rows(&decoded.metadata, bytes)?;
        let is_whole = as_nulls(&decoded.metadata, &decoded.schema)?.is_some()
            || GroupOutline::of_few(decoded.metadata.row_groups()).is_none();
        if is_few && is_whole {
            (decoded, is_few) = (of(GroupParts::All)?, false);
        }
        if let Some(metadata) = as_nulls(&decoded.metadata, &decoded.schema)? {
            (decoded, is_retyped) = (with_schema(metadata)?, true);
        }
        (decoded, rows)
    };
    let is_kept = is_outline || is_retyped || table.is_some() || place.object().is_some();
    let groups = if is_kept || !is_few && known.keeps(&decoded.metadata) {
        None
    } else {
        GroupOutline::of_few(decoded.metadata.row_groups())
    };
    if groups.is_some() {
        decoded.metadata = known.decode(&outline?.footer)?.metadata;
    }
    if let Some(last) = deleted.as_ref().and_then(|deleted| deleted.last())
        && last >= rows
    {
        return Err(Error::input(format!("its table has deleted row {last}, but the file has {rows} rows"))
            .hint("restore the file, or write the table again"));
    }
    let mut is_renamed = false;
    if let Some(table) = table
        && let Some(metadata) = as_named(table.table.columns(), &decoded.metadata)?
    {
        (decoded, is_renamed) = (with_schema(metadata)?, true);
    }
    let footer_bytes = if groups.is_some() || is_outline { 0 } else { decoded.metadata.memory_size() };
    known.hold(SHARD_BYTES + 3 * listed.name.len() + footer_bytes)?;
    table.map_or(Ok(()), |table| table.check_untold(&decoded.schema))?;
    let hive = match table {
        Some(table) => table.folders(&listed.hive, &decoded.schema),
        None => listed.hive.clone(),
    };
    Ok(Shard {
        place: listed.place.clone(),
        name: listed.name.clone(),
        hive,
        bytes,
        modified: stat.modified,
        inode: stat.inode,
        rows: rows - deleted.as_ref().map_or(0, |deleted| deleted.count(0..rows)),
        deleted,
        table: listed.table.clone(),
        is_renamed,
        is_retyped,
        footer_sha256,
        schema: decoded.schema,
        metadata: decoded.metadata,
        groups,
        is_outline,
        encrypted: Arc::new(encrypted),
        nested: Arc::default(),
    })
}

/// A hash over what was counted: names, sizes and footers of all shards, and what decides the result besides.
/// That of two sets of shards is the sum of theirs.
#[must_use]
pub(crate) fn fingerprint(shards: &[Shard], meaning: &str) -> String {
    let of_shard = |shard: &Shard| -> String {
        let name = shard.place.file_name();
        let mut hash = Sha256::new();
        hash.update(format!("{meaning}\n{name}\n{:?}\n{}\n", shard.hive, shard.bytes).as_bytes());
        hash.update(shard.footer_sha256);
        if let Some(table) = &shard.table {
            hash.update(format!("{:?}", table.table.version().version).as_bytes());
            hash.update(of_table(table, shard.deleted.as_deref()));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    shards.iter().fold("0".repeat(64), |sum, shard| add_fingerprints(&sum, &of_shard(shard)))
}

/// Which shards have rows, whatever is counted of them: names, sizes and footers.
pub(crate) fn shard_hashes(shards: &[Shard]) -> Option<ShardHashes> {
    let of_shard = |shard: &Shard| {
        let mut hash = Sha256::new();
        hash.update(format!("{}\n{:?}\n{}\n", shard.place.file_name(), shard.hive, shard.bytes).as_bytes());
        hash.update(shard.footer_sha256);
        hash.finalize().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    ShardHashes::of(shards.iter().filter(|shard| shard.rows > 0).map(of_shard))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::source::listing::list;
    use crate::source::tables::at::HowTables;

    /// Writes columns as one shard below a folder, and opens it.
    pub(crate) fn shard(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) -> Shard {
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer =
            ArrowWriter::try_new(fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        open(list(&[path.display().to_string()], HowTables::default()).unwrap().shards, 1).unwrap().remove(0)
    }

    /// A column of `true` and `false`.
    pub(crate) fn bits<const N: usize>(bits: [bool; N]) -> ArrayRef {
        Arc::new(BooleanArray::from(bits.to_vec()))
    }

    #[test]
    fn a_shard_that_is_written_again_has_another_identity() {
        let folder = tempfile::tempdir().unwrap();
        let first = shard(folder.path(), "a.parquet", vec![("x", bits([true]))]);
        assert_eq!(
            open(list(std::slice::from_ref(&first.name), HowTables::default()).unwrap().shards, 1).unwrap()
                [0]
            .identity(),
            first.identity()
        );
        first.check_unchanged().unwrap();
        let second = shard(folder.path(), "a.parquet", vec![("x", bits([true, false]))]);
        assert_ne!(first.identity(), second.identity());
        assert!(matches!(first.check_unchanged(), Err(Error::Changed(_))));
        second.check_unchanged().unwrap();
        // Another file of the same bytes and time.
        let modified = second.modified.unwrap();
        fs::copy(&second.name, folder.path().join("copy")).unwrap();
        fs::rename(folder.path().join("copy"), &second.name).unwrap();
        fs::File::options().write(true).open(&second.name).unwrap().set_modified(modified).unwrap();
        let third = open(list(std::slice::from_ref(&second.name), HowTables::default()).unwrap().shards, 1)
            .unwrap()
            .remove(0);
        assert_eq!((third.bytes, third.modified), (second.bytes, second.modified));
        assert_ne!(third.identity(), second.identity());
        assert!(matches!(second.check_unchanged(), Err(Error::Changed(_))));
        fs::remove_file(folder.path().join("a.parquet")).unwrap();
        let Err(error @ Error::Changed(_)) = third.check_unchanged() else { panic!("it is gone") };
        assert_eq!(error.detail().unwrap().place.as_deref(), Some(third.name.as_str()));
    }

    #[test]
    fn every_unreadable_file_is_named_beside_those_that_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        shard(folder.path(), "b.parquet", vec![("x", bits([true]))]);
        fs::write(folder.path().join("a.parquet"), "").unwrap();
        fs::write(folder.path().join("c.parquet"), "not Parquet, but long enough").unwrap();
        let listed = || list(&[folder.path().display().to_string()], HowTables::default()).unwrap().shards;
        let (shards, unreadable) = open_readable(listed(), 2, &Known::default());
        assert_eq!((shards.len(), unreadable.len()), (1, 2));
        for (one, (name, why)) in unreadable.iter().zip([("a.parquet", "0 bytes"), ("c.parquet", "PAR1")]) {
            assert!(one.name.ends_with(name), "{}", one.name);
            assert!(
                one.error.to_string().contains(name) && one.error.to_string().contains(why),
                "{}",
                one.error
            );
        }
        let all = open(listed(), 2).unwrap_err().to_string();
        assert!(
            all.contains("a.parquet") && all.contains("c.parquet") && !all.contains("b.parquet"),
            "{all}"
        );
    }
}
