//! `posweight._native`: the library, as Python calls it. `posweight/` has what people see.
//!
//! [`call`] waits for the work of another thread and lets Python handle signals meanwhile · [`rows`] takes rows from Python,
//! [`turned`] makes columns of them ·
//! [`result`] and [`plan`] give results · [`errors`] raises the exceptions of `posweight` · [`log`] keeps the lines for
//! `logging`

mod call;
mod errors;
mod log;
mod plan;
mod result;
mod rows;
mod turned;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use posweight::Options;
use posweight::error::Error;
use posweight::library::{self, RunWatch, StopSwitch};
use pyo3::prelude::*;
use serde_json::{Map, Value};

use call::{done, wait};
use errors::raise;
use result::NativeResult;
use rows::{NativeRows, Raised};

/// What a call is asked for: the keys of a pipeline file as JSON, and streams of rows.
struct Asked {
    stop: StopSwitch,
    watch: Arc<RunWatch>,
    options: Options,
    raised: Raised,
}

fn asked(py: Python<'_>, keys: &str, given: &Bound<'_, PyAny>) -> PyResult<Asked> {
    let (stop, watch) = (StopSwitch::default(), Arc::new(RunWatch::default()));
    let keys: Map<String, Value> =
        serde_json::from_str(keys).map_err(|cause| raise(py, &Error::internal(cause.to_string())))?;
    let options = Options::default().until(stop.clone()).watched_by(Arc::clone(&watch));
    let mut options = options.with_all(keys).map_err(|error| raise(py, &error))?;
    let raised = Raised::default();
    for one in given.try_iter()? {
        let (name, kind, source, again): (String, String, Bound<'_, PyAny>, bool) = one?.extract()?;
        options = if again {
            options.with_table(name, rows::opening(kind, source.unbind(), raised.clone()))
        } else {
            options.with_rows(name, rows::reader(&kind, &source, &raised)?)
        };
    }
    Ok(Asked { stop, watch, options, raised })
}

/// Counts, weighs and measures. `keys` is JSON; `given` are tuples of a name, a kind, an object with rows, and whether it gives
/// them as often as it is asked; `tell` is called with the rows done and all rows.
#[pyfunction]
fn compute(
    py: Python<'_>,
    keys: &str,
    given: &Bound<'_, PyAny>,
    tell: Option<Py<PyAny>>,
) -> PyResult<NativeResult> {
    let Asked { stop, watch, options, raised } = asked(py, keys, given)?;
    let computed = wait(py, &stop, Some((watch, tell)), move || library::compute(options));
    computed.map(NativeResult::from).map_err(|error| raised.take().unwrap_or(error))
}

/// As a pipeline file asks; `values` are those of its variables, `keys` is JSON that overrides its keys.
#[pyfunction]
fn run(
    py: Python<'_>,
    path: PathBuf,
    values: Vec<String>,
    keys: &str,
    tell: Option<Py<PyAny>>,
) -> PyResult<NativeResult> {
    let (stop, watch) = (StopSwitch::default(), Arc::new(RunWatch::default()));
    let keys: Map<String, Value> =
        serde_json::from_str(keys).map_err(|cause| raise(py, &Error::internal(cause.to_string())))?;
    let telling = (Arc::clone(&watch), tell);
    let switch = stop.clone();
    let work = move || {
        let options = Options::of_file(&path, &values)?.with_all(keys)?;
        library::compute(options.until(switch).watched_by(watch))
    };
    wait(py, &stop, Some(telling), work).map(NativeResult::from)
}

/// Reads a finished run.
#[pyfunction]
fn open(py: Python<'_>, path: PathBuf) -> PyResult<NativeResult> {
    done(py, move || library::open(&path)).map(NativeResult::from)
}

/// Merges and weighs saved counts.
#[pyfunction]
fn weigh(py: Python<'_>, files: Vec<PathBuf>, keys: &str) -> PyResult<NativeResult> {
    let Asked { options, .. } = asked(py, keys, pyo3::types::PyTuple::empty(py).as_any())?;
    done(py, move || library::weigh(&files, options)).map(NativeResult::from)
}

/// Weighs counts in memory: three numbers per label, as `[positives, negatives, missing]`.
#[pyfunction]
fn weigh_tallies(
    py: Python<'_>,
    labels: Vec<String>,
    tallies: Vec<[u64; 3]>,
    keys: &str,
) -> PyResult<NativeResult> {
    let Asked { options, .. } = asked(py, keys, pyo3::types::PyTuple::empty(py).as_any())?;
    done(py, move || library::weigh_tallies(&labels, &tallies, options)).map(NativeResult::from)
}

/// Looks at shards; JSON.
#[pyfunction]
fn inspect(py: Python<'_>, keys: &str, given: &Bound<'_, PyAny>) -> PyResult<String> {
    let Asked { stop, options, raised, .. } = asked(py, keys, given)?;
    let seen = wait(py, &stop, None, move || library::inspect(options));
    seen.map_err(|error| raised.take().unwrap_or(error))
}

/// Starts a query; its rows.
#[pyfunction]
fn query(
    py: Python<'_>,
    sql: String,
    tables: Vec<String>,
    runs: Vec<String>,
    keys: &str,
) -> PyResult<NativeRows> {
    let Asked { stop, options, .. } = asked(py, keys, pyo3::types::PyTuple::empty(py).as_any())?;
    let rows = wait(py, &stop, None, move || library::query(&sql, &tables, &runs, &options))?;
    Ok(NativeRows::new(Box::new(rows)))
}

/// Runs the command line; its exit code. The arguments begin after the name of the program.
#[pyfunction]
fn cli(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let program = std::iter::once(OsString::from("posweight"));
    py.detach(|| posweight::cli::run(program.chain(arguments).collect()))
}

/// The keys of a pipeline file, each with its description; JSON Schema.
#[pyfunction]
fn schema() -> String {
    library::schema()
}

#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // The panic hook is that of this extension module, not of others in the process.
    library::quiet_panics();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<NativeResult>()?;
    module.add_class::<NativeRows>()?;
    module.add_class::<plan::NativePlan>()?;
    module.add_function(wrap_pyfunction!(compute, module)?)?;
    module.add_function(wrap_pyfunction!(run, module)?)?;
    module.add_function(wrap_pyfunction!(open, module)?)?;
    module.add_function(wrap_pyfunction!(weigh, module)?)?;
    module.add_function(wrap_pyfunction!(weigh_tallies, module)?)?;
    module.add_function(wrap_pyfunction!(inspect, module)?)?;
    module.add_function(wrap_pyfunction!(query, module)?)?;
    module.add_function(wrap_pyfunction!(cli, module)?)?;
    module.add_function(wrap_pyfunction!(schema, module)?)?;
    Ok(())
}
