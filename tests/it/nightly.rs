//! What happens at night: two runs at once, shards that change while they are read, shards that cannot be
//! read, nothing to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use arrow::array::{BooleanArray, Int64Array, StringArray};

use crate::support::{Ended, Place, array, some_of, write};

fn shard(path: &Path, rows: usize, every: usize) {
    let bits = |k: usize| array((0..rows).map(|row| Some(row % (every + k) == 0)).collect::<BooleanArray>());
    write(path, vec![("a", bits(0)), ("b", bits(1))]);
}

fn three(place: &Place) {
    for (i, name) in ["x/0.parquet", "x/1.parquet", "x/2.parquet"].into_iter().enumerate() {
        shard(&place.path(name), 100 + i, 3 + i);
    }
}

fn ok(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn shards_that_cannot_be_read_may_be_left_out_as_a_whole() {
    let place = Place::new();
    three(&place);
    ok(&place.run(&["compute", "x/0.parquet", "x/2.parquet", "--out", "good"]));
    // One footer is gone, and of another shard a page is damaged, which shows when it is counted.
    let bad = std::fs::read(place.path("x/1.parquet")).unwrap();
    std::fs::write(place.path("x/1.parquet"), &bad[..bad.len() / 2]).unwrap();
    shard(&place.path("x/3.parquet"), 5000, 7);
    let mut bytes = std::fs::read(place.path("x/3.parquet")).unwrap();
    bytes[4..40].fill(0xff);
    std::fs::write(place.path("x/3.parquet"), bytes).unwrap();

    let skip = |most: &str, more: &[&str]| {
        let flags =
            ["compute", "x", "--layout", "wide", "--out", "w", "--overwrite", "--on-bad-shard", "skip"];
        place.run(&[&flags[..], &["--max-bad-shards", most], more].concat())
    };
    for more in [&["--engine", "encoded"][..], &["--engine", "plain"], &["--state", "s"], &["--state", "s"]] {
        let ended = skip("2", more);
        ok(&ended);
        assert!(
            ended.stderr.contains("skipped: x/1.parquet") && ended.stderr.contains("skipped: x/3.parquet")
        );
        assert!(ended.stdout.contains("SKIPPED_SHARDS (2 shards)"), "{}", ended.stdout);
        let results = place.json("w/run_results.json");
        assert_eq!(results["status"], "partial");
        let statuses: Vec<_> =
            results["shards"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap()).collect();
        assert!(
            statuses == ["counted", "skipped", "counted", "skipped"]
                || statuses == ["reused", "skipped", "reused", "skipped"],
            "{statuses:?}"
        );
        assert!(results["shards"][3]["reason"].as_str().unwrap().contains("x/3.parquet"));
        for key in ["positives", "negatives", "rows"] {
            assert_eq!(place.json("w/weights.json")[key], place.json("good/weights.json")[key]);
        }
    }
    let ended = skip("1", &[]);
    assert_eq!(ended.code, 4);
    assert!(ended.stderr.contains("x/1.parquet") || ended.stderr.contains("x/3.parquet"), "{}", ended.stderr);
    assert_eq!(place.run(&["compute", "x", "--out", "n"]).code, 4);
    for (flags, says) in [
        (&["--on-bad-shard", "skip"][..], "needs --max-bad-shards"),
        (&["--max-bad-shards", "1"], "needs --on-bad-shard"),
        (&["--on-bad-shard", "ignore", "--max-bad-shards", "1"], "not a choice"),
    ] {
        let ended = place.run(&[&["compute", "x", "--out", "n"][..], flags].concat());
        assert!(ended.code == 2 && ended.stderr.contains(says), "{}", ended.stderr);
    }
    // Of shards that all are bad, nothing is left.
    let ended = place.run(&[
        "compute",
        "x/1.parquet",
        "--out",
        "n",
        "--on-bad-shard",
        "skip",
        "--max-bad-shards",
        "5",
    ]);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
}

#[test]
fn two_runs_at_once_are_one_result() {
    let place = Place::new();
    three(&place);
    ok(&place.run(&["compute", "x", "--out", "one", "--scheme", "ratio"]));
    ok(&place.run(&["compute", "x", "--out", "two", "--scheme", "sqrt"]));
    let whole = |name: &str| std::fs::read(place.path(name).join("weights.json")).unwrap();
    let wanted = [whole("one"), whole("two")];
    let (mut won, mut lost) = (0, 0);
    let rounds = some_of(100) as usize;
    for round in 0..rounds {
        // The first round makes the folder, the others replace it.
        let start = |scheme| {
            place.start(&["compute", "x", "--out", "w", "--scheme", scheme, "--overwrite", "--quiet"])
        };
        let codes = [start("ratio"), start("sqrt")].map(|child| {
            let output = child.wait_with_output().unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
        });
        for (code, said) in &codes {
            assert!(*code == 0 || (*code == 7 && said.contains("another run")), "{round}: {code} {said}");
        }
        won += codes.iter().filter(|(code, _)| *code == 0).count();
        lost += codes.iter().filter(|(code, _)| *code == 7).count();
        assert!(codes.iter().any(|(code, _)| *code == 0), "{round}: {codes:?}");
        assert!(wanted.contains(&whole("w")), "{round}: a mixture");
        let success = place.json("w/_SUCCESS");
        for file in success["outputs"].as_array().unwrap() {
            let bytes =
                std::fs::metadata(place.path("w").join(file["path"].as_str().unwrap())).unwrap().len();
            assert_eq!(bytes, file["bytes"].as_u64().unwrap(), "{round}");
        }
    }
    assert_eq!(won + lost, 2 * rounds);
    let left: Vec<_> = std::fs::read_dir(place.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

/// Starts a count that takes a while, does `harm` once shards are opened, and gives the exit code.
fn disturbed(place: &Place, harm: impl FnOnce(u32)) -> (i32, String) {
    let mut child = place.start(&[
        "compute",
        "big",
        "--out",
        "w",
        "--engine",
        "plain",
        "--verbose",
        "--progress",
        "never",
    ]);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("opened") {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it never opened the shards");
    }
    harm(child.id());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    (child.wait().unwrap().code().unwrap(), rest)
}

#[test]
fn shards_that_change_while_they_are_read_are_noticed() {
    let place = Place::new();
    let make = || {
        (0..4).for_each(|i| shard(&place.path(&format!("big/{i}.parquet")), 2_000_000, 3 + i));
    };
    let last = place.path("big/3.parquet");
    #[expect(clippy::type_complexity, reason = "read once")]
    let harms: [(&str, Box<dyn Fn()>); 4] = [
        (
            "replaced",
            Box::new(|| {
                shard(&place.path("new.parquet"), 10, 2);
                std::fs::rename(place.path("new.parquet"), &last).unwrap();
            }),
        ),
        (
            "truncated",
            Box::new(|| {
                std::fs::OpenOptions::new().write(true).open(&last).unwrap().set_len(100).unwrap();
            }),
        ),
        ("deleted", Box::new(|| std::fs::remove_file(&last).unwrap())),
        ("all gone", Box::new(|| std::fs::remove_dir_all(place.path("big")).unwrap())),
    ];
    for (what, harm) in harms {
        make();
        let (code, said) = disturbed(&place, |_| harm());
        assert_eq!(code, 8, "{what}: {said}");
        let named = if what == "all gone" { "big/" } else { "big/3.parquet" };
        assert!(said.contains(named) && said.contains("during the scan"), "{what}: {said}");
        assert!(!place.path("w/_SUCCESS").exists(), "{what}");
        assert_eq!(place.json("w/run_results.json")["exit_code"], 8);
    }
}

#[test]
fn a_signal_ends_a_run_and_the_account_says_so() {
    let place = Place::new();
    (0..4).for_each(|i| shard(&place.path(&format!("big/{i}.parquet")), 2_000_000, 3 + i));
    for (signal, expected) in [("INT", 130), ("TERM", 143)] {
        let (code, said) = disturbed(&place, |process| {
            let kill = format!("kill -{signal} {process}");
            assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        });
        assert_eq!(code, expected, "{said}");
        assert!(!place.path("w/_SUCCESS").exists());
        let results = place.json("w/run_results.json");
        assert_eq!((&results["status"], &results["exit_code"]), (&"aborted".into(), &expected.into()));
    }
}

#[test]
fn of_a_thousand_shards_only_the_new_one_is_read() {
    let place = Place::new();
    for i in 0..1000 {
        shard(&place.path(&format!("x/{i:04}.parquet")), 50, 2 + i % 7);
    }
    let run = || {
        let flags = ["--overwrite", "--state", "auto", "--row-measures", "off"];
        ok(&place.run(&[&["compute", "x", "--out", "w"][..], &flags].concat()));
        place.json("w/run_results.json")
    };
    let all = run()["inputs"]["bytes_read"].as_u64().unwrap();
    assert!(place.path("w.state").is_file());
    assert_eq!(run()["inputs"]["bytes_read"], 0);
    shard(&place.path("x/1000.parquet"), 50, 5);
    let results = run();
    let one = results["inputs"]["bytes_read"].as_u64().unwrap();
    assert!(one > 0 && one * 900 < all, "{one} of {all}");
    let counted = results["shards"].as_array().unwrap().iter().filter(|shard| shard["status"] == "counted");
    assert_eq!(counted.map(|shard| shard["path"].as_str().unwrap()).collect::<Vec<_>>(), ["x/1000.parquet"]);
    ok(&place.run(&["compute", "x", "--out", "full", "--row-measures", "off"]));
    for file in ["weights.json", "counts.parquet", "report.md"] {
        assert_eq!(
            std::fs::read(place.path("w").join(file)).unwrap(),
            std::fs::read(place.path("full").join(file)).unwrap()
        );
    }
}

fn pairs(place: &Place, name: &str, ids: std::ops::Range<i64>) {
    let rows: Vec<_> = ids.flat_map(|id| (0..=id % 3).map(move |k| (id, (id + k) % 5))).collect();
    let labels = rows.iter().map(|(_, label)| format!("n{label}"));
    write(
        &place.path(name),
        vec![
            ("id", array(rows.iter().map(|(id, _)| Some(*id)).collect::<Int64Array>())),
            ("label", array(StringArray::from_iter_values(labels))),
        ],
    );
}

#[test]
fn counts_of_pairs_are_kept_where_no_other_shard_has_their_rows() {
    let place = Place::new();
    let flags = ["compute", "x", "--layout", "long", "--id", "id", "--labels", "label"];
    let run = |out: &str, more: &[&str]| {
        let ended = place.run(&[&flags[..], &["--out", out, "--overwrite"], more].concat());
        ok(&ended);
        let shards = place.json(&format!("{out}/run_results.json"))["shards"].clone();
        shards
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let same = |one: &str, other: &str| {
        let read = |out: &str| std::fs::read(place.path(out).join("weights.json")).unwrap();
        assert_eq!(read(one), read(other));
    };
    (0..4).for_each(|i| pairs(&place, &format!("x/{i}.parquet"), i * 100..i * 100 + 100));
    assert_eq!(run("w", &["--state", "s"]), ["counted"; 4]);
    assert_eq!(run("w", &["--state", "s"]), ["reused"; 4]);
    run("full", &[]);
    same("w", "full");
    // A shard that shares rows with two others: the three are counted together.
    pairs(&place, "x/4.parquet", 150..250);
    let explained = |more: &[&str]| {
        std::fs::write(place.path("p.toml"), "shards = \"x\"\nout = \"w\"\nstate = \"s\"\nlayout = \"long\"\nid = \"id\"\nlabels = \"label\"\n").unwrap();
        place.run(&[&["run", "p.toml", "--explain"][..], more].concat()).stdout
    };
    let text = explained(&[]);
    assert_eq!(text.matches("counted  ").count(), 3, "{text}");
    assert_eq!(text.matches("reused   ").count(), 2, "{text}");
    assert_eq!(run("w", &["--state", "s"]), ["reused", "counted", "counted", "reused", "counted"]);
    run("full", &[]);
    same("w", "full");
    // Said to be apart, they are counted apart: rows in two shards then are two rows.
    assert_eq!(run("d", &["--state", "d.state", "--ids-disjoint"]), ["counted"; 5]);
    assert_eq!(run("d", &["--state", "d.state", "--ids-disjoint"]), ["reused"; 5]);
    let rows = |out: &str| place.json(&format!("{out}/weights.json"))["rows"].as_u64().unwrap();
    assert_eq!((rows("full"), rows("d")), (400, 500));
    // The true number of rows is put in afterwards, so it does not make kept counts useless.
    assert_eq!(run("w", &["--state", "s", "--num-rows", "1000"])[0], "reused");
    assert_eq!(rows("w"), 1000);
    run("full", &["--num-rows", "1000"]);
    same("w", "full");
}

#[test]
fn nothing_is_done_where_nothing_has_changed() {
    let place = Place::new();
    three(&place);
    let run = |more: &[&str]| {
        place.run(
            &[&["compute", "x", "--out", "w", "--overwrite", "--skip-exit-code", "99"][..], more].concat(),
        )
    };
    ok(&run(&[]));
    let before = std::fs::metadata(place.path("w/weights.json")).unwrap().modified().unwrap();
    let ended = run(&["--summary-json", "s.json"]);
    assert_eq!(ended.code, 99, "{}", ended.stderr);
    assert!(ended.stdout.contains("up to date"), "{}", ended.stdout);
    assert_eq!(std::fs::metadata(place.path("w/weights.json")).unwrap().modified().unwrap(), before);
    assert_eq!(
        (&place.json("s.json")["status"], &place.json("s.json")["exit_code"]),
        (&"unchanged".into(), &99.into())
    );
    // Without --overwrite too, since nothing is overwritten.
    assert_eq!(place.run(&["compute", "x", "--out", "w", "--skip-exit-code", "0"]).code, 0);
    assert_eq!(run(&[]).code, 99);
    // Everything that decides the result is a change.
    ok(&run(&["--scheme", "sqrt"]));
    ok(&run(&[]));
    ok(&run(&["--full"]));
    assert_eq!(run(&[]).code, 99);
    std::fs::remove_file(place.path("w/pos_weight.npy")).unwrap();
    ok(&run(&[]));
    // The same bytes, written again: a time of its own.
    let bytes = std::fs::read(place.path("x/1.parquet")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    std::fs::File::create(place.path("x/1.parquet")).unwrap().write_all(&bytes).unwrap();
    ok(&run(&[]));
    shard(&place.path("x/9.parquet"), 7, 2);
    ok(&run(&[]));
    assert_eq!(run(&[]).code, 99);
    std::fs::remove_file(place.path("x/9.parquet")).unwrap();
    std::fs::write(place.path("x/8.parquet"), "not parquet").unwrap();
    assert_eq!(run(&[]).code, 4);
    std::fs::remove_file(place.path("x/8.parquet")).unwrap();
    ok(&run(&[]));
}

#[test]
fn findings_count_what_they_observe() {
    let place = Place::new();
    three(&place);
    std::fs::write(place.path("x/broken.parquet"), b"PAR1 nothing PAR1").unwrap();
    let skip = ["--on-bad-shard", "skip", "--max-bad-shards", "1", "--clip", "0.9,1.1"];
    let run = ["compute", "x", "--out", "w", "--summary-json", "s.json"];
    let ended = place.run(&[&run[..], &skip].concat());
    ok(&ended);
    let (short, account, report) =
        (place.json("s.json"), place.json("w/run_results.json"), place.json("w/imbalance.json"));
    let of = |file: &serde_json::Value, id: &str| {
        let all = file["findings"].as_array().unwrap();
        let one = all.iter().find(|one| one["id"] == id).unwrap();
        (one["count"].clone(), one["unit"].clone(), one["observed"].as_str().unwrap().to_owned())
    };
    for id in ["SKIPPED_SHARDS", "CLIPPED_WEIGHTS"] {
        let (count, unit, observed) = of(&account, id);
        assert!(count.as_u64().unwrap() > 0, "{id}");
        assert!(observed.starts_with(&format!("{count} {}", unit.as_str().unwrap())), "{id}: {observed}");
        assert_eq!(of(&report, id), (count.clone(), unit.clone(), observed));
        assert_eq!((&short["findings"][id]["count"], &short["findings"][id]["unit"]), (&count, &unit));
    }
    // Reports made from these files say the same.
    let shown = place.run(&["report", "w", "--format", "markdown"]).stdout;
    assert!(shown.contains("SKIPPED_SHARDS") && shown.contains("1 shard"), "{shown}");
}
