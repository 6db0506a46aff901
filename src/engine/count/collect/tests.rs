use super::*;
use crate::counts::Tally;
use crate::engine::counting::Vocabulary;
use crate::engine::counting::tests::{counting, labels};
use crate::engine::partial::tests::batches;
use crate::source::layout::{LabelKind, LayoutKind};
use crate::source::shards::tests::{bits, shard};
use crate::source::spelling::Spelling;

/// A label by its position, with positives.
fn at(index: u64, positives: u64) -> PartialRow<'static> {
    PartialRow { index: Some(index), tally: Tally { positives, ..Tally::default() }, ..Default::default() }
}

/// A label by its name, with positives.
fn named(name: &str, positives: u64) -> PartialRow<'_> {
    PartialRow { name: Some(name), index: None, ..at(0, positives) }
}

/// The rows of a group, and how many of them say nothing.
fn whole(negatives: u64, missing: u64) -> PartialRow<'static> {
    PartialRow { tally: Tally { negatives, missing, ..Tally::default() }, ..Default::default() }
}

fn collected(counting: Counting, rows: &[PartialRow<'_>]) -> Result<Counted> {
    let mut collector = Collector::new(Arc::new(counting));
    rows.iter().try_for_each(|row| collector.add_row(row))?;
    collector.finish(&[])
}

/// Positives, negatives and missing of every label.
fn sides(counts: &LabelCounts) -> Vec<[u64; 3]> {
    counts.tallies().iter().map(|tally| [tally.positives, tally.negatives, tally.missing]).collect()
}

fn indices() -> Counting {
    counting(LayoutKind::List, &["y"], Keys::Indices(None))
}

#[test]
fn a_row_that_does_not_name_a_label_is_negative_unless_it_says_nothing() {
    let counted = collected(indices(), &[whole(6, 0), at(2, 2), whole(2, 2), at(0, 1), at(2, 1)]).unwrap();
    assert_eq!(counted.total.rows(), 10);
    assert_eq!(sides(&counted.total), [[1, 7, 2], [0, 8, 2], [3, 5, 2]]);
    // Labels of other shards: all rows are negative, but for those that say nothing.
    let unlisted = counted.total.unlisted().unwrap().tally;
    assert_eq!((unlisted.negatives, unlisted.missing), (8, 2));
}

#[test]
fn with_a_value_column_a_row_that_does_not_name_a_label_is_missing() {
    let mut long = counting(LayoutKind::Long, &["label"], Keys::Indices(None));
    long.layout.value = Some("value".to_owned());
    assert_eq!(sides(&collected(long, &[whole(5, 0), at(0, 2)]).unwrap().total), [[2, 0, 3]]);
}

#[test]
fn the_number_of_rows_that_is_given_takes_the_place_of_those_that_are_listed() {
    let rows = [whole(4, 0), at(0, 2)];
    let with = |n| collected(Counting { num_rows: Some(n), ..indices() }, &rows);
    assert_eq!(sides(&with(9).unwrap().total), [[2, 7, 0]]);
    assert_eq!(sides(&with(4).unwrap().total), [[2, 2, 0]]);
    let error = with(3).unwrap_err().to_string();
    assert!(error.contains("--num-rows is 3") && error.contains("4 row ids"), "{error}");
}

#[test]
fn a_label_of_a_column_that_no_shard_has_is_missing_in_every_row() {
    let wide = counting(LayoutKind::Wide, &["a", "b"], Keys::Positions(labels(&["a", "b"])));
    let a = PartialRow { tally: Tally { positives: 1, negatives: 2, ..Tally::default() }, ..at(0, 0) };
    let total = collected(wide, &[whole(3, 0), a]).unwrap().total;
    assert_eq!(sides(&total), [[1, 2, 0], [0, 0, 3]]);
    assert!(total.unlisted().is_none());
}

#[test]
fn names_are_put_in_order_whatever_order_they_come_in() {
    let open = || counting(LayoutKind::List, &["y"], Keys::Names(NameOrder::Number));
    let mut rows = [whole(9, 0), named("b", 1), named("10", 2), named("9", 3), named("b", 4)];
    let counted = collected(open(), &rows).unwrap().total;
    assert_eq!(counted.labels().iter().collect::<Vec<_>>(), ["9", "10", "b"]);
    assert_eq!(sides(&counted), [[3, 6, 0], [2, 7, 0], [5, 4, 0]]);
    rows.reverse();
    assert_eq!(collected(open(), &rows).unwrap().total, counted);
    for (order, expected) in [(NameOrder::Name, ["10", "9", "b"]), (NameOrder::Frequency, ["b", "9", "10"])] {
        let counting = counting(LayoutKind::List, &["y"], Keys::Names(order));
        let total = collected(counting, &rows).unwrap().total;
        assert_eq!(total.labels().iter().collect::<Vec<_>>(), expected, "{order:?}");
    }
}

#[test]
fn labels_of_a_vocabulary_keep_their_place_though_nothing_names_them() {
    let vocabulary = Vocabulary::new(labels(&["z", "never", "a"]), LabelKind::Index, Spelling::default());
    let class = counting(LayoutKind::Class, &["y"], Keys::Vocabulary(Arc::new(vocabulary)));
    let total = collected(class, &[whole(5, 0), at(0, 2), at(2, 3)]).unwrap().total;
    assert_eq!(total.labels().iter().collect::<Vec<_>>(), ["z", "never", "a"]);
    assert_eq!(sides(&total), [[2, 3, 0], [0, 5, 0], [3, 2, 0]]);
}

#[test]
fn groups_share_all_labels_and_add_up_to_the_total() {
    let by = |value: &str| vec![Some(value.to_owned())];
    let (train, test) = (by("train"), by("test"));
    let of = |by, row| PartialRow { by, ..row };
    let rows = [
        of(&train, whole(6, 0)),
        of(&train, named("b", 2)),
        of(&test, whole(3, 1)),
        of(&test, named("a", 1)),
    ];
    let grouped = || Counting {
        by: vec!["split".to_owned()],
        ..counting(LayoutKind::List, &["y"], Keys::Names(NameOrder::Number))
    };
    let counted = collected(grouped(), &rows).unwrap();
    let found: Vec<_> = counted.groups.iter().map(|(key, counts)| (key.clone(), sides(counts))).collect();
    assert_eq!(
        found,
        [(test.clone(), vec![[1, 2, 1], [0, 3, 1]]), (train.clone(), vec![[0, 6, 0], [2, 4, 0]])]
    );
    assert_eq!((counted.total.rows(), sides(&counted.total)), (10, vec![[1, 8, 1], [2, 7, 1]]));
    // Without any row there is no group.
    let empty = collected(grouped(), &[]).unwrap();
    assert_eq!((empty.groups.len(), empty.total.rows()), (0, 0));
}

#[test]
fn batches_of_positions_are_added_as_their_rows_are() {
    let tally = |n: u64| Tally { positives: n, negatives: 2 * n, uncertain: 3, missing: n, invalid: 0 };
    let row = |index, n| PartialRow { tally: tally(n), ..at(index, 0) };
    let rows = [row(3, 5), row(1, 7), row(3, 1)];
    let wide = || {
        let names = ["a", "b", "c", "d"];
        Arc::new(counting(LayoutKind::Wide, &names, Keys::Positions(labels(&names))))
    };
    let (mut by_row, mut by_batch) = (Collector::new(wide()), Collector::new(wide()));
    rows.iter().try_for_each(|row| by_row.add_row(row)).unwrap();
    batches(0, &rows).iter().try_for_each(|batch| by_batch.add(batch)).unwrap();
    assert!(partial::positions(&batches(0, &rows)[0]).is_some());
    let tallies =
        |collector: Collector| collector.groups.into_values().map(|group| group.tallies).collect::<Vec<_>>();
    assert_eq!(tallies(by_row), tallies(by_batch));
}

#[test]
fn weights_of_rows_that_do_not_name_a_label_are_negative() {
    let weighted = Counting { sample_weight: Some("w".to_owned()), ..indices() };
    let mass = |positives, negatives| {
        let mass = |value| Mass::from_f64(value).unwrap();
        MassTally { positives: mass(positives), negatives: mass(negatives) }
    };
    let rows = [
        PartialRow { mass: mass(0.0, 2.5), ..whole(4, 0) },
        PartialRow { mass: mass(0.75, 0.0), ..at(1, 2) },
    ];
    let total = collected(weighted, &rows).unwrap().total;
    assert_eq!(total.masses().unwrap(), [mass(0.0, 2.5), mass(0.75, 1.75)]);
}

#[test]
fn every_shard_with_invalid_values_is_named_with_one_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let shards = ["a.parquet", "b.parquet"].map(|name| shard(folder.path(), name, vec![("x", bits([true]))]));
    let wide = counting(LayoutKind::Wide, &["x", "y"], Keys::Positions(labels(&["x", "y"])));
    let mut collector = Collector::new(Arc::new(wide));
    let invalid = |shard, index, n, example| PartialRow {
        shard: Some(shard),
        tally: Tally { invalid: n, ..Tally::default() },
        example: Some(example),
        ..at(index, 0)
    };
    for row in [whole(9, 0), invalid(1, 1, 2, "\"no\""), invalid(1, 1, 3, "\"maybe\""), invalid(0, 0, 1, "7")]
    {
        collector.add_row(&row).unwrap();
    }
    let error = collector.finish(&shards).unwrap_err();
    assert!(matches!(error, Error::Input(_)), "{error}");
    let text = error.to_string();
    for word in ["a.parquet: column \"x\": value 7", "b.parquet: column \"y\": value \"maybe\"", "4 more"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(error.remedy().unwrap().contains("--missing-values"), "{error}");
}

#[test]
fn counts_that_cannot_be_are_errors() {
    let error = collected(indices(), &[whole(2, 0), at(0, 3)]).unwrap_err();
    assert!(
        matches!(error, Error::Internal(_)) && error.to_string().contains("3 times in 2 rows"),
        "{error}"
    );
    let full = PartialRow { tally: Tally { positives: u64::MAX, ..Tally::default() }, ..at(0, 0) };
    let error = collected(indices(), &[PartialRow { ..full }, at(0, 1)]).unwrap_err();
    assert!(matches!(error, Error::Resource(_)), "{error}");
    let stray = collected(indices(), &[whole(2, 0), at(1_000_000, 1)]).unwrap_err();
    assert!(matches!(stray, Error::Resource(_)) && stray.to_string().contains("1000000"), "{stray}");
}
