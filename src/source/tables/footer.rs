//! The footer of a file with the columns as the table names them: those that the table no longer has are left out,
//! and the others are in the table's order. Chunks lie where they lie, so whoever reads them sees a file of the table.
//!
//! ```text
//! file:   col-7f (id 1) │ old (id 2) │ col-9a (id 3)
//! table:  dog (id 3), cat (id 1)              ─▶  footer:  dog │ cat
//! ```

use std::ops::Range;
use std::sync::Arc;

use parquet::basic::LogicalType;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, RowGroupMetaData,
};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr, SchemaDescriptor, Type, TypePtr};

use super::columns::{Inside, TableColumn, TableColumns};
use crate::error::{Error, Result};

/// The entry of a footer with the Arrow types of its columns, which has the names of the file.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// The footer that names columns as the table does; `None` if that is the one given.
///
/// # Errors
/// [`Error::Input`] when the columns of the file cannot be told.
pub(crate) fn as_named(
    columns: &TableColumns,
    metadata: &ParquetMetaData,
) -> Result<Option<Arc<ParquetMetaData>>> {
    let descriptor = metadata.file_metadata().schema_descr();
    let roots = descriptor.root_schema().get_fields();
    let by_id = columns.by_id && roots.iter().any(|root| id(root).is_some());
    if columns.by_id && !by_id && columns.needs_ids() && !roots.is_empty() {
        return Err(Error::input("its columns have no field ids, by which the table names them")
            .hint("write the file again with the table's own writer"));
    }
    let walk = ColumnWalk { by_id };
    let (mut types, mut kept, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for column in &columns.stored {
        let found = roots.iter().position(|root| column.is(root.name(), id(root), by_id));
        let Some(place) = found else { continue };
        let mut next = (0..place).map(|before| leaves(&roots[before])).sum();
        if let Some(root) =
            walk.named(&roots[place], Some(&column.name), &column.inside, &mut next, &mut kept)?
        {
            types.push(root);
            places.push(place);
        }
    }
    let is_whole = places.len() == roots.len() && places.is_sorted();
    if is_whole && types.iter().zip(roots).all(|(new, old)| Arc::ptr_eq(new, old)) {
        return Ok(None);
    }
    rebuilt(metadata, types, &kept).map(|metadata| Some(Arc::new(metadata))).map_err(unusual)
}

fn unusual(cause: impl std::fmt::Display) -> Error {
    Error::input(format!("its schema cannot be read by the names of the table: {cause}"))
        .hint("write the file again, or write the table's live rows to Parquet")
}

fn id(node: &Type) -> Option<i32> {
    let info = node.get_basic_info();
    info.has_id().then(|| info.id())
}

fn leaves(node: &Type) -> usize {
    if node.is_primitive() { 1 } else { node.get_fields().iter().map(|field| leaves(field)).sum() }
}

struct ColumnWalk {
    by_id: bool,
}

impl ColumnWalk {
    /// The node under another name, with what the table has inside; `None` if that is nothing. Numbers of leaves
    /// that stay are added to `kept`; `next` is that of the first leaf below the node.
    fn named(
        &self,
        node: &TypePtr,
        name: Option<&str>,
        inside: &Inside,
        next: &mut usize,
        kept: &mut Vec<usize>,
    ) -> Result<Option<TypePtr>> {
        let children = if node.is_primitive() { &[][..] } else { node.get_fields() };
        let fields = match (inside, children) {
            (Inside::Fields(columns), children) if !children.is_empty() => {
                self.fields(children, columns, next, kept)?
            }
            (Inside::Elements(inside), [list]) => {
                self.elements(list, inside, next, kept)?.into_iter().collect()
            }
            (Inside::Entries(of_keys, of_values), [entries]) if !entries.is_primitive() => {
                self.entries(entries, of_keys, of_values, next, kept)?.into_iter().collect()
            }
            _ => {
                let all = leaves(node);
                kept.extend(*next..*next + all);
                *next += all;
                return renamed(node, name.unwrap_or(node.name()), None).map(Some).map_err(unusual);
            }
        };
        if fields.is_empty() {
            return Ok(None);
        }
        let is_same =
            fields.len() == children.len() && fields.iter().zip(children).all(|(a, b)| Arc::ptr_eq(a, b));
        let fields = if is_same { None } else { Some(fields) };
        renamed(node, name.unwrap_or(node.name()), fields).map(Some).map_err(unusual)
    }

    fn fields(
        &self,
        children: &[TypePtr],
        columns: &[TableColumn],
        next: &mut usize,
        kept: &mut Vec<usize>,
    ) -> Result<Vec<TypePtr>> {
        let mut fields = Vec::new();
        for child in children {
            let known = columns.iter().find(|column| column.is(child.name(), id(child), self.by_id));
            match known {
                Some(column) => {
                    fields.extend(self.named(child, Some(&column.name), &column.inside, next, kept)?);
                }
                None => *next += leaves(child),
            }
        }
        Ok(fields)
    }

    /// The repeated node of a list, which is its element in some old files.
    fn elements(
        &self,
        list: &TypePtr,
        inside: &Inside,
        next: &mut usize,
        kept: &mut Vec<usize>,
    ) -> Result<Option<TypePtr>> {
        let is_wrapper = !list.is_primitive()
            && list.get_fields().len() == 1
            && list.name() != "array"
            && !list.name().ends_with("_tuple");
        if !is_wrapper {
            return self.named(list, None, inside, next, kept);
        }
        let element = &list.get_fields()[0];
        let Some(named) = self.named(element, None, inside, next, kept)? else { return Ok(None) };
        if Arc::ptr_eq(&named, element) {
            return Ok(Some(Arc::clone(list)));
        }
        renamed(list, list.name(), Some(vec![named])).map(Some).map_err(unusual)
    }

    /// The repeated node of a map.
    fn entries(
        &self,
        entries: &TypePtr,
        of_keys: &Inside,
        of_values: &Inside,
        next: &mut usize,
        kept: &mut Vec<usize>,
    ) -> Result<Option<TypePtr>> {
        let mut fields = Vec::new();
        for (field, inside) in entries.get_fields().iter().zip([of_keys, of_values]) {
            fields.extend(self.named(field, None, inside, next, kept)?);
        }
        if fields.len() < entries.get_fields().len() {
            return Err(unusual("a map without keys or values"));
        }
        if fields.iter().zip(entries.get_fields()).all(|(a, b)| Arc::ptr_eq(a, b)) {
            return Ok(Some(Arc::clone(entries)));
        }
        renamed(entries, entries.name(), Some(fields)).map(Some).map_err(unusual)
    }
}

/// The node under another name, with other fields if there are some; the node itself where nothing changes.
fn renamed(node: &TypePtr, name: &str, fields: Option<Vec<TypePtr>>) -> ParquetResult<TypePtr> {
    if fields.is_none() && node.name() == name {
        return Ok(Arc::clone(node));
    }
    let info = node.get_basic_info();
    let logical: Option<LogicalType> = info.logical_type_ref().cloned();
    let made = match &**node {
        Type::PrimitiveType { physical_type, type_length, scale, precision, .. } => {
            Type::primitive_type_builder(name, *physical_type)
                .with_repetition(info.repetition())
                .with_converted_type(info.converted_type())
                .with_logical_type(logical)
                .with_length(*type_length)
                .with_precision(*precision)
                .with_scale(*scale)
                .with_id(id(node))
                .build()?
        }
        Type::GroupType { fields: own, .. } => Type::group_type_builder(name)
            .with_repetition(info.repetition())
            .with_converted_type(info.converted_type())
            .with_logical_type(logical)
            .with_fields(fields.unwrap_or_else(|| own.clone()))
            .with_id(id(node))
            .build()?,
    };
    Ok(Arc::new(made))
}

/// The footer with these columns, whose leaves are those at `kept`.
fn rebuilt(
    metadata: &ParquetMetaData,
    types: Vec<TypePtr>,
    kept: &[usize],
) -> ParquetResult<ParquetMetaData> {
    let old = metadata.file_metadata();
    let root = old.schema_descr().root_schema().name();
    let root = Type::group_type_builder(root).with_fields(types).build()?;
    let descriptor: SchemaDescPtr = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    let pairs = old
        .key_value_metadata()
        .map(|pairs| pairs.iter().filter(|pair| pair.key != ARROW_SCHEMA).cloned().collect::<Vec<_>>());
    let orders =
        old.column_orders().map(|orders| kept.iter().filter_map(|&leaf| orders.get(leaf).copied()).collect());
    let created_by = old.created_by().map(str::to_owned);
    let file =
        FileMetaData::new(old.version(), old.num_rows(), created_by, pairs, Arc::clone(&descriptor), orders);
    let groups = metadata.row_groups().iter().map(|group| {
        let chunks =
            kept.iter().enumerate().map(|(new, &leaf)| chunk(group.column(leaf), descriptor.column(new)));
        let builder = RowGroupMetaData::builder(Arc::clone(&descriptor))
            .set_num_rows(group.num_rows())
            .set_total_byte_size(group.total_byte_size())
            .set_column_metadata(chunks.collect::<ParquetResult<_>>()?);
        match group.ordinal() {
            Some(ordinal) => builder.set_ordinal(ordinal).build(),
            None => builder.build(),
        }
    });
    let groups = groups.collect::<ParquetResult<Vec<_>>>()?;
    Ok(ParquetMetaDataBuilder::new(file).set_row_groups(groups).build())
}

/// The chunk as one of another column.
fn chunk(old: &ColumnChunkMetaData, column: ColumnDescPtr) -> ParquetResult<ColumnChunkMetaData> {
    let mut new = ColumnChunkMetaData::builder(column)
        .set_encodings_mask(*old.encodings_mask())
        .set_num_values(old.num_values())
        .set_compression_codec(old.compression_codec())
        .set_total_compressed_size(old.compressed_size())
        .set_total_uncompressed_size(old.uncompressed_size())
        .set_data_page_offset(old.data_page_offset())
        .set_index_page_offset(old.index_page_offset())
        .set_dictionary_page_offset(old.dictionary_page_offset())
        .set_bloom_filter_offset(old.bloom_filter_offset())
        .set_bloom_filter_length(old.bloom_filter_length())
        .set_offset_index_offset(old.offset_index_offset())
        .set_offset_index_length(old.offset_index_length())
        .set_column_index_offset(old.column_index_offset())
        .set_column_index_length(old.column_index_length())
        .set_unencoded_byte_array_data_bytes(old.unencoded_byte_array_data_bytes())
        .set_repetition_level_histogram(old.repetition_level_histogram().cloned())
        .set_definition_level_histogram(old.definition_level_histogram().cloned());
    if let Some(path) = old.file_path() {
        new = new.set_file_path(path.to_owned());
    }
    if let Some(statistics) = old.statistics() {
        new = new.set_statistics(statistics.clone());
    }
    if let Some(pages) = old.page_encoding_stats() {
        new = new.set_page_encoding_stats(pages.clone());
    } else if let Some(mask) = old.page_encoding_stats_mask() {
        new = new.set_page_encoding_stats_mask(*mask);
    }
    new.build()
}

/// The rows of each row group in the file.
#[must_use]
pub(crate) fn rows_of_group(metadata: &ParquetMetaData, group: usize) -> Range<u64> {
    let rows = |group: &RowGroupMetaData| u64::try_from(group.num_rows()).unwrap_or(0);
    let groups = metadata.row_groups();
    let start = groups.iter().take(group).map(rows).sum();
    start..start + groups.get(group).map_or(0, rows)
}
