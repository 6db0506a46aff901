//! Definition levels of a column without lists: which slots hold a value.
//!
//! The level decoders of the Parquet crate unpack a level per slot. Here levels of one bit are counted by
//! popcount, run by run.

use super::bits::Bits;
use super::data_pages::DataPage;
use super::hybrid::{Hybrid, HybridRun};
use super::leaf::LeafColumn;
use crate::pages::outcome::{Step, corrupt};

/// How many slots of a page hold a value.
pub(crate) fn values(leaf: LeafColumn, page: &DataPage<'_>) -> Step<usize> {
    let mut present = 0;
    let mut levels = Hybrid::levels(page.definition, leaf.max_def)?;
    let mut batch = [0; 256];
    levels.runs(page.slots, |run| {
        match run {
            HybridRun::Repeat { value, len } if value == leaf.max_def => present += len,
            HybridRun::Repeat { value, .. } if value > leaf.max_def => return Err(leaf.no_level(value)),
            HybridRun::Repeat { .. } => {}
            HybridRun::Packed(packed) if packed.width == 1 => present += packed.ones(),
            HybridRun::Packed(mut packed) => {
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

/// Which slots of a page hold a value, as bits, and how many do. The bits are not made where all do.
pub(crate) fn validity(leaf: LeafColumn, page: &DataPage<'_>, valid: &mut Bits) -> Step<usize> {
    let present = values(leaf, page)?;
    if present == page.slots {
        return Ok(present);
    }
    valid.clear();
    let mut batch = [0; 64];
    Hybrid::levels(page.definition, leaf.max_def)?.runs(page.slots, |run| {
        match run {
            HybridRun::Repeat { value, len } => valid.repeat(value == leaf.max_def, len),
            HybridRun::Packed(packed) if packed.width == 1 => packed.words(|word, n| valid.push(word, n)),
            HybridRun::Packed(mut packed) => {
                while packed.len > 0 {
                    let (part, rest) = packed.split(batch.len());
                    let levels = &mut batch[..part.len];
                    part.unpack(levels);
                    let bits = levels.iter().enumerate();
                    let word = bits.fold(0, |word, (i, level)| word | u64::from(*level == leaf.max_def) << i);
                    valid.push(word, part.len);
                    packed = rest;
                }
            }
        }
        Ok(())
    })?;
    Ok(present)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::by_hand::{ByHand, packed, words};
    use crate::pages::format::chunk::Workspace;
    use crate::pages::format::data_pages::open;
    use crate::pages::outcome::Stop;

    fn found(chunk: &ByHand) -> Step<usize> {
        let mut workspace = Workspace::default();
        let (leaf, _, mut pages) = open(&chunk.chunk(), &mut workspace)?;
        values(leaf, &pages.next()?.unwrap())
    }

    #[test]
    fn nulls_of_the_header_have_to_be_those_of_the_levels() {
        let page = |nulls| {
            let levels = packed(&[1, 0, 1, 1], 1);
            ByHand::new("optional int32 a;", 4, 4).data_v2(4, nulls, &levels, &words(&[1, 0, 0]))
        };
        assert_eq!(found(&page(1)), Ok(3));
        assert_eq!(found(&page(2)), Err(corrupt("definition levels with 1 nulls, the page header says 2")));
    }

    #[test]
    fn a_level_above_the_highest_is_refused() {
        let page = |levels: &[u8]| {
            let field = "optional group s { optional int32 a; }";
            ByHand::new(field, 4, 4).data(4, 0, [&[], levels], &words(&[1, 1]))
        };
        assert_eq!(found(&page(&packed(&[2, 1, 0, 2], 2))), Ok(2));
        let error: Step<usize> = Err(Stop::Corrupt("definition level 3, the highest is 2".to_owned()));
        assert_eq!(found(&page(&packed(&[2, 3, 0, 2], 2))), error);
        assert_eq!(found(&page(&[8, 3])), error);
    }
}
