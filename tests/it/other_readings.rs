//! Readings that names of columns do not tell: they are offered by what cells and rows look like.

use std::collections::BTreeMap;

use serde_json::json;

use crate::passed_over::{found, offers_give};
use crate::readings::{bit, compute, offered, paste, question};
use crate::small_tables::put as put_rows;
use crate::support::Place;
use crate::unclear::{ROWS, put};

#[test]
fn words_of_other_languages_and_pairs_with_other_ids_are_offered() {
    let place = Place::new();
    let word = |i: usize, j: usize, words: [&str; 3]| {
        words[if (i + j).is_multiple_of(7) { 2 } else { usize::from(bit(i, j)) }].to_owned()
    };
    let known = |j: usize| {
        (0..ROWS).filter(|i| !(i + j).is_multiple_of(7)).map(|i| u64::from(bit(i, j))).sum::<u64>()
    };
    for words in [["nein", "ja", "unbekannt"], ["negative", "positive", "not mentioned"], ["não", "sim", "?"]]
    {
        put(&place, "words.csv", "id,edema,fracture", &|i| {
            format!("{i},{},{}", word(i, 0, words), word(i, 1, words))
        });
        let right = json!({"edema": known(0), "fracture": known(1)});
        assert!(offers_give(&place, "words.csv", &right), "{}", question(&place, &["words.csv"]));
    }
    // A value and how sure it is beside pairs.
    put(&place, "valued.csv", "image_id,class,present,score", &|i| {
        format!("{},{},{},0.{}", i / 3, ["a", "b", "c"][i % 3], bit(i, 2), 11 + i % 71)
    });
    let of = |class: usize| (0..ROWS).filter(|i| i % 3 == class).map(|i| u64::from(bit(i, 2))).sum::<u64>();
    let right = json!({"a": of(0), "b": of(1), "c": of(2)});
    assert!(offers_give(&place, "valued.csv", &right), "{}", question(&place, &["valued.csv"]));
    put(&place, "grid.csv", "fichier,finding,present", &|i| {
        format!("img{},{},{}", i / 3, ["a", "b", "c"][i % 3], bit(i, 2))
    });
    assert!(offers_give(&place, "grid.csv", &right), "{}", question(&place, &["grid.csv"]));
    // Row ids with other names.
    for id in ["record", "id_muestra", "idPaciente", "Bild"] {
        let finding = |i: usize| ["edema", "mass", "nodule"][(i * 2 + i / 2) % 3];
        put(&place, "pairs.csv", &format!("{id},finding"), &|i| format!("r{},{}", i / 2, finding(i)));
        let rows = |of: &str| (0..ROWS).filter(|i| finding(*i) == of).count();
        let right = json!({"edema": rows("edema"), "mass": rows("mass"), "nodule": rows("nodule")});
        let asked = question(&place, &["pairs.csv"]);
        assert!(asked.contains(&format!("--labels finding --layout long --id {id}")), "{asked}");
        assert!(offers_give(&place, "pairs.csv", &right), "{asked}");
    }
    // Objects with a list, and with percent.
    put(&place, "choices.jsonl", "", &|i| {
        let choices = if i % 2 == 0 { json!(["cat"]) } else { json!(["cat", "dog"]) };
        json!({"id": i, "label": json!({"choices": choices}).to_string()}).to_string()
    });
    let right = json!({"cat": ROWS, "dog": ROWS / 2});
    assert!(offers_give(&place, "choices.jsonl", &right), "{}", question(&place, &["choices.jsonl"]));
    put(&place, "percent.jsonl", "", &|i| {
        let codes = format!("{{'NORM': {}.0, 'SR': {}.0}}", [0, 50, 100][i % 3], [100, 0][i % 2]);
        json!({"ecg_id": i, "scp_codes": codes}).to_string()
    });
    let right = json!({"NORM": 40, "SR": 30});
    assert!(offers_give(&place, "percent.jsonl", &right), "{}", question(&place, &["percent.jsonl"]));
    let tags = |i: usize| {
        (0..30)
            .filter(move |tag| (i * 37 + tag * tag * 13 + i * tag * 5) % 61 < 25)
            .map(|tag| format!("'w{tag}'"))
    };
    put(&place, "numpy.csv", "id,codes", &|i| format!("{i},[{}]", tags(i).collect::<Vec<_>>().join(" ")));
    let mut right = BTreeMap::new();
    (0..ROWS).flat_map(tags).for_each(|tag| *right.entry(tag.replace('\'', "")).or_insert(0) += 1);
    assert!(offers_give(&place, "numpy.csv", &json!(right)), "{}", question(&place, &["numpy.csv"]));
    // Texts of many labels each, which hardly recur.
    let tags = |i: usize| {
        (0..50)
            .filter(move |tag| (i * 37 + tag * tag * 13 + i * tag * 5) % 61 < 25)
            .map(|tag| format!("w{tag}"))
    };
    put(&place, "many.csv", "id,words", &|i| format!("{i},{}", tags(i).collect::<Vec<_>>().join("|")));
    let mut right = BTreeMap::new();
    (0..ROWS).flat_map(tags).for_each(|tag| *right.entry(tag).or_insert(0) += 1);
    assert!(offers_give(&place, "many.csv", &json!(right)), "{}", question(&place, &["many.csv"]));
}

#[test]
fn ids_that_start_anew_in_each_file_are_asked_about() {
    let place = Place::new();
    for folder in ["split=train", "split=val"] {
        std::fs::create_dir_all(place.path("folders").join(folder)).unwrap();
    }
    for (file, rows) in [("folders/split=train/part.csv", 60), ("folders/split=val/part.csv", 40)] {
        let mut text = "id,label\n".to_owned();
        (0..rows).for_each(|i| text.push_str(&format!("{i},{}\n", ["x", "y"][(i + i / 3) % 2])));
        std::fs::write(place.path(file), text).unwrap();
    }
    let offers = offered(&question(&place, &["folders"]));
    assert!(offers[0].starts_with("--labels label --layout class"), "{offers:?}");
    assert!(offers.iter().any(|flags| flags.contains("--layout long --id id")), "{offers:?}");
    let of_x = [60, 40].map(|rows| (0..rows).filter(|i| (i + i / 3) % 2 == 0).count()).iter().sum::<usize>();
    assert!(offers_give(&place, "folders", &json!({"x": of_x, "y": 100 - of_x})), "{offers:?}");
    // Of pairs, rows of the same id may be others in the next file.
    for (file, rows) in [("folders/split=train/part.csv", 60), ("folders/split=val/part.csv", 20)] {
        let mut text = "id,label\n".to_owned();
        (0..rows).for_each(|i| text.push_str(&format!("{i},x\n{i},{}\n", ["y", "z"][i % 2])));
        std::fs::write(place.path(file), text).unwrap();
    }
    let asked = question(&place, &["folders"]);
    assert!(asked.contains("do row ids in \"id\" start anew in each file?"), "{asked}");
    let flags = asked.split("say so with ").nth(1).unwrap().split(';').next().unwrap();
    let ended = paste(&place, "folders", flags);
    assert_eq!(
        (ended.code, &place.json("out/weights.json")["rows"]),
        (0, &json!(60)),
        "{flags}: {}",
        ended.stderr
    );
    for (folder, rows) in [("train", 60), ("val", 20)] {
        let source = format!("folders/split={folder}");
        assert_eq!(place.run(&["compute", &source, "--out", folder]).code, 0);
        assert_eq!(place.json(&format!("{folder}/weights.json"))["rows"], rows);
    }
    assert_eq!(place.run(&["weigh", "train", "val", "--out", "both"]).code, 0);
    assert_eq!(place.json("both/weights.json")["rows"], 80);
    // Pairs have ids twice in a file.
    put(&place, "folders/split=val/part.csv", "id,label", &|i| {
        format!("{},{}", 40 + i / 2, ["x", "y"][i % 2])
    });
    assert_eq!(compute(&place, &["folders"]).code, 0);
    assert_eq!(place.json("out/weights.json")["rows"], 70);
}

#[test]
fn sets_of_as_many_labels_in_each_row_are_asked_about() {
    let place = Place::new();
    let pair = |i: usize| {
        let (a, b) = (i % 6, (i + 1 + i / 6 % 5) % 6);
        [a.min(b), a.max(b)]
    };
    let animals = ["ant", "bee", "cat", "dog", "emu", "fox"];
    put(&place, "numbers.csv", "Id,Target", &|i| {
        format!("k{i},{}", pair(i).map(|n| n.to_string()).join(" "))
    });
    put(&place, "plus.csv", "Id,tags", &|i| format!("k{i},{}", pair(i).map(|n| animals[n]).join("+")));
    put(&place, "animals.csv", "Id,tags", &|i| format!("k{i},{}", pair(i).map(|n| animals[n]).join(" ")));
    let rows = |n: usize| (0..ROWS).filter(|i| pair(*i).contains(&n)).count();
    let right = |name: &dyn Fn(usize) -> String| {
        json!((0..6).map(|n| (name(n), rows(n))).collect::<BTreeMap<_, _>>())
    };
    assert!(offers_give(&place, "numbers.csv", &right(&|n| n.to_string())));
    for source in ["animals.csv", "plus.csv"] {
        assert!(offers_give(&place, source, &right(&|n| animals[n].to_owned())), "{source}");
    }
}

#[test]
fn several_columns_of_classes_are_offered_together() {
    let place = Place::new();
    put(&place, "heads.csv", "uid,species,dx,category", &|i| {
        let dx = ["flu", "cold", "none"][i % 3];
        format!("k{i},{},{dx},{}", ["cat", "dog"][i % 2], ["a", "b", "c"][i / 2 % 3])
    });
    put(&place, "same.csv", "species,dx,category", &|i| {
        format!("class_{},{},class_{}", i % 7, ["law", "trust"][i % 2], i * 3 % 7)
    });
    put(&place, "features.csv", "uid,price,height,split,species,dx,category", &|i| {
        let dx = ["flu", "cold", "none"][i % 3];
        let split = ["train", "val"][i % 5 / 4];
        format!(
            "k{i},{i}.5,{},{split},{},{dx},{}",
            i * 7 % 50,
            ["cat", "dog"][i % 2],
            ["a", "b", "c"][i / 2 % 3]
        )
    });
    for source in ["heads.csv", "same.csv", "features.csv"] {
        let offers = offered(&question(&place, &[source]));
        let are_all = |flags: &&String| ["species", "dx", "category"].iter().all(|name| flags.contains(name));
        let all = offers.iter().find(are_all).unwrap_or_else(|| panic!("{source}: {offers:?}"));
        let ended = paste(&place, source, all);
        assert_eq!(ended.code, 0, "{source} {all}: {}", ended.stderr);
        let found = found(&place);
        let has = |name: &str| found.as_object().unwrap().contains_key(name);
        assert!(has("dx=flu") || has("dx=law"), "{source}: {found}");
        assert!(!has("split=train"), "{source}: {found}");
    }
}

#[test]
fn pairs_that_are_listed_again_and_again_are_asked_about() {
    let place = Place::new();
    put(&place, "visits.csv", "patient_id,label", &|i| {
        format!("p{},{}", i * 7 % 12, ["x", "y", "z"][(i * 5 + i / 7) % 2])
    });
    let name = |i: usize| ["x", "y", "z"][(i * 5 + i / 7) % 2];
    let rows = |of: &str| (0..ROWS).filter(|i| name(*i) == of).count();
    assert!(offers_give(&place, "visits.csv", &json!({"x": rows("x"), "y": rows("y")})));
    let offers = offered(&question(&place, &["visits.csv"]));
    assert!(offers.iter().any(|flags| flags.contains("--layout long --id patient_id")), "{offers:?}");
}

#[test]
fn folders_that_may_be_labels_are_named_in_the_question() {
    let place = Place::new();
    for folder in ["cat", "dog", "train"] {
        std::fs::create_dir_all(place.path(&format!("files/{folder}"))).unwrap();
    }
    put(&place, "files/cat/a.csv", "path,x", &|i| format!("{i}.jpg,{i}.5"));
    put(&place, "files/dog/a.csv", "path,x", &|i| format!("{i}.png,{i}.25"));
    let asked = question(&place, &["files"]);
    let says = "mv files/cat 'files/label=cat'; mv files/dog 'files/label=dog'";
    assert!(asked.contains(says), "{asked}");
    for folder in ["cat", "dog"] {
        let (from, to) = (format!("files/{folder}"), format!("files/label={folder}"));
        std::fs::rename(place.path(&from), place.path(&to)).unwrap();
    }
    assert!(offers_give(&place, "files", &json!({"cat": ROWS, "dog": ROWS})));
    // Parts of the data are no labels.
    std::fs::rename(place.path("files/label=cat"), place.path("files/val")).unwrap();
    std::fs::rename(place.path("files/label=dog/a.csv"), place.path("files/train/a.csv")).unwrap();
    std::fs::remove_dir(place.path("files/label=dog")).unwrap();
    assert!(!question(&place, &["files"]).contains("mv "));
}

#[test]
fn a_class_between_rows_and_their_symptoms_is_asked_about() {
    let place = Place::new();
    let kinds = ["allergy", "malaria", "dengue"];
    let symptoms = |i: usize| format!("{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2));
    put(&place, "first.csv", "patient,prognosis,itching,chills,fatigue", &|i| {
        format!("p{i},{},{}", kinds[i % 3], symptoms(i))
    });
    put(&place, "last.csv", "itching,chills,fatigue,illness,source", &|i| {
        format!("{},{},{}", symptoms(i), kinds[i % 3], ["a", "b"][i % 2])
    });
    for source in ["first.csv", "last.csv"] {
        let rows = |of: usize| (0..ROWS).filter(|i| i % 3 == of).count();
        let right = json!({"allergy": rows(0), "malaria": rows(1), "dengue": rows(2)});
        assert!(offers_give(&place, source, &right), "{source}: {}", question(&place, &[source]));
    }
}

#[test]
fn numbers_with_a_decimal_comma_are_no_labels_of_their_digits() {
    let place = Place::new();
    put(&place, "signed.csv", "X;Y;Activity", &|i| {
        let y = format!("{}0,{:05}", ["", "-"][i % 2], i * 7919 % 99_991);
        format!("0,{:04};{y};{}", 1000 + i * 37 % 8999, ["walk", "sit"][i % 2])
    });
    let half = |of: usize| (0..ROWS).filter(|i| i % 2 == of).count();
    let right = json!({"walk": half(0), "sit": half(1)});
    assert!(offers_give(&place, "signed.csv", &right), "{}", question(&place, &["signed.csv"]));
    // Cells of 0 and 1, of which some are empty.
    put(&place, "cells.csv", "id;sick;old", &|i| {
        let old = if i % 7 == 6 { String::new() } else { format!("{},0", bit(i, 1)) };
        format!("{i};{},0;{old}", bit(i, 0))
    });
    assert_eq!(compute(&place, &["cells.csv"]).code, 0);
    let sick = (0..ROWS).map(|i| u64::from(bit(i, 0))).sum::<u64>();
    let old = (0..ROWS).filter(|i| i % 7 < 6).map(|i| u64::from(bit(i, 1))).sum::<u64>();
    assert_eq!(found(&place), json!({"sick": sick, "old": old}));
    // Shares, which may be lists of two numbers where none of them begins behind the comma with a zero.
    put(&place, "shares.csv", "id;rock;pop", &|i| format!("{i};0,0{}5;0,{}25", i % 9, i % 8));
    put(&place, "halves.csv", "id;rock;pop", &|i| format!("{i};0,{};0,{}", 1 + i % 9, 1 + i % 8));
    let at_least = |of: usize| (0..ROWS).filter(|i| 1 + i % of >= 5).count();
    let asked = question(&place, &["halves.csv"]);
    assert!(offers_give(&place, "halves.csv", &json!({"rock": at_least(9), "pop": at_least(8)})), "{asked}");
    for source in ["shares.csv", "halves.csv"] {
        let asked = question(&place, &[source]);
        let soft = offered(&asked).into_iter().find(|flags| flags.contains("--soft")).unwrap();
        assert!(soft.contains("rock") && soft.contains("pop") || soft.starts_with("--soft"), "{asked}");
        assert_eq!(paste(&place, source, &soft).code, 0, "{soft}");
        assert_eq!(found(&place).as_object().unwrap().len(), 2, "{soft}");
    }
}

#[test]
fn a_column_apart_from_a_block_of_labels_is_asked_about() {
    let place = Place::new();
    let names = ["edema", "mass", "nodule", "hernia"];
    let sum = |j: usize| (0..ROWS).map(|i| u64::from(bit(i, j))).sum::<u64>();
    let right: serde_json::Value = (0..4).map(|j| (names[j], sum(j))).collect();
    for between in ["lat,year,title", "title", "lat,created"] {
        for is_first in [true, false] {
            let block = |i: usize| (0..4).map(|j| bit(i, j).to_string()).collect::<Vec<_>>().join(",");
            let heading = |block: &str| {
                if is_first {
                    format!("id,has_image,{between},{block}")
                } else {
                    format!("id,{block},{between},has_image")
                }
            };
            put(&place, "apart.csv", &heading(&names.join(",")), &|i| {
                let cell = |name: &str| match name {
                    "lat" => format!("{}.{}", i % 50, i % 7),
                    "year" => (1990 + i % 30).to_string(),
                    "created" => format!("2024-01-{:02}", 1 + i % 28),
                    _ => format!("w{i} a b"),
                };
                let beside: Vec<String> = between.split(',').map(cell).collect();
                let (apart, beside) = (bit(i, 6), beside.join(","));
                if is_first {
                    format!("{i},{apart},{beside},{}", block(i))
                } else {
                    format!("{i},{},{beside},{apart}", block(i))
                }
            });
            assert!(offers_give(&place, "apart.csv", &right), "{between} {is_first}");
        }
    }
}

#[test]
fn numbers_as_frequent_as_masks_are_asked_about() {
    const ROWS: usize = 400;
    let place = Place::new();
    for bits in [3, 5] {
        // Bit j is set in one of 3 + j rows, whatever the others are.
        let mask = |i: usize| {
            let has = |j: &usize| (i * [37, 41, 43, 47, 53][*j] / 7).is_multiple_of(3 + j);
            (0..bits).filter(has).map(|j| 1 << j).sum::<u32>()
        };
        let row =
            |i: usize| format!("k{i},{},{}\n", ["train", "val"][usize::from(i.is_multiple_of(9))], mask(i));
        let text: String =
            std::iter::once("image,split,labels\n".to_owned()).chain((0..ROWS).map(row)).collect();
        std::fs::write(place.path("masks.csv"), text).unwrap();
        let sums = (0..bits).map(|j| (j.to_string(), (0..ROWS).filter(|i| mask(*i) >> j & 1 == 1).count()));
        let right: serde_json::Value = sums.collect();
        assert!(offers_give(&place, "masks.csv", &right), "{bits}: {}", question(&place, &["masks.csv"]));
    }
}

#[test]
fn a_grid_of_ids_and_labels_with_values_is_asked_about() {
    let place = Place::new();
    let labels = ["Edema", "Mass", "Nodule", "Hernia"];
    for ids in [20, 400] {
        let is_set = |id: usize, label: usize| (id * 13 + label * 5).is_multiple_of(3 + label);
        for heading in ["study,reader,label,value", "study,label,value,seen_on"] {
            put_rows(&place, "grid.csv", heading, ids * labels.len(), &|i| {
                let (id, label) = (i / labels.len(), i % labels.len());
                let value = u8::from(is_set(id, label));
                if heading.ends_with("value") {
                    format!("S{id:04},{},{},{value}", ["ana", "eva"][i * 7 % 5 % 2], labels[label])
                } else {
                    format!("S{id:04},{},{value},2024-03-{:02}", labels[label], 1 + i % 28)
                }
            });
            let sum = |label: usize| (0..ids).filter(|id| is_set(*id, label)).count();
            let right: serde_json::Value = (0..4).map(|label| (labels[label], sum(label))).collect();
            let asked = question(&place, &["grid.csv"]);
            assert!(offers_give(&place, "grid.csv", &right), "{ids} {heading}: {asked}");
        }
    }
    // Visits of persons, each with one class, are rows as they are.
    put_rows(&place, "visits.csv", "study,reader,label,value", 400, &|i| {
        let [reader, label] = [["ana", "eva"][i % 2], labels[i * i % 11 % 4]];
        format!("S{:04},{reader},{label},{}", i / 7, bit(i, 2))
    });
    let ended = compute(&place, &["visits.csv"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn classes_in_numbers_behind_a_running_number_are_asked_about() {
    let place = Place::new();
    for rows in [30, 300] {
        put_rows(&place, "cases.csv", "Fall,Klasse,Fieber,Husten,Schmerz,Schwindel", rows, &|i| {
            let bits = (0..4).map(|j| bit(i, j).to_string()).collect::<Vec<_>>().join(",");
            format!("{},{},{bits}", i + 1, 1 + i * i % 7 % 3)
        });
        let offers = offered(&question(&place, &["cases.csv"]));
        assert!(offers.iter().any(|flags| flags.contains("--labels Klasse --layout class")), "{offers:?}");
    }
}
