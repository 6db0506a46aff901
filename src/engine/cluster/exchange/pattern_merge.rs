//! Sorted runs become one.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::patterns::{Patterns, Run, read};
use crate::engine::rows::Alike;
use crate::error::{Error, Result};

/// The next pattern of a run.
struct Head {
    pattern: Vec<u8>,
    rows: u64,
    run: usize,
}

impl Ord for Head {
    /// The heap has the largest on top, so the smallest pattern is the largest head.
    fn cmp(&self, other: &Self) -> Ordering {
        (&other.pattern, other.run).cmp(&(&self.pattern, self.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// Calls `each` with every pattern once, in order.
pub(super) fn merge(patterns: Vec<Patterns>, mut each: impl FnMut(Alike<'_>)) -> Result<()> {
    let mut runs: Vec<Run> = patterns.into_iter().flat_map(Patterns::into_runs).collect();
    let mut heads = BinaryHeap::with_capacity(runs.len());
    for (number, run) in runs.iter_mut().enumerate() {
        let mut pattern = Vec::new();
        if let Some(rows) = run.next(&mut pattern)? {
            heads.push(Head { pattern, rows, run: number });
        }
    }
    let (mut positives, mut unknown, mut group) = (Vec::new(), Vec::new(), 0);
    let mut give = |pattern: &[u8], rows: u64| {
        if !read(pattern, [&mut positives, &mut unknown], &mut group) {
            return Err(Error::internal("a pattern of labels cannot be read back"));
        }
        each(Alike { positives: &positives, unknown: &unknown, group, rows });
        Ok(())
    };
    let (mut current, mut sum) = (Vec::new(), 0);
    while let Some(mut head) = heads.pop() {
        if sum > 0 && head.pattern != current {
            give(&current, sum)?;
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
        give(&current, sum)?;
    }
    Ok(())
}
