//! Tables of few rows: what hundreds of rows would show, few rows do not rule out, so it is asked.

use serde_json::json;

use crate::passed_over::offers_give;
use crate::readings::{bit, offered, question};
use crate::support::Place;

/// Writes the first `rows` rows of a CSV file.
pub(crate) fn put(place: &Place, name: &str, heading: &str, rows: usize, row: &dyn Fn(usize) -> String) {
    let lines: Vec<String> = std::iter::once(heading.to_owned()).chain((0..rows).map(row)).collect();
    std::fs::write(place.path(name), lines.join("\n") + "\n").unwrap();
}

#[test]
fn few_cells_that_join_others_are_asked_about() {
    let place = Place::new();
    let sets: [&[&str]; 8] = [
        &["edema"],
        &["mass"],
        &["edema", "mass"],
        &["cyst"],
        &["cyst", "mass"],
        &["edema"],
        &["mass"],
        &["cyst", "edema", "mass"],
    ];
    for by in ["+", "/", "&", "-", "_", " ", " and "] {
        for heading in ["target", "id,target"] {
            let id = |i: usize| if heading == "target" { String::new() } else { format!("{i},") };
            put(&place, "few.csv", heading, sets.len(), &|i| format!("{}{}", id(i), sets[i].join(by)));
            let right = json!({"edema": 4, "mass": 5, "cyst": 3});
            assert!(offers_give(&place, "few.csv", &right), "{by:?}: {}", question(&place, &["few.csv"]));
        }
    }
}

#[test]
fn few_rows_with_several_columns_of_classes_are_asked_about() {
    let place = Place::new();
    for rows in [8, 15] {
        put(&place, "few.csv", "image_id,species,dx,category", rows, &|i| {
            let dx = ["flu", "cold", "none"][i % 3];
            format!("k{i},{},{dx},{}", ["cat", "dog"][i % 2], ["a", "b", "c"][i / 2 % 3])
        });
        let offers = offered(&question(&place, &["few.csv"]));
        for one in ["species", "dx", "category"] {
            let flags = format!("--labels {one} --layout class");
            assert!(offers.contains(&flags), "{rows} {flags}: {offers:?}");
        }
    }
}

#[test]
fn a_column_of_classes_between_columns_of_0_and_1_is_asked_about_in_few_rows() {
    let place = Place::new();
    for rows in [25, 120] {
        put(&place, "few.csv", "Fall,Fieber,Husten,Erkrankung,Schmerz,Schwindel", rows, &|i| {
            let class = ["Grippe", "Angina", "Allergie"][i * 7 % 3];
            format!("{i},{},{},{class},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3))
        });
        let offers = offered(&question(&place, &["few.csv"]));
        for right in
            ["--labels Erkrankung --layout class", "--labels Fieber,Husten,Schmerz,Schwindel --layout wide"]
        {
            assert!(offers.iter().any(|one| one == right), "{rows} {right}: {offers:?}");
        }
    }
}

#[test]
fn files_of_labels_with_ids_that_lie_in_several_are_pairs() {
    let place = Place::new();
    let has = |label: usize, image: usize| bit(image, label) == 1;
    for (label, name) in ["edema", "mass", "cyst"].into_iter().enumerate() {
        let images = (0..40).filter(|image| has(label, *image));
        let rows: String = images.map(|image| format!("x_{image},{name}\n")).collect();
        std::fs::create_dir_all(place.path("files")).unwrap();
        std::fs::write(place.path(&format!("files/{name}.csv")), format!("image_id,finding\n{rows}"))
            .unwrap();
    }
    let rows = |label: usize| (0..40).filter(|image| has(label, *image)).count();
    let right = json!({"edema": rows(0), "mass": rows(1), "cyst": rows(2)});
    let asked = question(&place, &["files"]);
    assert!(asked.contains("--labels finding --layout long --id image_id"), "{asked}");
    assert!(offers_give(&place, "files", &right), "{asked}");
}

#[test]
fn a_column_of_0_and_1_beside_classes_may_be_a_head() {
    let place = Place::new();
    put(&place, "heads.csv", "image_id,urgency,department,age", 200, &|i| {
        format!("{i},{},{},{}", bit(i, 0), i * 5 % 7, i * 3 % 9)
    });
    let offers = offered(&question(&place, &["heads.csv"]));
    assert!(offers.contains(&"--labels urgency,department,age --layout class".to_owned()), "{offers:?}");
}

#[test]
fn columns_named_after_the_one_with_labels_are_asked_about() {
    let place = Place::new();
    for (one, other) in [("target", "target2"), ("class", "superclass"), ("label", "label_2")] {
        put(&place, "two.csv", &format!("image_id,{one},{other},x,y2"), 60, &|i| {
            format!(
                "i{i},{},{},{}.5,{}.25",
                ["a", "b", "c"][i % 3],
                ["p", "q"][i / 3 % 2],
                i * 7 % 50,
                i * 3 % 40
            )
        });
        let offers = offered(&question(&place, &["two.csv"]));
        for flags in [one, other].map(|name| format!("--labels {name} --layout class")) {
            assert!(offers.contains(&flags), "{flags}: {offers:?}");
        }
        let both = format!("--labels {one},{other} --layout class");
        assert!(offers.contains(&both), "{both}: {offers:?}");
    }
}

#[test]
fn a_cell_that_no_flag_can_name_does_not_drop_its_column() {
    let place = Place::new();
    put(&place, "one.csv", "id,cat,dog,cow", 60, &|i| {
        let dog = if i == 7 { "\"1,0\"".to_owned() } else { bit(i, 1).to_string() };
        format!("{i},{},{dog},{}", bit(i, 0), bit(i, 2))
    });
    let sum = |j: usize| (0..60).filter(|i| j != 1 || *i != 7).map(|i| u64::from(bit(i, j))).sum::<u64>();
    let right = json!({"cat": sum(0), "dog": sum(1), "cow": sum(2)});
    assert!(offers_give(&place, "one.csv", &right), "{}", question(&place, &["one.csv"]));
}

#[test]
fn the_last_column_of_few_rows_of_features_is_asked_about() {
    let place = Place::new();
    let heading = "Elevation,Slope,Wilderness_Area1,Wilderness_Area2,Soil_Type1,Soil_Type2,Cover_Type";
    for rows in [8, 12] {
        put(&place, "few.csv", heading, rows, &|i| {
            let bits = [bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3)].map(|cell| cell.to_string()).join(",");
            format!("{},{},{bits},{}", 1800 + i * 37, i * 7 % 60, 1 + i % 6)
        });
        let offers = offered(&question(&place, &["few.csv"]));
        assert!(
            offers.iter().any(|flags| flags.contains("--labels Cover_Type --layout class")),
            "{offers:?}"
        );
    }
}
