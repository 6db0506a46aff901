//! Rows of layout `long`: the pass that makes pairs distinct has all labels of an id together.

use std::sync::Arc;

use crate::counts::Cell;
use crate::engine::pairs::feed::IdSink;
use crate::engine::pairs::long;
use crate::engine::pairs::record::PairFact;
use crate::engine::read::choice::fastest;
use crate::engine::read::routes::Route;
use crate::engine::rows::block::{Block, Members};
use crate::engine::rows::decode::label_count;
use crate::engine::rows::request::Request;
use crate::engine::rows::sink::RowSink;
use crate::engine::spill::Spill;
use crate::engine::task::CountTask;
use crate::error::{Error, Result};

/// Rows and labels of a block, about.
const ROWS: usize = 4096;
const LABELS: usize = 1 << 18;

/// Reads all rows; gives what the sinks found, and how pairs were read.
pub(super) async fn read_ids<S: RowSink>(
    request: &Request<'_>,
    mut make: impl FnMut() -> S,
) -> Result<(Vec<S::Found>, Route)> {
    let Request { dataset, counting, groups, limits, progress } = *request;
    let spill = Spill::new(limits.spill_dir.as_deref(), limits.spill_limit, Arc::clone(progress));
    let task = CountTask::new(counting, limits, &spill, progress)?;
    // The sinks take the other half.
    let task = CountTask { budget: task.budget / 2, ..task };
    let choice = fastest(&task.context, dataset, counting).await?;
    let (labels, rest) = (label_count(&counting.keys)?, counting.unlisted());
    let mut feed = || RowFeed::new(make(), labels, rest);
    let (mut feeds, columns) = long::ids(&task, dataset, choice.kept(), groups, &mut feed).await?;
    let rows: u64 = feeds.iter().map(|feed| feed.rows).sum();
    if let (Some(all), Some(first)) = (counting.num_rows, feeds.first_mut()) {
        let more = all.checked_sub(rows).ok_or_else(|| Error::changed("rows appeared after counting"))?;
        first.sink.rest(more, rest == Cell::Missing);
    }
    let found = feeds.into_iter().map(RowFeed::finish).collect::<Result<_>>()?;
    Ok((found, choice.route(columns)))
}

/// Collects ids into blocks.
pub(in crate::engine) struct RowFeed<S> {
    sink: S,
    block: Block,
    /// The group of each row of the block.
    groups: Vec<u32>,
    /// Number of labels.
    labels: usize,
    /// What an id says of a label that it does not list.
    rest: Cell,
    /// Labels that the id at hand knows.
    known: Vec<u32>,
    /// Missing labels in the block.
    unknown: usize,
    /// All that were taken.
    pub(in crate::engine) rows: u64,
}

impl<S: RowSink> RowFeed<S> {
    /// For rows with this number of labels, that say `rest` of a label that they do not list.
    pub(in crate::engine) fn new(sink: S, labels: usize, rest: Cell) -> Self {
        let mut block = Block::default();
        block.sets.clear(labels);
        Self { sink, block, groups: Vec::new(), labels, rest, known: Vec::new(), unknown: 0, rows: 0 }
    }

    /// Gives the block to the sink.
    fn give(&mut self) -> Result<()> {
        let groups = std::mem::take(&mut self.groups);
        self.block.members = match groups.first() {
            Some(first) if groups.iter().all(|group| group == first) => Members::All(*first),
            _ => Members::Each(groups),
        };
        self.sink.begin();
        self.sink.take(&mut self.block)?;
        self.block.sets.clear(self.labels);
        self.unknown = 0;
        Ok(())
    }

    /// Gives the last block.
    pub(in crate::engine) fn finish(mut self) -> Result<S::Found> {
        if self.block.rows() > 0 {
            self.give()?;
        }
        Ok(self.sink.finish())
    }

    /// Adds the labels that the id at hand does not list as missing.
    fn add_rest(&mut self) {
        let mut known = self.known.iter().copied().peekable();
        for label in (0..).take(self.labels) {
            if known.next_if_eq(&label).is_none() {
                self.block.sets.add_unknown(label);
                self.unknown += 1;
            }
        }
    }
}

impl<S: RowSink> IdSink for RowFeed<S> {
    fn id(&mut self, group: usize, labels: &[PairFact]) -> Result<()> {
        self.known.clear();
        for said in labels {
            let Some(label) = said.label().and_then(|label| u32::try_from(label).ok()) else { continue };
            match said.cell() {
                Cell::Positive => self.block.sets.add(label),
                Cell::Negative => {}
                _ if self.rest == Cell::Missing => continue,
                _ => {
                    self.block.sets.add_unknown(label);
                    self.unknown += 1;
                }
            }
            self.known.push(label);
        }
        if self.rest == Cell::Missing && self.known.is_empty() {
            self.block.sets.end_silent_row();
        } else {
            if self.rest == Cell::Missing {
                self.add_rest();
            }
            self.block.sets.end_row();
        }
        self.groups.push(u32::try_from(group).unwrap_or(u32::MAX));
        self.rows += 1;
        if self.block.rows() >= ROWS || self.block.sets.size() + self.unknown >= LABELS {
            self.give()?;
        }
        Ok(())
    }
}
