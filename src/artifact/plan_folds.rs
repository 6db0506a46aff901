//! The folds of rows, read back from a sampling plan.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::Deserialize;

use super::stored::Fetched;
use crate::error::{Error, Result, plural};

/// A row that no fold has.
pub(crate) const NO_FOLD: i16 = -1;

/// What `plan.json` says of folds.
#[derive(Debug, Deserialize)]
struct PlanOutline {
    plan: String,
    #[serde(default)]
    id_column: Option<String>,
    #[serde(default)]
    shards: Vec<DealtShard>,
    #[serde(default)]
    folds: Vec<FoldName>,
}

#[derive(Debug, Deserialize)]
struct FoldName {
    name: String,
}

/// A shard whose rows were dealt to folds.
#[derive(Debug, Deserialize)]
struct DealtShard {
    name: String,
    /// Where it was.
    #[serde(default)]
    path: Option<String>,
    file: String,
    shard_rows: u64,
    rows: u64,
    #[serde(default)]
    footer_sha256: Option<String>,
}

/// A shard as it is now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardNow<'a> {
    /// What a plan calls it.
    pub name: &'a str,
    pub rows: u64,
    /// SHA-256 of its footer.
    pub footer_sha256: &'a str,
}

/// The folds of all rows of a plan. Those of a shard are read when they are asked for.
#[derive(Debug)]
pub(crate) struct PlanFolds {
    /// What messages call it.
    name: String,
    folder: Fetched,
    folds: Vec<String>,
    shards: HashMap<String, DealtShard>,
    /// Path → name.
    names: HashMap<String, String>,
}

impl PlanFolds {
    /// Reads `plan.json` of the result in `folder`.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no plan, [`Error::Usage`] for one without folds or without places of rows.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let name = folder.display().to_string();
        let way_out = "make one: posweight sample SHARDS --plan stratified-split:folds=5 --out DIR";
        let fetched = Fetched::of(folder)?;
        let text = std::fs::read(fetched.path().join("plan.json")).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Error::input(format!(
                "{name}: there is no sampling plan (plan.json)"
            ))
            .hint(format!("name the folder of a plan with folds: --column fold:plan=DIR; or {way_out}")),
            _ => Error::reading(&folder.join("plan.json"), &cause),
        })?;
        let outline: PlanOutline = serde_json::from_slice(&text).map_err(|cause| {
            Error::input(format!("{name}: plan.json: {cause}")).hint("make the plan again with this version")
        })?;
        if outline.folds.is_empty() {
            return Err(
                Error::usage(format!("{name}: plan {} deals no rows to folds", outline.plan)).hint(way_out)
            );
        }
        if let Some(column) = outline.id_column {
            return Err(Error::usage(format!(
                "{name}: the plan names rows by column {column:?}, not by their places in shards"
            ))
            .hint(format!("join its rows to yours on {column}, as the page on sampling plans shows")));
        }
        let folds = outline.folds.into_iter().map(|fold| fold.name).collect();
        let path_and_name = |shard: &DealtShard| Some((shard.path.clone()?, shard.name.clone()));
        let names = outline.shards.iter().filter_map(path_and_name).collect();
        let shards = outline.shards.into_iter().map(|shard| (shard.name.clone(), shard)).collect();
        Ok(Self { name, folder: fetched, folds, shards, names })
    }

    /// What the plan calls the shard at `path`, if it was made of it.
    #[must_use]
    pub(crate) fn name_of(&self, path: &str) -> Option<&str> {
        self.names.get(path).map(String::as_str)
    }

    /// The name of a fold; `None` of [`NO_FOLD`].
    #[must_use]
    pub(crate) fn fold(&self, number: i16) -> Option<&str> {
        self.folds.get(usize::try_from(number).ok()?).map(String::as_str)
    }

    /// Makes sure that the plan was made of these shards; it may have others too.
    ///
    /// # Errors
    /// [`Error::Input`] naming the shard.
    pub(crate) fn check<'a>(&self, shards: impl Iterator<Item = ShardNow<'a>>) -> Result<()> {
        let plan = &self.name;
        let again =
            "make the plan of these shards, in this order: posweight sample SHARDS --plan … --out DIR";
        let mut seen = HashSet::new();
        for ShardNow { name, rows, footer_sha256 } in shards {
            let Some(dealt) = self.shards.get(name) else {
                let other = self.shards.keys().min();
                let other = other.map(|other| format!("; it has {other:?}")).unwrap_or_default();
                return Err(Error::input(format!(
                    "shard {name:?} is not in plan {plan}, which was made of {}{other}",
                    plural(self.shards.len() as u64, "shard")
                ))
                .hint(again));
            };
            if !seen.insert(name) {
                return Err(Error::input(format!("two shards are both {name:?} of plan {plan}")).hint(again));
            }
            if dealt.shard_rows != rows {
                return Err(Error::input(format!(
                    "shard {name:?} has {}, but {} when plan {plan} was made",
                    plural(rows, "row"),
                    dealt.shard_rows
                ))
                .hint(again));
            }
            if dealt.footer_sha256.as_deref().is_some_and(|known| known != footer_sha256) {
                return Err(Error::input(format!(
                    "shard {name:?} was written again since plan {plan} was made: its footer is another"
                ))
                .hint(again));
            }
        }
        Ok(())
    }

    /// The number of the fold of each row of a shard, or [`NO_FOLD`] for a row that `--where` left out.
    ///
    /// # Errors
    /// [`Error::Input`] for rows that do not fit.
    pub(crate) fn of_shard(&self, name: &str) -> Result<Vec<i16>> {
        let shard = self.shards.get(name);
        let shard = shard.ok_or_else(|| Error::internal(format!("shard {name} is not in the plan")))?;
        let is_plain = !shard.file.split('/').any(|part| matches!(part, "" | "." | ".."));
        let damaged = |what: &dyn std::fmt::Display| {
            Error::input(format!("{}/{}: {what}", self.name, shard.file)).hint("make the plan again")
        };
        if !is_plain {
            return Err(damaged(&"this is no file of a plan"));
        }
        let path = self.folder.path().join(&shard.file);
        let file = File::open(&path).map_err(|cause| damaged(&cause))?;
        let reader = reader(file).map_err(|cause| damaged(&cause))?;
        let all = usize::try_from(shard.shard_rows).map_err(|_| damaged(&"too many rows"))?;
        let mut folds = vec![NO_FOLD; all];
        let (mut rows, mut next) = (0_u64, 0_usize);
        for batch in reader {
            let batch = batch.map_err(|cause| damaged(&cause))?;
            rows += batch.num_rows() as u64;
            self.put(&batch, &mut folds, &mut next).map_err(|what| damaged(&what))?;
        }
        if rows != shard.rows {
            return Err(damaged(&format!("{}, but plan.json says {}", plural(rows, "row"), shard.rows)));
        }
        Ok(folds)
    }

    /// Puts the folds of a batch at the places of their rows, which ascend from `next` on.
    fn put(
        &self,
        batch: &RecordBatch,
        folds: &mut [i16],
        next: &mut usize,
    ) -> std::result::Result<(), String> {
        let column =
            |name: &str| batch.column_by_name(name).ok_or_else(|| format!("there is no column {name:?}"));
        let rows = column("row")?;
        let rows = rows.as_primitive_opt::<Int64Type>().ok_or("column \"row\" has no numbers")?;
        let names = cast(column("fold")?, &DataType::Utf8).map_err(|cause| cause.to_string())?;
        let names = names.as_string::<i32>();
        if rows.null_count() + names.null_count() > 0 {
            return Err("a row or a fold is NULL".to_owned());
        }
        for (row, name) in rows.values().iter().zip(names.iter().flatten()) {
            let place = usize::try_from(*row).ok().filter(|row| row >= next);
            let cell = place.and_then(|place| folds.get_mut(place));
            let cell = cell.ok_or_else(|| format!("row {row} is not in the shard, or there twice"))?;
            let number = self.folds.iter().position(|fold| fold == name);
            let number = number.and_then(|number| i16::try_from(number).ok());
            *cell = number.ok_or_else(|| format!("fold {name:?} is not in plan.json"))?;
            *next = place.map_or(*next, |place| place + 1);
        }
        Ok(())
    }
}

fn reader(file: File) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["row", "fold"]);
    builder.with_projection(mask).with_batch_size(1 << 16).build()
}
