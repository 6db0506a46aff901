//! What a piece has counted so far, and how it becomes partial counts.

use std::collections::{BTreeMap, VecDeque};

use arrow::array::RecordBatch;

use super::job::{Hand, Job};
use crate::counts::{Cell, Tally};
use crate::engine::counting::Keys;
use crate::engine::partial::{PartialRow, Partials};
use crate::engine::plain::groups::Key;
use crate::pages::{Constant, FlatCount, SetCount, VectorCount};
use crate::source::layout::LayoutKind;

/// Labels given out at a time, so that millions of them never stand in memory as rows.
const LABELS_AT_A_TIME: usize = 1 << 15;

/// Counts of a piece beside the positives that a [`Hand`] holds.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) rows: u64,
    null_rows: u64,
    null_elements: u64,
    /// By label, for `wide` and `vector`.
    pub(super) labels: Vec<Tally>,
    /// Label, if it is one label's → how many invalid values, and one of them.
    invalid: BTreeMap<Option<usize>, (u64, String)>,
}

impl Tallies {
    pub(super) fn new(job: &Job) -> Self {
        let labels = match &job.counting.keys {
            Keys::Positions(labels) => vec![Tally::default(); labels.len()],
            _ => Vec::new(),
        };
        Self { labels, ..Self::default() }
    }

    pub(super) fn add_flat(&mut self, column: usize, count: FlatCount) {
        add(&mut self.labels[column], &count.tally);
        self.add_invalid(Some(column), count.tally.invalid, count.first_invalid);
    }

    pub(super) fn add_constant(&mut self, column: usize, constant: Constant<'_>, cell: Cell) {
        let tally = &mut self.labels[column];
        tally.missing += constant.nulls;
        tally.add(cell, constant.rows);
        if cell == Cell::Invalid {
            self.add_invalid(Some(column), constant.rows, constant.value.map(|value| value.to_string()));
        }
    }

    /// The tallies by position are added by whoever counted them.
    pub(super) fn add_vector(&mut self, count: VectorCount) {
        self.rows += count.rows;
        self.null_rows += count.null_rows;
        let width = self.labels.len();
        let wrong = count.first_wrong;
        let wrong = wrong.map(|w| format!("a list of {} values, but there are {width} labels", w.elements));
        self.add_invalid(None, count.wrong_rows, wrong);
        if let Some((position, text)) = count.first_invalid {
            self.add_invalid(Some(position), 1, Some(text));
        }
    }

    pub(super) fn add_sets(&mut self, count: SetCount) {
        self.rows += count.rows;
        self.null_rows += count.null_rows;
        self.null_elements += count.null_elements;
        self.add_invalid(None, count.invalid_rows, count.first_invalid);
    }

    /// Rows of a shard that has no such column: they say nothing.
    pub(super) fn add_absent(&mut self, column: usize, rows: u64, layout: LayoutKind) {
        match layout {
            LayoutKind::Wide => self.labels[column].missing += rows,
            _ => {
                self.rows += rows;
                self.null_rows += rows;
                self.labels.iter_mut().for_each(|label| label.missing += rows);
            }
        }
    }

    fn add_invalid(&mut self, label: Option<usize>, count: u64, example: Option<String>) {
        if let Some(example) = example {
            self.invalid.entry(label).or_insert((0, example)).0 += count;
        }
    }

    /// Everything counted since the last time, and starts anew.
    pub(super) fn take(&mut self, job: &Job, shard: usize, hand: &mut Hand) -> Giving {
        let fresh = Self::new(job);
        let Self { rows, null_rows, null_elements, labels, invalid } = std::mem::replace(self, fresh);
        let mut out = Partials::new(job.counting.by.len());
        if rows > 0 {
            out.push(&PartialRow {
                by: &job.keys[shard],
                tally: Tally { negatives: rows - null_rows, missing: null_rows, ..Tally::default() },
                skipped: null_elements,
                ..PartialRow::default()
            });
        }
        for (label, (count, example)) in invalid {
            out.push(&PartialRow {
                by: &job.keys[shard],
                shard: u32::try_from(shard).ok(),
                index: label.map(|label| label as u64),
                tally: Tally { invalid: count, ..Tally::default() },
                example: Some(&example),
                ..PartialRow::default()
            });
        }
        let counts = match &job.counting.keys {
            Keys::Positions(_) if rows > 0 => Counts::Tallies(labels),
            Keys::Positions(_) => Counts::Tallies(Vec::new()),
            _ => Counts::Positives(hand.tools.counter.take()),
        };
        Giving { ready: out.finish().into(), counts, at: 0 }
    }
}

fn add(sum: &mut Tally, more: &Tally) {
    sum.positives += more.positives;
    sum.negatives += more.negatives;
    sum.uncertain += more.uncertain;
    sum.missing += more.missing;
    sum.invalid += more.invalid;
}

/// Partial counts on their way out, some labels at a time.
#[derive(Debug)]
pub(super) struct Giving {
    ready: VecDeque<RecordBatch>,
    counts: Counts,
    at: usize,
}

#[derive(Debug)]
enum Counts {
    Tallies(Vec<Tally>),
    Positives(Vec<u64>),
}

impl Giving {
    pub(super) fn push(&mut self, batches: impl IntoIterator<Item = RecordBatch>) {
        self.ready.extend(batches);
    }

    pub(super) fn next(&mut self, job: &Job, key: &Key, hand: &Hand) -> Option<RecordBatch> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Some(batch);
            }
            let labels = match &self.counts {
                Counts::Tallies(tallies) => tallies.len(),
                Counts::Positives(positives) => positives.len(),
            };
            if self.at == labels {
                return None;
            }
            let range = self.at..labels.min(self.at + LABELS_AT_A_TIME);
            self.at = range.end;
            let mut out = Partials::new(job.counting.by.len());
            for label in range {
                let tally = match &self.counts {
                    Counts::Tallies(tallies) => tallies[label],
                    Counts::Positives(positives) => Tally { positives: positives[label], ..Tally::default() },
                };
                if tally == Tally::default() {
                    continue;
                }
                let name = hand.tools.interner.name(label);
                let index = name.is_none().then_some(label as u64);
                out.push(&PartialRow { by: key, index, name, tally, ..PartialRow::default() });
            }
            self.ready = out.finish().into();
        }
    }
}
