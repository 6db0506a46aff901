use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array, Int32Array, ListArray, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type};

use super::*;
use crate::source::shards::tests::shard;
use crate::source::values::Domain;

static DOMAIN: LazyLock<Domain> = LazyLock::new(Domain::default);
static NO_DOMAINS: BTreeMap<String, Domain> = BTreeMap::new();

/// Flags that leave everything open.
fn open() -> Given<'static> {
    Given {
        kind: None,
        labels: Vec::new(),
        map: None,
        id: None,
        value: None,
        delimiter: None,
        taken: Vec::new(),
        condition: None,
        are_keys_said: false,
        is_unit_said: false,
        domain: &DOMAIN,
        label_domains: &NO_DOMAINS,
    }
}

fn texts<const N: usize>(values: [&str; N]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ints<const N: usize>(values: [i32; N]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn nulls(data_type: &DataType) -> ArrayRef {
    arrow::array::new_null_array(data_type, 4)
}

/// Lists of integers, one for each row.
fn lists(rows: &[&[i32]]) -> ArrayRef {
    let rows = rows.iter().map(|row| Some(row.iter().map(|label| Some(*label))));
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
}

/// What is detected in one shard with these columns.
fn given(columns: Vec<(&str, ArrayRef)>, given: &Given<'_>) -> Result<Detected> {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path(), "a.parquet", columns);
    let schema = Arc::clone(&shard.schema);
    detect(&[shard], &schema, given)
}

/// The same where nothing is said: kind and columns.
fn kind(columns: Vec<(&str, ArrayRef)>) -> (LayoutKind, Vec<String>) {
    let layout = given(columns, &open()).unwrap().layout;
    (layout.kind, layout.labels)
}

/// Why nothing is detected, and the way out.
fn question(columns: Vec<(&str, ArrayRef)>) -> String {
    let error = given(columns, &open()).unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
    format!("{error} {}", error.remedy().unwrap())
}

fn one(kind: LayoutKind, column: &str) -> (LayoutKind, Vec<String>) {
    (kind, vec![column.to_owned()])
}

#[test]
fn columns_of_zeros_and_ones_are_wide_and_so_are_unknown_ones_of_their_type() {
    let columns = vec![
        ("size", ints([10, 20, 30, 40])),
        ("a", ints([0, 1, 0, 1])),
        ("b", ints([1, 1, 1, 1])),
        ("rare", nulls(&DataType::Int32)),
        ("other", nulls(&DataType::Float32)),
        ("title", texts(["q", "r", "s", "t"])),
    ];
    let detected = given(columns, &open()).unwrap();
    assert_eq!(
        (detected.layout.kind, &detected.layout.labels[..]),
        (LayoutKind::Wide, &["a", "b", "rare"].map(str::to_owned)[..])
    );
    assert!(detected.why.contains("3 columns") && detected.why.contains("a, b, rare"), "{}", detected.why);
    let columns = vec![("a", texts(["0", "1"])), ("b", texts(["1", "0"])), ("c", texts(["1", "no"]))];
    let asked = question(columns);
    assert!(asked.contains("is column \"c\" a label? it holds no"), "{asked}");
    assert!(asked.contains("--labels a,b,c --layout wide --negative-values=0,no"), "{asked}");
    assert!(asked.contains("--labels a,b --layout wide\n"), "{asked}");
}

#[test]
fn a_column_with_another_task_holds_no_labels() {
    let columns = || vec![("a", ints([0, 1])), ("b", ints([1, 0])), ("fold", ints([0, 1]))];
    let taken = Given { taken: vec!["fold"], ..open() };
    assert_eq!(given(columns(), &taken).unwrap().layout.labels, ["a", "b"]);
    let asked = question(columns());
    assert!(asked.contains("--labels a,b --layout wide") && asked.contains("--labels a,b,fold"), "{asked}");
}

#[test]
fn lists_are_indices_or_vectors_by_their_lengths_and_values() {
    let labels = |rows: &[&[i32]]| kind(vec![("labels", lists(rows))]);
    assert_eq!(labels(&[&[3, 7], &[], &[1]]), one(LayoutKind::List, "labels"));
    assert_eq!(labels(&[&[0, 1, 0], &[1, 1, 0]]), one(LayoutKind::Vector, "labels"));
    // A label and no label, or two labels: nothing says that there are more.
    assert_eq!(labels(&[&[0], &[1]]), one(LayoutKind::List, "labels"));
    assert_eq!(labels(&[&[0, 1], &[]]), one(LayoutKind::List, "labels"));
    let fixed = |values| {
        let field = Arc::new(Field::new("item", DataType::Float32, true));
        FixedSizeListArray::try_new(field, 2, Arc::new(Float32Array::from(values)), None).unwrap()
    };
    assert_eq!(kind(vec![("y", Arc::new(fixed(vec![0.0, 1.0, 1.0, 0.0])))]), one(LayoutKind::Vector, "y"));
    let asked = question(vec![("y", Arc::new(fixed(vec![0.2, 0.9, 0.4, 0.1])))]);
    assert!(asked.contains("--layout vector --soft") && asked.contains("--threshold 0.5"), "{asked}");
}

#[test]
fn lists_of_zeros_and_ones_of_several_lengths_are_asked_about() {
    let asked = question(vec![("labels", lists(&[&[0, 1, 0], &[1, 0]]))]);
    for word in ["labels", "--layout list", "one number per label would take lists of one length"] {
        assert!(asked.contains(word), "{word}: {asked}");
    }
}

#[test]
fn joined_labels_are_split_at_bars_and_asked_about_at_commas() {
    let of = |values: &[&str]| {
        let column: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        let layout = given(vec![("tags", column)], &open()).unwrap().layout;
        (layout.kind, layout.delimiter)
    };
    assert_eq!(of(&["a|b", "b", "a"]), (LayoutKind::Delimited, Some("|".to_owned())));
    assert_eq!(of(&["New York; Rome", "Rome"]), (LayoutKind::Delimited, Some("; ".to_owned())));
    assert_eq!(of(&["New York; Rome", "Rome;Oslo"]), (LayoutKind::Delimited, Some(";".to_owned())));
    assert_eq!(of(&["cat", "dog", "cat"]), (LayoutKind::Class, None));
    // Words with a space between them are one name.
    assert_eq!(of(&["no finding", "left lung", "heart"]), (LayoutKind::Class, None));
    assert_eq!(of(&["cat dog", "dog cat", "dog"]), (LayoutKind::Class, None));
    let asked = question(vec![("tags", texts(["a, b", "b, c", "b"]))]);
    assert!(asked.contains("--layout class") && asked.contains("--delimiter ', '"), "{asked}");
}

#[test]
fn ids_that_repeat_are_long_and_ids_that_may_be_are_asked_about() {
    let columns = |ids| vec![("image_id", ints(ids)), ("label", texts(["cat", "dog", "cat"]))];
    let detected = given(columns([1, 1, 2]), &open()).unwrap();
    assert_eq!(detected.layout.kind, LayoutKind::Long);
    assert_eq!(detected.layout.id.as_deref(), Some("image_id"));
    let asked_of_few = question(columns([1, 2, 3]));
    assert!(asked_of_few.contains("--layout long --id image_id"), "{asked_of_few}");
    let of = |rows: usize| {
        let ids = made(rows, |row| format!("i{row}"));
        vec![("image_id", ids), ("label", made(rows, |row| ["cat", "dog"][row % 2]))]
    };
    // All rows were seen, and no id repeats.
    assert_eq!(kind(of(200)), one(LayoutKind::Class, "label"));
    // Others are compared afterwards, unless a condition leaves some of them out.
    let detected = given(of(5000), &open()).unwrap();
    assert_eq!((detected.layout.kind, detected.keys), (LayoutKind::Class, vec!["image_id".to_owned()]));
    let some = Given { condition: Some("label <> 'cat'"), ..open() };
    let asked = given(of(5000), &some).unwrap_err();
    let offers = asked.remedy().unwrap();
    assert!(offers.contains("--layout class") && offers.contains("--layout long --id image_id"), "{offers}");
    assert!(offers.contains("no row id in \"image_id\" repeats in the rows that were looked at"), "{offers}");
    // With many columns beside them, rows are examples.
    let mut wider = columns([1, 2, 3]);
    wider.extend([("width", ints([10, 20, 30])), ("height", ints([10, 20, 30]))]);
    assert_eq!(kind(wider), one(LayoutKind::Class, "label"));
    // Two columns may be the id: the person says which.
    let long = Given { kind: Some(LayoutKind::Long), ..open() };
    let two = vec![("id", ints([1, 1])), ("user_id", ints([2, 2])), ("label", texts(["a", "b"]))];
    let error = given(two, &long).unwrap_err();
    assert!(error.to_string().contains("id, user_id") && error.remedy().unwrap().contains("--id"), "{error}");
}

/// Rows of a table, made one by one.
fn made<T: AsRef<str>>(rows: usize, of: impl Fn(usize) -> T) -> ArrayRef {
    Arc::new((0..rows).map(|row| Some(of(row))).collect::<StringArray>())
}

#[test]
fn pairs_in_tables_with_other_columns_are_offered_with_their_values() {
    let ids = |rows| made(rows, |row| format!("u{}", row / 3));
    let genres = |rows| made(rows, |row| ["drama", "comedy", "horror", "western"][row * 7 % 4]);
    let months = |rows| made(rows, |row| ["may", "june", "july"][row % 3]);
    let ratings = (0..90_u8).map(|row| f32::from(row % 10) / 2.0 + 0.5).collect::<Float32Array>();
    let ratings: ArrayRef = Arc::new(ratings);
    let asked = question(vec![
        ("userId", ids(90)),
        ("genre", genres(90)),
        ("rating", ratings),
        ("month", months(90)),
    ]);
    assert!(
        asked.contains("--labels genre --layout long --id userId --value rating --threshold=3\n"),
        "{asked}"
    );
    assert!(asked.contains("--labels genre --layout long --id userId\n"), "{asked}");
    assert!(!asked.contains("--labels userId"), "{asked}");
    // Of two other columns, one holds values.
    let sure: ArrayRef = Arc::new((0..90).map(|row| row % 2).collect::<Int32Array>());
    let verified = vec![
        ("ImageID", ids(90)),
        ("Source", made(90, |row| ["crowd", "machine"][row % 2])),
        ("LabelName", genres(90)),
        ("Confidence", sure),
    ];
    let asked = question(verified);
    let first = asked.find("--labels LabelName --layout long --id ImageID --value Confidence\n");
    assert!(
        first.is_some() && first < asked.find("--labels LabelName --layout long --id ImageID\n"),
        "{asked}"
    );
}

#[test]
fn few_values_of_an_id_may_be_labels() {
    let species: ArrayRef = Arc::new((0..80).map(|row| 1_355_868 + row % 4).collect::<Int32Array>());
    let organs = made(80, |row| ["leaf", "flower"][row / 2 % 2]);
    let asked = question(vec![("species_id", species), ("organ", organs)]);
    assert!(asked.contains("--labels species_id --layout class --label-kind name\n"), "{asked}");
    assert!(!asked.contains("--labels species_id --layout long"), "{asked}");
    // A user is no label of their items.
    let long = Given { kind: Some(LayoutKind::Long), ..open() };
    let users: ArrayRef = Arc::new((0..80).map(|row| row / 20).collect::<Int32Array>());
    let items = made(80, |row| ["pen", "cup", "bag"][row % 3]);
    let layout = given(vec![("user_id", users), ("item", items)], &long).unwrap().layout;
    assert_eq!((layout.labels, layout.id.as_deref()), (vec!["item".to_owned()], Some("user_id")));
}

#[test]
fn what_only_a_query_or_a_unit_reads_is_offered_with_it() {
    let asked = question(vec![("y", texts(["0110", "1000", "0001"]))]);
    let way = r#"--labels y --layout vector --query 'SELECT trim(regexp_replace("y", '\''(.)'\'', '\''\1 '\'', '\''g'\'')) AS "y" FROM shards'"#;
    assert!(asked.contains(way) && asked.contains("--labels y --layout class"), "{asked}");
    let asked = question(vec![("Tags", texts(["<c++><sql>", "<sql>", "<c++>"])), ("Id", ints([0, 1, 2]))]);
    assert!(
        asked.contains("--labels Tags --layout delimited --delimiter '|' --query 'SELECT btrim("),
        "{asked}"
    );
    let inner = lists(&[&[0, 1], &[2, 2], &[1, 0], &[0, 0]]);
    let field = Arc::new(Field::new("item", inner.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 2]);
    let mask: ArrayRef = Arc::new(ListArray::new(field, offsets, inner, None));
    let asked = question(vec![("mask", mask)]);
    assert!(asked.contains("--labels mask --layout list --unit element\n"), "{asked}");
    let words = ["3", "17", "0 17", "0 5", "5 17", "17 3 0", "5 3", "0 3", "17 5 3", "0 17 5 3"];
    let asked = question(vec![
        ("id", made(40, |row| row.to_string())),
        ("attribute_ids", made(40, |row| words[row % 10])),
    ]);
    assert!(asked.contains("--labels attribute_ids --layout delimited --delimiter ' '\n"), "{asked}");
}

#[test]
fn of_several_columns_the_one_with_the_surest_name_is_taken() {
    let columns = vec![("caption", texts(["p", "q"])), ("true_label", texts(["cat", "dog"]))];
    assert_eq!(kind(columns), one(LayoutKind::Class, "true_label"));
    let asked = question(vec![("label", texts(["cat", "dog"])), ("category", texts(["p", "q"]))]);
    assert!(asked.contains("--labels label") && asked.contains("--labels category"), "{asked}");
    let asked = question(vec![("left", lists(&[&[3]])), ("right", lists(&[&[4]]))]);
    assert!(asked.contains("--labels left") && asked.contains("--labels right"), "{asked}");
}

#[test]
fn what_flags_say_is_not_doubted() {
    let columns = || vec![("a", texts(["x|y", "y"])), ("b", texts(["x", "y"]))];
    let labels = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let class = Given { kind: Some(LayoutKind::Class), labels: labels(&["a"]), ..open() };
    let detected = given(columns(), &class).unwrap();
    assert_eq!((detected.layout.kind, detected.why.as_str()), (LayoutKind::Class, "--layout class"));
    let by_delimiter = Given { labels: labels(&["b"]), delimiter: Some("/"), ..open() };
    assert_eq!(given(columns(), &by_delimiter).unwrap().layout.delimiter.as_deref(), Some("/"));
    for (refused, word) in [
        (Given { delimiter: Some(""), ..by_delimiter }, "--delimiter"),
        (Given { kind: Some(LayoutKind::Vector), labels: labels(&["a", "b"]), ..open() }, "2 columns"),
        (Given { labels: labels(&["c"]), ..open() }, "\"c\""),
        (Given { kind: Some(LayoutKind::Bits), labels: labels(&["a"]), ..open() }, "layout bits"),
    ] {
        let error = given(columns(), &refused).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn no_row_is_read_where_flags_say_all() {
    let folder = tempfile::tempdir().unwrap();
    let shard = shard(folder.path(), "a.parquet", vec![("y", texts(["a,b"])), ("id", ints([1]))]);
    std::fs::remove_file(folder.path().join("a.parquet")).unwrap();
    let detected = |kind, delimiter, id| {
        let labels = vec!["y".to_owned()];
        let said = Given { kind: Some(kind), labels, delimiter, id, ..open() };
        detect(std::slice::from_ref(&shard), &shard.schema, &said)
    };
    detected(LayoutKind::Class, None, None).unwrap();
    detected(LayoutKind::Delimited, Some(","), None).unwrap();
    detected(LayoutKind::Long, None, Some("id")).unwrap();
    // The separator is left open.
    assert!(detected(LayoutKind::Delimited, None, None).is_err());
}

#[test]
fn the_length_of_vectors_is_that_of_the_first_list_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, list: ArrayRef| shard(folder.path(), name, vec![("y", list)]);
    let null = || nulls(lists(&[&[1]]).data_type());
    let (none, three) = (of("a.parquet", null()), of("b.parquet", lists(&[&[0, 1, 0], &[1]])));
    assert_eq!(list_length(&[none.clone(), three], "y").unwrap(), Some(3));
    assert_eq!(list_length(&[none], "y").unwrap(), None);
}
