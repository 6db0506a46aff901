//! What a call is asked for.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatchReader;
use arrow::error::ArrowError;
use serde_json::{Map as JsonMap, Value as Json};

use super::stop::{OpenReaders, StopSwitch, StoppableReader};
use super::watch::RunWatch;
use crate::error::{Error, Result};
use crate::pipeline::parsing::{put, read};
use crate::pipeline::spec::{OneOrMany, STDIO, Spec};
use crate::pipeline::variables::Variables;
use crate::source::streams::BatchStreams;

/// The keys of a pipeline file, and streams of rows beside its shards.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(super) spec: Spec,
    pub(super) streams: BatchStreams,
    pub(super) open: OpenReaders,
    pub(super) stop: StopSwitch,
    pub(super) watch: Arc<RunWatch>,
}

impl Options {
    /// To count these files, folders, globs and addresses, with every default.
    #[must_use]
    pub fn new<S: Into<String>>(sources: impl IntoIterator<Item = S>) -> Self {
        let shards: Vec<String> = sources.into_iter().map(Into::into).collect();
        let shards = (!shards.is_empty()).then_some(OneOrMany::Many(shards));
        Self { spec: Spec { shards, ..Spec::default() }, ..Self::default() }
    }

    /// As a pipeline file asks; `values` are those of `${NAME}` in it, as `NAME=VALUE`, before the environment's.
    ///
    /// # Errors
    /// [`Error::Usage`] with line and column.
    pub fn of_file(path: &Path, values: &[String]) -> Result<Self> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let spec = read(path, &Variables::new(values, environment)?)?;
        Ok(Self { spec, ..Self::default() })
    }

    /// With a key of the pipeline file.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such key or the value does not fit it.
    pub fn with(self, key: &str, value: impl Into<Json>) -> Result<Self> {
        self.with_all(std::iter::once((key.to_owned(), value.into())).collect())
    }

    /// With several keys.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn with_all(mut self, given: JsonMap<String, Json>) -> Result<Self> {
        put(&mut self.spec, given)?;
        Ok(self)
    }

    /// Also with the rows of a stream, which messages call `name`. Of these options and their copies, one call reads it.
    #[must_use]
    pub fn with_rows(self, name: impl Into<String>, rows: Box<dyn RecordBatchReader + Send>) -> Self {
        let reader = StoppableReader::new(rows, &self.stop, &self.open);
        self.streams.add(name.into(), Box::new(reader));
        self
    }

    /// Also with the rows of a table, which messages call `name`; `open` gives them from the first on, each time that it is
    /// called. They are counted as they come, and opened again where they are needed more than once; nothing of the table is
    /// copied then.
    #[must_use]
    pub fn with_table(
        self,
        name: impl Into<String>,
        open: impl Fn() -> std::result::Result<Box<dyn RecordBatchReader + Send>, ArrowError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let (stop, readers) = (self.stop.clone(), self.open.clone());
        self.streams.add_table(name.into(), Arc::new(move || StoppableReader::open(&open, &stop, &readers)));
        self
    }

    /// To end when this switch is on. It is given before streams are.
    #[must_use]
    pub fn until(self, stop: StopSwitch) -> Self {
        Self { stop, ..self }
    }

    /// To be watched by this.
    #[must_use]
    pub fn watched_by(self, watch: Arc<RunWatch>) -> Self {
        Self { watch, ..self }
    }

    /// With a source that stands for the streams.
    pub(super) fn ready(mut self) -> Result<Self> {
        let mut sources = self.spec.shards.as_ref().map(OneOrMany::to_vec).unwrap_or_default();
        if sources.iter().any(|source| source == STDIO) {
            return Err(Error::usage("the source - is stdin, which belongs to the program")
                .hint("hand over a stream of record batches"));
        }
        if !self.streams.are_none() {
            sources.push(STDIO.to_owned());
            self.spec.shards = Some(OneOrMany::Many(sources));
        }
        Ok(self)
    }
}
