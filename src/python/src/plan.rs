//! A sampling plan, read by the classes of `posweight`.

use std::sync::Arc;

use posweight::Computed;
use posweight::error::{Error, Result};
use posweight::library::PlannedRows;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::call::done;
use crate::result::packed;

/// The sampling plan of a result.
#[pyclass(frozen, module = "posweight._native")]
pub(crate) struct NativePlan(Arc<Computed>);

impl NativePlan {
    pub(crate) fn of(whole: &Arc<Computed>) -> Option<Self> {
        whole.plan().map(|_| Self(Arc::clone(whole)))
    }

    /// One value per row, that of `of` for rows the plan has; `rest` for the others.
    fn each<T: Copy + Send + 'static>(
        &self,
        py: Python<'_>,
        rest: T,
        of: impl Fn(u32, Option<f64>) -> T + Send + 'static,
    ) -> PyResult<Vec<T>> {
        let whole = Arc::clone(&self.0);
        done(py, move || {
            let plan = planned(&whole)?;
            let too_many = || Error::resource("the plan has more rows than this machine can number");
            let mut values = vec![rest; usize::try_from(plan.rows()).map_err(|_| too_many())?];
            for (shard, (_, _, first, _)) in plan.shards().enumerate() {
                plan.each(shard, &mut |row, value, weight| {
                    let place = usize::try_from(first + row).ok().and_then(|place| values.get_mut(place));
                    if let Some(place) = place {
                        *place = of(value, weight);
                    }
                })?;
            }
            Ok(values)
        })
    }
}

fn planned(whole: &Computed) -> Result<PlannedRows<'_>> {
    whole.plan().ok_or_else(|| Error::internal("a plan is gone"))
}

#[pymethods]
impl NativePlan {
    /// Name, path, position of the first row, rows; in the order of positions.
    fn shards(&self) -> Vec<(String, String, u64, u64)> {
        let shards = self.0.plan().map(|plan| {
            let own = |(name, path, first, rows): (&str, &str, u64, u64)| {
                (name.to_owned(), path.to_owned(), first, rows)
            };
            plan.shards().map(own).collect()
        });
        shards.unwrap_or_default()
    }

    /// Names of folds.
    fn folds(&self) -> Vec<String> {
        let folds = self.0.plan().map(|plan| plan.folds().into_iter().map(str::to_owned).collect());
        folds.unwrap_or_default()
    }

    fn method(&self) -> String {
        self.0.plan().map(|plan| plan.method()).unwrap_or_default()
    }

    fn is_by_id(&self) -> bool {
        self.0.plan().is_some_and(|plan| plan.is_by_id())
    }

    fn seed_and_epoch(&self) -> (u64, u64) {
        self.0.plan().map(|plan| plan.seed_and_epoch()).unwrap_or_default()
    }

    fn text(&self) -> String {
        self.0.plan_text().unwrap_or_default()
    }

    /// One `int32` per row: how often it is seen, or the number of its fold; -1 for a row that is not in the plan.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let values = self.each(py, -1, |value, _| i32::try_from(value).unwrap_or(i32::MAX))?;
        packed(py, values.into_iter(), i32::to_ne_bytes)
    }

    /// One `float64` per row: its weight; 0 for a row that is not in the plan, or a plan without weights.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let values = self.each(py, 0.0, |_, weight| weight.unwrap_or(0.0))?;
        packed(py, values.into_iter(), f64::to_ne_bytes)
    }
}
