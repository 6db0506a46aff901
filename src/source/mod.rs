//! Which shards there are, which of their columns are labels, and what the values mean.
//!
//! ```text
//! listing, stdin ─▶ shards, names ─▶ schema ─▶ layout, detect ─▶ values, spelling ─▶ vocabulary, class_labels
//! which files       footers          one for   which columns     what a cell says    names and their order
//!                                    all shards
//! ```
//!
//! [`detect`] fills in what flags leave open: [`look`] lists every reading of the columns, [`candidates`] and the files
//! named `…_readings` weigh each by what [`evidence`] saw in the cells and what [`codes`] says of values beside 0 and 1,
//! which [`declarations`] declare; and [`offers`] and `questions` ask where none is far ahead. What all rows say of a
//! guess is for [`guessed`], after counting.

pub(crate) mod ancestors;
mod aside_names;
pub(crate) mod candidates;
pub(crate) mod class_labels;
mod coded_columns;
mod codes;
pub(crate) mod column_names;
mod copied_columns;
mod decimal_commas;
mod declarations;
pub(crate) mod detect;
mod empty_columns;
pub(crate) mod evidence;
pub(crate) mod bad_shards;
pub(crate) mod exact_names;
mod features;
mod files_of_others;
mod first_bytes;
pub(crate) mod first_cells;
pub(crate) mod first_names;
mod folder_readings;
pub(crate) mod folder_types;
pub(crate) mod folder_values;
pub(crate) mod footer;
pub(crate) mod formats;
pub(crate) mod group_outline;
pub(crate) mod guessed;
mod identity;
pub(crate) mod int96;
mod ipc_ahead;
mod ipc_claims;
mod ipc_stream;
mod joined;
mod joined_names;
pub(crate) mod label_path;
pub(crate) mod layout;
mod list_readings;
mod list_rivals;
pub(crate) mod listing;
mod long_readings;
pub(crate) mod look;
mod masks;
mod name_list;
mod name_words;
mod named_alike;
pub(crate) mod names;
mod nested_readings;
mod null_dictionaries;
pub(crate) mod offers;
mod plain_folders;
mod queried_readings;
mod questions;
pub(crate) mod readable;
mod repeated_cells;
mod repeated_columns;
mod repeated_keys;
mod rivals;
mod row_groups;
mod row_lines;
pub(crate) mod row_reader;
pub(crate) mod pass_on;
pub(crate) mod row_stream;
mod rows_beside;
mod sided_names;
mod sparse_codes;
mod row_sum;
pub(crate) mod schema;
pub(crate) mod shards;
pub(crate) mod spelling;
pub(crate) mod spool;
pub(crate) mod stdin;
pub(crate) mod streams;
pub(crate) mod structured;
#[cfg_attr(
    not(any(feature = "delta", feature = "iceberg")),
    allow(dead_code, reason = "without these features no table is read")
)]
pub(crate) mod tables;
pub(crate) mod text_cells;
mod text_lists;
pub(crate) mod text_maps;
pub(crate) mod type_words;
pub(crate) mod usual_lists;
pub(crate) mod unknown_as;
mod unnamed_columns;
pub(crate) mod values;
#[cfg(test)]
mod values_tests;
pub(crate) mod vocabulary;
mod where_tests;
pub(crate) mod where_values;
mod wide_readings;
