//! Artifacts read back, and their bytes depend on nothing but inputs and spec.

use std::fs;

use safetensors::SafeTensors;

use crate::support::{Place, root};

fn labels270() -> String {
    root().join("sample_data/labels270").display().to_string()
}

fn files(place: &Place, folder: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(place.path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.ends_with("run_results.json"))
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn json_safetensors_and_npy_hold_one_vector() {
    let place = Place::new();
    let weights = place.weights(&[&labels270(), "--scheme", "ratio", "--scheme", "balanced"]);
    #[expect(clippy::cast_possible_truncation, reason = "as a training loop does")]
    let json: Vec<f32> =
        weights["pos_weight"].as_array().unwrap().iter().map(|w| w.as_f64().unwrap() as f32).collect();
    let bytes = fs::read(place.path("out/pos_weight.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor("pos_weight").unwrap();
    assert_eq!(tensor.shape(), [270]);
    let f32s =
        |bytes: &[u8]| bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>();
    assert_eq!(f32s(tensor.data()), json);
    for name in ["balanced", "balanced_negative", "prior_bias", "positives", "negatives"] {
        assert_eq!(tensors.tensor(name).unwrap().shape(), [270], "{name}");
    }
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let labels: Vec<String> = serde_json::from_str(&header.metadata().clone().unwrap()["labels"]).unwrap();
    assert_eq!(labels[269], "l269");
    let npy = fs::read(place.path("out/pos_weight.npy")).unwrap();
    let npy = npyz::NpyFile::new(&npy[..]).unwrap();
    assert_eq!(npy.shape(), [270]);
    assert_eq!(npy.into_vec::<f32>().unwrap(), json);
}

#[test]
fn threads_and_shard_order_change_no_byte() {
    let place = Place::new();
    let shard = |i: usize| format!("{}/part-{i}.parquet", labels270());
    let run = |out: &str, order: [usize; 4], threads: &str| {
        let shards = order.map(shard);
        let mut arguments = vec!["compute"];
        arguments.extend(shards.iter().map(String::as_str));
        arguments.extend(["--labels", "l*", "--threads", threads, "--out", out]);
        assert_eq!(place.run(&arguments).code, 0);
        files(&place, out)
    };
    let one = run("one", [0, 1, 2, 3], "1");
    assert_eq!(one.len(), 10);
    assert_eq!(one, run("two", [3, 1, 0, 2], "4"));
}

#[test]
fn saved_counts_merge_to_the_whole_and_weigh_the_same() {
    let place = Place::new();
    let whole = place.weights(&[&labels270(), "--labels", "l*"]);
    for i in 0..4 {
        let shard = format!("{}/part-{i}.parquet", labels270());
        let out = format!("part{i}");
        assert_eq!(place.run(&["compute", &shard, "--labels", "l*", "--out", &out]).code, 0);
    }
    let merged = place.run(&["weigh", "part2", "part0/counts.parquet", "part3", "part1", "--out", "merged"]);
    assert_eq!(merged.code, 0, "{}", merged.stderr);
    let merged = place.json("merged/weights.json");
    for key in ["rows", "labels", "positives", "negatives", "missing", "pos_weight", "status"] {
        assert_eq!(whole[key], merged[key], "{key}");
    }
    // Whatever the order and the grouping: the bytes of one run over all shards.
    let weigh = |parts: &[&str], out: &str| {
        let ended = place.run(&[&["weigh"][..], parts, &["--out", out, "--overwrite"]].concat());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        std::fs::read(place.path(out).join("counts.parquet")).unwrap()
    };
    let one = std::fs::read(place.path("out/counts.parquet")).unwrap();
    assert_eq!(weigh(&["part3", "part1", "part0", "part2"], "m"), one);
    weigh(&["part2", "part0"], "left");
    weigh(&["part3"], "right");
    assert_eq!(weigh(&["right", "left", "part1"], "m"), one);
    weigh(&["left", "part1"], "left");
    assert_eq!(weigh(&["left", "right"], "m"), one);
    let other = root().join("sample_data/wide").display().to_string();
    assert_eq!(place.run(&["compute", &other, "--labels", "cat", "--out", "other"]).code, 0);
    let refused = place.run(&["weigh", "part0", "other", "--out", "refused"]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.stderr.contains("label 0 is \"l000\" on one side and \"cat\" on the other"),
        "{}",
        refused.stderr
    );
    assert!(!place.path("refused").exists());
}

#[test]
fn success_names_every_file_with_its_hash() {
    let place = Place::new();
    place.weights(&[&labels270()]);
    let success = place.json("out/_SUCCESS");
    let results = place.json("out/run_results.json");
    assert_eq!(success["outputs"], results["outputs"]);
    assert_eq!((results["status"].as_str(), results["exit_code"].as_u64()), (Some("done"), Some(0)));
    for file in success["outputs"].as_array().unwrap() {
        use sha2::Digest;
        let bytes = fs::read(place.path("out").join(file["path"].as_str().unwrap())).unwrap();
        let hash: String = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(file["sha256"], hash);
    }
}

#[test]
fn reports_are_made_again_from_the_folder() {
    let place = Place::new();
    place.weights(&[&labels270(), "--clip", "0,50"]);
    let markdown = place.run(&["report", "out", "--format", "markdown"]);
    assert!(markdown.stdout.contains("**CLIPPED_WEIGHTS**") && markdown.stdout.contains("`l269`"));
    let json: serde_json::Value =
        serde_json::from_str(&place.run(&["report", "out", "--format", "json"]).stdout).unwrap();
    assert_eq!(json, place.json("out/imbalance.json"));
}
