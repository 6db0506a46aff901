//! Sorted records become the labels of every id.

use crate::engine::pairs::record::{PairFact, Record};
use crate::engine::pairs::sorter::RecordSink;
use crate::error::Result;

/// Takes ids one after the other.
pub(crate) trait IdSink: Send + 'static {
    /// Takes an id of a group: its labels, each once and ascending; where it lists itself without a label, that
    /// comes last.
    ///
    /// # Errors
    /// Any, which ends the reading.
    fn id(&mut self, group: usize, labels: &[PairFact]) -> Result<()>;
}

/// Gives a sink the ids of sorted records.
pub(super) struct IdFeed<T> {
    pub(super) sink: T,
    /// Of the id at hand.
    labels: Vec<PairFact>,
}

impl<T> IdFeed<T> {
    pub(super) fn new(sink: T) -> Self {
        Self { sink, labels: Vec::new() }
    }
}

impl<R: Record, T: IdSink> RecordSink<R> for IdFeed<T> {
    fn add(&mut self, records: &[R]) -> Result<()> {
        let is_same = |a: &R, b: &R| a.id() == b.id() && a.fact().group() == b.fact().group();
        for records in records.chunk_by(is_same) {
            self.labels.clear();
            // Of several records of a pair, the last is on the side that wins.
            let distinct = records.chunk_by(|a, b| a.fact().pair() == b.fact().pair());
            self.labels.extend(distinct.filter_map(<[R]>::last).map(|record| record.fact()));
            let group = records.first().map_or(0, |record| record.fact().group());
            self.sink.id(group, &self.labels)?;
        }
        Ok(())
    }
}
