//! Columns of a row group by name: of the file as arrays, or of its folders.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, UInt32Array};

use crate::engine::dataset::{hive_value, shard_number};
use crate::engine::read::arrays::{ArrayColumn, ArrayReader};
use crate::engine::read::chunk_source::{ChunkSource, RowQuestions};
use crate::engine::read::table::SHARD_COLUMN;
use crate::error::{Error, Result};
use crate::source::shards::Shard;

/// Where a column comes from.
enum ColumnSource<'n> {
    /// The columns that are read, at this position.
    File(usize),
    /// A key of the folders, or the number of the shard.
    Constant(&'n str),
}

/// Reads columns of one row group side by side.
pub(crate) struct NamedColumns<'a> {
    shard: &'a Shard,
    number: usize,
    sources: Vec<ColumnSource<'a>>,
    arrays: ArrayReader<'a>,
}

impl<'a> NamedColumns<'a> {
    /// Opens row group `group` of shard `number`, which is `shard` with its footer.
    pub(crate) fn open(
        source: &'a ChunkSource,
        (number, shard): (usize, &'a Shard),
        group: usize,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        Self::open_from(source, (number, shard), group, names, 0)
    }

    /// The same from row `from` of the row group on.
    pub(crate) fn open_from(
        source: &'a ChunkSource,
        at: (usize, &'a Shard),
        group: usize,
        names: impl Iterator<Item = &'a str>,
        from: u64,
    ) -> Result<Self> {
        Self::open_as(source, at, group, names.map(|name| (name, false)), from)
    }

    /// The columns that questions about rows ask for. Texts that group rows may be entries of a dictionary.
    pub(crate) fn open_asked(
        source: &'a ChunkSource,
        at: (usize, &'a Shard),
        group: usize,
        questions: &'a RowQuestions,
    ) -> Result<Self> {
        let grouped = questions.columns().count() - questions.by.len();
        let names = questions.columns().enumerate().map(|(number, name)| (name, number >= grouped));
        Self::open_as(source, at, group, names, 0)
    }

    /// Columns by their names, and whether their texts may be entries of a dictionary.
    fn open_as(
        source: &'a ChunkSource,
        (number, shard): (usize, &'a Shard),
        group: usize,
        names: impl Iterator<Item = (&'a str, bool)>,
        from: u64,
    ) -> Result<Self> {
        let fields = shard.schema.fields().iter().enumerate();
        let roots: HashMap<&str, usize> = fields.map(|(root, field)| (field.name().as_str(), root)).collect();
        let (mut read, mut sources) = (Vec::new(), Vec::new());
        for (name, may_be_entries) in names {
            sources.push(match source.agreed.field_with_name(name) {
                Ok(field) => {
                    let (place, to) = (roots.get(name).copied(), field.data_type());
                    read.push(ArrayColumn { place, to, may_be_entries });
                    ColumnSource::File(read.len() - 1)
                }
                Err(_) => ColumnSource::Constant(name),
            });
        }
        let arrays = ArrayReader::open(shard, group, read, from).map_err(|error| error.at(&shard.name))?;
        Ok(Self { shard, number, sources, arrays })
    }

    /// Compressed bytes of the columns.
    pub(crate) fn bytes(&self) -> u64 {
        self.arrays.bytes()
    }

    /// The next rows: how many they are, and the columns; `None` after the last row of the row group.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Vec<ArrayRef>)>> {
        let next = self.arrays.next().map_err(|error| self.at(error))?;
        let Some((rows, columns)) = next else { return Ok(None) };
        let column = |source: &ColumnSource<'_>| match source {
            ColumnSource::File(place) => Ok(Arc::clone(&columns[*place])),
            ColumnSource::Constant(name) => constant(self.shard, self.number, name, rows),
        };
        Ok(Some((rows, self.sources.iter().map(column).collect::<Result<_>>()?)))
    }

    /// Puts the shard in front of what is wrong.
    pub(crate) fn at(&self, error: Error) -> Error {
        error.at(&self.shard.name)
    }
}

/// What is the same for all rows of a shard.
fn constant(shard: &Shard, number: usize, name: &str, rows: usize) -> Result<ArrayRef> {
    if name == SHARD_COLUMN {
        return Ok(Arc::new(UInt32Array::from(vec![shard_number(number)?; rows])));
    }
    Ok(Arc::new(StringArray::from(vec![hive_value(shard, name); rows])))
}
