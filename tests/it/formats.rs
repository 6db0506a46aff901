//! CSV and JSON lines are counted as Parquet is, by every verb.

use std::fs;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::readings::{offered, paste, question};
use crate::support::Place;

const CSV: &str =
    "id,label,zip,split\n1,cat,02139,train\n2,\"dog, small\",10001,test\n3,cat,,train\n4,,94105,train\n";

fn gzip(text: &str) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap()
}

fn json_lines() -> String {
    [
        json!({"id": 1, "tags": ["a", "b"], "label": "cat"}),
        json!({"id": 2, "tags": [], "label": "dog, small"}),
        json!({"id": 3, "label": "cat", "scores": {"a": 0.5, "b": 1}}),
    ]
    .map(|row| format!("{row}\n"))
    .concat()
}

fn sources() -> Place {
    let place = Place::new();
    for folder in ["csv", "gz", "json", "zst"] {
        fs::create_dir(place.path(folder)).unwrap();
    }
    fs::write(place.path("csv/a.csv"), CSV).unwrap();
    fs::write(place.path("gz/a.csv.gz"), gzip(CSV)).unwrap();
    fs::write(place.path("json/a.jsonl"), json_lines()).unwrap();
    fs::write(place.path("zst/a.ndjson.zst"), zstd::encode_all(json_lines().as_bytes(), 0).unwrap()).unwrap();
    place
}

#[test]
fn labels_in_text_files_are_counted() {
    let place = sources();
    for source in ["csv", "gz", "csv/a.csv", "gz/*.csv.gz"] {
        for more in [&[][..], &["--engine", "plain"]] {
            let found = place.weights(&[&[source, "--labels", "label", "--layout", "class"], more].concat());
            assert_eq!(
                (&found["labels"], &found["positives"]),
                (&json!(["cat", "dog, small"]), &json!([2, 1]))
            );
            assert_eq!((&found["rows"], &found["missing"]), (&json!(4), &json!([1, 1])), "{source}");
        }
    }
    for source in ["json", "zst"] {
        let found = place.weights(&[source, "--labels", "tags", "--where", "label <> 'x'"]);
        assert_eq!((&found["labels"], &found["positives"]), (&json!(["a", "b"]), &json!([1, 1])), "{source}");
    }
    let found = place.weights(&["csv", "--labels", "label", "--layout", "class", "--where", "zip = '02139'"]);
    assert_eq!(found["rows"], 1);
    let by = ["compute", "gz", "--labels", "label", "--layout", "class", "--by", "split", "--out", "by"];
    let ended = place.run(&by);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(place.json("by/by/split=train/weights.json")["rows"], 3);
}

#[test]
fn other_verbs_read_text_files_too() {
    let place = sources();
    let inspect = place.run(&["inspect", "csv"]);
    assert!(inspect.code == 0 && inspect.stderr.contains("csv/a.csv: 4 rows"), "{}", inspect.stderr);
    let query = "SELECT sum(id) AS ids, count(zip) AS zips FROM 'gz/a.csv.gz'";
    let told = place.run(&["sql", "-c", query, "--format", "csv"]);
    assert!(told.stdout.contains("10,3"), "{}{}", told.stdout, told.stderr);
    let told = place.run(&[
        "sql",
        "-c",
        "SELECT label, positives FROM label_counts('json', 'labels=tags')",
        "--format",
        "csv",
    ]);
    assert!(told.stdout.contains("a,1"), "{}{}", told.stdout, told.stderr);
    let query =
        ["compute", "csv", "--query", "SELECT upper(label) AS label FROM shards", "--layout", "class"];
    let ended = place.run(&[&query[..], &["--labels", "label", "--out", "query"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(place.json("query/weights.json")["labels"], json!(["CAT", "DOG, SMALL"]));
    let refused = ["compute", "csv", "--labels", "label", "--layout", "class", "--state", "s", "--out", "o"];
    let ended = place.run(&refused);
    assert!(ended.code == 2 && ended.stderr.contains("--state"), "{}", ended.stderr);
}

#[test]
fn plans_name_text_files_and_copies_of_them_are_parquet() {
    let place = sources();
    let flags = ["--labels", "label", "--layout", "class"];
    let plan = ["sample", "csv", "--plan", "ml-ros", "--materialize", "--overwrite", "--out"];
    let plans = ["one", "two"].map(|out| {
        let ended = place.run(&[&plan[..], &[out], &flags].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        place.json(&format!("{out}/plan.json"))
    });
    assert_eq!(plans[0]["shards"], plans[1]["shards"]);
    assert_eq!(plans[0]["shards"][0]["name"], "a.csv");
    let copy = place.weights(&[&["one/sampled/a.csv.parquet"], &flags[..]].concat());
    assert_eq!(copy["rows"], plans[0]["epoch_rows"]);
}

#[test]
fn what_text_files_cannot_be_is_said_with_file_and_line() {
    let place = sources();
    fs::write(place.path("csv/b.csv"), "id,label\n1\n").unwrap();
    let ended = place.run(&["compute", "csv", "--labels", "label", "--out", "out"]);
    assert!(ended.code == 4 && ended.stderr.contains("csv/b.csv: line 2"), "{}", ended.stderr);
    let ended = place.run(&["compute", "gz", "json", "--labels", "label", "--out", "out"]);
    let words = ["gz/a.csv.gz is a CSV file", "json/a.jsonl is a JSON lines file", "one format"];
    assert!(ended.code == 4 && words.iter().all(|word| ended.stderr.contains(word)), "{}", ended.stderr);
    assert!(!place.path("out/weights.json").exists());
}

#[test]
fn comments_and_blanks_before_quotes_are_named_with_a_command_that_mends_them() {
    let place = Place::new();
    let rows = "a, 1.5, \"cat\"\nb, 2.5, \"cat,dog\"\n";
    let run = || {
        place.run(&[
            "compute",
            "s.csv",
            "--layout",
            "delimited",
            "--labels",
            "tags",
            "--delimiter",
            ",",
            "--out",
            "out",
        ])
    };
    let mend = |stderr: &str| {
        let script = stderr.split("sed '").nth(1).and_then(|rest| rest.split("' FILE > NEW").next());
        let script = script.unwrap_or_else(|| panic!("{stderr}"));
        let sed =
            std::process::Command::new("sed").args([script, "s.csv"]).current_dir(place.path("")).output();
        fs::write(place.path("s.csv"), sed.unwrap().stdout).unwrap();
    };
    fs::write(place.path("s.csv"), format!("# made 2017\n# n=2, m=3\n# id,start,tags\n{rows}")).unwrap();
    let ended = run();
    let words = "s.csv: line 1: names of columns are expected; found a comment: \"# made 2017\"";
    assert!(ended.code == 4 && ended.stderr.contains(words), "{}", ended.stderr);
    mend(&ended.stderr);
    let ended = run();
    let words = "line 3: 3 fields are expected, as in the first line; found 4; a blank stands before the quote of field 3";
    assert!(ended.code == 4 && ended.stderr.contains(words), "{}", ended.stderr);
    mend(&ended.stderr);
    let ended = run();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(place.json("out/weights.json")["positives"], json!([2, 1]));
    fs::write(place.path("s.csv"), "tags\ncat,dog\n").unwrap();
    assert!(run().stderr.contains("line 2: 1 field is expected, as in the first line; found 2"));
    // The first line may be names all the same.
    fs::write(place.path("s.csv"), "#id,tags\n1,cat,dog\n").unwrap();
    assert!(run().stderr.contains("line 2: 2 fields are expected, as in the first line; found 3\n"));
}

#[test]
fn empty_lines_in_a_file_of_one_column_are_asked_about() {
    let place = Place::new();
    let run = || {
        place.run(&["compute", "s.csv", "--layout", "class", "--labels", "y", "--out", "out", "--overwrite"])
    };
    for (text, line) in
        [("y\na\n\nb\n", 3), ("y\na\nb\n\n", 4), ("y\r\na\r\n\r\nb\r\n", 3), ("y\n\"a\nb\"\n\nb", 4)]
    {
        fs::write(place.path("s.csv"), text).unwrap();
        let ended = run();
        let words = format!("s.csv: line {line}: an empty line in a file of one column");
        assert!(ended.code == 4 && ended.stderr.contains(&words), "{text:?}: {}", ended.stderr);
        // Both ways out work as they are printed.
        let scripts: Vec<&str> =
            ended.stderr.split("sed '").skip(1).filter_map(|rest| rest.split("' FILE").next()).collect();
        for (script, rows) in scripts.iter().zip([3, 2]) {
            let sed = std::process::Command::new("sed")
                .arg(script)
                .arg("s.csv")
                .current_dir(place.path(""))
                .output();
            fs::write(place.path("s.csv"), sed.unwrap().stdout).unwrap();
            let ended = run();
            assert_eq!(ended.code, 0, "{text:?} {script}: {}", ended.stderr);
            assert_eq!(place.json("out/weights.json")["rows"], json!(rows), "{text:?} {script}");
            fs::write(place.path("s.csv"), text).unwrap();
        }
    }
    for text in ["y\na\nb\n", "y\r\na\r\nb\r\n", "y\na\n\"b\n\nc\"", "y\na\n\"\"\n", "x,y\n1,a\n\n2,b\n"] {
        fs::write(place.path("s.csv"), text).unwrap();
        let ended = run();
        assert_eq!(ended.code, 0, "{text:?}: {}", ended.stderr);
    }
}

#[test]
fn messages_about_values_name_the_line() {
    let place = Place::new();
    for (folder, end) in [("lf", "\n"), ("crlf", "\r\n")] {
        fs::create_dir(place.path(folder)).unwrap();
        let text = format!("id,cat,note{end}1,1,\"a{end}b\"{end}{end}2,0,x{end}3,7,y{end}");
        fs::write(place.path(&format!("{folder}/a.csv")), text).unwrap();
        let ended = place.run(&["compute", folder, "--layout", "wide", "--labels", "cat", "--out", "out"]);
        let words = format!("{folder}/a.csv: column \"cat\": line 6: value 7");
        assert!(ended.code == 4 && ended.stderr.contains(&words), "{folder}: {}", ended.stderr);
        let text = format!("id,cat{end}1,1{end}{end}2{end}");
        fs::write(place.path(&format!("{folder}/a.csv")), text).unwrap();
        let ended = place.run(&["compute", folder, "--layout", "wide", "--labels", "cat", "--out", "out"]);
        let words = format!("{folder}/a.csv: line 4: 2 fields are expected");
        assert!(ended.code == 4 && ended.stderr.contains(&words), "{folder}: {}", ended.stderr);
    }
    fs::write(place.path("a.jsonl"), "{\"tags\": \"[1]\"}\n\n{\"tags\": \"[1, [2]]\"}\n").unwrap();
    let ended = place.run(&["compute", "a.jsonl", "--labels", "tags", "--layout", "list", "--out", "out"]);
    assert!(ended.code == 4 && ended.stderr.contains("line 3: "), "{}", ended.stderr);
    let copied = ["sample", "lf", "--plan", "ml-ros", "--materialize", "--labels", "cat", "--out", "plan"];
    fs::write(place.path("lf/a.csv"), "id,cat\n1,1\n2,0\n").unwrap();
    assert_eq!(place.run(&copied).code, 0);
    let copy = fs::read(place.path("plan/sampled/a.csv.parquet")).unwrap();
    assert!(!copy.windows(15).any(|bytes| bytes == b"posweight.lines"), "lines of the text file");
}

#[test]
fn a_json_key_that_is_there_twice_is_refused_with_its_line() {
    let place = Place::new();
    for row in ["{\"cat\": 1, \"cat\": 0}", "{\"cat\": 1, \"box\": [{\"cat\": 1, \"cat\": 1}]}"] {
        fs::write(place.path("a.jsonl"), format!("{{\"cat\": 1}}\n{row}\n")).unwrap();
        for arguments in
            [&["compute", "a.jsonl", "--labels", "cat", "--out", "out"][..], &["inspect", "a.jsonl"]]
        {
            let ended = place.run(arguments);
            let words = "a.jsonl: line 2: the key \"cat\" is there twice";
            assert!(ended.code == 4 && ended.stderr.contains(words), "{}", ended.stderr);
        }
    }
}

#[test]
fn json_objects_are_maps_of_labels_to_values() {
    let place = Place::new();
    let rows = ["{\"cat\": 1, \"dog\": 0}", "{\"dog\": 1, \"bird\": null}", "{}", "null"];
    let rows = rows.map(|scores| format!("{{\"scores\": {scores}}}\n"));
    fs::write(place.path("a.jsonl"), rows.concat()).unwrap();
    let expected = json!([["bird", "cat", "dog"], [0, 1, 1], [2, 2, 2], [2, 1, 1]]);
    for flags in [&["--labels", "scores"][..], &["--labels", "scores", "--layout", "map"], &[]] {
        let found = place.weights(&[&["a.jsonl"][..], flags].concat());
        let told = ["labels", "positives", "negatives", "missing"].map(|key| found[key].clone()).to_vec();
        assert_eq!(json!(told), expected, "{flags:?}");
    }
    // With the same keys everywhere, what is asked for decides.
    fs::write(place.path("b.jsonl"), format!("{}{}", rows[0], rows[0])).unwrap();
    for labels in ["scores", "scores.*", "scores.cat,scores.dog"] {
        let found = place.weights(&["b.jsonl", "--labels", labels]);
        assert_eq!((&found["positives"], &found["negatives"]), (&json!([2, 0]), &json!([0, 2])), "{labels}");
    }
    let found = place.weights(&["a.jsonl", "--labels", "scores.cat,scores.dog"]);
    assert_eq!((&found["positives"], &found["missing"]), (&json!([1, 1]), &json!([3, 2])));
}

#[test]
fn fields_of_csv_may_have_semicolons_or_tabs_between_them() {
    let place = Place::new();
    for (between, name) in [(';', "s.csv"), ('\t', "s.csv"), ('\t', "s.tsv")] {
        let text = CSV.replace("dog, small", "dog\u{1f}small").replace(',', &between.to_string());
        fs::write(place.path(name), text.replace('\u{1f}', ", ")).unwrap();
        let weights = place.weights(&[name, "--labels", "label", "--layout", "class"]);
        assert_eq!(
            (&weights["labels"], &weights["positives"]),
            (&json!(["cat", "dog, small"]), &json!([2, 1]))
        );
        let ended = place.run(&["sql", "-c", &format!("SELECT zip FROM '{name}' WHERE id = 1")]);
        assert!(ended.code == 0 && ended.stdout.contains("02139"), "{}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn commas_within_names_and_numbers_are_no_separators() {
    let place = Place::new();
    let rows: String = (0..60).map(|i| format!("{i};{},5;{}\n", i % 7, ["cat", "dog"][i % 2])).collect();
    fs::write(place.path("s.csv"), format!("id;size, in cm;label\n{rows}")).unwrap();
    let weights = place.weights(&["s.csv", "--labels", "label", "--layout", "class"]);
    assert_eq!((&weights["labels"], &weights["positives"]), (&json!(["cat", "dog"]), &json!([30, 30])));
    // 1,0 and 0,0 are one number each.
    let rows: String = (0..60).map(|i| format!("{i};{},0\n", i % 2)).collect();
    fs::write(place.path("s.csv"), format!("id;label\n{rows}")).unwrap();
    let asked = question(&place, &["s.csv"]);
    assert!(!asked.contains("--layout vector"), "{asked}");
}

#[test]
fn rows_in_the_place_of_the_names_of_columns_are_asked_about() {
    let place = Place::new();
    let many = |rows: &[&str]| rows.iter().cycle().take(60).map(|row| format!("{row}\n")).collect::<String>();
    for (rows, right) in [
        (&["a.jpg,cat", "b.jpg,dog", "c.jpg,cat"][..], json!([40, 20])),
        (&["a.jpg,1,0", "b.jpg,0,0", "c.jpg,1,1"], json!([40, 20])),
        (&["good movie,positive", "bad film,negative", "a nice one,positive"], json!([40])),
        (&["17,cat|dog", "18,dog", "19,cat", "20,cat|dog"], json!([45, 45])),
    ] {
        fs::write(place.path("s.csv"), many(rows)).unwrap();
        let asked = question(&place, &["s.csv"]);
        assert!(asked.contains("is the first row of the files in the place of the names"), "{asked}");
        let script = asked.split("sed '").nth(1).and_then(|rest| rest.split("' FILE > NEW").next()).unwrap();
        let mended =
            std::process::Command::new("sed").args([script, "s.csv"]).current_dir(place.path("")).output();
        fs::write(place.path("s.csv"), mended.unwrap().stdout).unwrap();
        let named = place.run(&["compute", "s.csv", "--out", "out", "--overwrite"]);
        let is_right = |ended: &crate::support::Ended| {
            ended.code == 0 && place.json("out/weights.json")["positives"] == right
        };
        let all = if named.code == 0 { Vec::new() } else { offered(&named.stderr) };
        assert!(
            is_right(&named) || all.iter().any(|flags| is_right(&paste(&place, "s.csv", flags))),
            "{rows:?}: {}",
            named.stderr
        );
    }
    // What one label is called is the name of a column, too.
    fs::write(place.path("s.csv"), format!("text,spam\n{}", many(&["hello there,ham", "buy it,spam"])))
        .unwrap();
    let asked = question(&place, &["s.csv"]);
    assert!(!asked.contains("first row"), "{asked}");
    fs::write(place.path("s.csv"), "a.jpg,1,0,1\nb.jpg,0,0,1\n").unwrap();
    let ended = place.run(&["compute", "s.csv", "--out", "out", "--overwrite"]);
    assert!(ended.stderr.contains("names of columns are expected; found a.jpg, 1, 0, 1"), "{}", ended.stderr);
}

#[test]
fn a_file_that_is_no_shard_is_called_what_it_is() {
    let place = Place::new();
    fs::write(place.path("make.py"), "import os, sys\nprint(1)\n").unwrap();
    fs::write(place.path("cut.parquet"), b"PAR1 and then nothing").unwrap();
    let run = |name: &str| place.run(&["compute", name, "--out", "w"]);
    let ended = run("make.py");
    assert!(
        ended.code == 4 && ended.stderr.contains("a text file") && !ended.stderr.contains("mv"),
        "{}",
        ended.stderr
    );
    let ended = run("cut.parquet");
    let says = "this is a Parquet file that is cut off";
    assert!(ended.code == 4 && ended.stderr.contains(says), "{}", ended.stderr);
}
