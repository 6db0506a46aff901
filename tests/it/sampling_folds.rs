//! What is said of folds, of labels on both sides of MeanIR, and of a result that would lie inside a source.

use arrow::array::{BooleanArray, Float64Array, Int64Array, StringArray};
use serde_json::Value as Json;

use crate::support::{Ended, Place, array, write};

/// `rows` rows with a label in every second, in every tenth and in one row; `group` gives what each row belongs to.
fn shards(place: &Place, rows: i64, group: impl Fn(i64) -> Option<f64>) {
    let label = |every: i64| array((0..rows).map(|row| Some(row % every == 0)).collect::<BooleanArray>());
    let columns = vec![
        ("often", label(2)),
        ("some", label(10)),
        ("once", label(rows)),
        ("group", array((0..rows).map(group).collect::<Float64Array>())),
        ("id", array(Int64Array::from_iter_values(0..rows))),
    ];
    write(&place.path("data/a.parquet"), columns);
}

fn sample(place: &Place, more: &[&str]) -> Ended {
    place.run(&[&["sample", "data", "--labels", "often,some,once"], more].concat())
}

fn shown(place: &Place, more: &[&str]) -> String {
    let ended = sample(place, &[more, &["--dry-run"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    ended.stdout
}

#[test]
fn nan_is_no_group_as_null_is_none() {
    let place = Place::new();
    shards(&place, 60, |row| match row {
        _ if row % 5 == 0 => Some(f64::NAN),
        _ if row % 7 == 0 => None,
        _ => Some((row / 10) as f64),
    });
    // 6 groups, 12 NaN, 7 NULL.
    let split = ["--plan", "stratified-split:folds=3", "--groups", "group"];
    let text = shown(&place, &split);
    assert!(text.contains("25 groups of group, each in one fold"), "{text}");
    let weights = place.weights(&["data", "--labels", "often,some,once", "--groups", "group"]);
    assert_eq!(weights["groups"]["count"], 25);
    assert_eq!(weights["positives_groups"][1], 6, "each tenth row is NaN");
}

#[test]
fn folds_without_rows_or_with_other_shares_are_told_with_their_cause() {
    let place = Place::new();
    shards(&place, 600, |row| Some(if row < 400 { 0.0 } else { 1.0 }));
    let groups = ["--groups", "group"];
    let text = shown(&place, &[&["--plan", "stratified-split:folds=4"][..], &groups].concat());
    assert!(text.contains("2 folds have no rows: "), "{text}");
    assert!(text.contains("; group has 2 groups for 4 folds\n"), "{text}");
    let text = shown(&place, &[&["--plan", "stratified-split:folds=2"][..], &groups].concat());
    assert!(text.contains("groups stay whole, and the largest of group has 400 rows\n"), "{text}");
    assert!(text.contains("has 400 rows, its share is 300 rows\n"), "{text}");
    assert!(text.contains("has 200 rows, its share is 300 rows\n"), "{text}");
    // Folds that can have their shares need no word.
    let text = shown(&place, &["--plan", "stratified-split:folds=2"]);
    assert!(!text.contains("its share is") && !text.contains("no rows"), "{text}");
    shards(&place, 3, |_| None);
    let text = shown(&place, &["--plan", "stratified-split:folds=5"]);
    assert!(
        text.contains("2 folds have no rows: ") && text.contains("; there are 3 rows for 5 folds"),
        "{text}"
    );
}

#[test]
fn few_groups_of_different_sizes_make_folds_of_one_size() {
    let place = Place::new();
    // 32 groups of 1, 3, … 61 rows.
    shards(&place, 1000, |row| Some((row as f64).sqrt().floor()));
    let split = ["--plan", "stratified-split:folds=5", "--groups", "group"];
    for seed in ["0", "1", "2"] {
        let ended = sample(&place, &[&split[..], &["--seed", seed, "--out", "out", "--overwrite"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(!ended.stdout.contains("its share is"), "{}", ended.stdout);
        let folds = place.json("out/plan.json")["folds"].clone();
        for fold in folds.as_array().unwrap() {
            assert!(fold["rows"].as_u64().unwrap().abs_diff(200) <= 10, "{folds}");
            assert!(fold["positives"][1].as_u64().unwrap().abs_diff(20) <= 2, "{folds}");
        }
    }
}

#[test]
fn a_fold_without_negatives_is_told_for_ld_leaves_it_out() {
    let place = Place::new();
    // One group has all rows that lack the label.
    shards(&place, 600, |row| Some(f64::from(u8::from(row % 2 == 0))));
    let split = ["--plan", "stratified-split:a=0.5,b=0.5", "--groups", "group"];
    let text = shown(&place, &split);
    assert!(text.contains("has no negative of 1 label: often; LD leaves this out"), "{text}");
    let ended = sample(&place, &[&split[..], &["--out", "out", "--quiet"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let plan = place.json("out/plan.json");
    let of = |key: &str| -> Vec<usize> {
        plan["folds"].as_array().unwrap().iter().map(|fold| fold[key].as_array().unwrap().len()).collect()
    };
    // The rare labels are in the rows that have the frequent one.
    assert_eq!(
        (of("no_negatives").iter().sum::<usize>(), of("absent").iter().sum::<usize>()),
        (1, 3),
        "{plan}"
    );
    assert_eq!(plan["facts"]["largest_group"], 300);
}

#[test]
fn random_folds_are_the_mean_of_draws_and_keep_groups_whole() {
    let place = Place::new();
    // 20 groups that have the label in all their rows or in none.
    shards(&place, 2000, |row| Some((row % 20) as f64));
    let told = |out: &str, more: &[&str]| -> Json {
        let split = ["--plan", "stratified-split:a=0.5,b=0.5", "--quiet", "--out", out];
        let ended = sample(&place, &[&split[..], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        place.json(&format!("{out}/plan.json"))["split"].clone()
    };
    let (rows, groups) = (told("rows", &[]), told("groups", &["--groups", "group"]));
    let random = |split: &Json, of: &str| split[&format!("{of}_random")].as_f64().unwrap();
    assert_eq!(rows["random_draws"], 8);
    assert_eq!(groups["random_draws"], 8);
    // Whole groups by chance are far more uneven than rows by chance: in rows, in labels.
    for of in ["label_distribution", "examples_distribution"] {
        assert!(random(&groups, of) > 2.0 * random(&rows, of), "{of}: {groups} {rows}");
    }
    // The standard deviation of the rows of a fold is √(2000 / 4) = 22, the mean distance 18; of 20 groups of
    // 100 rows it is 224, the mean distance 178.
    assert!((6.0..40.0).contains(&random(&rows, "examples_distribution")), "{rows}");
    assert!((60.0..400.0).contains(&random(&groups, "examples_distribution")), "{groups}");
    assert_eq!(told("again", &["--groups", "group", "--threads", "3"]), groups);
}

#[test]
fn plans_side_by_side_show_folds() {
    let place = Place::new();
    shards(&place, 600, |row| Some((row % 7) as f64));
    let two =
        ["--plan", "ml-ros", "--plan", "stratified-split:a=0.7,b=0.3", "--plan", "stratified-split:folds=7"];
    let text = shown(&place, &two);
    assert!(text.contains("\n  folds a: 420, b: 180 rows; LD "), "{text}");
    assert!(text.contains(", of random folds ") && text.contains(", mean of 8 draws\n"), "{text}");
    assert!(text.contains("\n  7 folds of "), "{text}");
    assert_eq!(text.matches("has no positive of 1 label: once\n").count(), 7, "{text}");
    let alone = shown(&place, &two[2..4]);
    let distance =
        alone.lines().find_map(|line| Some(line.split_once("(LD ")?.1.split_once(',')?.0)).unwrap();
    assert!(text.contains(&format!("; LD {distance}, of random folds ")), "{text}\n{alone}");
}

#[test]
fn labels_that_gain_and_those_beyond_mean_ir_are_told_for_each_plan_in_its_words() {
    let place = Place::new();
    // IRLbl 1, 5 and 300, MeanIR 102.
    shards(&place, 600, |_| None);
    let text = shown(&place, &["--plan", "ml-ros"]);
    assert!(text.contains("2 labels up to MeanIR gain positives in rows cloned for rarer ones: "), "{text}");
    let text = shown(&place, &["--plan", "repeat-factor:threshold=0.3"]);
    assert!(text.contains("2 labels up to MeanIR gain positives: "), "{text}");
    let text = shown(&place, &["--plan", "ml-rus:percent=10"]);
    assert!(text.contains("2 of 2 labels below MeanIR 102 are still below it, 0 above it now\n"), "{text}");
    // Rows of the frequent label are dropped until all that is left of the other is one row or none.
    let text = shown(&place, &["--plan", "ml-rus:percent=100"]);
    assert!(!text.contains("2 of 2 labels below MeanIR 102 are still below it"), "{text}");
}

#[test]
fn a_split_row_may_leave_a_copy_without_a_label_and_that_is_told() {
    let place = Place::new();
    let has = |of: fn(i64) -> bool| array((0..200).map(|row| Some(of(row))).collect::<BooleanArray>());
    // IRLbl 1, 2 and 25, MeanIR 9.3: the first two are on one side of it, and meet in 50 rows.
    let columns = vec![
        ("often", has(|row| row % 2 == 0)),
        ("some", has(|row| row % 4 == 0)),
        ("rare", has(|row| row % 50 == 0)),
    ];
    write(&place.path("data/a.parquet"), columns);
    let run = |plan: &str| {
        let plan = ["sample", "data", "--plan", plan, "--materialize", "--out", "out", "--overwrite"];
        let ended = place.run(&plan);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let query = "SELECT count(*) FILTER (WHERE NOT often AND NOT some AND NOT rare) FROM 'out/sampled'";
        let counted = place.run(&["sql", "-c", query]).stdout;
        let none: u64 = counted.lines().nth(1).unwrap().parse().unwrap();
        (ended.stdout, place.json("out/plan.json")["facts"].clone(), none)
    };
    let (text, facts, none) = run("remedial");
    let (split, empty) = (facts["rows_split"].as_u64().unwrap(), facts["empty_copies"].as_u64().unwrap());
    assert!(empty > 0 && split > empty, "{facts}");
    assert_eq!(none, 100 + empty, "100 rows have no label");
    assert!(
        text.contains(&format!(
            "{split} rows become two with some of the labels each; {empty} of the copies have no label"
        )),
        "{text}"
    );
    assert!(text.contains("one_sided=keep"), "{text}");
    let (text, facts, none) = run("remedial:one_sided=keep");
    assert_eq!(facts["empty_copies"], 0, "{facts}");
    assert_eq!(none, 100);
    assert!(!text.contains("no label") && !text.contains("one_sided=keep leaves"), "{text}");
}

#[test]
fn weights_of_rows_are_refused_in_their_own_words() {
    let place = Place::new();
    shards(&place, 60, |_| Some(2.0));
    let ended = sample(&place, &["--plan", "ml-ros", "--sample-weight", "group", "--dry-run"]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("--sample-weight weighs") && ended.stderr.contains("drop --sample-weight"));
    assert!(!ended.stderr.contains("soft"), "{}", ended.stderr);
}

#[test]
fn the_report_of_a_plan_shows_the_plan() {
    let place = Place::new();
    shards(&place, 60, |_| None);
    let ended = sample(&place, &["--plan", "ml-ros", "--out", "plan"]);
    assert!(ended.stdout.contains("Next: posweight report plan\n"), "{}{}", ended.stdout, ended.stderr);
    let told = std::fs::read_to_string(place.path("plan/plan.md")).unwrap();
    for (format, starts) in [("text", "60 rows, 3 labels"), ("markdown", "# ")] {
        let report = place.run(&["report", "plan", "--format", format]).stdout;
        assert!(report.starts_with(starts), "{report}");
        let lines = told.lines().filter(|line| !line.starts_with("```") && !line.starts_with('#'));
        let missing: Vec<&str> = lines.filter(|line| !report.contains(line)).collect();
        assert!(missing.is_empty() && report.contains("plan ml-ros:percent=25"), "{missing:?}\n{report}");
        assert!(report.contains("NO_NEGATIVES") || report.contains("RARE_LABEL"), "{report}");
        assert_eq!(report.contains("```text"), format == "markdown");
        assert!(report.find("plan ml-ros") < report.find("RARE_LABEL"), "the plan is first: {report}");
    }
    // The same table by its folder, in SQL.
    let counted = place.run(&["sql", "-c", "SELECT count(*) FROM 'plan/plan'"]);
    assert_eq!(counted.stdout, "count(*)\n60\n");
}

#[test]
fn what_tables_leave_out_and_how_rows_were_read_is_told() {
    let place = Place::new();
    let names: Vec<String> = (0..17).map(|label| format!("l{label:02}")).collect();
    let label = |every: usize| array((0..200).map(|row| Some(row % every == 0)).collect::<BooleanArray>());
    // The six rarest have no positives.
    let never = || array((0..200).map(|_| Some(false)).collect::<BooleanArray>());
    let of = |at: usize| if at < 11 { label(at + 2) } else { never() };
    write(
        &place.path("wide/a.parquet"),
        names.iter().enumerate().map(|(at, name)| (name.as_str(), of(at))).collect(),
    );
    let shown = |more: &[&str]| {
        let ended = place.run(&[&["sample"][..], more].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        ended.stdout
    };
    let text = shown(&["wide", "--plan", "ml-ros", "--dry-run"]);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let more = lines.iter().position(|line| *line == "… 7 more").unwrap();
    assert!(lines[more - 1].starts_with("l04") && lines[more + 1].starts_with("l12"), "{text}");
    let text = shown(&["wide", "--plan", "stratified-split:folds=2", "--dry-run"]);
    assert!(text.contains("positives of the 4 labels with the fewest; 7 more\n"), "{text}");
    assert!(text.lines().any(|line| line.contains(" l10  l09  l08  l07")), "{text}");
    // Empty cells are missing rows, which plans take for rows without labels.
    std::fs::create_dir(place.path("csv")).unwrap();
    std::fs::write(place.path("csv/a.csv"), "id,tags\n1,a|b\n2,\n3,a\n4,\n5,b\n").unwrap();
    let csv = ["csv", "--layout", "delimited", "--labels", "tags", "--delimiter", "|", "--plan", "ml-ros"];
    for more in [&["--dry-run"][..], &["--out", "plan"]] {
        let text = shown(&[&csv[..], more].concat());
        assert!(text.contains("warning EMPTY_CELLS (2 of 5 rows)\n  say --null-as negative"), "{text}");
        assert!(!text.contains("RARE_LABEL"), "{text}");
        assert_eq!(text.contains("are of the rows before the plan"), more.len() == 2, "{text}");
    }
    let told = std::fs::read_to_string(place.path("plan/plan.md")).unwrap();
    assert!(told.contains("compute weights of the shards that --materialize writes\n```"), "{told}");
    let split = ["wide", "--plan", "stratified-split:folds=2", "--materialize", "--out", "split"];
    let text = shown(&[&split[..], &["--fold-column", "part"]].concat());
    assert!(text.contains("for one fold, compute weights of sampled/part=NAME\n"), "{text}");
}

#[test]
fn random_folds_without_rows_are_not_drawn_for_comparison() {
    let place = Place::new();
    shards(&place, 600, |row| Some((row % 3) as f64));
    let told = |split: &str| {
        let split = ["--plan", split, "--groups", "group", "--out", "out", "--overwrite"];
        let ended = sample(&place, &split);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        (ended.stdout, place.json("out/plan.json")["split"].clone())
    };
    // Three groups in three folds: a draw has one in each with 2 chances in 9.
    let (text, split) = told("stratified-split:folds=3");
    let draws = split["random_draws"].as_u64().unwrap();
    assert!((1..8).contains(&draws) && text.contains(&format!("mean of {draws} draw")), "{text}");
    // Whatever is drawn, the groups are the folds.
    let of = |key: &str| split[key].as_f64().unwrap();
    assert!((of("label_distribution") - of("label_distribution_random")).abs() < 1e-12, "{split}");
    assert_eq!(of("examples_distribution_random"), 0.0, "{split}");
    let (text, split) = told("stratified-split:folds=4");
    assert!(text.contains("; random folds of groups leave one without rows)\n"), "{text}");
    assert_eq!((&split["random_draws"], &split["label_distribution_random"]), (&0.into(), &Json::Null));
}

#[test]
fn a_result_inside_a_source_is_refused_before_it_spoils_it() {
    let place = Place::new();
    shards(&place, 60, |_| None);
    std::fs::create_dir(place.path("data/deep")).unwrap();
    write(&place.path("other/b.parquet"), vec![("often", array(BooleanArray::from(vec![true, false])))]);
    let labels = ["--labels", "often", "--quiet"];
    for (source, out) in [
        ("data", "data/w"),
        ("data/", "./data/deep/new/w"),
        ("data/**/*.parquet", "data/w"),
        ("data/*/*.parquet", "data/w"),
        ("{other,data}", "data/w"),
        ("other/../data", "data/w"),
    ] {
        for verb in [&["compute"][..], &["sample", "--plan", "ml-ros"]] {
            let ended = place.run(&[verb, &[source, "--out", out], &labels].concat());
            assert_eq!(ended.code, 2, "{source} {out} {}", ended.stderr);
            assert!(
                ended.stderr.contains("would take the files of the result for shards"),
                "{}",
                ended.stderr
            );
            assert!(ended.stderr.contains("/_w"), "{}", ended.stderr);
            assert_eq!(std::fs::read_dir(place.path("data")).unwrap().count(), 2, "nothing is written");
        }
    }
    // Copies are shards as well, wherever a glob finds them.
    let split = ["sample", "data/**/a*.parquet", "--plan", "ml-ros", "--materialize"];
    let ended = place.run(&[&split[..], &["--out", "data/w"], &labels].concat());
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for (source, out) in [
        ("data", "data/_w"),
        ("data", "data/.w"),
        ("data", "w"),
        ("data/*.parquet", "data/deep/w"),
        ("data/a.parquet", "data/deep/v"),
    ] {
        let ended = place.run(&[&["compute", source, "--out", out], &labels[..]].concat());
        assert_eq!(ended.code, 0, "{source} {out} {}", ended.stderr);
    }
    let ended =
        place.run(&["compute", "data/a.parquet", "--labels", "often", "--by", "id", "--out", "data/_by"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    std::fs::remove_dir_all(place.path("data/deep")).unwrap();
    // What was refused leaves the source as it was: the same counts as before.
    let ended = place.run(&[&["compute", "data", "--out", "again"], &labels[..]].concat());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(place.json("again/weights.json")["rows"], 60);
    // Without the result of a dry run, there is nothing to refuse.
    assert!(shown(&place, &["--plan", "ml-ros", "--out", "data/w"]).contains("plan ml-ros"));
}

#[test]
fn names_of_people_in_text_may_be_nan() {
    let place = Place::new();
    let names = ["NaN", "NaN", "Ann", "NaN"];
    let columns = vec![
        ("often", array(BooleanArray::from(vec![true, false, true, false]))),
        ("owner", array(StringArray::from_iter_values(names))),
    ];
    write(&place.path("data/a.parquet"), columns);
    let weights = place.weights(&["data", "--labels", "often", "--groups", "owner"]);
    assert_eq!(weights["groups"]["count"], 2);
}
