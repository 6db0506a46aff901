//! Several class columns: each is a head with a vector, missing rows and weights of its own.

use arrow::array::{ArrayRef, Float64Array, Int32Array, StringArray};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::{codes, label_array, settings};
use crate::support::{Place, array, cases, root, write, write_with};

/// Keys of `weights.json` that are lists by label.
const BY_LABEL: [&str; 7] =
    ["positives", "negatives", "uncertain", "missing", "positives_mass", "negatives_mass", "pos_weight"];

fn texts(cells: &[Option<&str>]) -> ArrayRef {
    array(cells.iter().copied().collect::<StringArray>())
}

fn things(place: &Place) {
    let color = [Some("red"), Some("red"), Some("blue"), Some("red")];
    let shape = [Some("round"), None, Some("square"), Some("round")];
    let split = [Some("a"), Some("a"), Some("b"), Some("b")];
    let weight = array(Float64Array::from(vec![1.0, 2.0, 1.0, 0.5]));
    let columns =
        vec![("color", texts(&color)), ("shape", texts(&shape)), ("split", texts(&split)), ("w", weight)];
    write(&place.path("in/a.parquet"), columns);
}

/// Checks that the heads of `whole` are what each column gives by itself.
fn same_as_alone(whole: &Value, alone: &[(&str, Value)]) {
    let mut start = 0;
    for ((column, alone), head) in alone.iter().zip(whole["heads"].as_array().unwrap()) {
        let length = alone["labels"].as_array().unwrap().len();
        assert_eq!(*head, json!({ "column": column, "start": start, "length": length }));
        for (i, label) in alone["labels"].as_array().unwrap().iter().enumerate() {
            let name = format!("{column}={}", label.as_str().unwrap());
            assert_eq!(whole["labels"][start + i], name.as_str());
            for key in BY_LABEL {
                assert_eq!(whole[key][start + i], alone[key][i], "{key} of {name}");
            }
            for (scheme, values) in alone["weights"].as_object().unwrap() {
                assert_eq!(whole["weights"][scheme][start + i], values[i], "{scheme} of {name}");
            }
        }
        start += length;
    }
    assert_eq!(whole["labels"].as_array().unwrap().len(), start);
}

#[test]
fn a_head_has_the_counts_and_weights_of_its_column_alone() {
    let place = Place::new();
    things(&place);
    let schemes = ["--scheme", "ratio", "--scheme", "inverse-frequency", "--scheme", "effective-number"];
    for more in [&[][..], &["--sample-weight", "w"], &["--where", "w < 2"], &["--normalize", "mean"]] {
        for engine in ["auto", "plain"] {
            let of = |labels: &str| {
                let given = ["in", "--layout", "class", "--labels", labels, "--engine", engine];
                place.weights(&[&given[..], &schemes, more].concat())
            };
            let whole = of("color,shape");
            same_as_alone(&whole, &[("color", of("color")), ("shape", of("shape"))]);
        }
    }
}

#[test]
fn heads_are_in_every_artifact_and_come_from_saved_counts_again() {
    let place = Place::new();
    things(&place);
    let all = "parquet,json,safetensors,npy,md,html";
    let given = ["--labels", "color,shape", "--layout", "class", "--formats", all, "--by", "split"];
    let ended = place.run(&[&["compute", "in", "--out", "out"], &given[..]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("head shape: 2 labels, 1 missing row"), "{}", ended.stdout);
    let heads = json!([
        { "column": "color", "start": 0, "length": 2, "missing": 0, "mean_ir": 2.0, "max_ir": 3.0 },
        { "column": "shape", "start": 2, "length": 2, "missing": 1, "mean_ir": 1.5, "max_ir": 2.0 },
    ]);
    assert_eq!(place.json("out/imbalance.json")["heads"], heads);
    let bytes = std::fs::read(place.path("out/pos_weight.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let tensor = tensors.tensor(name).unwrap();
        tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    assert_eq!(floats("pos_weight.color"), floats("pos_weight")[..2]);
    assert_eq!(floats("pos_weight.shape"), [0.5, 2.0]);
    for report in ["out/report.md", "out/report.html"] {
        let text = std::fs::read_to_string(place.path(report)).unwrap();
        assert!(
            text.contains("Heads")
                && text.contains("pos_weight.<head>") | text.contains("pos_weight.&lt;head")
        );
    }
    let group = place.json("out/by/split=b/weights.json");
    assert_eq!(group["labels"], place.json("out/weights.json")["labels"]);
    assert_eq!(group["positives"], json!([1, 1, 1, 1]));

    let again = place.run(&["weigh", "out/counts.parquet", "--out", "again", "--formats", all]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    for name in ["pos_weight.safetensors", "pos_weight.npy", "counts.parquet"] {
        let read = |folder: &str| std::fs::read(place.path(folder).join(name)).unwrap();
        assert!(read("out") == read("again"), "{name}");
    }
    assert_eq!(place.json("again/weights.json")["heads"], place.json("out/weights.json")["heads"]);
}

#[test]
fn jobs_merge_heads_whose_labels_differ() {
    let place = Place::new();
    things(&place);
    let shape = [Some("flat"), Some("round")];
    let columns = vec![
        ("color", texts(&[Some("green"), None])),
        ("shape", texts(&shape)),
        ("split", texts(&[Some("b"), Some("c")])),
        ("w", array(Float64Array::from(vec![1.0, 1.0]))),
    ];
    write(&place.path("in/b.parquet"), columns);
    let given =
        ["--labels", "color,shape", "--layout", "class", "--by", "split", "--row-measures", "off", "--quiet"];
    let run = |more: &[&str]| {
        let ended = place.run(&[&["compute", "in"], &given[..], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    };
    run(&["--out", "one"]);
    run(&["--out", "jobs/0", "--shard-index", "0", "--shard-count", "2"]);
    run(&["--out", "jobs/1", "--shard-index", "1", "--shard-count", "2"]);
    let ended = place.run(&["weigh", "jobs/1", "jobs/0", "--out", "merged"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let names = ["weights.json", "counts.parquet", "by/split=b/weights.json", "by/split=c/counts.parquet"];
    for name in names {
        let read = |folder: &str| std::fs::read(place.path(folder).join(name)).unwrap();
        assert!(read("one") == read("merged"), "{name}");
    }
}

#[test]
fn saved_counts_of_heads_are_used_again() {
    let place = Place::new();
    things(&place);
    let run = |labels: &str, more: &[&str]| {
        let given = ["compute", "in", "--layout", "class", "--labels", labels, "--out", "out", "--overwrite"];
        let ended = place.run(&[&given[..], &["--state", "saved"], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let read = |name: &str| std::fs::read(place.path("out").join(name)).unwrap();
        (place.json("out/run_results.json")["shards"][0]["status"].clone(), read("weights.json"))
    };
    let (first, weights) = run("color,shape", &[]);
    assert_eq!(first, "counted");
    assert!(place.path("saved.color").exists() && place.path("saved.shape").exists());
    assert_eq!(run("color,shape", &[]), ("reused".into(), weights.clone()));
    assert_eq!(run("color,shape", &["--full"]), ("counted".into(), weights));
    // The counts of one column are saved, those of the other are not.
    assert_eq!(run("color,split", &[]).0, "counted");
    assert_eq!(run("shape,color", &[]).0, "reused");
    let explained = |labels: &str| {
        let spec =
            format!("shards = 'in'\nout = 'out'\nlayout = 'class'\nlabels = {labels}\nstate = 'saved'\n");
        std::fs::write(place.path("spec.toml"), spec).unwrap();
        let ended = place.run(&["run", "spec.toml", "--explain"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    assert!(explained("['color', 'shape']").starts_with("reused"));
    assert!(explained("['color', 'w']").starts_with("new"));
}

#[test]
fn a_bad_shard_is_left_out_of_every_head() {
    let place = Place::new();
    things(&place);
    let many: Vec<String> = (0..2000).map(|i| format!("{}", i % 90)).collect();
    let column = |_| array(many.iter().map(|text| Some(text.as_str())).collect::<StringArray>());
    write(&place.path("in/b.parquet"), vec![("color", column(0)), ("shape", column(1))]);
    // The pages of the second column lie behind those of the first.
    let mut bytes = std::fs::read(place.path("in/b.parquet")).unwrap();
    let footer = bytes.len()
        - 8
        - usize::try_from(u32::from_le_bytes(*bytes.last_chunk::<8>().unwrap().first_chunk().unwrap()))
            .unwrap();
    bytes[footer * 3 / 4..footer * 3 / 4 + 64].fill(0xff);
    std::fs::write(place.path("in/b.parquet"), bytes).unwrap();
    let weights = place.weights(&[
        "in",
        "--labels",
        "color,shape",
        "--layout",
        "class",
        "--on-bad-shard",
        "skip",
        "--max-bad-shards",
        "1",
    ]);
    assert_eq!(weights["rows"], 4);
    assert_eq!(weights["labels"], json!(["color=blue", "color=red", "shape=round", "shape=square"]));
}

#[test]
fn what_heads_cannot_do_is_refused_with_a_way_out() {
    let place = Place::new();
    things(&place);
    std::fs::write(place.path("names.txt"), "red\nblue\n").unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["--num-labels", "3"], "--num-labels describes the labels of one column"),
        (&["--vocabulary", "names.txt"], "--vocabulary describes the labels of one column"),
        (&["--order", "given"], "in no order"),
    ];
    for (flags, says) in cases {
        let given = ["compute", "in", "--labels", "color,shape", "--layout", "class", "--out", "out"];
        let ended = place.run(&[&given[..], flags].concat());
        assert_eq!(ended.code, 2, "{flags:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says) && ended.stderr.contains("hint:"), "{flags:?}: {}", ended.stderr);
    }
    // Texts are no 0/1 columns: the message names the layout that reads them.
    let ended = place.run(&["compute", "in", "--labels", "color,shape", "--out", "out"]);
    assert!(ended.code == 4 && ended.stderr.contains("--layout class"), "{}", ended.stderr);
}

#[test]
fn the_sample_of_heads_is_counted_as_its_page_says() {
    let place = Place::new();
    let spec = root().join("pipelines/heads.toml");
    let ended = place.run(&["run", spec.to_str().unwrap(), "--out", "out"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let weights = place.json("out/weights.json");
    let expected = json!(["class=green", "class=red", "size=large", "size=small"]);
    assert_eq!(weights["labels"], expected);
    assert_eq!(weights["missing"], json!([1, 1, 2, 2]));
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn heads_of_any_types_and_encodings_are_their_columns(
        shards in proptest::collection::vec((codes(300), codes(300), settings()), 1..3),
        kinds in proptest::sample::select(&[("text", "i32"), ("u16", "text"), ("i32", "u16")][..]),
        engine in proptest::sample::select(&["auto", "plain"][..]),
    ) {
        let place = Place::new();
        // A column of NULL alone names no label, which is an error.
        let names_some = |head: usize| shards.iter().any(|(a, b, _)| {
            let rows = a.len().min(b.len());
            [a, b][head][..rows].iter().any(Option::is_some)
        });
        prop_assume!(names_some(0) && names_some(1));
        for (i, (a, b, settings)) in shards.iter().enumerate() {
            let rows = a.len().min(b.len());
            // Only u16 has a label for every code.
            let known = |codes: &[Option<u8>]| codes[..rows].iter().map(|c| c.map(|c| c.max(1))).collect::<Vec<_>>();
            let columns = vec![("a", label_array(kinds.0, &known(a))), ("b", label_array(kinds.1, &known(b)))];
            write_with(&place.path(&format!("in/{i}.parquet")), columns, settings.properties().build());
        }
        let of = |labels: &str| place.weights(&["in", "--layout", "class", "--labels", labels, "--engine", engine]);
        same_as_alone(&of("b,a"), &[("b", of("b")), ("a", of("a"))]);
    }
}

/// Shards with two class columns, and with a 0/1 column for each of their labels.
fn classes_and_columns(place: &Place, rows: &[(Option<u8>, Option<u8>)]) -> String {
    let names = [("color", ["blue", "green", "red"]), ("shape", ["long", "round", "square"])];
    let of = |head: usize| move |row: &(Option<u8>, Option<u8>)| if head == 0 { row.0 } else { row.1 };
    let class = |head: usize| {
        let word = |code: u8| names[head].1[usize::from(code)];
        texts(&rows.iter().map(of(head)).map(|code| code.map(word)).collect::<Vec<_>>())
    };
    write(&place.path("heads/a"), vec![("color", class(0)), ("shape", class(1))]);
    let mut columns = Vec::new();
    for (head, (column, words)) in names.iter().enumerate() {
        for (code, word) in (0_u8..).zip(words) {
            let cells: arrow::array::BooleanArray =
                rows.iter().map(of(head)).map(|own| own.map(|own| own == code)).collect();
            // A label that no row has is no label of a head.
            if cells.true_count() > 0 {
                columns.push((format!("{column}={word}"), array(cells)));
            }
        }
    }
    let labels = columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",");
    let columns = columns.iter().map(|(name, cells)| (name.as_str(), cells.clone())).collect();
    write(&place.path("wide/a"), columns);
    labels
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn rows_of_heads_measure_and_plan_as_rows_of_their_labels(
        rows in proptest::collection::vec((proptest::option::of(0..3_u8), proptest::option::weighted(0.8, 0..3_u8)), 4..40),
        plan in proptest::sample::select(&["repeat-factor:threshold=0.4", "stratified-split:folds=3", "stratified-split:a=0.7,b=0.3,order=2"][..]),
    ) {
        prop_assume!(rows.iter().any(|row| row.0.is_some()) && rows.iter().any(|row| row.1.is_some()));
        let place = Place::new();
        let labels = classes_and_columns(&place, &rows);
        let class = ["heads/a", "--layout", "class", "--labels", "color,shape"];
        let wide = ["wide/a", "--layout", "wide", "--labels", &labels];
        let measures = |given: &[&str]| {
            place.weights(given);
            let mut all = place.json("out/imbalance.json");
            ["source", "findings", "heads"].iter().for_each(|key| drop(all.as_object_mut().unwrap().remove(*key)));
            // Classes share a softmax, labels have a sigmoid each.
            let of_label = all["per_label"].as_object_mut().unwrap();
            ["loss_share", "calibration_offset", "bias"].iter().for_each(|key| assert!(of_label.remove(*key).is_some()));
            assert!(all["distinct_labelsets"].is_number(), "{all}");
            all
        };
        prop_assert_eq!(measures(&class), measures(&wide));
        let planned = |given: &[&str], out: &str| {
            let asked = ["--plan", plan, "--out", out, "--overwrite", "--materialize"];
            let ended = place.run(&[&["sample"][..], given, &asked].concat());
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            let part = std::fs::read(place.path(out).join("plan/part-00000.parquet")).unwrap();
            let told = place.json(&format!("{out}/plan.json"));
            let keys = ["rows", "epoch_rows", "labels", "positives_before", "positives_after", "folds"];
            (part, keys.map(|key| told[key].clone()))
        };
        prop_assert!(planned(&class, "p") == planned(&wide, "q"));
        // The copies hold what the preview says.
        if plan.starts_with("repeat-factor") {
            let told = place.json("p/plan.json");
            let copies = ["p/sampled", "--layout", "class", "--labels", "color,shape"];
            prop_assert_eq!(&place.weights(&copies)["positives"], &told["positives_after"]);
        }
    }
}

#[test]
fn plans_that_compare_labels_of_several_columns_are_refused() {
    let place = Place::new();
    things(&place);
    let class = ["sample", "in", "--layout", "class", "--labels", "color,shape", "--out", "x", "--plan"];
    for plan in ["ml-ros", "lp-rus", "inverse-frequency", "remedial"] {
        let ended = place.run(&[&class[..], &[plan]].concat());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        for words in [plan, "not rare or frequent against each other", "--labels color"] {
            assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
        }
        let beside = ["repeat-factor", "--plan", plan, "--dry-run"];
        let ended = place.run(&[&class[..], &beside].concat());
        assert!(
            ended.code == 2 && ended.stderr.contains(&format!("--plan {plan} compares")),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn findings_of_heads_are_those_of_each_column_alone() {
    let place = Place::new();
    let names = [Some(" rot"), Some("rot"), Some("nan"), Some(""), Some("Blau"), Some("blau"), None, None];
    let numbers = ["1", "2", "10", "1", "2", "10", "3", "4"].map(Some);
    let sizes = ["big", "small", "big", "small", "big", "small", "big", "small"].map(Some);
    // Capitals of another column are no other spelling.
    let capitals = ["Big", "Small", "Big", "Small", "Big", "Small", "Big", "Small"].map(Some);
    let from_1 = array(Int32Array::from(vec![1, 2, 3, 1, 2, 3, 1, 2]));
    let mut columns = vec![("color", texts(&names)), ("number", texts(&numbers)), ("from_1", from_1)];
    columns.extend([("size", texts(&sizes)), ("Size", texts(&capitals))]);
    write(&place.path("in/a.parquet"), columns);
    let found = |labels: &str| -> Vec<(String, Option<String>)> {
        place.weights(&["in", "--layout", "class", "--labels", labels]);
        let names = place.json("out/weights.json")["labels"].clone();
        let all = place.json("out/imbalance.json")["findings"].clone();
        let each = all.as_array().unwrap().iter().flat_map(|finding| {
            let id = finding["id"].as_str().unwrap().to_owned();
            let at = finding["labels"].as_array().cloned().unwrap_or_default();
            let name =
                |i: &Value| names[usize::try_from(i.as_u64().unwrap()).unwrap()].as_str().unwrap().to_owned();
            let labels: Vec<_> = at.iter().map(|i| Some(name(i))).collect();
            let labels = if labels.is_empty() { vec![None] } else { labels };
            labels.into_iter().map(move |label| (id.clone(), label)).collect::<Vec<_>>()
        });
        each.collect()
    };
    let heads = ["color", "number", "from_1", "size", "Size"];
    let alone = heads.iter().flat_map(|column| {
        let prefixed = |name: String| format!("{column}={name}");
        found(column).into_iter().map(move |(id, label)| (id, label.map(prefixed))).collect::<Vec<_>>()
    });
    let mut alone: Vec<_> = alone.collect();
    let mut together = found(&heads.join(","));
    alone.sort_unstable();
    together.sort_unstable();
    assert_eq!(together, alone);
    for id in ["SIMILAR_LABELS", "MISSING_AS_LABEL", "NUMERIC_NAMES", "UNUSED_INDEX_0", "LABELS_INFERRED"] {
        assert!(together.iter().any(|(found, _)| found == id), "{id}: {together:?}");
    }
}
