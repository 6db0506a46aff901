//! Errors of the library as exceptions of `posweight`.

use posweight::error::Error;
use pyo3::prelude::*;

/// The exception of an error. The classes are in Python, where one may have two bases.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let make = || {
        let module = py.import("posweight._errors")?;
        module.call_method1("made", (error.exit_code(), error.to_string(), error.remedy()))
    };
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        Err(other) => other,
    }
}
