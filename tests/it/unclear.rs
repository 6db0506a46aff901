//! Files in which it is not clear what the labels are.

use std::fmt::Write as _;

use arrow::array::{
    ArrayRef, BinaryArray, Float32Array, Int64Array, ListArray, ListBuilder, StringArray, StringBuilder,
    UInt64Array,
};
use arrow::datatypes::{Float32Type, Int32Type};
use serde_json::json;

use crate::readings::{bit, with_odd};
use crate::support::{Place, array, write};

/// Rows of the files made here.
pub(crate) const ROWS: usize = 60;

/// A file of text: a heading, and a row for each number.
pub(crate) fn put(place: &Place, name: &str, heading: &str, row: &dyn Fn(usize) -> String) {
    let mut text = String::new();
    if !heading.is_empty() {
        writeln!(text, "{heading}").unwrap();
    }
    (0..ROWS).for_each(|i| writeln!(text, "{}", row(i)).unwrap());
    std::fs::write(place.path(name), text).unwrap();
}

pub(crate) fn ints(values: impl Iterator<Item = i64>) -> ArrayRef {
    array(values.collect::<Int64Array>())
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    array(StringArray::from_iter_values(values))
}

fn floats(values: impl Iterator<Item = f32>) -> ArrayRef {
    array(Float32Array::from_iter_values(values))
}

fn vectors(cell: &dyn Fn(usize, usize) -> f32) -> ArrayRef {
    let rows = (0..ROWS).map(|i| Some((0..4).map(|j| Some(cell(i, j))).collect::<Vec<_>>()));
    array(ListArray::from_iter_primitive::<Float32Type, _, _>(rows.collect::<Vec<_>>()))
}

/// Sources of many kinds in which it is not clear what the labels are.
pub(crate) fn unclear(place: &Place) -> Vec<&'static str> {
    for (name, odd) in [
        ("na.csv", "NA"),
        ("what.csv", "?"),
        ("blank.csv", "\" \""),
        ("unknown.csv", "unknown"),
        ("two.csv", "2"),
        ("half.csv", "0.5"),
        ("minus.csv", "-1"),
    ] {
        with_odd(place, name, odd);
    }
    put(place, "yes.csv", "cat,dog,bird", &|i| {
        let word = |column| if bit(i, column) == 1 { "Yes" } else { "No" };
        format!("{},{},{}", word(0), if i % 9 == 0 { "N/A" } else { word(1) }, word(2))
    });
    put(place, "mixed.csv", "x,y,z", &|i| {
        let word = |column| if bit(i, column) == 1 { "TRUE" } else { "FALSE" };
        format!("{},{},{}", word(0), if bit(i, 1) == 1 { "t" } else { "f" }, word(2))
    });
    put(place, "signs.csv", "x,y", &|i| format!("{}.5,{}", i * 31 % 17, if bit(i, 0) == 1 { 1 } else { -1 }));
    put(place, "codes.csv", "age,one,two", &|i| {
        let code = |column| if (i + column) % 5 == 0 { -1 } else { i64::from(bit(i, column)) };
        format!("{},{},{}", 20 + i, code(0), code(1))
    });
    put(place, "nines.csv", "one,two,three", &|i| {
        let code = |column| if (i + column) % 5 == 0 { 9 } else { bit(i, column) };
        format!("{},{},{}", code(0), code(1), bit(i, 2))
    });
    put(place, "soft.csv", "toxic,insult,n", &|i| {
        format!("0.{},0.{},{}", 1 + i % 9, 1 + i * 3 % 9, 3 + i % 5)
    });
    put(place, "summaries.csv", "document,target", &|i| format!("text number {i},summary{i}"));
    put(place, "votes.csv", "anger,joy", &|i| {
        let shares = ["0", "0.3333", "0.6667", "1"];
        format!("{},{}", shares[i % 4], shares[i * 3 / 4 % 4])
    });
    put(place, "coded.csv", "person,stroke,gout", &|i| {
        let code = |j: usize| if (i + j).is_multiple_of(7) { 9 } else { 2 - bit(i, j) };
        format!("p{i},{},{}", code(0), code(1))
    });
    put(place, "unknowns.csv", "text,joy,fear", &|i| {
        let cell = |j: usize| if (i + 2 * j).is_multiple_of(4) { 2 } else { bit(i, j) };
        format!("t{i},{},{}", cell(0), cell(1))
    });
    put(place, "dump.csv", "joy,fear,awe", &|i| {
        let cell =
            |j: usize| if (i + j).is_multiple_of(9) { r"\N".to_owned() } else { bit(i, j).to_string() };
        format!("{},{},{}", cell(0), cell(1), cell(2))
    });
    put(place, "raised.csv", "text,joy,fear", &|i| format!("t{i},{},{}", i * 7 % 11 % 4, i * 3 % 13 % 5 % 4));
    put(place, "pairs.csv", "ImageID,LabelName", &|i| {
        format!("img{},{}", if i % 5 == 0 { 0 } else { i }, ["cat", "dog", "bird"][i % 3])
    });
    put(place, "tagged.csv", "img,tag,value", &|i| {
        format!("{}.png,{},{}", i / 3, ["cat", "dog", "bird"][i % 3], bit(i, 0))
    });
    put(place, "sure.csv", "ImageID,LabelName,Confidence", &|i| {
        format!("img{},{},{}", i / 3, ["cat", "dog", "bird"][i % 3], bit(i, 0))
    });
    put(place, "sides.csv", "gender,is_train,cat,dog", &|i| {
        format!("{},{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2), bit(i, 3))
    });
    put(place, "spam.csv", "has_gps,paid,label", &|i| format!("{},{},{}", bit(i, 0), bit(i, 1), bit(i, 2)));
    put(place, "heads.csv", "id,color,shape", &|i| {
        format!("{i},{},{}", ["red", "blue"][i % 2], ["sq", "tri", "oct"][i % 3])
    });
    put(place, "digits.csv", "y", &|i| ["'010'", "'110'", "'001'"][i % 3].replace('\'', "\""));
    put(place, "from_one.csv", "y", &|i| (1 + i % 5).to_string());
    put(place, "sets.csv", "tags", &|i| ["set()", "\"{'w', 'v'}\"", "{'w'}", "nan"][i % 4].to_owned());
    put(place, "numpy.csv", "tags", &|i| ["['w' 'v']", "['w']", "[]"][i % 3].to_owned());
    put(place, "angles.csv", "Id,Tags", &|i| format!("{i},{}", ["<c++><sql>", "<sql>", "<c++>"][i % 3]));
    put(place, "words.csv", "file,attributes", &|i| {
        let words = ["3", "17", "0 17", "0 5", "5 17", "17 3 0", "5 3", "0 3", "17 5 3", "0 17 5 3"];
        format!("{i}.jpg,{}", words[i % 10])
    });
    put(place, "rated.csv", "userId,genre,rating,month", &|i| {
        let rating = ["0.5", "2.5", "4.0", "5.0"][i % 4];
        format!("u{},{},{rating},{}", i / 3, ["drama", "comedy"][i % 2], ["may", "june", "july"][i * 7 % 3])
    });
    put(place, "verified.csv", "ImageID,Source,LabelName,Confidence", &|i| {
        let source = ["crowd", "machine"][i % 2];
        format!("img{},{source},{},{}", i / 3, ["cat", "dog", "bird"][i % 3], bit(i, 0))
    });
    put(place, "species.csv", "species_id,organ", &|i| {
        format!("{},{}", 1_355_868 + i % 4, ["leaf", "flower"][i / 2 % 2])
    });
    put(place, "grid.jsonl", "", &|i| format!("{{\"mask\": [[0, {}], [{}, 0]]}}", i % 3, i % 2));
    put(place, "dicts.jsonl", "", &|i| {
        let names = ["[{\\\"n\\\": \\\"a\\\"}]", "[]"][i % 2];
        format!("{{\"tags\": \"{names}\"}}")
    });
    put(place, "objects.jsonl", "", &|i| {
        let name = ["cat", "dog", "bird"][i % 3];
        format!(
            "{{\"id\": {i}, \"boxes\": [{{\"category\": \"{name}\", \"score\": 0.{}, \"at\": [1, 2]}}]}}",
            1 + i % 9
        )
    });
    put(place, "fields.jsonl", "", &|i| {
        format!("{{\"y\": {{\"cat\": {}, \"dog\": {}}}}}", bit(i, 0), bit(i, 1))
    });
    put(place, "scores.jsonl", "", &|i| {
        format!("{{\"scores\": \"{{\\\"cat\\\": 0.{}, \\\"dog\\\": 0.5}}\"}}", 1 + i % 9)
    });
    let masks = (0..ROWS).map(|i| i64::try_from(i * 37 % 200).unwrap());
    write(
        &place.path("bits.parquet"),
        vec![("attr_mask", ints(masks)), ("file", texts((0..ROWS).map(|i| format!("{i}.jpg"))))],
    );
    let large =
        array(UInt64Array::from_iter_values((0..ROWS as u64).map(|i| (i * 37 % 200) | ((i % 2) << 63))));
    write(&place.path("bits64.parquet"), vec![("m", large)]);
    write(&place.path("probs.parquet"), vec![("probs", vectors(&|i, j| ((i * 7 + j) % 9) as f32 / 10.0))]);
    let small = |i: usize| i32::try_from(i).unwrap();
    let padded = (0..ROWS).map(|i| Some(vec![Some(small(i % 7)), Some(small(9 + i % 3)), Some(-1)]));
    let padded = ListArray::from_iter_primitive::<Int32Type, _, _>(padded.collect::<Vec<_>>());
    write(&place.path("padded.parquet"), vec![("label_ids", array(padded))]);
    let texts_of = |said: [&'static str; 2]| {
        let row = |i| (0..4).map(move |j| Some(said[usize::from(bit(i, j))]));
        let mut rows = ListBuilder::new(StringBuilder::new());
        (0..ROWS).for_each(|i| rows.append_value(row(i)));
        array(rows.finish())
    };
    write(&place.path("text_bits.parquet"), vec![("y", texts_of(["0", "1"]))]);
    write(&place.path("text_sides.parquet"), vec![("y", texts_of(["no", "yes"]))]);
    put(place, "slashes.csv", "f,y", &|i| {
        format!("{i}.png,{}", [0, 1, 2, 3].map(|j| bit(i, j).to_string()).join("/"))
    });
    put(place, "counts.jsonl", "", &|i| {
        format!("{{\"y\": \"{{\\\"cat\\\": {}, \\\"dog\\\": {}}}\"}}", 1 + i % 3, 1 + i % 2)
    });
    let ticks = |j: usize, tick: &'static str, other: Option<&'static str>| {
        array((0..ROWS).map(|i| if bit(i, j) == 1 { Some(tick) } else { other }).collect::<StringArray>())
    };
    write(&place.path("ticks.parquet"), vec![("a", ticks(0, "x", Some(""))), ("b", ticks(1, "x", Some("")))]);
    write(&place.path("own.parquet"), vec![("cat", ticks(0, "cat", None)), ("dog", ticks(1, "dog", None))]);
    put(place, "spaced.csv", "f,y", &|i| {
        format!("{i}.png,{}", ["[0 2]", "[1]", "[0 1  2]", "[ 2 1]"][i % 4])
    });
    put(place, "survey.csv", "id,q1,q2,q3", &|i| {
        let answer = |j, text| if bit(i, j) == 1 { text } else { "" };
        format!("{i},{},{},{}", answer(0, "Python"), answer(1, "R"), answer(2, "SQL and others"))
    });
    put(place, "verdicts.csv", "text,label,answer", &|i| {
        format!("text {i},{},{}", ["cat", "dog", "bird"][i % 3], ["accept", "accept", "reject"][i / 3 % 3])
    });
    put(place, "mids.csv", "video,positive_labels", &|i| {
        let mids = ["/m/09x0r", "/m/05zppz", "/t/dd00003", "/m/04rlf"];
        let some = (0..=i % 3).map(|j| mids[(i / 3 + j) % 4]).collect::<Vec<_>>();
        format!("v{i},\"{}\"", some.join(","))
    });
    put(place, "empty_list.jsonl", "", &|i| {
        let choices = [json!(["cat"]), json!(["cat", "dog"]), json!([])][i % 3].clone();
        json!({"id": i, "annotations": [{"value": {"choices": choices}}], "predictions": []}).to_string()
    });
    put(place, "tokens.jsonl", "", &|i| {
        let mask: Vec<u8> = (0..4).map(|j| u8::from(j <= i % 4)).collect();
        let moods = ["joy", "joy|fear", "fear"][i % 3];
        let ids: Vec<usize> = (0..4).map(|j| 101 + (i * 7 + j * 31) % 2000).collect();
        json!({"input_ids": ids, "attention_mask": mask, "moods": moods}).to_string()
    });
    put(place, "beside_struct.jsonl", "", &|i| {
        let labels = json!({"joy": bit(i, 0), "fear": bit(i, 1)});
        json!({"night": bit(i, 2), "indoor": bit(i, 3), "labels": labels}).to_string()
    });
    put(place, "keywords.jsonl", "", &|i| {
        let words = [json!(["sun"]), json!(["sea", "sun"]), json!(["sea"])][i % 3].clone();
        json!({"keywords": words, "labels": {"joy": bit(i, 0), "fear": bit(i, 1)}}).to_string()
    });
    // The last label has no positive, which indices do not show.
    let has = |i: usize, j: usize| j < 3 && bit(i, j) == 1;
    let indices =
        (0..ROWS).map(|i| Some((0..4).filter(|j| has(i, *j)).map(|j| Some(small(j))).collect::<Vec<_>>()));
    let indices = ListArray::from_iter_primitive::<Int32Type, _, _>(indices.collect::<Vec<_>>());
    let hot = vectors(&|i, j| f32::from(u8::from(has(i, j))));
    write(&place.path("hot.parquet"), vec![("labels", array(indices)), ("onehot", hot)]);
    let packed = |width: usize| -> ArrayRef {
        let number = |i, j| (0..width).map(move |at| if at == 0 { bit(i, j) } else { 0 });
        let row = |i| (0..4).flat_map(|j| number(i, j)).collect::<Vec<u8>>();
        array(BinaryArray::from_iter_values((0..ROWS).map(row)))
    };
    write(&place.path("bytes.parquet"), vec![("y", packed(1))]);
    write(&place.path("packed.parquet"), vec![("y", packed(8))]);
    write(&place.path("logits.parquet"), vec![("labels", vectors(&|i, j| (i * 7 + j) as f32 / 10.0 - 4.0))]);
    write(&place.path("score.parquet"), vec![("label", floats((0..ROWS).map(|i| i as f32 / 3.0)))]);
    vec![
        "na.csv",
        "what.csv",
        "blank.csv",
        "unknown.csv",
        "two.csv",
        "half.csv",
        "minus.csv",
        "yes.csv",
        "mixed.csv",
        "signs.csv",
        "codes.csv",
        "nines.csv",
        "soft.csv",
        "summaries.csv",
        "votes.csv",
        "coded.csv",
        "unknowns.csv",
        "dump.csv",
        "raised.csv",
        "pairs.csv",
        "sure.csv",
        "tagged.csv",
        "sides.csv",
        "spam.csv",
        "heads.csv",
        "digits.csv",
        "from_one.csv",
        "sets.csv",
        "numpy.csv",
        "angles.csv",
        "words.csv",
        "rated.csv",
        "verified.csv",
        "species.csv",
        "grid.jsonl",
        "dicts.jsonl",
        "objects.jsonl",
        "fields.jsonl",
        "scores.jsonl",
        "bits.parquet",
        "bits64.parquet",
        "bytes.parquet",
        "packed.parquet",
        "probs.parquet",
        "padded.parquet",
        "hot.parquet",
        "spaced.csv",
        "survey.csv",
        "verdicts.csv",
        "mids.csv",
        "empty_list.jsonl",
        "tokens.jsonl",
        "keywords.jsonl",
        "beside_struct.jsonl",
        "text_bits.parquet",
        "text_sides.parquet",
        "slashes.csv",
        "counts.jsonl",
        "ticks.parquet",
        "own.parquet",
        "logits.parquet",
        "score.parquet",
    ]
}
