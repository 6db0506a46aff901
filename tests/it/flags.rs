//! Flags that reshape weights or messages: every value of each, with numbers computed by hand.

use arrow::array::BooleanArray;
use serde_json::Value;

use crate::support::{Ended, Place, array, write};

/// Positives among the ten rows of each label: weights by ratio are 4, 1 and 9; `d` has no negatives.
const POSITIVES: [(&str, i32); 4] = [("a", 2), ("b", 5), ("c", 1), ("d", 10)];

fn shard(place: &Place) {
    let bits = |n: i32| array((0..10).map(|row| Some(row < n)).collect::<BooleanArray>());
    write(&place.path("in.parquet"), POSITIVES.iter().map(|(name, n)| (*name, bits(*n))).collect());
}

fn compute(place: &Place, flags: &[&str]) -> Ended {
    let wide = ["compute", "in.parquet", "--layout", "wide", "--out", "out", "--overwrite"];
    place.run(&[&wide[..], flags].concat())
}

/// The vector of a scheme, as 32-bit floats: those of a tensor.
fn vector(place: &Place, scheme: &str) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "as tensors hold it")]
    let single = |weight: &Value| weight.as_f64().unwrap() as f32;
    place.json("out/weights.json")["weights"][scheme].as_array().unwrap().iter().map(single).collect()
}

fn weights(place: &Place, flags: &[&str]) -> Vec<f32> {
    let ended = compute(place, flags);
    assert_eq!(ended.code, 0, "{flags:?}: {}", ended.stderr);
    vector(place, "ratio")
}

#[test]
fn normalize_scales_the_weights_that_come_from_the_formula() {
    let place = Place::new();
    shard(&place);
    // The weights of a, b and c add up to 14; d keeps the value of its policy.
    for (normalize, expected) in [
        ("none", [4.0, 1.0, 9.0, 1.0]),
        ("mean", [12.0 / 14.0, 3.0 / 14.0, 27.0 / 14.0, 1.0]),
        ("sum", [4.0 / 14.0, 1.0 / 14.0, 9.0 / 14.0, 1.0]),
        ("max", [4.0 / 9.0, 1.0 / 9.0, 1.0, 1.0]),
    ] {
        assert_eq!(weights(&place, &["--normalize", normalize]), expected, "{normalize}");
    }
    assert_eq!(weights(&place, &[]), [4.0, 1.0, 9.0, 1.0]);
    // Roots first, which add up to 6; then the scale; then the limits.
    let all = ["--power", "0.5", "--normalize", "mean", "--clip", "0.75,1.25"];
    assert_eq!(weights(&place, &all), [1.0, 0.75, 1.25, 1.0]);
    let refused = compute(&place, &["--normalize", "median"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    for word in ["median", "none", "mean", "sum", "max"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
}

#[test]
fn what_is_added_to_logits_is_not_normalized() {
    let place = Place::new();
    shard(&place);
    let both = ["--scheme", "ratio", "--scheme", "prior-bias", "--normalize", "sum"];
    assert_eq!(weights(&place, &both), [4.0 / 14.0, 1.0 / 14.0, 9.0 / 14.0, 1.0]);
    let bias = [-1.386_294_4, 0.0, -2.197_224_6, 0.0];
    for (found, expected) in vector(&place, "prior-bias").into_iter().zip(bias) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }
}

#[test]
fn zero_negatives_gives_a_label_without_negatives_its_weight() {
    let place = Place::new();
    shard(&place);
    for (value, expected) in [("one", 1.0), ("max", 9.0), ("zero", 0.0), ("2.5", 2.5)] {
        let flag = format!("--zero-negatives={value}");
        assert_eq!(weights(&place, &[&flag]), [4.0, 1.0, 9.0, expected], "{value}");
        assert_eq!(place.json("out/weights.json")["status"][3], "no_negatives");
    }
    // The largest weight is the one after scaling; what a policy gives is not scaled.
    let scaled = weights(&place, &["--zero-negatives", "max", "--normalize", "sum"]);
    assert_eq!(scaled, [4.0 / 14.0, 1.0 / 14.0, 9.0 / 14.0, 9.0 / 14.0]);
    // Labels without positives have a flag of their own.
    let other = weights(&place, &["--zero-negatives", "7", "--zero-positives", "3"]);
    assert_eq!(other, [4.0, 1.0, 9.0, 7.0]);
    let stopped = compute(&place, &["--zero-negatives", "error"]);
    assert_eq!(stopped.code, 4, "{}", stopped.stderr);
    for word in ["\"d\"", "no_negatives", "--zero-negatives"] {
        assert!(stopped.stderr.contains(word), "{word}: {}", stopped.stderr);
    }
    for wrong in ["many", "inf", "NaN", "-0.5"] {
        let refused = compute(&place, &[&format!("--zero-negatives={wrong}")]);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("--zero-negatives") && refused.stderr.contains(wrong),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn a_pipeline_file_says_the_same_as_the_flags() {
    let place = Place::new();
    shard(&place);
    let shared = "shards = \"in.parquet\"\nlayout = \"wide\"\nout = \"out\"\noverwrite = true\n";
    for (keys, expected) in [
        ("normalize = \"mean\"", [12.0 / 14.0, 3.0 / 14.0, 27.0 / 14.0, 1.0]),
        ("zero_negatives = \"max\"", [4.0, 1.0, 9.0, 9.0]),
        ("zero_negatives = 2.5", [4.0, 1.0, 9.0, 2.5]),
    ] {
        std::fs::write(place.path("p.toml"), format!("{shared}{keys}\n")).unwrap();
        let ended = place.run(&["run", "p.toml"]);
        assert_eq!(ended.code, 0, "{keys}: {}", ended.stderr);
        assert_eq!(vector(&place, "ratio"), expected, "{keys}");
    }
}

#[test]
fn messages_are_lines_of_text_or_of_json() {
    let place = Place::new();
    shard(&place);
    // One file that is no shard, left out with a warning.
    std::fs::create_dir(place.path("in")).unwrap();
    std::fs::copy(place.path("in.parquet"), place.path("in/a.parquet")).unwrap();
    std::fs::write(place.path("in/b.parquet"), "no shard").unwrap();
    let run = |more: &[&str]| {
        let wide = [
            "compute",
            "in",
            "--layout",
            "wide",
            "--out",
            "out",
            "--overwrite",
            "--on-bad-shard",
            "skip",
            "--max-bad-shards",
            "1",
        ];
        let ended = place.run(&[&wide[..], more].concat());
        assert_eq!(ended.code, 0, "{more:?}: {}", ended.stderr);
        assert_eq!(vector(&place, "ratio"), [4.0, 1.0, 9.0, 1.0]);
        ended.stderr
    };
    let warning = |stderr: &str| stderr.lines().find(|line| line.contains("b.parquet")).unwrap().to_owned();
    for text in [run(&[]), run(&["--log-format", "text"])] {
        let line = warning(&text);
        assert!(line.starts_with("warning: ") && serde_json::from_str::<Value>(&line).is_err(), "{line}");
    }
    let json = run(&["--log-format", "json"]);
    for line in json.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|cause| panic!("{line}: {cause}"));
        assert!(line["timestamp"].is_string() && line["fields"]["message"].is_string(), "{line}");
    }
    let line: Value = serde_json::from_str(&warning(&json)).unwrap();
    assert_eq!(line["level"], "WARN");
    let more = run(&["--log-format", "json", "--verbose"]);
    assert!(more.lines().count() > json.lines().count(), "{more}");
    assert!(more.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{more}");
    assert_eq!(run(&["--log-format", "json", "--quiet"]), "");
    let refused = compute(&place, &["--log-format", "xml"]);
    assert_eq!(refused.code, 2);
    for word in ["xml", "text", "json"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
}

#[test]
fn errors_are_objects_of_one_line_in_every_verb() {
    let place = Place::new();
    for (arguments, code, kind) in [
        (&["compute", "nothing/", "--out", "w"][..], 4, "input"),
        (&["inspect", "nothing/"], 4, "input"),
        (&["report", "nothing"], 4, "input"),
        (&["diff", "nothing", "other"], 4, "input"),
        (&["sql", "-c", "SELEC 1"], 2, "usage"),
        (&["run", "nothing.toml"], 2, "usage"),
        (&["compute", "--nosuch"], 2, "usage"),
    ] {
        let ended = place.run(&[arguments, &["--log-format", "json"]].concat());
        let lines: Vec<serde_json::Value> =
            ended.stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let last = lines.last().unwrap();
        assert_eq!((ended.code, &last["level"]), (code, &"ERROR".into()), "{arguments:?}: {last}");
        assert_eq!(
            (&last["fields"]["code"], &last["fields"]["kind"]),
            (&code.into(), &kind.into()),
            "{last}"
        );
        assert!(last["fields"]["hint"].is_string() && last["fields"].get("place").is_some(), "{last}");
    }
}
