//! The folds of rows, by a sampling plan of the same shards.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, StringArray};

use crate::artifact::plan_folds::{PlanFolds, ShardNow};
use crate::error::{Error, Result};
use crate::pipeline::spec::STDIO;
use crate::sampling::row_columns::{AddedColumn, AddedValues};
use crate::source::names::names;
use crate::source::shards::Shard;

/// Shards whose folds are kept at a time, at least; as many as threads that read rows.
const KEPT_MIN: usize = 2;

/// The folds of a column; `None` for a column of another kind.
pub(super) type ColumnFolds = Option<Arc<FoldColumn>>;

/// The folds of the rows of shards.
#[derive(Debug)]
pub(super) struct FoldColumn {
    plan: PlanFolds,
    kept: Mutex<KeptFolds>,
}

#[derive(Debug, Default)]
struct KeptFolds {
    /// What the plan calls each shard.
    names: Vec<String>,
    most: usize,
    /// By the number of the shard, the latest last.
    shards: VecDeque<(usize, Arc<Vec<i16>>)>,
}

/// Reads the plans of columns; that of a column without `plan=` is the one in `weights`.
///
/// # Errors
/// As [`PlanFolds::read`].
pub(super) fn read_plans(columns: &[AddedColumn], weights: &Path) -> Result<Vec<ColumnFolds>> {
    let read = |column: &AddedColumn| match &column.values {
        AddedValues::Fold(plan) => {
            let folder = plan.as_deref().map_or(weights, Path::new);
            Ok(Some(Arc::new(FoldColumn { plan: PlanFolds::read(folder)?, kept: Mutex::default() })))
        }
        _ => Ok(None),
    };
    columns.iter().map(read).collect()
}

/// Makes sure that every plan was made of these shards.
///
/// # Errors
/// [`Error::Usage`] for a stream, and as [`PlanFolds::check`].
pub(super) fn check_plans(folds: &[ColumnFolds], shards: &[Shard], threads: usize) -> Result<()> {
    let usual = names(shards);
    for FoldColumn { plan, kept } in folds.iter().flatten().map(AsRef::as_ref) {
        if shards.iter().any(|shard| shard.name == STDIO) {
            return Err(Error::usage(
                "--column fold: a plan names rows by their shards, and a stream has none",
            )
            .hint("name the shards that the plan was made of"));
        }
        // Names are short: that of a shard in a folder alone may be that of another in the plan, but its path is not.
        let name = |(shard, usual): (&Shard, &String)| plan.name_of(&shard.name).unwrap_or(usual).to_owned();
        let names: Vec<String> = shards.iter().zip(&usual).map(name).collect();
        let footers: Vec<String> = shards.iter().map(Shard::footer_text).collect();
        let shards = shards.iter().zip(&names).zip(&footers);
        plan.check(shards.map(|((shard, name), footer_sha256)| ShardNow {
            name,
            rows: shard.file_rows(),
            footer_sha256,
        }))?;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = KeptFolds { names, most: threads.max(KEPT_MIN), shards: VecDeque::new() };
    }
    Ok(())
}

impl FoldColumn {
    /// The names of the folds of some rows of a shard; NULL for a row that no fold has.
    ///
    /// # Errors
    /// As [`PlanFolds::of_shard`].
    pub(super) fn array(&self, shard: usize, rows: Range<u64>) -> Result<ArrayRef> {
        let folds = self.of_shard(shard)?;
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let some = folds.get(place(rows.start)..place(rows.end));
        let some = some.ok_or_else(|| Error::internal("a shard has more rows than its plan"))?;
        let names = some.iter().map(|fold| self.plan.fold(*fold));
        Ok(Arc::new(names.collect::<StringArray>()))
    }

    fn of_shard(&self, shard: usize) -> Result<Arc<Vec<i16>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, folds)) = kept.shards.iter().find(|(known, _)| *known == shard) {
            return Ok(Arc::clone(folds));
        }
        let name = kept.names.get(shard).ok_or_else(|| Error::internal("a shard without a plan"))?;
        let folds = Arc::new(self.plan.of_shard(name)?);
        kept.shards.push_back((shard, Arc::clone(&folds)));
        while kept.shards.len() > kept.most {
            kept.shards.pop_front();
        }
        Ok(folds)
    }
}
