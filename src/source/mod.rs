//! Which shards there are, which of their columns are labels, and what the values mean.
//!
//! ```text
//! listing, stdin ─▶ shards, names ─▶ schema ─▶ layout, detect ─▶ values, spelling ─▶ vocabulary, class_labels
//! which files       footers          one for   which columns     what a cell says    names and their order
//!                                    all shards
//! ```
//!
//! [`detect`] fills in what flags leave open: [`look`] lists every reading of the columns, [`candidates`] weighs
//! each by what [`evidence`] saw in the cells.

pub(crate) mod candidates;
pub(crate) mod class_labels;
mod column_names;
pub mod detect;
pub(crate) mod evidence;
pub(crate) mod first_names;
mod joined;
pub mod label_path;
pub mod layout;
pub mod listing;
pub mod look;
pub mod names;
pub(crate) mod row_reader;
pub mod schema;
pub mod shards;
pub mod spelling;
pub mod stdin;
pub mod structured;
pub(crate) mod text_cells;
pub mod values;
pub mod vocabulary;
pub(crate) mod where_values;
