//! A result, read by the classes of `posweight`.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchIterator};
use posweight::Computed;
use posweight::error::Error;
use posweight::library::ResultView;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::call::done;
use crate::errors::raise;
use crate::plan::NativePlan;
use crate::rows::NativeRows;

/// A result of all rows, or of one group.
#[pyclass(frozen, module = "posweight._native")]
pub(crate) struct NativeResult {
    whole: Arc<Computed>,
    group: Option<String>,
}

impl From<Computed> for NativeResult {
    fn from(computed: Computed) -> Self {
        Self { whole: Arc::new(computed), group: None }
    }
}

impl NativeResult {
    fn view(&self, py: Python<'_>) -> PyResult<ResultView<'_>> {
        let view = self.group.as_ref().map_or_else(|| Some(self.whole.all()), |name| self.whole.group(name));
        view.ok_or_else(|| raise(py, &Error::internal("a group is gone")))
    }
}

/// Numbers as `numpy.frombuffer` reads them.
pub(crate) fn packed<T: Copy, const N: usize>(
    py: Python<'_>,
    numbers: impl ExactSizeIterator<Item = T>,
    bytes: impl Fn(T) -> [u8; N],
) -> PyResult<Bound<'_, PyBytes>> {
    PyBytes::new_with(py, numbers.len() * N, |buffer| {
        for (place, number) in buffer.chunks_exact_mut(N).zip(numbers) {
            place.copy_from_slice(&bytes(number));
        }
        Ok(())
    })
}

#[pymethods]
impl NativeResult {
    #[getter]
    fn rows(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.view(py)?.rows())
    }

    #[getter]
    fn labels(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.view(py)?.labels().into_iter().map(str::to_owned).collect())
    }

    #[getter]
    fn source(&self) -> &str {
        self.whole.source()
    }

    #[getter]
    fn why(&self) -> &str {
        self.whole.why()
    }

    /// The name of the group; None for all rows.
    #[getter]
    fn group_name(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// Five `uint64` per label.
    fn tallies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let tallies = self.view(py)?.tallies();
        packed(py, tallies.as_flattened().iter().copied(), u64::to_ne_bytes)
    }

    /// Names of vectors, each with one `float64` per label.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyBytes>)>> {
        let vectors = self.view(py)?;
        let pack = |(name, values): (&str, &[f64])| {
            Ok((name.to_owned(), packed(py, values.iter().copied(), f64::to_ne_bytes)?))
        };
        vectors.weights().map(pack).collect()
    }

    fn status(&self, py: Python<'_>) -> PyResult<Vec<&'static str>> {
        Ok(self.view(py)?.status().collect())
    }

    /// One `float64` per label.
    fn prior_bias<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        packed(py, self.view(py)?.prior_bias().into_iter(), f64::to_ne_bytes)
    }

    /// The bytes of a file of the result.
    fn file<'py>(&self, py: Python<'py>, name: String) -> PyResult<Bound<'py, PyBytes>> {
        let (whole, group) = (Arc::clone(&self.whole), self.group.clone());
        let bytes = done(py, move || {
            let view = group.map_or_else(|| Some(whole.all()), |name| whole.group(&name));
            view.ok_or_else(|| Error::internal("a group is gone"))?.file(&name)
        });
        Ok(PyBytes::new(py, &bytes?))
    }

    /// The report as the command line prints it.
    fn text(&self, py: Python<'_>, lines: Option<usize>) -> PyResult<String> {
        Ok(self.view(py)?.text(lines))
    }

    /// One row per label.
    fn table(&self, py: Python<'_>) -> PyResult<NativeRows> {
        let batch: RecordBatch = self.view(py)?.table().map_err(|error| raise(py, &error))?;
        let schema = batch.schema();
        Ok(NativeRows::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema))))
    }

    fn groups(&self) -> Vec<String> {
        if self.group.is_some() {
            return Vec::new();
        }
        self.whole.group_names().map(str::to_owned).collect()
    }

    fn group(&self, name: String) -> Option<Self> {
        self.whole.group(&name)?;
        Some(Self { whole: Arc::clone(&self.whole), group: Some(name) })
    }

    /// What `run_results.json` holds.
    fn record(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.whole.record().map_err(|error| raise(py, &error))
    }

    /// Against an earlier result; JSON.
    fn diff(&self, py: Python<'_>, before: &Self) -> PyResult<String> {
        self.view(py)?.diff(&before.view(py)?).map_err(|error| raise(py, &error))
    }

    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        formats: Vec<String>,
        overwrite: bool,
    ) -> PyResult<Vec<String>> {
        let whole = Arc::clone(&self.whole);
        done(py, move || whole.save(&path, &formats, overwrite))
    }

    /// That of all rows; a group has none.
    fn plan(&self) -> Option<NativePlan> {
        if self.group.is_some() { None } else { NativePlan::of(&self.whole) }
    }
}
