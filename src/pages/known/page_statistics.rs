//! Pages that the indexes of a chunk describe completely.

use std::ops::Range;

use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::pages::format::chosen::{Chosen, PagePlace};
use crate::pages::format::leaf::{LeafColumn, Physical, RawValue};
use crate::pages::format::page_index::{ColumnIndex, Location, locations};
use crate::pages::value::Constant;

/// What a column index says about the pages of a chunk. At least one page needs no decoding.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KnownPages(Vec<KnownPage>);

#[derive(Debug, Clone, PartialEq)]
struct KnownPage {
    holds: Holds,
    nulls: Option<u64>,
}

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Holds {
    /// NULL in all rows.
    Nulls,
    /// One value, and as many NULLs as are counted.
    One(Constant<'static>),
    /// What only the page tells.
    Unknown,
}

/// Reads the column index `index` of a column without lists: which pages are all NULL, and which hold a
/// single value (minimum and maximum are equal, the null count is known). `None` if there is no such page, or
/// if the index is damaged or contradicts itself.
///
/// An absent null count is unknown, never zero. The bounds of floats are not used, because NaN may lie
/// outside of them. The bounds of strings and byte arrays are not used either, because writers may shorten
/// them: unlike the statistics of a chunk, a column index does not say whether a bound is a value. The bounds
/// of booleans, integers and decimals in words are values.
#[must_use]
pub(crate) fn known_pages(meta: &ColumnChunkMetaData, index: &[u8]) -> Option<KnownPages> {
    let leaf = LeafColumn::of(meta.column_descr()).ok().filter(|leaf| leaf.max_rep == 0)?;
    let ColumnIndex { null_pages, minima, maxima, null_counts } = ColumnIndex::read(index).ok()?;
    let pages = null_pages.iter().zip(minima.iter().zip(maxima)).enumerate();
    let pages = pages.map(|(page, (is_null, (minimum, maximum)))| {
        let nulls = null_counts.as_ref().map(|counts| u64::try_from(counts[page])).transpose().ok()?;
        if leaf.max_def == 0 && (*is_null || nulls.is_some_and(|nulls| nulls > 0)) {
            return None;
        }
        let value = || word(&leaf, minimum).filter(|_| *minimum == maximum);
        let holds = match nulls {
            _ if *is_null => Holds::Nulls,
            Some(nulls) => value().map_or(Holds::Unknown, |word| {
                // Rows are known by the offset index.
                Holds::One(Constant { value: Some(leaf.value(word)), rows: 0, nulls })
            }),
            None => Holds::Unknown,
        };
        Some(KnownPage { holds, nulls })
    });
    let pages: Vec<KnownPage> = pages.collect::<Option<_>>()?;
    pages.iter().any(|page| page.holds != Holds::Unknown).then_some(KnownPages(pages))
}

/// A bound that is a value.
fn word(leaf: &LeafColumn, bytes: &[u8]) -> Option<RawValue<'static>> {
    let word = match (leaf.physical, bytes) {
        _ if !leaf.has_total_order() => None,
        (Physical::Bit, [bit @ (0 | 1)]) => Some(u64::from(*bit)),
        (Physical::Word4, _) => bytes.try_into().ok().map(|bytes| u64::from(u32::from_le_bytes(bytes))),
        (Physical::Word8, _) => bytes.try_into().ok().map(u64::from_le_bytes),
        _ => None,
    };
    word.map(RawValue::Word)
}

impl KnownPages {
    /// Chooses the pages to decode, by the offset index `index` of the same chunk in a row group of `rows`
    /// rows. `None` if the index is damaged, or contradicts itself, the column index or the footer.
    #[must_use]
    pub(crate) fn choose(&self, meta: &ColumnChunkMetaData, index: &[u8], rows: u64) -> Option<Chosen> {
        let locations = locations(index).ok()?;
        let (first, bytes) = meta.byte_range();
        let end = first.checked_add(bytes)?;
        if locations.len() != self.0.len() || u64::try_from(meta.num_values()) != Ok(rows) {
            return None;
        }
        let mut chosen = Chosen { constants: Vec::new(), known: 0, dictionary: None, pages: Vec::new() };
        let (mut at, mut row, mut nulls) = (first, 0, Some(0));
        for (number, (page, location)) in self.0.iter().zip(&locations).enumerate() {
            let next =
                locations.get(number + 1).map_or(Some(rows), |next| u64::try_from(next.first_row).ok())?;
            let place = place(location, row..next)?;
            // Only a dictionary stands before the first page.
            if place.bytes.start < at || place.bytes.end > end {
                return None;
            }
            if number == 0 && place.bytes.start > first {
                chosen.dictionary = Some(first..place.bytes.start);
            }
            (at, row) = (place.bytes.end, next);
            nulls = nulls.and_then(|sum: u64| sum.checked_add(page.nulls?));
            chosen.add(page, place)?;
        }
        let of_chunk = meta.statistics().and_then(Statistics::null_count_opt);
        if row != rows || nulls.zip(of_chunk).is_some_and(|(sum, nulls)| sum != nulls) {
            return None;
        }
        Some(chosen)
    }
}

/// The place of a page of rows `rows`, which must not be empty.
fn place(location: &Location, rows: Range<u64>) -> Option<PagePlace> {
    let start = u64::try_from(location.offset).ok()?;
    let end = start.checked_add(u64::try_from(location.bytes).ok()?)?;
    let begins = u64::try_from(location.first_row) == Ok(rows.start);
    let rows = rows.end.checked_sub(rows.start).filter(|rows| *rows > 0 && begins)?;
    Some(PagePlace { bytes: start..end, rows })
}

impl Chosen {
    /// Adds what `page` holds, or `place` to be decoded. `None` if the two contradict each other.
    fn add(&mut self, page: &KnownPage, place: PagePlace) -> Option<()> {
        let nulls = page.nulls.unwrap_or(0);
        let constant = match page.holds {
            Holds::Nulls if page.nulls.is_none_or(|nulls| nulls == place.rows) => {
                Constant { value: None, rows: 0, nulls: place.rows }
            }
            // A page that is all NULL has no value.
            Holds::One(one) if nulls < place.rows => Constant { rows: place.rows - nulls, ..one },
            Holds::Unknown if nulls < place.rows => {
                self.pages.push(place);
                return Some(());
            }
            _ => return None,
        };
        self.known += 1;
        match self.constants.last_mut() {
            Some(last) if last.value == constant.value => {
                last.rows += constant.rows;
                last.nulls += constant.nulls;
            }
            _ => self.constants.push(constant),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;
    use crate::pages::by_hand::{column_index, offset_index};
    use crate::pages::value::StoredValue;

    /// A chunk of 30 values in 300 bytes from 4, of which the first 20 are no data page.
    fn chunk(field: &str) -> ColumnChunkMetaData {
        let schema = parse_message_type(&format!("message m {{ {field} }}")).unwrap();
        let column = SchemaDescriptor::new(Arc::new(schema)).column(0);
        let chunk = ColumnChunkMetaData::builder(column).set_num_values(30);
        let chunk = chunk.set_dictionary_page_offset(Some(4)).set_data_page_offset(24);
        chunk.set_total_compressed_size(300).build().unwrap()
    }

    type Bounds<'a> = [Option<[&'a [u8]; 2]>; 3];

    const ONE: &[u8] = &[1, 0, 0, 0];
    const TWO: &[u8] = &[2, 0, 0, 0];
    /// Pages of 1 and NULL, of many values, and of NULL.
    const BOUNDS: Bounds<'_> = [Some([ONE, ONE]), Some([ONE, TWO]), None];
    const NULLS: Option<&[i64]> = Some(&[3, 0, 10]);
    const PLACES: [(i64, i32, i64); 3] = [(24, 80, 0), (104, 100, 10), (204, 100, 20)];

    fn chosen(places: &[(i64, i32, i64)]) -> Option<Chosen> {
        let meta = chunk("optional int32 a;");
        let known = known_pages(&meta, &column_index(&BOUNDS, NULLS)).unwrap();
        known.choose(&meta, &offset_index(places), 30)
    }

    #[test]
    fn pages_that_vary_are_chosen_and_the_others_known() {
        let found = chosen(&PLACES).unwrap();
        let one = Constant { value: Some(StoredValue::Int(1)), rows: 7, nulls: 3 };
        assert_eq!(found.constants, [one, Constant { value: None, rows: 0, nulls: 10 }]);
        assert_eq!((found.known, found.rows()), (2, 10));
        assert_eq!(found.parts().collect::<Vec<_>>(), [4..24, 104..204]);
    }

    #[test]
    fn a_chunk_of_known_pages_needs_nothing() {
        let meta = chunk("optional int32 a;");
        let bounds = [Some([ONE, ONE]), Some([ONE, ONE]), Some([TWO, TWO])];
        let known = known_pages(&meta, &column_index(&bounds, Some(&[0, 1, 0]))).unwrap();
        let found = known.choose(&meta, &offset_index(&PLACES), 30).unwrap();
        let constant = |value, rows, nulls| Constant { value: Some(StoredValue::Int(value)), rows, nulls };
        assert_eq!(found.constants, [constant(1, 19, 1), constant(2, 10, 0)]);
        assert_eq!((found.known, found.rows(), found.parts().count()), (3, 0, 0));
    }

    #[test]
    fn what_the_indexes_leave_open_is_not_known() {
        let same = |bytes| Some([bytes, bytes]);
        for (field, bounds, nulls) in [
            ("optional int32 a;", same(ONE), None),
            ("required int32 a;", same(ONE), None),
            ("optional int32 a;", Some([ONE, TWO]), Some(0)),
            ("optional int32 a;", same(b"1"), Some(0)),
            ("optional boolean a;", same(&[2]), Some(0)),
            ("optional float a;", same(ONE), Some(0)),
            ("optional double a;", same(&[0; 8]), Some(0)),
            ("optional binary a (UTF8);", same(b"1"), Some(0)),
            ("optional binary a;", same(b"1"), Some(0)),
            ("optional fixed_len_byte_array(2) a (FLOAT16);", same(&[0; 2]), Some(0)),
            ("optional fixed_len_byte_array(2) a (DECIMAL(3,0));", same(&[0; 2]), Some(0)),
            ("repeated int32 a;", same(ONE), Some(0)),
            // Contradictions.
            ("required int32 a;", same(ONE), Some(1)),
            ("required int32 a;", None, Some(10)),
            ("optional int32 a;", same(ONE), Some(-1)),
        ] {
            let nulls: Option<Vec<i64>> = nulls.map(|nulls| vec![nulls; 3]);
            let index = column_index(&[bounds; 3], nulls.as_deref());
            assert_eq!(known_pages(&chunk(field), &index), None, "{field} {bounds:?} {nulls:?}");
        }
        let of_nulls = column_index(&[None; 3], None);
        for field in ["optional int32 a;", "optional float a;", "optional binary a;"] {
            assert!(known_pages(&chunk(field), &of_nulls).is_some(), "{field}");
        }
        assert_eq!(known_pages(&chunk("optional int32 a;"), &[]), None);
    }

    #[test]
    fn indexes_that_contradict_each_other_choose_nothing() {
        let [first, second, third] = PLACES;
        for places in [
            vec![],
            vec![first, second],
            vec![first, second, third, (304, 1, 30)],
            // Bytes in front of the chunk, behind it, backwards, in each other, of a negative size.
            vec![(3, 80, 0), second, third],
            vec![first, second, (204, 101, 20)],
            vec![second, first, third],
            vec![first, (103, 100, 10), third],
            vec![first, (104, -1, 10), third],
            vec![first, (i64::MAX, i32::MAX, 10), third],
            // Rows that do not begin with 0, go backwards, are none, or more than there are.
            vec![(24, 80, 1), second, third],
            vec![first, (104, 100, 21), third],
            vec![first, (104, 100, 20), third],
            vec![first, second, (204, 100, 31)],
            vec![first, second, (204, 100, 30)],
            vec![first, (104, 100, -10), third],
            // Pages with fewer rows than nulls.
            vec![first, (104, 100, 3), third],
            vec![first, second, (204, 100, 21)],
        ] {
            assert_eq!(chosen(&places), None, "{places:?}");
        }
        let meta = chunk("optional int32 a;");
        let choose = |meta: &ColumnChunkMetaData, rows| {
            known_pages(meta, &column_index(&BOUNDS, NULLS))?.choose(meta, &offset_index(&PLACES), rows)
        };
        assert_eq!(choose(&meta, 31), None, "the footer has fewer values");
        let counted = |nulls| {
            let statistics = Statistics::int32(Some(1), Some(2), None, Some(nulls), false);
            meta.clone().into_builder().set_statistics(statistics).build().unwrap()
        };
        assert_eq!(choose(&counted(12), 30), None, "the footer has fewer nulls");
        assert!(choose(&counted(13), 30).is_some());
    }
}
