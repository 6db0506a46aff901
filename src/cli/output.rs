//! What every verb needs: stdout, stderr, a runtime.

use std::io::Write;

use crate::error::{Error, Result};

/// Prints data on stdout. A reader that has gone away has what it wanted.
pub(super) fn print(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// The same, of bytes.
pub(super) fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::output(format!("stdout: {cause}")))
        }
        _ => Ok(()),
    }
}

/// Says something to the person, on stderr.
pub(super) fn say(text: &str) {
    // Without stderr there is no place for the message.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A runtime for the engine.
pub(super) fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .enable_all()
        .build()
        .map_err(|cause| Error::resource(format!("threads cannot be started: {cause}")))
}
