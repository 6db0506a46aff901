//! Row by row: what each row of a chunk says.

pub(super) mod batches;
pub(super) mod mark_flat;
pub(super) mod marks;
pub(super) mod pair_row;
pub(super) mod pair_walk;
pub(super) mod pairs;
pub(super) mod sets;
pub(super) mod values;
pub(super) mod vectors;
