//! Counting over Arrow arrays: the path that serves every layout, filter and weight, and the oracle of
//! the encoded one.
//!
//! `counter` takes record batches and gives partial counts · `columns` tallies cells (`wide`, `vector`) ·
//! `sets` counts labels (`list`, `delimited`, `class`) · `maps` labels with a value each (`map`) · `hierarchy` makes ancestors positive · `emptied` finds lists that hold only values declared missing · `visit` reads any array value by value · `batch_weights` are
//! those of rows · `exec` is the
//! counter as an operator.

pub(super) mod batch_weights;
pub(super) mod cells;
pub(super) mod columns;
pub(super) mod counter;
pub(crate) mod emptied;
pub(super) mod exec;
pub(super) mod hierarchy;
pub(super) mod maps;
pub(super) mod sets;
pub(super) mod visit;
