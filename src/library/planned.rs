//! The rows of a sampling plan in memory.

use crate::error::{Error, Result};
use crate::pipeline::sample::Sampled;

/// What a sampling plan decided on every row.
#[derive(Debug, Clone, Copy)]
pub struct PlannedRows<'r>(pub(super) &'r Sampled);

impl PlannedRows<'_> {
    /// The shards in the order of positions: name in the plan, path, position of the first row, rows.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = (&str, &str, u64, u64)> {
        self.0.numbered_shards()
    }

    /// Names of folds; empty for plans that repeat rows.
    #[must_use]
    pub fn folds(&self) -> Vec<&str> {
        self.0.fold_names()
    }

    /// Whether rows are named by an id and not by a place.
    #[must_use]
    pub fn is_by_id(&self) -> bool {
        self.0.id_column().is_some()
    }

    /// Calls `take` with the position of each row of shard number `shard` that the plan keeps, the number of its repeats or
    /// of its fold, and its weight, if the plan has weights.
    ///
    /// # Errors
    /// [`Error::Resource`] when what was spilled cannot be read back, [`Error::Usage`] for rows that ids name.
    pub fn each(&self, shard: usize, take: &mut dyn FnMut(u64, u32, Option<f64>)) -> Result<()> {
        if self.is_by_id() {
            return Err(Error::usage("rows of this plan are named by ids, not by places")
                .hint("save the plan, and join plan/part-00000.parquet to the rows by id"));
        }
        for block in self.0.decided(shard) {
            let block = block?;
            for place in 0..block.values.len() {
                let weight = block.weights.as_ref().and_then(|weights| weights.get(place)).copied();
                take(block.row(place), block.values.get(place), weight);
            }
        }
        Ok(())
    }

    /// Rows counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shards().map(|(.., rows)| rows).sum()
    }

    /// The method with its parameters, as `--plan` takes it.
    #[must_use]
    pub fn method(&self) -> String {
        self.0.sampling.method.to_string()
    }

    /// Seed and epoch of its random numbers.
    #[must_use]
    pub fn seed_and_epoch(&self) -> (u64, u64) {
        (self.0.sampling.seed, self.0.sampling.epoch)
    }
}
