//! Work on a thread of its own, while the caller lets Python handle signals.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use posweight::error::{Error, Result};
use posweight::library::{RunWatch, StopSwitch};
use pyo3::prelude::*;

use crate::errors::raise;
use crate::log;

/// How often Python is asked whether a signal has come.
const TICK: Duration = Duration::from_millis(50);

/// Reports progress to a callable.
pub(crate) type Telling = (Arc<RunWatch>, Option<Py<PyAny>>);

/// The value of `work`. A signal whose handler raises, such as Ctrl-C, turns on `stop`; its exception is raised when the
/// work has ended.
pub(crate) fn wait<T: Send + 'static>(
    py: Python<'_>,
    stop: &StopSwitch,
    telling: Option<Telling>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> PyResult<T> {
    log::listen();
    let (send, receive) = channel();
    let stop = stop.clone();
    let result = py.detach(move || {
        let worker = move || {
            // The receiver waits in any case.
            let _ = send.send(work());
        };
        let worker = std::thread::Builder::new().name("posweight".to_owned()).spawn(worker);
        if let Err(cause) = worker {
            return Ok(Err(Error::resource(format!("a thread cannot be started: {cause}"))));
        }
        let mut raised: Option<PyErr> = None;
        loop {
            match receive.recv_timeout(TICK) {
                Ok(result) => return raised.map_or(Ok(result), Err),
                Err(RecvTimeoutError::Disconnected) => {
                    return raised
                        .map_or(Ok(Err(Error::internal("a bug in posweight: a thread panicked"))), Err);
                }
                Err(RecvTimeoutError::Timeout) if raised.is_none() => {
                    if let Err(exception) = Python::attach(|py| tick(py, telling.as_ref())) {
                        stop.stop();
                        raised = Some(exception);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    });
    log::forward(py)?;
    result?.map_err(|error| raise(py, &error))
}

/// The value of `work`, which is short.
pub(crate) fn done<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> PyResult<T> {
    wait(py, &StopSwitch::default(), None, work)
}

fn tick(py: Python<'_>, telling: Option<&Telling>) -> PyResult<()> {
    py.check_signals()?;
    log::forward(py)?;
    if let Some((watch, Some(tell))) = telling
        && let Some((done, all)) = watch.rows()
    {
        tell.call1(py, (done, all))?;
    }
    Ok(())
}
