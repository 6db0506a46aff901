//! The texts of a column, whatever holds them: strings, bytes, dictionaries, and lists of these.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use super::row_reader::{Enough, RowChoice, read_columns};
use super::schema::plain_type;
use super::shards::Shard;

/// A text, or the bytes that are none.
pub(crate) type TextCell<'a> = Result<&'a str, &'a [u8]>;

/// Calls `each` with every text of an array, those of lists in their order; NULL is skipped. False when
/// the array does not hold texts.
pub(crate) fn for_each_text(array: &ArrayRef, each: &mut dyn FnMut(TextCell<'_>)) -> bool {
    let plain = plain_type(array.data_type());
    match &plain {
        DataType::Utf8View | DataType::BinaryView => {
            let Ok(bytes) = cast(array, &DataType::LargeBinary) else { return false };
            for bytes in bytes.as_binary::<i64>().iter().flatten() {
                each(std::str::from_utf8(bytes).map_err(|_| bytes));
            }
            true
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            let Ok(lists) = cast(array, &DataType::LargeList(item.clone())) else { return false };
            let lists = lists.as_list::<i64>();
            (0..lists.len())
                .filter(|&row| lists.is_valid(row))
                .all(|row| for_each_text(&lists.value(row), each))
        }
        _ => false,
    }
}

/// The first row of a column that holds bytes which are not UTF-8; `None` when there is none or it cannot be
/// read.
pub(crate) fn first_row_not_utf8(shard: &Shard, column: &str) -> Option<u64> {
    first_row_with(shard, column, &|text| text.is_err())
}

/// The first row of a column with a text for which `is_bad` says yes; `None` when there is none or it cannot be
/// read.
pub(crate) fn first_row_with(
    shard: &Shard,
    column: &str,
    is_bad: &dyn Fn(TextCell<'_>) -> bool,
) -> Option<u64> {
    let (mut before, mut found) = (0, None);
    let is_bad = |array: &ArrayRef| {
        let mut bad = false;
        for_each_text(array, &mut |text| bad |= is_bad(text));
        bad
    };
    let read = read_columns(shard, RowChoice::All, &|name| name == column, &mut |batch| {
        let array = batch.column(0);
        if is_bad(array) {
            found = (0..array.len()).find(|&row| is_bad(&array.slice(row, 1))).map(|row| before + row as u64);
            return Ok(Enough::Yes);
        }
        before += array.len() as u64;
        Ok(Enough::No)
    });
    read.ok().and(found)
}
