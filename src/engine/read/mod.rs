//! How label columns reach whoever counts: the one place that reads them.
//!
//! ```text
//! choice     encoded pages, or arrays for all rows · hive answers conditions for whole shards
//! pieces     shards cut for threads
//! chunks     RowGroupReader: row group by row group, statistics, then pages, then arrays ─▶ ChunkSink
//!   chunk_source  the columns that are read
//!   places        where a column lies in a shard: its leaves
//!   known_pages   pages whose statistics tell what they hold
//!   reads         the fewest reads of what is left · ahead: of an object asked for early
//!   arrays        columns side by side, where pages are unsupported
//!   row_facts     which rows of a row group meet the condition, their groups and weights
//! condition_text, condition_values   --where as an expression, and what its values are compared with
//! condition  the condition of a run, asked of batches of rows · pruning: of statistics · named_columns: what it asks for
//! meaning    what a stored value means · interner: labels as small numbers · known_texts: those met before
//!            vector_text: a text that holds one number per label
//! by_group   batches split by the --by columns
//! weights    weights of rows, and their exact sums
//! batch, table, rows   rows as arrays: of one shard; of all, through DataFusion · stream_table: rows that come once
//! routes     how each column was read, for the report of a run · demand: what will be read
//! ```

mod ahead;
pub(super) mod arrays;
pub(super) mod batch;
pub(super) mod by_group;
pub(super) mod choice;
pub(super) mod chunk_sink;
pub(super) mod chunk_source;
pub(super) mod chunks;
#[cfg(test)]
mod chunks_tests;
pub(super) mod condition;
pub(super) mod condition_text;
mod condition_values;
pub(super) mod demand;
pub(super) mod hive;
pub(super) mod interner;
#[cfg(test)]
mod interner_tests;
mod known_pages;
mod known_texts;
pub(super) mod named_columns;
pub(super) mod nested;
pub(super) mod meaning;
pub(super) mod pieces;
mod places;
mod pruning;
mod reads;
pub(super) mod routes;
pub(super) mod row_facts;
pub(super) mod rows;
pub(super) mod stream_table;
pub(super) mod table;
pub(super) mod vector_text;
pub(super) mod weights;
