//! The names and the order of labels that were found while counting.

use crate::counts::{LabelCounts, Labels, NameOrder};
use crate::engine::counting::{Counting, Keys};
use crate::engine::group_key::GroupKey;
use crate::error::Result;
use crate::source::first_names::first_spellings;
use crate::source::layout::LayoutKind;
use crate::source::shards::Shard;
use crate::source::text_cells::first_row_not_utf8;
use crate::source::text_maps::row_of;
use crate::source::values::Value;

/// How messages end that say what is wrong with bytes.
const NOT_UTF8: &str = " is not UTF-8";

/// Gives labels that differ only in case the first spelling in the order of shards and rows, and puts all labels
/// in the requested order.
///
/// # Errors
/// [`Error::Input`](crate::error::Error::Input) when a shard cannot be read again.
pub(super) fn settle_names(
    counting: &Counting,
    shards: &[Shard],
    total: LabelCounts,
    groups: Vec<(GroupKey, LabelCounts)>,
) -> Result<(LabelCounts, Vec<(GroupKey, LabelCounts)>)> {
    let order = match counting.keys {
        Keys::Names(order) => order,
        // What is declared missing of bits is a mask, not the index of a bit.
        Keys::Indices(None) if counting.may_name_no_label() && counting.layout.kind != LayoutKind::Bits => {
            return without_missing(counting, total, groups);
        }
        _ => return Ok((total, groups)),
    };
    let ignores_case = counting.domain.spelling.ignore_case;
    if !ignores_case && order != NameOrder::Frequency {
        return Ok((total, groups));
    }
    let names: Labels = if ignores_case {
        first_spellings(shards, &counting.layout, &counting.domain, total.labels())?.iter().collect()
    } else {
        total.labels().clone()
    };
    let mut places: Vec<usize> = (0..total.len()).collect();
    let positives = |at: usize| total.tallies()[at].positives;
    places.sort_by(|&a, &b| {
        let by_name = order.compare(names.name(a), names.name(b));
        if order == NameOrder::Frequency { positives(b).cmp(&positives(a)).then(by_name) } else { by_name }
    });
    let labels: Labels = places.iter().map(|&at| names.name(at)).collect();
    let arranged = |counts: &LabelCounts| counts.rearranged(&places, labels.clone(), order);
    let groups = groups.iter().map(|(key, counts)| Ok((key.clone(), arranged(counts)?)));
    Ok((arranged(&total)?, groups.collect::<Result<_>>()?))
}

/// Leaves out the indices before the first and after the last label that were declared missing, where the number of
/// labels is not given: they say that a row has no label, and are none themselves. Those between labels keep their
/// places, since a model has an output for each index.
fn without_missing(
    counting: &Counting,
    total: LabelCounts,
    groups: Vec<(GroupKey, LabelCounts)>,
) -> Result<(LabelCounts, Vec<(GroupKey, LabelCounts)>)> {
    let names_label = |at: &usize| !counting.is_no_label(&Value::UInt(*at as u64));
    let first = (0..total.len()).find(names_label).unwrap_or(total.len());
    let end = (first..total.len()).rfind(names_label).map_or(first, |last| last + 1);
    let places: Vec<usize> = (first..end).collect();
    if places.len() == total.len() {
        return Ok((total, groups));
    }
    let labels: Labels = places.iter().map(|&at| total.labels().name(at)).collect();
    let arranged = |counts: &LabelCounts| counts.rearranged(&places, labels.clone(), NameOrder::Number);
    let groups = groups.iter().map(|(key, counts)| Ok((key.clone(), arranged(counts)?)));
    Ok((arranged(&total)?, groups.collect::<Result<_>>()?))
}

/// What is wrong with a stored label, with the row where it is found: bytes that are not UTF-8, and texts that are
/// no object, are hard to search for.
pub(super) fn with_row(shard: Option<&Shard>, column: &str, what: &str) -> String {
    let find = |shard: &Shard| {
        if what.ends_with(NOT_UTF8) { first_row_not_utf8(shard, column) } else { row_of(shard, column, what) }
    };
    let row = shard.and_then(|shard| Some(shard.row_words(find(shard)?)));
    row.map_or_else(|| what.to_owned(), |row| format!("{row}: {what}"))
}
