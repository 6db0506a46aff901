//! Labels counted straight from encoded Parquet pages, without building an array.
//!
//! ```text
//! Chunk ─▶ format/   page by page, decompressed ─┬─▶ levels, slots: which slots start a row, hold a
//!          (data_pages, header, codec, thrift)   │                  value or a null (hybrid)
//!                                                ├─▶ plain:         values compared with 0 and 1
//!                                                └─▶ dictionary:    runs of indices, a count per entry
//!
//! count/     count_flat      one column per label             Tally
//!            count_sets      a set of labels in every row     SetCounter: positives per label
//!            count_nested_sets                                the same under several lists
//!            count_grouped_sets                               the same of rows in several groups
//!            count_pairs     a value for each label           Tally per label
//!            count_values    what the caller makes of them
//!            count_vectors   position in the list = label     sums per position and each of RowParts, as a Judge says
//!            count_judged    one column, as a Judge says
//!            count_kept_flat, count_kept_sets: the same of the rows of a RowMask
//!
//! known/     constant        what the statistics of a chunk tell without decoding it
//!            known_pages     what its page indexes tell of each page
//!            (count_flat_pages counts the other pages of a column)
//!
//! by_row/    mark_judged     the same row by row: which rows are positive, as a Judge says
//!            rows_of_sets    which labels each row has
//!            rows_of_nested_sets, rows_of_pairs, rows_of_vectors
//!            read_codes      one column of layout `long`: a number per row
//!            read_values     its row ids, in the order of rows
//! ```
//!
//! `lookup` asks the caller what a value means: once per dictionary entry, or once per run of equal plain
//! values. A chunk is counted wholly or not at all: where it holds something that this module does not
//! read ([`ChunkOutcome::Unsupported`]) or contradicts itself (an error), nothing is counted. Every length,
//! width and index is checked before it is used, so that hostile bytes cost an error, never a panic, and
//! no more memory than a few pages of 256 MiB.

#[cfg(test)]
mod by_hand;
#[cfg(test)]
#[path = "../../tests/it/generate.rs"]
mod generate;
#[cfg(test)]
mod oracle;
mod by_row;
mod count;
mod cuts;
mod format;
mod judge;
mod known;
mod lookup;
mod outcome;
mod value;

#[cfg(test)]
pub(crate) use by_row::mark_flat::mark_flat;
pub(crate) use by_row::mark_flat::mark_judged;
pub(crate) use by_row::marks::Marks;
pub(crate) use by_row::pair_walk::PairChunks;
pub(crate) use by_row::pairs::rows_of_pairs;
pub(crate) use by_row::sets::rows_of_nested_sets;
pub(crate) use by_row::sets::rows_of_sets;
pub(crate) use by_row::values::{ValueCodes, read_codes, read_values};
pub(crate) use by_row::vectors::rows_of_vectors;
pub(crate) use count::cells::VectorCount;
pub(crate) use count::cells::VectorSums;
pub(crate) use count::counter::SetCounter;
pub(crate) use count::flat::count_kept_flat;
pub(crate) use count::flat::{FlatCount, count_flat, count_flat_pages};
pub(crate) use count::number_column::count_judged;
pub(crate) use count::pairs::count_pairs;
pub(crate) use count::set_count::SetCount;
pub(crate) use count::sets::{count_elements, count_grouped_sets, count_kept_sets};
pub(crate) use count::sets::{count_nested_sets, count_sets};
pub(crate) use count::values::count_values;
#[cfg(test)]
pub(crate) use count::vector::count_vector;
pub(crate) use count::vector::count_vectors;
pub(crate) use format::byte_marks::{gathered, marks};
pub(crate) use format::chosen::Chosen;
pub(crate) use format::chunk::{Chunk, Workspace};
pub(crate) use format::encryption::encrypted_columns;
pub(crate) use format::footer::check_footer;
pub(crate) use format::footer::{Outline, outline};
pub(crate) use format::nesting::Nesting;
pub(crate) use format::row_mask::RowMask;
pub(crate) use format::row_parts::RowParts;
pub(crate) use format::texts::TextParts;
pub(crate) use judge::{Judge, NumberRule};
pub(crate) use known::chunk_statistics::constant;
pub(crate) use known::page_statistics::known_pages;
pub(crate) use lookup::{LabelSet, NO_LABEL};
pub(crate) use outcome::ChunkOutcome;
pub(crate) use value::Constant;
pub(crate) use value::StoredValue;
