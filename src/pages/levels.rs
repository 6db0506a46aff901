//! Definition levels of a column without lists: which slots hold a value.

use super::chunk::DataPage;
use super::hybrid::{Hybrid, Run};
use super::leaf::Leaf;
use super::{Step, corrupt};

/// How many slots of a page hold a value.
pub(super) fn values(leaf: Leaf, page: &DataPage<'_>) -> Step<usize> {
    let mut present = 0;
    let mut levels = Hybrid::levels(page.definition, leaf.max_def)?;
    let mut batch = [0; 256];
    levels.runs(page.slots, |run| {
        match run {
            Run::Repeat { value, len } if value == leaf.max_def => present += len,
            Run::Repeat { value, .. } if value > leaf.max_def => return Err(leaf.no_level(value)),
            Run::Repeat { .. } => {}
            Run::Packed(packed) if packed.width == 1 => present += packed.ones(),
            Run::Packed(mut packed) => {
                while packed.len > 0 {
                    let (part, rest) = packed.split(batch.len());
                    let batch = &mut batch[..part.len];
                    part.unpack(batch);
                    if let Some(level) = batch.iter().find(|level| **level > leaf.max_def) {
                        return Err(leaf.no_level(*level));
                    }
                    present += batch.iter().filter(|level| **level == leaf.max_def).count();
                    packed = rest;
                }
            }
        }
        Ok(())
    })?;
    levels.finish()?;
    match page.nulls {
        Some(nulls) if nulls != page.slots - present => {
            let found = page.slots - present;
            Err(corrupt(format!("definition levels with {found} nulls, the page header says {nulls}")))
        }
        _ => Ok(present),
    }
}
