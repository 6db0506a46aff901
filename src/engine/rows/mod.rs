//! The labels of every row, with its place; and what rows say beside counts, however many there are, in bounded
//! memory.
//!
//! ```text
//! row groups, one after the other to whichever thread is free
//!   encoded pages ─▶ Columns ─┐
//!   pairs of ids  ─▶ RowFeed ─┤
//!   arrays        ─▶ Decoder ─┴▶ Block: shard, first row, labels of each row
//!                                  ├─▶ read_rows:          a RowSink per thread
//!                                  ├─▶ grouped_positives:  DistinctPairs of group and label
//!                                  └─▶ measure:            RowSums, and a SetTally of the sets of labels
//!                                                            │ spilled where it passes the budget
//!                                                            ▼ at the end, part by part
//!                                                          RowSums of sets of few labels
//!                                                          Most ─▶ resolve: labels of the most frequent
//! ```

mod again;
mod arrays;
pub(super) mod block;
mod buffers;
mod columns;
mod coming;
pub(super) mod decode;
pub(super) mod dispatch;
mod encoded;
mod grouped;
pub(super) mod ids;
mod job;
mod measure;
mod most;
pub(super) mod read;
pub(super) mod request;
mod resolve;
mod set_bits;
mod set_entry;
mod set_sums;
mod set_tally;
pub(super) mod sink;
mod sized_sets;
mod workers;

pub(crate) use block::Block;
pub(crate) use coming::ComingLabels;
pub(crate) use dispatch::read_rows;
pub(crate) use grouped::grouped_positives;
pub(crate) use measure::Measured;
pub(crate) use measure::measure;
pub(crate) use request::Request;
pub(crate) use request::can_tell;
pub(crate) use sink::RowSink;
