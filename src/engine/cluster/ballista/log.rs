//! What Ballista says goes where our own words go.

use log::{Level, LevelFilter, Log, Metadata, Record};

struct Forward;

impl Log for Forward {
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

/// Lets it through from now on, up to what a scheduler or executor needs to be understood.
pub(super) fn forward() {
    if log::set_logger(&Forward).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
