//! Merges sorted runs of patterns.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::patterns::{PatternRun, PatternTable, read};
use crate::engine::rows::request::RowPattern;
use crate::error::{Error, Result};

/// The next pattern of a run.
struct RunHead {
    pattern: Vec<u8>,
    rows: u64,
    run: usize,
}

impl Ord for RunHead {
    /// Reversed, because the heap has the largest element on top.
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.pattern, other.run).cmp(&(&self.pattern, self.run))
    }
}

impl PartialOrd for RunHead {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RunHead {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for RunHead {}

/// Calls `each` once for every pattern, in order.
pub(super) fn merge(patterns: Vec<PatternTable>, mut each: impl FnMut(RowPattern<'_>)) -> Result<()> {
    let mut runs: Vec<PatternRun> = patterns.into_iter().flat_map(PatternTable::into_runs).collect();
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for (number, run) in runs.iter_mut().enumerate() {
        let mut pattern = Vec::new();
        if let Some(rows) = run.next(&mut pattern)? {
            heads.push(RunHead { pattern, rows, run: number });
        }
    }
    let (mut positives, mut unknown, mut group) = (Vec::new(), Vec::new(), 0);
    let mut emit = |pattern: &[u8], rows: u64| {
        if !read(pattern, [&mut positives, &mut unknown], &mut group) {
            return Err(Error::internal("a pattern of labels cannot be read back"));
        }
        each(RowPattern { positives: &positives, unknown: &unknown, group, rows });
        Ok(())
    };
    let (mut current, mut sum) = (Vec::new(), 0);
    while let Some(mut head) = heads.pop() {
        if sum > 0 && head.pattern != current {
            emit(&current, sum)?;
            sum = 0;
        }
        if sum == 0 {
            current.clone_from(&head.pattern);
        }
        sum += head.rows;
        if let Some(rows) = runs[head.run].next(&mut head.pattern)? {
            head.rows = rows;
            heads.push(head);
        }
    }
    if sum > 0 {
        emit(&current, sum)?;
    }
    Ok(())
}
