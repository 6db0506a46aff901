//! Which shards there are, which of their columns are labels, and what the values mean.
//!
//! [`listing`] finds files, [`stdin`] makes one of a stream · [`shards`] reads their footers, [`names`] says what
//! they are called · [`schema`] makes many schemas one · [`layout`]
//! names and checks the label columns, [`detect`] finds them · [`values`] says what a cell means · [`vocabulary`] gives
//! labels their names and order.

pub mod detect;
pub mod label_path;
pub mod layout;
pub mod listing;
pub mod names;
pub mod schema;
pub mod shards;
pub mod stdin;
pub mod structured;
pub mod values;
pub mod vocabulary;
