//! What reports tell, and that the page is well-formed, whole and harmless whatever labels are called.

use arrow::array::{ArrayRef, BooleanArray, Int8Array, ListBuilder, StringArray, UInt32Builder};
use base64::Engine as _;
use serde_json::Value as Json;
use sha2::Digest as _;

use crate::support::{Place, array, root, write};

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "input", "br"];

/// The elements of a page, checked to be closed in order; their text is passed over.
fn elements(page: &str) -> Vec<String> {
    let (mut open, mut found, mut rest) = (Vec::new(), Vec::new(), page);
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag ends");
        rest = after;
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order near {after:.80}");
            continue;
        }
        let name = tag.split([' ', '\n']).next().unwrap().to_owned();
        // Quotes in attributes are even, or a name has ended one.
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
        if !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        if ["script", "style"].contains(&name.as_str()) {
            rest = &rest[rest.find(&format!("</{name}>")).unwrap()..];
        }
        found.push(tag.to_owned());
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    found
}

fn page(place: &Place, arguments: &[&str]) -> String {
    let ended = place.run(&[&["compute"][..], arguments, &["--out", "out", "--overwrite"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    std::fs::read_to_string(place.path("out/report.html")).unwrap()
}

fn labels270() -> String {
    root().join("sample_data/labels270").display().to_string()
}

/// Two groups of rows; `owl` is absent from one, `fox` far more frequent there.
fn split(place: &Place) {
    for (part, fox, owl) in [("train", 10, 20), ("test", 60, 0)] {
        let rows = 200;
        let column = |positives: usize| {
            array((0..rows).map(|row| Some(i8::from(row % rows < positives))).collect::<Int8Array>())
        };
        let split: ArrayRef = array(StringArray::from(vec![part; rows]));
        let columns =
            vec![("split", split), ("cat", column(100)), ("fox", column(fox)), ("owl", column(owl))];
        write(&place.path(&format!("data/{part}.parquet")), columns);
    }
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let place = Place::new();
    let page = page(&place, &[&labels270(), "--scheme", "ratio", "--scheme", "sqrt"]);
    let found = elements(&page);
    let ids: Vec<&str> =
        found.iter().filter_map(|tag| tag.split_once(" id=\"")?.1.split('"').next()).collect();
    for (i, id) in ids.iter().enumerate() {
        assert!(!ids[..i].contains(id), "two elements are called {id}");
    }
    for section in [
        "findings",
        "prevalence",
        "weights",
        "irlbl",
        "cardinality",
        "pairs",
        "scumble",
        "measures",
        "labels",
    ] {
        assert!(ids.contains(&section), "{section}");
    }
    for link in found.iter().filter_map(|tag| tag.split_once("href=\"")?.1.split('"').next()) {
        assert!(ids.contains(&link.strip_prefix('#').expect(link)), "{link} leads nowhere");
    }
    assert!(!page.contains("://") && !page.contains("url(") && !page.contains("@import"));
    assert!(!found.iter().any(|tag| tag.contains(" src=") || tag.contains(" on")));
    // Every picture says what it shows, and every table what its columns are.
    for svg in found.iter().filter(|tag| tag.starts_with("svg") && tag.contains("role=\"img\"")) {
        assert!(svg.contains("aria-label=\""), "{svg}");
    }
    assert!(
        found.iter().filter(|tag| tag.starts_with("th ") || *tag == "th").all(|tag| tag.contains("scope="))
    );
    assert!(page.matches("<tr>").count() > 270 && page.len() < 400_000, "{}", page.len());
}

#[test]
fn the_policy_knows_the_script() {
    let place = Place::new();
    let page = page(&place, &[&labels270(), "--formats", "html"]);
    let (_, script) = page.split_once("<script>").unwrap();
    let (script, _) = script.split_once("</script>").unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(script));
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
    assert!(page.contains(&format!("sha256-{hash}")), "the script has the hash sha256-{hash}");
}

#[test]
fn names_are_text_in_every_report() {
    let place = Place::new();
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</style></script><svg/onload=alert(1)>",
        "a|b`c`[x](http://evil)",
        "{{7*7}}${7*7}",
        "line\nbreak\u{202e}\u{1b}[31m",
        &"long ".repeat(200),
    ];
    let column = |i: usize| array((0..20).map(|row| Some(row % (i + 2) == 0)).collect::<BooleanArray>());
    let mut columns: Vec<(&str, ArrayRef)> =
        names.iter().enumerate().map(|(i, name)| (*name, column(i))).collect();
    let group =
        array(StringArray::from_iter_values((0..20).map(|row| if row < 10 { "<b>x</b>" } else { "y" })));
    columns.push(("g", group));
    write(&place.path("d.parquet"), columns);
    let page = page(&place, &["d.parquet", "--by", "g"]);
    let found = elements(&page);
    assert_eq!(found.iter().filter(|tag| tag.starts_with("script")).count(), 1);
    assert!(!found.iter().any(|tag| {
        ["img", "b", "svg/onload"]
            .iter()
            .any(|name| tag.starts_with(name) && !tag.starts_with("body") && !tag.starts_with("button"))
    }));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("&lt;b&gt;x"));
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
    let markdown = std::fs::read_to_string(place.path("out/report.md")).unwrap();
    assert!(markdown.contains("`<script>alert(1)</script>`") && !markdown.contains('\u{1b}'));
}

#[test]
fn groups_show_that_a_split_is_unfit() {
    let place = Place::new();
    split(&place);
    let page = page(&place, &["data", "--by", "split", "--labels", "cat,fox,owl"]);
    let json = place.json("out/imbalance.json");
    let groups = json["groups"].as_array().unwrap();
    let of = |at: usize, key: &str| groups[at][key].clone();
    assert_eq!((of(0, "name"), of(1, "name")), ("split=test".into(), "split=train".into()));
    assert_eq!((of(0, "absent"), of(1, "absent")), (serde_json::json!([2]), serde_json::json!([])));
    // Odds of cat 1, fox 70/330, owl 20/380 in all rows; in test 1, 60/140, 0.
    let ld = ((60.0 / 140.0 - 70.0 / 330.0_f64) + 20.0 / 380.0) / 3.0;
    assert!((of(0, "ld").as_f64().unwrap() - ld).abs() < 1e-12);
    assert_eq!(of(1, "per_label")["positives"], serde_json::json!([100, 10, 20]));
    let ids: Vec<&str> =
        json["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["LABEL_ABSENT_IN_GROUP", "LABEL_SHIFT_IN_GROUP"]);
    assert!(page.contains("id=\"groups\"") && place.path("out/by/split=test/report.html").exists());
    let report = place.run(&["report", "out"]).stdout;
    assert!(report.contains("group split=test: 200 rows, 1 label absent, "), "{report}");
    // What is told again is what was told, whatever is read for it.
    for (format, file) in [("markdown", "report.md"), ("html", "report.html")] {
        let told = std::fs::read_to_string(place.path("out").join(file)).unwrap();
        std::fs::remove_file(place.path("out").join(file)).unwrap();
        let again = place.run(&["report", "out", "--format", format]);
        assert_eq!(again.stdout, told, "{format}");
    }
}

#[test]
fn drift_is_told_against_a_result_that_is_named() {
    let place = Place::new();
    split(&place);
    let first = ["data/train.parquet", "--labels", "cat,fox,owl"];
    // Of a first run there is no last result; a place that holds none is a mistake.
    assert!(!page(&place, &[&first[..], &["--against", "out"]].concat()).contains("id=\"drift\""));
    let wrong = place.run(&["compute", "data", "--out", "other", "--against", "nowhere"]);
    assert_eq!(wrong.code, 4);
    assert!(wrong.stderr.contains("--against") && wrong.stderr.contains("nowhere"), "{}", wrong.stderr);
    let second = ["data/test.parquet", "--labels", "cat,fox,owl", "--against", "out"];
    let page = page(&place, &second);
    assert!(page.contains("id=\"drift\"") && page.contains("+500.0 %"));
    elements(&page);
    let json = place.json("out/imbalance.json");
    assert_eq!(json["drift"]["labels"][0]["label"], "fox");
    assert!(std::fs::read_to_string(place.path("out/report.md")).unwrap().contains("## Against `out`"));
    // The same from two finished runs.
    place.run(&["compute", "data/train.parquet", "--labels", "cat,fox,owl", "--out", "before"]);
    let told = place.run(&["report", "out", "--against", "before", "--format", "html"]);
    assert!(told.stdout.contains("+500.0 %") && told.stdout.contains("id=\"scumble\""), "{}", told.stderr);
    assert!(
        place
            .run(&["report", "out", "--against", "before"])
            .stdout
            .contains("against before: rows 200 → 200")
    );
}

#[test]
fn a_page_of_very_many_labels_stays_small() {
    let place = Place::new();
    let lists = |labels: u32, rows: u32| {
        let mut list = ListBuilder::new(UInt32Builder::new());
        for row in 0..rows {
            (0..8).for_each(|i| list.values().append_value((row * 7919 + i * i * 131) % labels));
            list.append(true);
        }
        array(list.finish())
    };
    for (labels, most) in [(10_000, 2_000_000), (200_000, 400_000)] {
        write(&place.path("d.parquet"), vec![("l", lists(labels, 30_000))]);
        let n = labels.to_string();
        let page = page(&place, &["d.parquet", "--layout", "list", "--labels", "l", "--num-labels", &n]);
        assert!(page.len() < most, "{labels} labels take {} bytes", page.len());
        let listed = page.matches("<th scope=\"row\">").count();
        assert!(if labels > 10_000 { listed < 1200 } else { listed >= 10_000 }, "{listed}");
        elements(&page);
    }
}

#[test]
fn imbalance_json_holds_what_its_schema_says() {
    let place = Place::new();
    split(&place);
    let all =
        ["data", "--by", "split", "--labels", "cat,fox,owl", "--num-features", "7", "--batch-size", "32"];
    page(&place, &[&all[..], &["--compat", "mldr", "--against", "out"]].concat());
    page(&place, &[&all[..], &["--compat", "mldr", "--against", "out"]].concat());
    let schema: Json = serde_json::from_str(&place.run(&["schema", "imbalance"]).stdout).unwrap();
    let json = place.json("out/imbalance.json");
    let keys =
        |json: &Json| json.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let mut known = keys(&schema["properties"]);
    // A result that passed has no failed checks, of neither severity; rows of one label column are neither elements nor heads.
    for key in ["failed_checks", "warned_checks", "unit", "heads"] {
        assert!(known.remove(key), "{key}");
    }
    assert_eq!(keys(&json), known);
    assert_eq!(keys(&json["per_label"]), keys(&schema["properties"]["per_label"]["properties"]));
    for (key, values) in json["per_label"].as_object().unwrap() {
        assert_eq!(values.as_array().unwrap().len(), 3, "{key}");
    }
    assert_eq!((&json["compat"], &json["weights"]["batch_size"]), (&"mldr".into(), &32.into()));
    let listed = place.run(&["list", "measures"]).stdout;
    assert!(keys(&json).iter().all(|key| listed.contains(key.as_str())));
    let none = json["per_label"]["no_positive_in_batch"][2].as_f64().unwrap();
    assert!((none - 0.95_f64.powi(32)).abs() < 1e-12);
}

#[test]
fn packages_read_labels_without_positives_in_two_ways() {
    let place = Place::new();
    let column =
        |positives: usize| array((0..100).map(|row| Some(row < positives)).collect::<BooleanArray>());
    let columns =
        [("a", 80), ("b", 40), ("c", 8), ("d", 0)].map(|(name, positives)| (name, column(positives)));
    write(&place.path("d.parquet"), columns.to_vec());
    let of = |compat: &[&str]| {
        page(&place, &[&["d.parquet", "--labels", "*"][..], compat].concat());
        let json = place.json("out/imbalance.json");
        (json["mean_ir"].as_f64().unwrap(), json["per_label"]["irlbl"][3].clone(), json["scumble"].clone())
    };
    let (mulan, mldr) = (of(&["--compat", "mulan"]), of(&["--compat", "mldr"]));
    assert_eq!((mulan.0, &mulan.1, mldr.0, &mldr.1), (13.0 / 3.0, &Json::Null, 3.25, &0.0.into()));
    // A label that no row has is in no row's SCUMBLE.
    assert_eq!((mulan.2, of(&[]).0), (mldr.2, 13.0 / 3.0));
    for (flag, value, wrong) in [("--compat", "weka", "\"weka\""), ("--batch-size", "0", "--batch-size is 0")]
    {
        let refused = place.run(&["compute", "d.parquet", "--out", "x", flag, value]);
        assert_eq!((refused.code, refused.stderr.contains(wrong)), (2, true), "{}", refused.stderr);
    }
}

#[test]
fn rare_labels_whose_rows_have_frequent_ones_are_said_to_mix() {
    let place = Place::new();
    // (frequent, rare, other) of rows from … to.
    let put = |rows: &[(usize, [i8; 3])]| {
        let lines: Vec<String> = rows
            .iter()
            .flat_map(|(times, [a, b, c])| std::iter::repeat_n(format!("{a},{b},{c}\n"), *times))
            .collect();
        let text = format!("frequent,rare,other\n{}", lines.concat());
        std::fs::write(place.path("a.csv"), text).unwrap();
        page(&place, &["a.csv", "--layout", "wide", "--labels", "frequent,rare,other"])
    };
    // SCUMBLE over all rows is below 0.01 in both.
    let together = put(&[(50, [1, 1, 0]), (4950, [1, 0, 0]), (2500, [0, 0, 1]), (2500, [0, 0, 0])]);
    assert!(together.contains("Rows of 1 of 1 minority label mix them with much more frequent ones"));
    let apart = put(&[(50, [0, 1, 0]), (4950, [1, 0, 0]), (2500, [0, 0, 1]), (2500, [0, 0, 0])]);
    assert!(apart.contains("Rows of minority labels seldom have frequent ones"));
}

/// 216, 60 and 24 rows of three classes, for `CrossEntropyLoss(weight=…)`: weights times positives of inverse frequencies are
/// equal, and a weight moves its logit by its logarithm.
#[test]
fn what_weights_of_classes_do_is_told_for_a_softmax() {
    let place = Place::new();
    let rows = [("none", 216), ("cold", 60), ("flu", 24)];
    let lines: Vec<String> =
        rows.iter().flat_map(|(class, rows)| std::iter::repeat_n(format!("{class}\n"), *rows)).collect();
    std::fs::write(place.path("a.csv"), format!("dx\n{}", lines.concat())).unwrap();
    let scheme = ["--scheme", "inverse-frequency"];
    page(&place, &[&["a.csv", "--layout", "class", "--labels", "dx"][..], &scheme].concat());
    let read =
        |file| -> Json { serde_json::from_str(&std::fs::read_to_string(place.path(file)).unwrap()).unwrap() };
    let (told, weights) = (read("out/imbalance.json"), read("out/weights.json"));
    let of = |name: &str| told["per_label"][name].as_array().unwrap().clone();
    let names = told["label_names"].as_array().unwrap();
    for (at, name) in names.iter().enumerate() {
        let (_, positives) = rows.iter().find(|(class, _)| name == class).unwrap();
        let number = |values: &[Json]| values[at].as_f64().unwrap();
        assert!((number(&of("loss_share")) - 1.0 / 3.0).abs() < 1e-12);
        let weight = weights["weights"]["inverse-frequency"][at].as_f64().unwrap();
        assert!((number(&of("calibration_offset")) - weight.ln()).abs() < 1e-6, "{weight}");
        let share = *positives as f64 / 300.0;
        assert!((number(&of("bias")) - share.ln()).abs() < 1e-12);
    }
    let markdown = std::fs::read_to_string(place.path("out/report.md")).unwrap();
    assert!(
        markdown.contains("while all classes are equally likely") && markdown.contains("CrossEntropyLoss")
    );
}

#[test]
fn a_result_says_what_it_was_made_of_otherwise_than_the_one_it_is_compared_with() {
    let place = Place::new();
    let lines: Vec<String> = (0..400).map(|i| format!("{i},{},{}\n", i % 2, i / 2 % 2)).collect();
    std::fs::write(place.path("a.csv"), format!("uid,n0,n1\n{}", lines.concat())).unwrap();
    let labels = ["a.csv", "--layout", "wide", "--labels", "n0,n1", "--overwrite"];
    let first = place.run(&[&["compute"][..], &labels, &["--out", "first"]].concat());
    assert_eq!(first.code, 0, "{}", first.stderr);
    let told = |more: &[&str]| {
        let page = page(&place, &[&labels[..5], &["--against", "first"], more].concat());
        let markdown = std::fs::read_to_string(place.path("out/report.md")).unwrap();
        let terminal = place.run(&["report", "out", "--against", "first"]).stdout;
        let entry = place.json("out/imbalance.json")["drift"]["differences"].clone();
        ([page, markdown, terminal].map(|text| text.contains("not counted and weighed alike")), entry)
    };
    assert_eq!(told(&[]), ([false; 3], Json::Null));
    let (said, entry) = told(&["--where", "uid < 300"]);
    assert_eq!(said, [true; 3]);
    assert_eq!(entry, serde_json::json!(["where: default → \"uid < 300\""]));
}
