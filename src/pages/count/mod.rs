//! Counting: how many rows of a chunk are positive for each label.
//!
//! ```text
//! flat                    a column without lists
//!   └─▶ number_column     numbers that a rule judges ─▶ cuts
//! sets ─▶ lists           labels in lists, each value at most one label: rows need not be kept apart
//!     ├─▶ groups          the same of rows in several groups
//!     └─▶ lists_by_row    the same row by row
//! vector ─▶ grid          position in the list is the label, all lists of one length
//!       ├─▶ part_rows     the same of some rows, or of several parts of them
//!       ├─▶ number_rows   numbers that a rule judges ─▶ cuts
//!       └─▶ vector_by_row lists of other lengths or with nulls inside
//! values                  any column without lists: each value with its rows
//!   └─▶ kept_values       the same of the rows that a mask keeps
//! pairs ─▶ pair_entries   labels with a value each, by the entries of the dictionary of keys, or row by row
//! counter, positions      where counts are kept
//! ```

mod carry;
pub(super) mod cells;
pub(super) mod counter;
mod entries;
pub(super) mod flat;
mod grid;
mod groups;
mod kept_values;
mod lanes;
mod lists;
mod lists_by_row;
pub(super) mod number_column;
mod number_rows;
mod pair_entries;
pub(super) mod pairs;
mod part_rows;
mod positions;
mod repeats;
pub(super) mod set_count;
pub(super) mod sets;
pub(super) mod values;
pub(super) mod vector;
mod vector_by_row;
