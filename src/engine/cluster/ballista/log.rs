//! Forwards the log of Ballista to the subscriber of `tracing`.
//!
//! The crate `tracing-log` can leave out named crates but not forward named ones only, and its events have the target
//! `log`, which a filter by target cannot match.

use log::{Level, LevelFilter, Log, Metadata, Record};

struct LogForwarder;

impl Log for LogForwarder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("ballista")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (of, what) = (record.target(), record.args());
        match record.level() {
            Level::Error => tracing::error!(of, "{what}"),
            Level::Warn => tracing::warn!(of, "{what}"),
            Level::Info => tracing::info!(of, "{what}"),
            Level::Debug | Level::Trace => tracing::debug!(of, "{what}"),
        }
    }

    fn flush(&self) {}
}

/// Forwards messages of level info and above from now on. Has no effect where the process has a logger already.
pub(super) fn forward() {
    if log::set_logger(&LogForwarder).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
