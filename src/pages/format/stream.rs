//! The values of a page, a block at a time, in any encoding that is supported.
//!
//! A dictionary index stays an index, which the decoders of the Parquet crate replace by its value.

use super::data_pages::{Coding, DataPage};
use super::dictionary::indices;
use super::hybrid::Hybrid;
use super::leaf::{LeafColumn, RawValue};
use super::plain::PlainValues;
use crate::pages::outcome::{Step, corrupt};

/// One value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Item<'p> {
    /// An index into the dictionary, not yet checked.
    Entry(u32),
    /// A value of its own.
    Single(RawValue<'p>),
}

/// Reads the values of a page.
#[derive(Debug)]
pub(crate) struct ValueStream<'p> {
    source: PageValues<'p>,
    /// Indices or bits of the block, and how many of them were given out.
    numbers: Vec<u32>,
    given: usize,
}

#[derive(Debug)]
enum PageValues<'p> {
    Indices(Hybrid<'p>),
    Bits(Hybrid<'p>),
    Plain(PlainValues<'p>),
}

impl<'p> ValueStream<'p> {
    pub(crate) fn new(leaf: LeafColumn, page: &DataPage<'p>) -> Step<Self> {
        let source = match page.coding {
            Coding::Dictionary => PageValues::Indices(indices(page.values)?),
            Coding::Rle => PageValues::Bits(Hybrid::booleans(page.values)?),
            Coding::Plain => PageValues::Plain(PlainValues::new(leaf.physical, page.values)),
        };
        Ok(Self { source, numbers: Vec::new(), given: 0 })
    }

    /// Reads the numbers of the next block, which has `len` values.
    pub(crate) fn block(&mut self, len: usize) -> Step<()> {
        self.given = 0;
        match &mut self.source {
            PageValues::Indices(hybrid) | PageValues::Bits(hybrid) => {
                self.numbers.resize(len, 0);
                hybrid.fill(&mut self.numbers)
            }
            PageValues::Plain(_) => Ok(()),
        }
    }

    /// The dictionary indices of the block, if the page holds indices.
    pub(crate) fn indices(&self) -> Option<&[u32]> {
        matches!(self.source, PageValues::Indices(_)).then_some(&self.numbers)
    }

    /// The plain values from here on, if the page holds plain values.
    pub(crate) fn plain(&mut self) -> Option<&mut PlainValues<'p>> {
        match &mut self.source {
            PageValues::Plain(values) => Some(values),
            _ => None,
        }
    }

    /// The next value of the block.
    pub(crate) fn next(&mut self) -> Step<Item<'p>> {
        if let PageValues::Plain(values) = &mut self.source {
            return Ok(Item::Single(values.next()?));
        }
        let number = *self.numbers.get(self.given).ok_or_else(|| corrupt("values end early"))?;
        self.given += 1;
        match self.source {
            PageValues::Indices(_) => Ok(Item::Entry(number)),
            _ => Ok(Item::Single(RawValue::Word(u64::from(number)))),
        }
    }

    /// The next value of a block that has no indices.
    pub(crate) fn single(&mut self) -> Step<RawValue<'p>> {
        match self.next()? {
            Item::Single(raw) => Ok(raw),
            Item::Entry(index) => Err(corrupt(format!("index {index} among values"))),
        }
    }

    /// To be called after the last value.
    pub(crate) fn finish(&self) -> Step<()> {
        match &self.source {
            PageValues::Indices(hybrid) | PageValues::Bits(hybrid) => hybrid.finish(),
            PageValues::Plain(_) => Ok(()),
        }
    }
}
