//! Columns and files that may hold the labels are not passed over for others without a word.

use arrow::array::{Float64Array, Int64Array};
use serde_json::json;

use crate::readings::{bit, compute, offered, paste, question};
use crate::support::{Place, array, write};
use crate::unclear::{ROWS, put};

const MOODS: [&str; 2] = ["joy", "fear"];

/// The names of the moods that row `i` has.
fn moods(i: usize) -> Vec<&'static str> {
    (0..2).filter(|j| bit(i, *j) == 1).map(|j| MOODS[j]).collect()
}

/// The positives of the moods, in their order by name.
fn positives() -> serde_json::Value {
    let of = |j: usize| (0..ROWS).map(|i| u64::from(bit(i, j))).sum::<u64>();
    json!({"fear": of(1), "joy": of(0)})
}

/// The positives of the last result by the names of its labels.
pub(crate) fn found(place: &Place) -> serde_json::Value {
    let weights = place.json("out/weights.json");
    let labels = weights["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned());
    serde_json::Value::Object(labels.zip(weights["positives"].as_array().unwrap().iter().cloned()).collect())
}

#[test]
fn a_column_that_is_named_as_labels_are_is_asked_about_though_it_needs_a_flag() {
    let place = Place::new();
    let structs =
        |i| json!(moods(i).iter().map(|mood| json!({"name": mood, "by": "ann"})).collect::<Vec<_>>());
    let fields = |i| json!({"joy": bit(i, 0), "fear": bit(i, 1)});
    let angles = |i| json!(moods(i).iter().map(|mood| format!("<{mood}>")).collect::<String>());
    let braces = |i| json!(format!("{{{}}}", moods(i).join(",")));
    let forms: [(&str, &dyn Fn(usize) -> serde_json::Value); 4] =
        [("structs", &structs), ("fields", &fields), ("angles", &angles), ("braces", &braces)];
    let words = |i: usize| json!([["sun"].as_slice(), &["sea", "sun"], &[]][i % 3]);
    let map = |i: usize| json!(format!("{{\"sun\": {}, \"sea\": {}}}", bit(i, 2), bit(i, 3)));
    for (form, labels) in forms {
        for beside in ["columns", "list", "objects"] {
            let name = format!("{form}_{beside}.jsonl");
            put(&place, &name, "", &|i| {
                let mut row = match beside {
                    "columns" => json!({"night": bit(i, 2), "indoor": bit(i, 3)}),
                    "list" => json!({"keywords": words(i)}),
                    _ => json!({"keywords": map(i)}),
                };
                row["labels"] = labels(i);
                row.to_string()
            });
            let asked = question(&place, &[&name]);
            let offers = offered(&asked);
            let is_other = |flags: &String| flags.contains("keywords") || flags.contains("night");
            assert!(offers.iter().any(is_other), "{name}: {asked}");
            let is_right = offers.iter().any(|flags| {
                paste(&place, &name, flags).code == 0 && {
                    let by_path =
                        json!({"labels.joy": positives()["joy"], "labels.fear": positives()["fear"]});
                    [positives(), by_path].contains(&found(&place))
                }
            });
            assert!(is_right, "{name}: {asked}");
        }
    }
    // A coordinate is none of them.
    put(&place, "points.csv", "x,y,joy,fear", &|i| {
        format!("{}.5,{}.25,{},{}", i * 7 % 50, i * 3 % 40, bit(i, 0), bit(i, 1))
    });
    assert_eq!(compute(&place, &["points.csv"]).code, 0);
    assert_eq!(found(&place), positives());
}

#[test]
fn numbers_and_texts_of_which_half_do_not_recur_are_asked_about() {
    let place = Place::new();
    put(&place, "prices.csv", "rooms,target", &|i| format!("{},{}", i % 4, i * i * 17 % 4999));
    put(&place, "half.csv", "text,class", &|i| {
        format!("t{i},{}", if i % 2 == 0 { format!("n{i}") } else { ["cat", "dog"][i % 4 / 2].to_owned() })
    });
    for (source, column) in [("prices.csv", "target"), ("half.csv", "class")] {
        let asked = question(&place, &[source]);
        assert!(asked.contains("half of them do not recur") || asked.contains("hardly any"), "{asked}");
        assert!(offered(&asked).contains(&format!("--labels {column} --layout class")), "{asked}");
    }
    // Many classes of which all rows together have enough.
    put(&place, "classes.csv", "text,label", &|i| format!("t{i},{}", i * 7 % 20));
    assert_eq!(compute(&place, &["classes.csv"]).code, 0);
}

#[test]
fn a_threshold_does_not_join_scores_to_labels_of_zeros_and_ones() {
    let place = Place::new();
    let ints = |j| array((0..ROWS).map(|i| Some(i64::from(bit(i, j)))).collect::<Int64Array>());
    let scores = |step: usize| {
        array((0..ROWS).map(|i| Some((i * step % 100) as f64 / 100.0)).collect::<Float64Array>())
    };
    write(
        &place.path("scores.parquet"),
        vec![
            ("joy", ints(0)),
            ("fear", ints(1)),
            ("joy_score", scores(37)),
            ("fear_score", scores(61)),
            ("blur", scores(13)),
        ],
    );
    for how in [&["--threshold", "0.5"][..], &["--soft"]] {
        let asked = question(&place, &[&["scores.parquet"], how].concat());
        let offers = offered(&asked);
        assert_eq!(offers[0], "--labels joy,fear --layout wide", "{asked}");
        let all = "--labels joy,fear,joy_score,fear_score,blur --layout wide".to_owned();
        assert!(offers.contains(&all), "{asked}");
        for flags in offers {
            let ended = paste(&place, "scores.parquet", &format!("{flags} {}", how.join(" ")));
            assert_eq!(ended.code, 0, "{flags}: {}", ended.stderr);
        }
    }
    assert_eq!(compute(&place, &["scores.parquet"]).code, 0);
    assert_eq!(found(&place), positives());
}

#[test]
fn a_label_that_another_flag_takes_is_named_in_a_finding() {
    let place = Place::new();
    put(&place, "d.csv", "joy,fear,awe,is_train", &|i| {
        format!("{},{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3))
    });
    for flags in [["--by", "awe"], ["--sample-weight", "awe"], ["--groups", "awe"]] {
        let ended = compute(&place, &[&["d.csv", "--where", "is_train = 1"], &flags[..]].concat());
        assert_eq!(ended.code, 0, "{flags:?}: {}", ended.stderr);
        let says = ended.stdout.contains("\"awe\" holds only 0 and 1, but another flag names it");
        assert!(says, "{flags:?}: {}", ended.stdout);
    }
    // A part of the data is no label.
    let ended = compute(&place, &["d.csv", "--by", "is_train"]);
    assert_eq!((ended.code, ended.stdout.contains("another flag names")), (0, false), "{}", ended.stdout);
}

#[test]
fn files_that_hold_something_else_are_passed_over_or_asked_about() {
    let place = Place::new();
    std::fs::create_dir(place.path("d")).unwrap();
    put(&place, "d/train.csv", "image,joy,fear", &|i| format!("{i}.jpg,{},{}", bit(i, 0), bit(i, 1)));
    for form in ["sample_submission", "stage_1_sample_submission", "submission_format"] {
        put(&place, &format!("d/{form}.csv"), "image,joy,fear", &|i| format!("{i}.jpg,0,0"));
    }
    assert_eq!(compute(&place, &["d"]).code, 0);
    assert_eq!(found(&place), positives());
    // Named, it is a shard as others are.
    assert_eq!(place.weights(&["d/*.csv", "d/sample_submission.csv"])["rows"], json!(2 * ROWS));
    std::fs::create_dir(place.path("e")).unwrap();
    put(&place, "e/train.csv", "image,label", &|i| format!("{i}.jpg,{}", i % 3));
    std::fs::write(place.path("e/names.csv"), "label,name\n0,cat\n1,dog\n2,emu\n").unwrap();
    let asked = question(&place, &["e"]);
    for word in
        ["e/train.csv\" has a column \"image\" and none \"name\"", "such as e/train.csv", "--layout class"]
    {
        assert!(asked.contains(word), "{word}: {asked}");
    }
    assert_eq!(place.weights(&["e/train.csv"])["rows"], json!(ROWS));
    assert_eq!(place.weights(&["e", "--labels", "label", "--layout", "class"])["rows"], json!(ROWS + 3));
    // The file that is named is one with the labels.
    std::fs::create_dir(place.path("f")).unwrap();
    put(&place, "f/annotations.csv", "image,label", &|i| format!("{i}.jpg,{}", i % 3));
    put(&place, "f/images.csv", "image,width,height", &|i| {
        format!("{i}.jpg,{},{}", 600 + i % 9, 400 + i % 7)
    });
    let asked = question(&place, &["f"]);
    assert!(asked.contains("such as f/annotations.csv"), "{asked}");
    // A column that later shards have, too, is no question.
    std::fs::write(place.path("e/names.csv"), "image,label,source\na.jpg,0,web\n").unwrap();
    assert_eq!(place.weights(&["e"])["rows"], json!(ROWS + 1));
}

/// Runs `source` without flags and each of its offers, and says whether one gives these positives.
pub(crate) fn offers_give(place: &Place, source: &str, right: &serde_json::Value) -> bool {
    let asked = question(place, &[source]);
    offered(&asked).iter().any(|flags| paste(place, source, flags).code == 0 && found(place) == *right)
}

#[test]
fn the_target_of_a_table_of_features_is_asked_about() {
    let place = Place::new();
    let sum = |j: usize| (0..ROWS).map(|i| u64::from(bit(i, j))).sum::<u64>();
    let alone = |name: &str, j: usize| json!({name: sum(j)});
    put(&place, "apart.csv", "id,has_card,active,salary,exited", &|i| {
        format!("{i},{},{},{}.5,{}", bit(i, 0), bit(i, 1), 900 + i * 37 % 50, bit(i, 2))
    });
    put(&place, "beside.csv", "age,tenure,has_card,left", &|i| {
        format!("{},{}.5,{},{}", 20 + i, 150 + i * 7 % 40, bit(i, 0), bit(i, 1))
    });
    put(&place, "first.csv", "purchased,amount,price,weekend", &|i| {
        format!("{},{}.5,{},{}", bit(i, 0), 900 + i * 37 % 50, 3 + i * 11 % 40, bit(i, 1))
    });
    for (source, right) in [
        ("apart.csv", alone("exited", 2)),
        ("beside.csv", alone("left", 1)),
        ("first.csv", alone("purchased", 0)),
    ] {
        assert!(offers_give(&place, source, &right), "{source}: {}", question(&place, &[source]));
    }
    // Classes behind or before 0/1 columns, and a column named class that is one more feature.
    let third = |i: usize, names: [&str; 3]| names[i % 3].to_owned();
    let each = |names: [&str; 3]| json!({names[0]: 20, names[1]: 20, names[2]: 20});
    put(&place, "symptoms.csv", "itching,fever,cough,prognosis", &|i| {
        let disease = third(i, ["flu", "cold", "acne"]);
        format!("{},{},{},{disease}", bit(i, 0), bit(i, 1), bit(i, 2))
    });
    put(&place, "rings.csv", "rings,insured,promo", &|i| format!("{},{},{}", i % 3, bit(i, 0), bit(i, 1)));
    put(&place, "ticket.csv", "name,class,survived", &|i| {
        format!("n{i},{},{}", third(i, ["First", "Second", "Third"]), bit(i, 0))
    });
    put(&place, "outcome.csv", "text,category,outcome", &|i| {
        format!("t{i},{},{}", ["x", "y"][i % 2], third(i, ["won", "lost", "open"]))
    });
    for (source, right) in [
        ("symptoms.csv", each(["acne", "cold", "flu"])),
        ("rings.csv", each(["0", "1", "2"])),
        ("ticket.csv", alone("survived", 0)),
        ("outcome.csv", each(["lost", "open", "won"])),
    ] {
        assert!(offers_give(&place, source, &right), "{source}: {}", question(&place, &[source]));
    }
    put(&place, "order.csv", "order,insured,gift,order_status", &|i| {
        let status = third(i, ["paid", "sent", "open"]);
        format!("o{i},{},{},{status}", bit(i, 0), bit(i, 1))
    });
    put(&place, "region.csv", "Id,survived,wifi,region,channel", &|i| {
        let region = third(i, ["north", "south", "east"]);
        format!("{i},{},{},{region},{}", bit(i, 0), bit(i, 1), ["web", "shop"][i % 2])
    });
    assert!(offers_give(&place, "order.csv", &each(["open", "paid", "sent"])));
    assert!(offers_give(&place, "region.csv", &alone("survived", 0)));
    put(&place, "list.jsonl", "", &|i| {
        json!({"text": format!("t{i}"), "tags": moods(i), "severity": i % 4}).to_string()
    });
    assert!(offers_give(&place, "list.jsonl", &json!({"0": 15, "1": 15, "2": 15, "3": 15})));
    put(&place, "numbered.csv", "overall_diagnosis,F1,F2,F3,F4", &|i| {
        format!("{},{},{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3), bit(i, 4))
    });
    assert!(offers_give(&place, "numbered.csv", &alone("overall_diagnosis", 0)));
    put(&place, "sentiment.csv", "text,label", &|i| format!("t{i},{}", i64::try_from(i % 3).unwrap() - 1));
    assert!(offers_give(&place, "sentiment.csv", &json!({"-1": 20, "0": 20, "1": 20})));
    put(&place, "machine.csv", "ts,machine_id,vibration,temperature,rpm,fault", &|i| {
        let fault = third(i, ["none", "belt", "seal"]);
        format!("{i},m{},{}.5,{}.25,{},{fault}", i % 4, i * 7 % 50, i * 3 % 40, 900 + i % 6)
    });
    assert_eq!(offered(&question(&place, &["machine.csv"]))[0], "--labels fault --layout class");
    // Columns of labels beside what says which row it is, and what is known of it, are no features.
    put(&place, "image.csv", "image,split,width,joy,fear,awe", &|i| {
        let split = ["train", "test"][i % 2];
        format!("{i}.jpg,{split},{},{},{},{}", 600 + i % 9, bit(i, 0), bit(i, 1), bit(i, 2))
    });
    assert_eq!(compute(&place, &["image.csv"]).code, 0);
    assert_eq!(place.json("out/weights.json")["labels"], json!(["joy", "fear", "awe"]));
}

#[test]
fn columns_of_one_value_say_nothing_beside_lists_of_labels() {
    let place = Place::new();
    put(&place, "tasks.jsonl", "", &|i| {
        let choices = json!([{"value": {"choices": moods(i)}}]);
        json!({"id": i, "total_annotations": 1, "cancelled_annotations": 0, "project": 1, "result": choices})
            .to_string()
    });
    assert!(offers_give(&place, "tasks.jsonl", &positives()), "{}", question(&place, &["tasks.jsonl"]));
}

#[test]
fn a_column_that_gives_pairs_a_value_is_asked_about_whatever_flag_is_given() {
    let place = Place::new();
    put(&place, "verified.csv", "ImageID,Source,LabelName,Confidence", &|i| {
        let source = ["crowd", "machine"][i % 2];
        format!("img{},{source},{},{}", i / 3, ["cat", "dog", "emu"][i % 3], bit(i, 0))
    });
    let yes = |label: usize| (0..ROWS).filter(|i| i % 3 == label).map(|i| u64::from(bit(i, 0))).sum::<u64>();
    let right = json!({"cat": yes(0), "dog": yes(1), "emu": yes(2)});
    let valued = "--labels LabelName --layout long --id ImageID --value Confidence";
    for flags in [
        &["--id", "ImageID"][..],
        &["--layout", "long"],
        &["--labels", "LabelName"],
        &["--labels", "LabelName", "--id", "ImageID"],
        &["--layout", "long", "--labels", "LabelName"],
    ] {
        let asked = question(&place, &[&["verified.csv"], flags].concat());
        assert!(offered(&asked).iter().any(|offer| offer == valued), "{flags:?}: {asked}");
        // Added to the flags that were given.
        let ended = paste(&place, &format!("verified.csv {}", flags.join(" ")), valued);
        assert_eq!((ended.code, found(&place)), (0, right.clone()), "{flags:?}: {}", ended.stderr);
    }
    // Flags that say all are taken at their word.
    let pairs = ["verified.csv", "--labels", "LabelName", "--layout", "long", "--id", "ImageID"];
    assert_eq!(place.weights(&pairs)["positives"], json!([20, 20, 20]));
}

#[test]
fn kaggle_s_files_without_labels_and_files_with_hidden_names_are_named() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("d/train")).unwrap();
    put(&place, "d/train.csv", "id,joy,age,fare", &|i| format!("{i},{},{i},{i}.5", bit(i, 0)));
    put(&place, "d/test.csv", "id,age,fare", &|i| format!("{i},{i},{i}.5"));
    put(&place, "d/gender.csv", "id,joy", &|i| format!("{i},1"));
    let asked = question(&place, &["d"]);
    assert!(asked.contains("name the shards alone, such as d/train.csv"), "{asked}");
    put(&place, "d/train/_classes.csv", "image,joy,fear", &|i| {
        format!("{i}.jpg,{},{}", bit(i, 0), bit(i, 1))
    });
    let refused = compute(&place, &["d/train"]);
    assert!(
        refused.code == 4 && refused.stderr.contains("outright: d/train/_classes.csv"),
        "{}",
        refused.stderr
    );
    assert_eq!(compute(&place, &["d/train/_classes.csv"]).code, 0);
    assert_eq!(found(&place), positives());
}

#[test]
fn sentences_with_a_semicolon_here_and_there_are_no_lists_of_labels() {
    let place = Place::new();
    for column in ["findings", "target", "classes"] {
        for every in [20, 400] {
            crate::small_tables::put(&place, "reports.csv", &format!("uid,Problems,{column}"), 1000, &|i| {
                let words: Vec<String> =
                    (0..12 + i % 7).map(|k| format!("w{}", (i * 37 + k * k * 11) % 997)).collect();
                let sentence = words.join(" ");
                let sentence = if i % every == 3 { sentence.replacen(' ', "; ", 1) } else { sentence };
                format!("{i},{},{sentence}.", ["normal", "Opacity;Mass", "Mass", "Opacity"][i % 4])
            });
            let ended = place.run(&["compute", "reports.csv", "--out", "out", "--overwrite"]);
            let right = json!({"normal": 250, "Opacity": 500, "Mass": 500});
            if ended.code == 0 {
                assert_eq!(found(&place), right, "{column} {every}");
            } else {
                assert!(offers_give(&place, "reports.csv", &right), "{column} {every}: {}", ended.stderr);
            }
        }
    }
}
