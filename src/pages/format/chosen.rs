//! The pages of a chunk that have to be decoded, and a walk over them.

use std::ops::Range;

use crate::pages::outcome::{Step, corrupt};
use crate::pages::value::Constant;

/// A data page that must be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PagePlace {
    /// Bytes of the file, header included.
    pub bytes: Range<u64>,
    /// Number of rows.
    pub rows: u64,
}

/// The pages of a chunk that must be decoded, and what the other pages hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    /// What the pages that need no decoding hold.
    pub constants: Vec<Constant<'static>>,
    /// Number of pages that need no decoding.
    pub known: u64,
    /// The dictionary page, if there is one.
    pub(crate) dictionary: Option<Range<u64>>,
    /// In the order of the file.
    pub(crate) pages: Vec<PagePlace>,
}

impl Chosen {
    /// The byte ranges of the file that are needed, in ascending order; none if no page must be decoded.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Range<u64>> {
        self.dictionary().into_iter().chain(self.pages.iter().map(|page| &page.bytes)).cloned()
    }

    /// The dictionary, where a page may need it.
    fn dictionary(&self) -> Option<&Range<u64>> {
        self.dictionary.as_ref().filter(|_| !self.pages.is_empty())
    }

    /// Rows of the pages that have to be decoded.
    pub(crate) fn rows(&self) -> u64 {
        self.pages.iter().map(|page| page.rows).sum()
    }
}

/// Goes from one page that is chosen to the next.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    chosen: &'a Chosen,
    /// From the first byte that is needed, which lies at `start`.
    bytes: &'a [u8],
    start: u64,
    /// Pages so far.
    done: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(chosen: &'a Chosen, bytes: &'a [u8]) -> Self {
        let start = chosen.parts().next().map_or(0, |part| part.start);
        Self { chosen, bytes, start, done: 0 }
    }

    /// What stands in front of all data pages.
    pub(crate) fn dictionary(&self) -> Step<&'a [u8]> {
        self.chosen.dictionary().map_or(Ok(&[]), |place| self.at(place))
    }

    /// The bytes of the next page.
    pub(crate) fn next(&mut self) -> Step<&'a [u8]> {
        let page = self.chosen.pages.get(self.done);
        let page = page.ok_or_else(|| corrupt("fewer pages than the offset index says"))?;
        self.done += 1;
        self.at(&page.bytes)
    }

    /// Checks that the page at hand has as many rows as the offset index says.
    pub(super) fn check_rows(&self, rows: usize) -> Step<()> {
        let page = self.done.checked_sub(1).and_then(|page| self.chosen.pages.get(page));
        match page.map_or(0, |page| page.rows) {
            says if says == rows as u64 => Ok(()),
            says => Err(corrupt(format!("a page of {rows} values, the offset index says {says}"))),
        }
    }

    fn at(&self, place: &Range<u64>) -> Step<&'a [u8]> {
        let offset = |at: u64| at.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let range = offset(place.start).zip(offset(place.end));
        let bytes = range.and_then(|(start, end)| self.bytes.get(start..end));
        bytes.ok_or_else(|| corrupt("the offset index leads out of the chunk"))
    }
}
