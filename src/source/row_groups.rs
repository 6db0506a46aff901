//! The row groups of a shard. Its footer is kept, but for that of many small files: there a few numbers of each row
//! group stay, and whoever reads a file decodes its footer once more.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::Schema;
use sha2::{Digest, Sha256};

use super::footer::{GroupParts, groups_of, read_footer};
use super::group_outline::GroupOutline;
use super::shards::Shard;
use crate::error::{Error, Result};

impl Shard {
    /// The row groups in the order of the file.
    #[must_use]
    pub(crate) fn row_groups(&self) -> Cow<'_, [GroupOutline]> {
        match &self.groups {
            Some(groups) => Cow::Borrowed(groups),
            None => self.metadata.row_groups().iter().map(GroupOutline::of).collect(),
        }
    }

    /// The shard with the columns of its file alone.
    #[must_use]
    pub(crate) fn without_nested(&self) -> Self {
        let own = self.schema.fields().len() - self.nested.len();
        let fields = self.schema.fields().iter().take(own).cloned().collect::<Vec<_>>();
        let schema = Schema::new_with_metadata(fields, self.schema.metadata().clone());
        Self { schema: Arc::new(schema), nested: Arc::default(), ..self.clone() }
    }

    /// Rows of a row group by the footer.
    pub(super) fn rows_of_group(&self, group: usize) -> u64 {
        match &self.groups {
            Some(groups) => groups.get(group).map_or(0, |group| group.rows),
            None => u64::try_from(self.metadata.row_group(group).num_rows()).unwrap_or(0),
        }
    }

    /// The shard with all that its footer says of row groups.
    ///
    /// # Errors
    /// As [`open`](super::shards::open), and [`Error::Changed`] when it is another file by now.
    pub(crate) fn with_footer(&self) -> Result<Cow<'_, Self>> {
        self.with_parts(GroupParts::All)
    }

    /// The same without statistics where they were not kept.
    ///
    /// # Errors
    /// As [`Self::with_footer`].
    pub(crate) fn with_places(&self) -> Result<Cow<'_, Self>> {
        self.with_parts(GroupParts::Places)
    }

    fn with_parts(&self, parts: GroupParts) -> Result<Cow<'_, Self>> {
        if self.groups.is_none() {
            return Ok(Cow::Borrowed(self));
        }
        let read = || {
            let mut file = self.place.open().map_err(|cause| self.place.failed(&cause))?;
            let footer = read_footer(&mut file, self.bytes, &self.place)?;
            if <[u8; 32]>::from(Sha256::digest(&footer)) != self.footer_sha256 {
                return Err(Error::changed("the shard was replaced or rewritten during the scan")
                    .hint("run again once nothing writes to the shards"));
            }
            groups_of(&footer, &self.metadata, parts)
        };
        let metadata = read().or_else(|error| self.check_unchanged().and(Err(error.at(&self.name))))?;
        Ok(Cow::Owned(Self { metadata, groups: None, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::WriterProperties;

    use super::*;
    use crate::source::footer::Known;
    use crate::source::listing::list;
    use crate::source::shards::open_readable;
    use crate::source::shards::tests::{bits, shard};
    use crate::source::tables::at::HowTables;

    #[test]
    fn a_footer_that_is_not_kept_is_decoded_again() {
        let folder = tempfile::tempdir().unwrap();
        let kept =
            shard(folder.path(), "a.parquet", vec![("x", bits([true, false])), ("y", bits([true, true]))]);
        let listed = || list(std::slice::from_ref(&kept.name), HowTables::default()).unwrap().shards;
        let full = Known::default();
        while full.keeps(&kept.metadata) {}
        let (mut shards, _) = open_readable(listed(), 1, &full);
        let outlined = shards.remove(0);
        assert!(kept.groups.is_none() && outlined.groups.is_some());
        assert_eq!(outlined.row_groups(), kept.row_groups());
        assert_eq!((outlined.rows, outlined.live_rows(0), outlined.leaves()), (2, 2, kept.leaves()));
        assert_eq!((&outlined.schema, outlined.identity()), (&kept.schema, kept.identity()));
        assert_eq!(outlined.metadata.num_row_groups(), 0);
        assert_eq!(outlined.with_footer().unwrap().metadata, kept.metadata);
        let places = outlined.with_places().unwrap().into_owned();
        assert_eq!(places.row_groups(), kept.row_groups());
        assert!(places.metadata.row_group(0).column(0).statistics().is_none());
        assert_eq!(outlined.whole().unwrap().metadata, kept.metadata);

        let other =
            shard(folder.path(), "a.parquet", vec![("x", bits([true, false])), ("z", bits([true, true]))]);
        assert!(matches!(outlined.with_footer(), Err(Error::Changed(_))));
        assert!(other.with_footer().is_ok());
    }

    #[test]
    fn a_footer_of_many_row_groups_is_kept_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let batch =
            RecordBatch::try_from_iter([("x", bits([true, false, true, true, false, true]))]).unwrap();
        let one_row = WriterProperties::builder().set_max_row_group_row_count(Some(1)).build();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(one_row)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let listed = || list(&[path.display().to_string()], HowTables::default()).unwrap().shards;
        let full = Known::default();
        let (kept, _) = open_readable(listed(), 1, &full);
        while full.keeps(&kept[0].metadata) {}
        let (shards, _) = open_readable(listed(), 1, &full);
        assert!(shards[0].groups.is_none() && kept[0].metadata.num_row_groups() == 6);
        assert_eq!(shards[0].metadata, kept[0].metadata);
        assert!(kept[0].metadata.row_group(5).column(0).statistics().is_some());
    }
}
