//! Lists of labels, row by row: for values that stand for several labels, and for invalid ones.

use super::counter::SetCounter;
use super::set_count::SetCount;
use crate::pages::format::chunk::{Chunk, Workspace};
use crate::pages::format::data_pages::open;
use crate::pages::format::nesting::Nesting;
use crate::pages::format::row_mask::{RowFilter, RowMask};
use crate::pages::format::slots::{Levels, RowCheck, SlotBlock, ones};
use crate::pages::format::stream::ValueStream;
use crate::pages::lookup::{EntryLabels, Lookup};
use crate::pages::outcome::Step;

/// Counts a chunk into `counter`.
pub(crate) fn count(
    chunk: &Chunk<'_>,
    nesting: Option<&Nesting>,
    mask: Option<&RowMask>,
    workspace: &mut Workspace,
    lookup: &mut Lookup<'_>,
    counter: &mut SetCounter,
) -> Step<SetCount> {
    let (leaf, dictionary, mut pages) = open(chunk, workspace)?;
    let mut labels = EntryLabels::new(leaf, dictionary);
    let (mut count, mut block, mut row) = (SetCount::default(), SlotBlock::new(), SetRow::default());
    let (mut rows, mut filter) = (RowCheck::new(chunk.rows), mask.map(RowFilter::new));
    while let Some(page) = pages.next()? {
        let mut levels = Levels::nested(leaf, nesting, &page)?;
        let mut stream = ValueStream::new(leaf, &page)?;
        while levels.next(&mut block)? {
            rows.add(&block)?;
            let kept = filter.as_mut().map(|filter| filter.next(&block));
            count.add_block(&block, kept.as_ref());
            stream.block(ones(&block.values))?;
            let mut at = 0;
            block.each(|slot| {
                let is_kept = kept.as_ref().is_none_or(|kept| kept[at / 64] >> (at % 64) & 1 == 1);
                at += 1;
                if slot.start && is_kept {
                    row.close(counter, &mut count);
                }
                if !slot.value {
                    return Ok(());
                }
                let item = stream.next()?;
                if is_kept {
                    let has_missing = lookup.has_missing();
                    let found = labels.of(lookup, item)?;
                    let is_missing = has_missing && found.as_ref().is_ok_and(|labels| labels.is_empty());
                    count.values -= u64::from(is_missing);
                    row.add(found);
                }
                Ok(())
            })?;
        }
        stream.finish()?;
    }
    row.close(counter, &mut count);
    rows.finish()?;
    Ok(count)
}

/// The labels of a row until its end.
#[derive(Debug, Default)]
struct SetRow {
    labels: Vec<u32>,
    /// From this length on repeated labels are dropped, so that a long list needs no more memory than
    /// there are labels.
    limit: usize,
    invalid: Option<String>,
}

impl SetRow {
    fn add(&mut self, labels: Result<&[u32], String>) {
        match labels {
            Ok(labels) => self.labels.extend_from_slice(labels),
            Err(text) => {
                self.invalid.get_or_insert(text);
            }
        }
        if self.labels.len() > self.limit {
            self.labels.sort_unstable();
            self.labels.dedup();
            self.limit = self.labels.len().max(1024) * 2;
        }
    }

    fn close(&mut self, counter: &mut SetCounter, count: &mut SetCount) {
        match self.invalid.take() {
            Some(text) => count.invalid(&text, 1),
            None => counter.add(&self.labels, 1),
        }
        self.labels.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_needs_no_more_memory_than_its_labels() {
        let mut row = SetRow::default();
        (0..100_000).for_each(|i| row.add(Ok(&[i % 3])));
        assert!(row.labels.capacity() < 10_000);
        let (mut counter, mut count) = (SetCounter::new(), SetCount::default());
        row.close(&mut counter, &mut count);
        assert_eq!(counter.take(), [1, 1, 1]);
    }
}
