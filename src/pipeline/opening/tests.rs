use std::path::Path;

use arrow::array::{ArrayRef, FixedSizeListArray, Int32Array, ListArray, StringArray};
use arrow::datatypes::{Field, Int32Type};

use super::*;
use crate::pipeline::machine::Machine;
use crate::pipeline::parsing::parse;
use crate::source::shards::tests::{bits, shard};

fn texts<const N: usize>(values: [&str; N]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ints<const N: usize>(values: [i32; N]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn lists<const N: usize>(rows: [&[i32]; N]) -> ArrayRef {
    let rows = rows.iter().map(|row| Some(row.iter().map(|label| Some(*label))));
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
}

/// Opens all shards below `in/` of a folder, as the other keys of a spec say.
fn opened(folder: &Path, keys: &str) -> Result<Opened> {
    let shards = folder.join("in").display().to_string();
    let text = format!("shards = {shards:?}\nout = \"unused\"\n{keys}");
    let machine = Machine { memory: 1 << 30, threads: 2, addresses: None, arenas: 0 };
    open_plan(&Plan::resolve(parse(&text)?, machine)?)
}

/// The shards of a test: columns of one shard, and the folder that holds it.
fn one(columns: Vec<(&str, ArrayRef)>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    shard(&folder.path().join("in"), "a.parquet", columns);
    folder
}

/// Names of labels, one in each line of a file.
fn vocabulary(folder: &tempfile::TempDir, names: &[&str]) -> String {
    let path = folder.path().join("names.txt");
    std::fs::write(&path, names.join("\n")).unwrap();
    format!("vocabulary = {:?}\n", path.display().to_string())
}

/// An error and its way out, where all `words` are named.
fn refused(opened: Result<Opened>, words: &[&str]) -> Error {
    let error = opened.map(|opened| opened.counting).unwrap_err();
    let text = format!("{error} {}", error.remedy().unwrap_or_default());
    words.iter().for_each(|word| assert!(text.contains(word), "{word}: {text}"));
    error
}

#[test]
fn labels_get_their_places_from_what_is_known_before_counting() {
    let folder = one(vec![("labels", lists([&[3, 7], &[]])), ("class", texts(["b", "a"]))]);
    let keys = |keys: &str| {
        let opened = opened(folder.path(), keys).unwrap();
        (opened.counting.keys, opened.labels_inferred)
    };
    let list = "layout = \"list\"\nlabels = \"labels\"\n";
    assert!(matches!(keys(list), (Keys::Indices(None), true)));
    assert!(matches!(keys(&format!("{list}num_labels = 9")), (Keys::Indices(Some(9)), false)));
    assert!(matches!(keys(&format!("{list}label_kind = \"name\"")), (Keys::Names(_), false)));
    let class = "layout = \"class\"\nlabels = \"class\"\n";
    assert!(matches!(keys(class), (Keys::Names(_), false)));
    let given = vocabulary(&folder, &["b", "never", "a"]);
    let (Keys::Vocabulary(known), false) = keys(&format!("{class}{given}")) else { panic!("no vocabulary") };
    assert_eq!(known.labels().iter().collect::<Vec<_>>(), ["b", "never", "a"]);
    let error = refused(
        opened(folder.path(), &format!("{class}{given}num_labels = 2")),
        &["--num-labels is 2", "3 labels"],
    );
    assert!(matches!(error, Error::Usage(_)), "{error}");
}

#[test]
fn vectors_have_the_width_of_their_type_or_of_their_first_list() {
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let fixed = FixedSizeListArray::try_new(item, 3, ints([0, 1, 0, 1, 1, 0]), None).unwrap();
    let null = arrow::array::new_null_array(lists([&[1]]).data_type(), 2);
    let folder = one(vec![("fixed", Arc::new(fixed)), ("free", lists([&[0, 1], &[1, 1]])), ("null", null)]);
    let vector = |column: &str, more: &str| {
        opened(folder.path(), &format!("layout = \"vector\"\nlabels = \"{column}\"\n{more}"))
    };
    let names = |opened: Opened| match opened.counting.keys {
        Keys::Positions(labels) => labels.iter().map(str::to_owned).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(names(vector("fixed", "").unwrap()), ["0", "1", "2"]);
    assert_eq!(names(vector("free", "").unwrap()), ["0", "1"]);
    assert_eq!(names(vector("null", "num_labels = 2").unwrap()), ["0", "1"]);
    assert_eq!(names(vector("free", &vocabulary(&folder, &["x", "y"])).unwrap()), ["x", "y"]);
    refused(vector("null", ""), &["\"null\"", "--num-labels", "--vocabulary"]);
}

#[test]
fn a_vocabulary_of_columns_names_them_all_in_its_order() {
    let folder = one(vec![("a", bits([true])), ("b", bits([false])), ("c", bits([true]))]);
    let wide = |names: &[&str], more: &str| {
        let known = vocabulary(&folder, names);
        opened(folder.path(), &format!("layout = \"wide\"\n{known}{more}"))
    };
    assert_eq!(wide(&["c", "a"], "").unwrap().counting.layout.labels, ["c", "a"]);
    assert_eq!(wide(&["b", "a"], "labels = [\"b\", \"a\"]").unwrap().counting.layout.labels, ["b", "a"]);
    for (names, labels, words) in [
        (&["b", "a"][..], "labels = [\"a\", \"b\"]", &["another order", "--labels"][..]),
        (&["a", "bb"], "labels = [\"a\", \"b\"]", &["\"b\" is not in the vocabulary", "'!b'"]),
        (&["a", "b", "c"], "labels = [\"a\", \"b\"]", &["label \"c\"", "has no column"]),
        (&["a", "b"], "num_labels = 3", &["--num-labels is 3"]),
    ] {
        refused(wide(names, labels), words);
    }
    refused(
        opened(folder.path(), "layout = \"wide\"\nnum_labels = 5"),
        &["--num-labels is 5", "3 label columns"],
    );
}

#[test]
fn only_labels_of_columns_or_elements_have_values_of_their_own() {
    let folder = one(vec![("cat", bits([true])), ("dog", bits([true])), ("y", lists([&[3]]))]);
    let wide = "layout = \"wide\"\nlabels = [\"cat\", \"dog\"]\n";
    let own = |label: &str| format!("[label.{label}]\nmissing_values = [2]\n");
    let counting = opened(folder.path(), &format!("{wide}{}", own("dog"))).unwrap().counting;
    assert_eq!(counting.overrides.keys().collect::<Vec<_>>(), [&1]);
    assert_ne!(counting.domain(1), counting.domain(0));
    refused(
        opened(folder.path(), &format!("{wide}{}", own("dogs"))),
        &["[label.dogs]", "did you mean \"dog\"?"],
    );
    let list = "layout = \"list\"\nlabels = \"y\"\n";
    refused(opened(folder.path(), &format!("{list}{}", own("dog"))), &["[label.dog]", "layout list"]);
}

#[test]
fn a_column_that_some_shards_lack_is_refused_unless_it_counts_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let shards = folder.path().join("in");
    shard(&shards, "a.parquet", vec![("x", bits([true])), ("y", bits([true])), ("w", ints([1]))]);
    shard(&shards, "b.parquet", vec![("x", bits([true]))]);
    let wide = "layout = \"wide\"\nlabels = [\"x\", \"y\"]\n";
    let missing = "missing_columns = \"missing\"\n";
    let error = refused(opened(folder.path(), wide), &["b.parquet", "\"y\"", "--missing-columns missing"]);
    assert!(matches!(error, Error::Input(_)), "{error}");
    assert_eq!(opened(folder.path(), &format!("{wide}{missing}")).unwrap().absent, ["y"]);
    // That says something of labels, not of weights.
    refused(opened(folder.path(), &format!("{wide}{missing}sample_weight = \"w\"")), &["b.parquet", "\"w\""]);
    assert!(opened(folder.path(), "layout = \"wide\"\nlabels = \"x\"").unwrap().absent.is_empty());
}

#[test]
fn groups_and_weights_are_columns_of_simple_values() {
    let folder = tempfile::tempdir().unwrap();
    let columns = || {
        vec![
            ("x", bits([true])),
            ("list", lists([&[1]])),
            ("text", texts(["a"])),
            ("n", ints([2])),
            ("row", ints([7])),
        ]
    };
    shard(&folder.path().join("in/split=train"), "a.parquet", columns());
    let with = |keys: &str| opened(folder.path(), &format!("layout = \"wide\"\nlabels = \"x\"\n{keys}"));
    assert_eq!(with("by = [\"split\", \"text\"]").unwrap().counting.by, ["split", "text"]);
    assert_eq!(with("sample_weight = \"n\"").unwrap().counting.sample_weight.as_deref(), Some("n"));
    for (keys, words) in [
        ("by = \"list\"", &["--by", "list"][..]),
        ("by = \"tex\"", &["--by", "did you mean \"text\"?"]),
        ("sample_weight = \"text\"", &["--sample-weight", "numbers"]),
        ("sample_weight = \"split\"", &["--sample-weight", "\"split\""]),
    ] {
        refused(with(keys), words);
    }
    let long = "layout = \"long\"\nid = \"row\"\nlabels = \"text\"\nsample_weight = \"n\"";
    refused(opened(folder.path(), long), &["--sample-weight", "layout long"]);
}

#[test]
fn every_shard_is_counted_by_one_job_and_all_jobs_agree_on_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        shard(
            &folder.path().join("in"),
            &format!("{name}.parquet"),
            vec![("x", bits([true])), ("y", bits([false]))],
        );
    }
    let job = |index: usize, keys: &str| {
        let keys = format!("shard_index = {index}\nshard_count = 3\nlayout = \"wide\"\n{keys}");
        opened(folder.path(), &keys).unwrap()
    };
    let jobs = [0, 1, 2].map(|index| job(index, ""));
    let mut names: Vec<&str> =
        jobs.iter().flat_map(|job| job.dataset.shards.iter()).map(|shard| shard.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 5);
    assert_eq!(jobs.iter().map(|job| job.dataset.shards.len()).sum::<usize>(), 5);
    assert!(
        jobs[0].whole.is_some() && jobs.iter().all(|job| job.whole == jobs[0].whole && job.counting.part)
    );
    // Other labels are another whole.
    assert_ne!(job(0, "labels = \"x\"").whole, jobs[0].whole);
}

#[test]
fn jobs_do_not_share_row_ids() {
    let folder = tempfile::tempdir().unwrap();
    for (name, ids) in [("a.parquet", [1, 2]), ("b.parquet", [2, 3])] {
        shard(&folder.path().join("in"), name, vec![("id", ints(ids)), ("label", texts(["x", "y"]))]);
    }
    let long = "layout = \"long\"\nid = \"id\"\nlabels = \"label\"\nshard_index = 0\nshard_count = 2\n";
    refused(opened(folder.path(), long), &["--shard-count", "--ids-disjoint"]);
    assert_eq!(opened(folder.path(), &format!("{long}ids_disjoint = true")).unwrap().dataset.shards.len(), 1);
}

#[test]
fn bad_shards_are_left_out_up_to_the_number_that_is_allowed() {
    let folder = one(vec![("x", bits([true])), ("y", bits([true]))]);
    for name in ["b.parquet", "c.parquet"] {
        std::fs::write(folder.path().join("in").join(name), "not a shard at all").unwrap();
    }
    let with = |most: usize| {
        opened(folder.path(), &format!("layout = \"wide\"\non_bad_shard = \"skip\"\nmax_bad_shards = {most}"))
    };
    let opened = with(2).unwrap();
    assert_eq!((opened.dataset.shards.len(), opened.unreadable.len()), (1, 2));
    let error = refused(with(1), &["b.parquet", "c.parquet"]);
    assert!(matches!(error, Error::Input(_)), "{error}");
}
