//! The footer of a Parquet file: read, and checked against the file.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};

use super::first_bytes;
use super::int96::in_microseconds;
use super::readable::with_wide_decimals;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::pages::Outline;
use crate::store::{Place, Reader};

/// A footer above this is refused: no label file needs one, a damaged length field claims one.
const FOOTER_BYTES_MAX: u64 = 256 << 20;

/// The path is put in front by the caller, so it is left out here.
pub(super) fn unplaced(place: &Place, cause: &std::io::Error) -> Error {
    if let Some(error) = Error::behind(cause) {
        return error;
    }
    match place.failed(cause) {
        Error::Transient(_) => Error::transient(cause.to_string()),
        other => {
            let remedy = other.remedy().unwrap_or("check the disk").to_owned();
            Error::input(cause.to_string()).hint(remedy)
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::input(format!("not a readable Parquet file: {what}"))
        .hint("write the shard again, or leave it out of the sources")
}

/// The error for a file that does not end as Parquet files do, and begins with `start`.
fn not_parquet(start: &[u8], bytes: u64, place: &Place) -> Error {
    if start.starts_with(b"PAR1") {
        return Error::input("this is a Parquet file that is cut off: it does not end in PAR1")
            .hint("copy or write it again");
    }
    match first_bytes::found(start, &place.to_string()) {
        Some((what, way_out)) => {
            Error::input(format!("this is {what}: it does not end in PAR1, as Parquet does")).hint(way_out)
        }
        None => damaged(&format!("it has {bytes} bytes and does not end in PAR1")),
    }
}

/// The Thrift part of the footer: the bytes before its length and the magic number.
pub(super) fn read_footer(file: &mut Reader, bytes: u64, place: &Place) -> Result<Vec<u8>> {
    const TAIL: u64 = 8;
    if bytes == 0 {
        return Err(damaged("the file is empty (0 bytes)"));
    }
    let mut read_at =
        |offset: u64, into: &mut [u8]| file.read_at(offset, into).map_err(|cause| unplaced(place, &cause));
    let mut tail = [0_u8; 8];
    if bytes >= TAIL + 4 {
        read_at(bytes - TAIL, &mut tail)?;
    }
    match &tail[4..] {
        b"PAR1" => {}
        b"PARE" => {
            return Err(Error::input("the Parquet footer is encrypted, which is not supported")
                .hint("write the label columns to unencrypted shards"));
        }
        _ => {
            let mut start = vec![0; first_bytes::LENGTH.min(usize::try_from(bytes).unwrap_or(usize::MAX))];
            read_at(0, &mut start)?;
            return Err(not_parquet(&start, bytes, place));
        }
    }
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    if length > (bytes - TAIL).min(FOOTER_BYTES_MAX) {
        return Err(damaged(&format!("it claims a footer of {length} bytes in a file of {bytes}")));
    }
    let mut footer = vec![0; usize::try_from(length).map_err(|_| damaged("its footer is too large"))?];
    read_at(bytes - TAIL - length, &mut footer)?;
    Ok(footer)
}

/// A footer that was decoded.
#[derive(Debug, Clone)]
pub(super) struct Decoded {
    pub metadata: Arc<ParquetMetaData>,
    pub schema: SchemaRef,
}

/// Decodes a footer.
pub(super) fn decode(footer: &[u8]) -> Result<Decoded> {
    let metadata = guarded(|| ParquetMetaDataReader::decode_metadata(footer))
        .ok_or_else(|| damaged("its footer cannot be decoded"))?
        .map_err(|cause| damaged(&cause.to_string()))?;
    with_schema(Arc::new(metadata))
}

/// What of the row groups is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupParts {
    All,
    /// Where chunks lie; neither statistics nor which encodings they have.
    Places,
}

/// Decodes a footer whose schema is that of `outline`.
pub(super) fn groups_of(
    footer: &[u8],
    outline: &ParquetMetaData,
    parts: GroupParts,
) -> Result<Arc<ParquetMetaData>> {
    let schema = outline.file_metadata().schema_descr_ptr();
    let options = ParquetMetaDataOptions::new().with_schema(schema).with_encoding_stats_as_mask(true);
    let options = match parts {
        GroupParts::All => options,
        GroupParts::Places => options
            .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_encoding_stats_policy(ParquetStatisticsPolicy::SkipAll)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll),
    };
    let metadata = guarded(|| ParquetMetaDataReader::decode_metadata_with_options(footer, Some(&options)))
        .ok_or_else(|| damaged("its footer cannot be decoded"))?
        .map_err(|cause| damaged(&cause.to_string()))?;
    Ok(Arc::new(metadata))
}

/// The footer with its columns as Arrow types.
pub(super) fn with_schema(metadata: Arc<ParquetMetaData>) -> Result<Decoded> {
    let file = metadata.file_metadata();
    // A damaged `ARROW:schema` entry can panic inside the decoder.
    let schema = guarded(|| parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata()))
        .ok_or_else(|| damaged("the schema cannot be decoded"))?
        .map_err(|cause| damaged(&cause.to_string()))?;
    let schema = in_microseconds(&schema, file.schema_descr()).unwrap_or(schema);
    Ok(Decoded { metadata, schema: Arc::new(with_wide_decimals(&schema)) })
}

/// Bytes that footers of small files may take together.
const KEPT_BYTES: usize = 8 << 20;

/// Shards that were whole once, and what is kept of those that are opened.
#[derive(Debug, Default)]
pub(crate) struct Known {
    identities: BTreeSet<String>,
    /// The outline that was decoded last: shards of one writer have the same.
    last: Mutex<Option<(Vec<u8>, Decoded)>>,
    /// Bytes of the footers of small files that were kept.
    kept: AtomicUsize,
    /// Bytes that shards may take together, and those that they take.
    most: Option<usize>,
    held: AtomicUsize,
    /// The limit of which these are a part.
    limit: u64,
    /// Shards that are to be opened, and those that were.
    listed: AtomicUsize,
    opened: AtomicUsize,
}

impl Known {
    /// Those of these identities.
    #[must_use]
    pub(crate) fn new(identities: BTreeSet<String>) -> Self {
        Self { identities, ..Self::default() }
    }

    /// The same where all shards together may take `bytes` of the memory `limit`.
    #[must_use]
    pub(crate) fn within(self, bytes: usize, limit: u64) -> Self {
        Self { most: Some(bytes), limit, ..self }
    }

    /// Notes how many shards are to be opened.
    pub(super) fn expect(&self, shards: usize) {
        self.listed.store(shards, Ordering::Relaxed);
    }

    /// Notes that a shard takes `bytes` more.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn hold(&self, bytes: usize) -> Result<()> {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.check()
    }

    /// Makes sure that shards do not take more than they may.
    ///
    /// # Errors
    /// [`Error::Resource`].
    pub(crate) fn check(&self) -> Result<()> {
        let held = self.held.load(Ordering::Relaxed);
        let Some(most) = self.most.filter(|most| held > *most) else { return Ok(()) };
        // Those that were not opened are taken to be like the others.
        let opened = self.opened.load(Ordering::Relaxed).max(1);
        let listed = self.listed.load(Ordering::Relaxed).max(opened);
        let all = (held as u64 / opened as u64).saturating_mul(listed as u64).max(held as u64);
        let rest = self.limit.saturating_sub(most as u64);
        let [limit, all, needed] =
            [self.limit, all, all.saturating_add(rest)].map(|bytes| bytes.div_ceil(1 << 20));
        let of = crate::error::plural(listed as u64, "shard");
        Err(Error::resource(format!(
            "--memory-limit of {limit} MB is too small: the names and footers of {of} take about {all} MB, so that the run \
             needs at least {needed} MB"
        ))
        .hint(format!(
            "use --memory-limit {needed}m or more, or count some of the shards at a time and merge their counts with posweight weigh"
        )))
    }

    /// Whether a shard of this identity is one of them.
    pub(super) fn has(&self, identity: impl FnOnce() -> String) -> bool {
        !self.identities.is_empty() && self.identities.contains(&identity())
    }

    /// Whether there is room for one more footer.
    pub(super) fn keeps(&self, footer: &ParquetMetaData) -> bool {
        let bytes = footer.memory_size();
        self.kept.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= KEPT_BYTES
    }

    /// Whether there is room for none.
    pub(super) fn is_full(&self) -> bool {
        self.kept.load(Ordering::Relaxed) > KEPT_BYTES
    }

    /// The outline of a footer.
    pub(super) fn decode(&self, outline: &[u8]) -> Result<Decoded> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, decoded)) = last().as_ref().filter(|(bytes, _)| bytes == outline) {
            return Ok(decoded.clone());
        }
        let decoded = decode(outline)?;
        *last() = Some((outline.to_owned(), decoded.clone()));
        Ok(decoded)
    }

    /// Decodes a footer; shards of one writer share their schema.
    pub(super) fn with_groups(
        &self,
        footer: &[u8],
        outline: Option<&Outline>,
        parts: GroupParts,
    ) -> Result<Decoded> {
        let shared = outline.map(|outline| -> Result<Decoded> {
            let Decoded { metadata, schema } = self.decode(&outline.footer)?;
            Ok(Decoded { metadata: groups_of(footer, &metadata, parts)?, schema })
        });
        if let Some(Ok(decoded)) = shared {
            return Ok(decoded);
        }
        // What is wrong with it.
        crate::pages::check_footer(footer)?;
        decode(footer)
    }
}

/// Rows of the file, where footer and row groups agree and no row group lies outside the file.
pub(super) fn checked_rows(metadata: &ParquetMetaData, bytes: u64) -> Result<u64> {
    let mut rows = 0_u64;
    for (i, group) in metadata.row_groups().iter().enumerate() {
        let in_group = u64::try_from(group.num_rows())
            .map_err(|_| damaged(&format!("row group {i} claims {} rows", group.num_rows())))?;
        rows =
            rows.checked_add(in_group).ok_or_else(|| damaged("its row groups claim more than 2^64 rows"))?;
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let (Ok(start), Ok(length)) = (u64::try_from(start), u64::try_from(column.compressed_size()))
            else {
                return Err(damaged(&format!("row group {i} has a column with a negative offset")));
            };
            if start.checked_add(length).is_none_or(|end| end > bytes) {
                return Err(damaged(&format!(
                    "column \"{}\" of row group {i} ends beyond the file: truncated",
                    column.column_path().string()
                )));
            }
        }
    }
    let claimed = metadata.file_metadata().num_rows();
    if u64::try_from(claimed) != Ok(rows) {
        return Err(damaged(&format!("its footer claims {claimed} rows, its row groups {rows}")));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_footers_do_not_fit_says_how_much_is_needed() {
        let known = Known::default().within(70 << 20, 160 << 20);
        known.expect(4);
        known.hold(60 << 20).unwrap();
        // The two that were opened take 120 MB, all four 240, beside the 90 of every run.
        let error = known.hold(60 << 20).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("of 4 shards take about 240 MB"), "{message}");
        assert!(message.contains("needs at least 330 MB"), "{message}");
        assert!(error.remedy().unwrap().contains("--memory-limit 330m"), "{error}");
    }
}
