//! Parts of scatters, sorted one after the other.

use crate::engine::pairs::record::Record;
use crate::engine::pairs::scatter::Scatter;
use crate::error::Result;

/// Takes sorted records, in which all records of an id are present.
pub(super) trait RecordSink<R>: Send + 'static {
    fn add(&mut self, records: &[R]) -> Result<()>;
}

/// Records that may be sorted at a time, and a place to do so.
#[derive(Debug)]
pub(super) struct Sorter<R> {
    scratch: Vec<R>,
    budget: usize,
}

/// Spread bits after which a part is not split again: its records have few different ids.
const BITS_MAX: u32 = 48;

impl<R: Record> Sorter<R> {
    pub(super) fn new(budget: usize) -> Self {
        Self { scratch: Vec::new(), budget }
    }

    /// Gives the records of part `number` of scatters that were made alike to `sink`.
    pub(super) fn count(
        &mut self,
        scatters: &[Scatter<R>],
        number: usize,
        sink: &mut impl RecordSink<R>,
    ) -> Result<()> {
        let records: usize = scatters.iter().map(|scatter| scatter.len(number)).sum();
        let Some(first) = scatters.first().filter(|_| records > 0) else { return Ok(()) };
        if records.saturating_mul(size_of::<R>()) > self.budget && first.bits() < BITS_MAX {
            let mut finer = first.finer(records as u64, self.budget / 2);
            for scatter in scatters {
                scatter.read(number, |records| records.iter().try_for_each(|record| finer.push(*record)))?;
            }
            let mut sorter = Self::new(self.budget / 2);
            let finer = [finer];
            return (0..finer[0].parts()).try_for_each(|part| sorter.count(&finer, part, sink));
        }
        self.scratch.clear();
        for scatter in scatters {
            scatter.read(number, |records| {
                self.scratch.extend_from_slice(records);
                Ok(())
            })?;
        }
        self.scratch.sort_unstable();
        sink.add(&self.scratch)
    }
}
