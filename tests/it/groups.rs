//! `--groups`: distinct groups with a positive of each label, beside rows.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, ListArray, MapBuilder, StringArray, StringBuilder,
    UInt8Array, UInt8Builder,
};
use arrow::datatypes::Int32Type;
use parquet::file::properties::WriterProperties;

use crate::support::{Place, array, some, write, write_with};

/// Labels of a row.
const LABELS: usize = 4;

/// A row of the data set: what it is in every layout.
#[derive(Debug, Clone, Copy)]
struct Fact {
    id: usize,
    patient: Option<usize>,
    train: bool,
    has: [bool; LABELS],
}

/// Rows in which one label is of few patients, and some rows have no patient.
fn facts(rows: usize, patients: usize) -> Vec<Fact> {
    let fact = |id: usize| {
        let patient = (id * 7919 / 3) % patients;
        let has = [id.is_multiple_of(2), patient % 5 == 1, id % 97 == 3, false];
        Fact { id, patient: (id % 41 != 7).then_some(patient), train: id / 10 % 3 != 1, has }
    };
    (0..rows).map(fact).collect()
}

/// Groups, and those with a positive of each label, the slow and obvious way.
fn oracle(facts: &[Fact], holds: impl Fn(&Fact) -> bool) -> (u64, Vec<u64>) {
    // A row without a patient is a group of its own.
    let group = |fact: &Fact| fact.patient.map_or((1, fact.id), |patient| (0, patient));
    let count = |has: &dyn Fn(&Fact) -> bool| {
        let rows = facts.iter().filter(|fact| holds(fact) && has(fact));
        rows.map(group).collect::<HashSet<_>>().len() as u64
    };
    (count(&|_| true), (0..LABELS).map(|label| count(&|fact| fact.has[label])).collect())
}

fn name(patient: usize) -> String {
    // Some are short enough to be keys, some are not.
    if patient.is_multiple_of(2) { format!("p{patient}") } else { format!("a patient with number {patient}") }
}

fn of_label(fact: &Fact) -> impl Iterator<Item = usize> + '_ {
    (0..LABELS).filter(|label| fact.has[*label])
}

/// The label columns of `layout`, one row for each fact; `long` has one for each label.
fn columns(layout: &str, facts: &[Fact]) -> Vec<(&'static str, ArrayRef)> {
    let ints = |each: &dyn Fn(&Fact) -> i32| -> ArrayRef {
        array(facts.iter().map(|fact| Some(each(fact))).collect::<Int32Array>())
    };
    let bit = |fact: &Fact, label: usize| i32::from(fact.has[label]);
    match layout {
        "wide" => ["l0", "l1", "l2", "l3"]
            .into_iter()
            .enumerate()
            .map(|(label, name)| (name, ints(&|fact| bit(fact, label))))
            .collect(),
        "vector" => {
            let rows = facts
                .iter()
                .map(|fact| Some((0..LABELS).map(|label| Some(bit(fact, label))).collect::<Vec<_>>()));
            vec![("y", array(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)))]
        }
        "list" => {
            let of = |label: usize| i32::try_from(label).ok();
            let rows = facts.iter().map(|fact| Some(of_label(fact).map(of).collect::<Vec<_>>()));
            vec![("y", array(ListArray::from_iter_primitive::<Int32Type, _, _>(rows)))]
        }
        "delimited" => {
            let text =
                |fact: &Fact| of_label(fact).map(|label| label.to_string()).collect::<Vec<_>>().join("|");
            vec![("y", array(facts.iter().map(|fact| Some(text(fact))).collect::<StringArray>()))]
        }
        "bits" => vec![("y", ints(&|fact| of_label(fact).map(|label| 1 << label).sum()))],
        "map" => {
            let mut maps = MapBuilder::new(None, StringBuilder::new(), UInt8Builder::new());
            for fact in facts {
                for label in 0..LABELS {
                    maps.keys().append_value(label.to_string());
                    maps.values().append_value(u8::from(fact.has[label]));
                }
                maps.append(true).unwrap();
            }
            vec![("y", array(maps.finish()))]
        }
        other => panic!("{other}"),
    }
}

/// The columns beside the labels.
fn beside(facts: &[Fact]) -> Vec<(&'static str, ArrayRef)> {
    let text = |fact: &Fact| fact.patient.map(name);
    let number = |fact: &Fact| fact.patient.and_then(|patient| i64::try_from(patient).ok());
    vec![
        ("patient", array(facts.iter().map(text).collect::<StringArray>())),
        ("number", array(facts.iter().map(number).collect::<Int64Array>())),
        ("train", array(facts.iter().map(|fact| Some(fact.train)).collect::<BooleanArray>())),
    ]
}

/// Rows in shards of several row groups and pages.
fn shards(
    place: &Place,
    folder: &str,
    facts: &[Fact],
    columns: impl Fn(&[Fact]) -> Vec<(&'static str, ArrayRef)>,
) {
    for (number, part) in facts.chunks(facts.len().div_ceil(3)).enumerate() {
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(700))
            .set_data_page_row_count_limit(90)
            .set_write_batch_size(30);
        let path = place.path(&format!("{folder}/{number}.parquet"));
        write_with(&path, columns(part), properties.build());
    }
}

/// `positives_groups` of weights.json, and the number of groups.
fn grouped(place: &Place, flags: &[&str]) -> (u64, Vec<u64>) {
    let weights = place.weights(flags);
    let positives = weights["positives_groups"].as_array().unwrap_or_else(|| panic!("{weights}"));
    (weights["groups"]["count"].as_u64().unwrap(), positives.iter().map(|n| n.as_u64().unwrap()).collect())
}

#[test]
fn groups_are_those_of_a_slow_count_in_every_layout() {
    let place = Place::new();
    let facts = facts(5000, 400);
    let (all, train) = (oracle(&facts, |_| true), oracle(&facts, |fact| fact.train));
    assert!(all.1[1] < all.1[0] && all.1[3] == 0 && train.0 < all.0);
    for layout in some(["wide", "vector", "list", "delimited", "bits", "map"]) {
        shards(&place, layout, &facts, |part| [columns(layout, part), beside(part)].concat());
        let flags: &[&str] = match layout {
            "wide" => &["--labels", "l*"],
            "list" | "delimited" | "bits" => &["--labels", "y", "--num-labels", "4"],
            _ => &["--labels", "y"],
        };
        let flags = [&[layout, "--layout", layout][..], flags].concat();
        for (column, engine) in [("patient", "auto"), ("number", "auto"), ("patient", "plain")] {
            let flags = [&flags[..], &["--groups", column, "--engine", engine]].concat();
            assert_eq!(grouped(&place, &flags), all, "{layout} {column} {engine}");
            for condition in ["train", "train AND number >= 0 OR train AND number IS NULL"] {
                let flags = [&flags[..], &["--where", condition]].concat();
                assert_eq!(grouped(&place, &flags), train, "{layout} {column} {engine} {condition}");
            }
        }
        // Groups of --by and weights of rows change no group; nor does memory.
        let more = ["--groups", "patient", "--by", "train", "--threads", "3"];
        assert_eq!(grouped(&place, &[&flags[..], &more].concat()), all, "{layout}");
    }
    let weighed = [
        "wide",
        "--labels",
        "l*",
        "--groups",
        "patient",
        "--sample-weight",
        "number",
        "--where",
        "number >= 0",
    ];
    let of_patients = oracle(&facts, |fact| fact.patient.is_some());
    assert_eq!(grouped(&place, &weighed), of_patients);
}

#[test]
fn groups_of_layout_long_are_counted_over_pairs() {
    let place = Place::new();
    let facts = facts(3000, 250);
    let all = oracle(&facts, |_| true);
    let long = |part: &[Fact]| -> Vec<(&'static str, ArrayRef)> {
        // Each row is listed with its labels, twice, and once without one.
        let lines: Vec<(&Fact, Option<usize>)> = part
            .iter()
            .flat_map(|fact| {
                std::iter::once((fact, None))
                    .chain(of_label(fact).chain(of_label(fact)).map(move |label| (fact, Some(label))))
            })
            .collect();
        let label = lines.iter().map(|(_, label)| label.map(|label| format!("l{label}")));
        let mut columns: Vec<(&'static str, ArrayRef)> = vec![
            ("id", array(lines.iter().map(|(fact, _)| i64::try_from(fact.id).ok()).collect::<Int64Array>())),
            ("label", array(label.collect::<StringArray>())),
        ];
        columns.extend(beside(&lines.iter().map(|(fact, _)| **fact).collect::<Vec<_>>()));
        columns
    };
    shards(&place, "long", &facts, long);
    std::fs::write(place.path("names.txt"), "l0\nl1\nl2\nl3\n").unwrap();
    let flags = ["long", "--layout", "long", "--id", "id", "--labels", "label", "--vocabulary", "names.txt"];
    for (column, engine) in [("patient", "auto"), ("number", "auto"), ("patient", "plain")] {
        let flags = [&flags[..], &["--groups", column, "--engine", engine]].concat();
        assert_eq!(grouped(&place, &flags), all, "{column} {engine}");
        let train = oracle(&facts, |fact| fact.train);
        assert_eq!(
            grouped(&place, &[&flags[..], &["--where", "train"]].concat()),
            train,
            "{column} {engine}"
        );
    }
    let ended = place.run(&[&["compute"][..], &flags, &["--groups", "train", "--out", "n"]].concat());
    assert!(ended.code == 2 && ended.stderr.contains("integers or texts"), "{}", ended.stderr);
}

#[test]
fn groups_beyond_the_memory_spill() {
    let place = Place::new();
    let facts = facts(200_000, 150_000);
    shards(&place, "in", &facts, |part| [columns("wide", part), beside(part)].concat());
    let flags = ["in", "--labels", "l*", "--groups", "patient", "--memory-limit", "160m", "--threads", "2"];
    assert_eq!(grouped(&place, &flags), oracle(&facts, |_| true));
    let spilled = place.json("out/run_results.json")["resources"]["spilled_bytes"].as_u64().unwrap();
    assert!(spilled > 0, "nothing was spilled");
}

#[test]
fn groups_may_be_keys_of_folders_and_classes() {
    let place = Place::new();
    for (folder, classes) in [("patient=a", &[0_u8, 1, 1][..]), ("patient=b", &[1]), ("patient=c", &[2, 2])] {
        let class = array(classes.iter().map(|class| Some(*class)).collect::<UInt8Array>());
        write(&place.path(&format!("in/{folder}/0.parquet")), vec![("class", class)]);
    }
    let flags = ["in", "--layout", "class", "--labels", "class", "--groups", "patient"];
    assert_eq!(grouped(&place, &flags), (3, vec![1, 2, 1]));
    // Several class columns are several heads.
    let heads: Vec<(&str, ArrayRef)> = vec![
        ("color", array(StringArray::from(vec!["red", "blue", "red"]))),
        ("shape", array(StringArray::from(vec!["round", "round", "round"]))),
        ("user", Arc::new(Int32Array::from(vec![1, 1, 2]))),
    ];
    write(&place.path("heads/0.parquet"), heads);
    let flags = ["heads", "--layout", "class", "--labels", "color,shape", "--groups", "user"];
    assert_eq!(grouped(&place, &flags), (2, vec![1, 2, 2]));
}

#[test]
fn groups_are_in_every_file_and_carried_but_not_added() {
    let place = Place::new();
    let facts = facts(900, 60);
    shards(&place, "in", &facts, |part| [columns("wide", part), beside(part)].concat());
    let (groups, positives) = oracle(&facts, |_| true);
    let run =
        ["compute", "in", "--labels", "l*", "--groups", "patient", "--out", "w", "--summary-json", "s.json"];
    let ended = place.run(&run);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("positives  groups  negatives"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&format!("{groups} groups of patient")), "{}", ended.stdout);
    let summary = &place.json("s.json")["result"];
    assert_eq!(
        (&summary["groups"], &summary["min_positives_groups"]),
        (&groups.into(), &positives[..3].iter().min().copied().into())
    );
    let markdown = std::fs::read_to_string(place.path("w/report.md")).unwrap();
    assert!(markdown.contains("| positives | groups | negatives |"), "{markdown}");
    let row = format!("| `l2` | {} | {} |", facts.iter().filter(|fact| fact.has[2]).count(), positives[2]);
    assert!(markdown.contains(&row), "{markdown}");
    let html = std::fs::read_to_string(place.path("w/report.html")).unwrap();
    assert!(html.contains("Groups of patient"));
    // Files that are tables.
    for file in ["counts", "weights"] {
        let query = format!("SELECT positives_groups FROM 'w/{file}.parquet' ORDER BY label_index");
        let lines: Vec<String> = positives.iter().map(ToString::to_string).collect();
        let ended = place.run(&["sql", "--format", "csv", "-c", &query]);
        assert_eq!(ended.stdout, format!("positives_groups\n{}\n", lines.join("\n")), "{}", ended.stderr);
    }
    // Reports made again, and one counts file weighed anew, keep them.
    assert!(place.run(&["report", "w"]).stdout.contains("groups of patient"));
    let ended = place.run(&["weigh", "w", "--scheme", "sqrt", "--out", "again"]);
    assert!(ended.code == 0 && !ended.stderr.contains("positives_groups"), "{}", ended.stderr);
    assert_eq!(place.json("again/weights.json")["positives_groups"], serde_json::json!(positives));
    // Those of several data sets do not add up.
    for (condition, out) in [("patient IS NULL", "few"), ("patient IS NOT NULL", "other")] {
        let ended = place.run(&[&run[..6], &["--where", condition, "--out", out]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
    let ended = place.run(&["weigh", "few", "other", "--out", "both"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("positives_groups") && ended.stderr.contains("do not add up"),
        "{}",
        ended.stderr
    );
    let both = place.json("both/weights.json");
    assert!(both.get("positives_groups").is_none() && both["rows"] == 900, "{both}");
    // A pipeline file says the same; with saved counts, all shards are read for the groups.
    let spec = "shards = \"in\"\nout = \"p\"\nlabels = \"l*\"\ngroups = \"patient\"\nstate = \"s\"\noverwrite = true\n";
    std::fs::write(place.path("p.toml"), spec).unwrap();
    for _ in 0..2 {
        let ended = place.run(&["run", "p.toml"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(place.json("p/weights.json")["positives_groups"], serde_json::json!(positives));
    }
    assert_eq!(place.json("p/run_results.json")["shards"][0]["status"], "reused");
}

#[test]
fn groups_that_cannot_be_counted_are_refused() {
    let place = Place::new();
    let facts = facts(60, 9);
    shards(&place, "in", &facts, |part| [columns("wide", part), beside(part)].concat());
    for (flags, code, says) in [
        (&["--groups", "patiend"][..], 4, "did you mean \"patient\"?"),
        (&["--groups", "patient", "--soft"], 2, "--threshold 0.5"),
        (&["--groups", "patient", "--shard-index", "0", "--shard-count", "2"], 2, "--shard-count"),
    ] {
        let ended = place.run(&[&["compute", "in", "--labels", "l*", "--out", "w"][..], flags].concat());
        assert!(
            ended.code == code && ended.stderr.contains(says),
            "{flags:?} {}: {}",
            ended.code,
            ended.stderr
        );
    }
}
