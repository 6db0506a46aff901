//! Damaged files of every kind, in every verb and layout: refused, or counted with rows that add up.
//!
//! ```text
//! POSWEIGHT_GAUNTLET_CASES=5000 POSWEIGHT_GAUNTLET_SEED=7 cargo test --test it gauntlet
//! ```
//!
//! runs as many cases as one likes; a fourth of 200 by default, all with `POSWEIGHT_CASES=all`. Every case is one process that reads one damaged file. One that
//! ends otherwise than it may is named by its seed and number, and its file is kept. Each case follows from the seed
//! and its number alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, MapBuilder, RecordBatch, StringArray, StringBuilder, UInt8Builder,
};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterVersion;

use crate::fuzz::{Random, damaged, peak};
use crate::generate::{Settings, array, label_array, lists};
use crate::support::{Place, some, some_of, write_with};

/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);
/// `--memory-limit`, and what a process may take: 20 % more. In kilobytes.
const LIMIT: &str = "256m";
const MEMORY_MAX: u64 = 256 * 1024 * 12 / 10;
/// Exit codes of a damaged spec: a check may find that drift is too large, and it may name a place that is taken.
const RUN: &[i32] = &[2, 3, 5, 7];
/// Cases by default: each target is damaged about twice.
const CASES: u32 = 200;

/// Columns of a shard by their names.
type Columns = Vec<(&'static str, ArrayRef)>;

/// What is read by one run, and which of its files is damaged.
struct Target {
    name: String,
    /// Files by their paths; `case` names the one that is damaged.
    files: Vec<(String, Vec<u8>)>,
    case: String,
    arguments: Vec<String>,
    /// The case is the input, too.
    on_stdin: bool,
    /// Exit codes beside 0, 4, 6 and 8.
    more_codes: &'static [i32],
}

/// Rows of every layout, with the flags that count them.
fn layouts() -> Vec<(&'static str, Columns, Vec<&'static str>)> {
    const ROWS: usize = 400;
    let small = |n: usize| u8::try_from(n).unwrap();
    let codes: Vec<Option<u8>> = (0..ROWS).map(|row| (row % 13 != 0).then_some(small(row % 3 / 2))).collect();
    let names: Vec<Option<u8>> =
        (0..3 * ROWS).map(|row| (row % 17 != 0).then_some(small(row * 7 % 11))).collect();
    let sets = names.chunks(3).map(|row| Some(row.to_vec())).collect();
    let quads: Vec<Option<u8>> = codes.iter().copied().cycle().take(4 * ROWS).collect();
    let vectors = quads.chunks(4).map(|row| Some(row.to_vec())).collect();
    let mut maps = MapBuilder::new(None, StringBuilder::new(), UInt8Builder::new());
    for row in 0..ROWS {
        for label in 0..row % 3 {
            maps.keys().append_value(["a", "b", "c"][label]);
            maps.values().append_option((row % 7 > 0).then_some(small(row % 2)));
        }
        maps.append(row % 19 > 0).unwrap();
    }
    let text = |each: fn(usize) -> String| -> ArrayRef {
        std::sync::Arc::new((0..ROWS).map(|row| Some(each(row))).collect::<StringArray>())
    };
    let id = (0..ROWS).map(|row| i64::try_from(row / 2).ok()).collect::<Int64Array>();
    let class = label_array("text", &names[..ROWS]);
    vec![
        (
            "wide",
            vec![("a", array("bool", &codes)), ("b", array("i32", &codes)), ("c", array("text", &codes[..]))],
            vec!["--labels", "a,b"],
        ),
        ("vector", vec![("y", lists("list", &vectors, |codes| array("u8", codes)))], vec!["--labels", "y"]),
        (
            "list",
            vec![("y", lists("list", &sets, |codes| label_array("text", codes)))],
            vec!["--labels", "y"],
        ),
        ("delimited", vec![("y", text(|row| format!("a{}|b{}", row % 5, row % 3)))], vec!["--labels", "y"]),
        ("class", vec![("y", class.clone())], vec!["--labels", "y"]),
        ("bits", vec![("y", array("u8", &codes))], vec!["--labels", "y", "--num-labels", "8"]),
        ("map", vec![("y", std::sync::Arc::new(maps.finish()))], vec!["--labels", "y"]),
        ("long", vec![("id", std::sync::Arc::new(id)), ("y", class)], vec!["--id", "id", "--labels", "y"]),
        ("json", vec![("y", text(|row| format!("[\"a{}\", \"b\"]", row % 4)))], vec!["--labels", "y"]),
    ]
}

/// Columns beside the labels, for conditions, groups and weights.
fn beside(rows: usize) -> Columns {
    let split = (0..rows).map(|row| Some(["train", "test"][row / 50 % 2])).collect::<StringArray>();
    // All rows of an id weigh the same.
    let weights = (0..rows)
        .map(|row| Some(0.5 + f64::from(u32::try_from(row / 2 % 4).unwrap())))
        .collect::<Float64Array>();
    let patients =
        (0..rows).map(|row| (row % 23 > 0).then(|| format!("patient {}", row % 60))).collect::<StringArray>();
    vec![
        ("split", std::sync::Arc::new(split)),
        ("w", std::sync::Arc::new(weights)),
        ("patient", std::sync::Arc::new(patients)),
    ]
}

fn settings() -> [Settings; 3] {
    let zstd = Compression::ZSTD(ZstdLevel::default());
    [
        Settings { page_rows: 50, ..Settings::plain() },
        Settings { codec: zstd, version: WriterVersion::PARQUET_2_0, group_rows: 150, ..Settings::plain() },
        Settings { codec: Compression::SNAPPY, dictionary_bytes: 8, page_rows: 30, ..Settings::plain() },
    ]
}

fn batch(columns: &Columns) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, array.clone(), true)))
        .unwrap()
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// What counts rows: the verb with what comes before and after the shards.
fn verbs(layout: &'static str, flags: &[&'static str]) -> Vec<(&'static str, Vec<String>)> {
    let read_as = if layout == "json" { "list" } else { layout };
    let count = ["--layout", read_as, "--memory-limit", LIMIT];
    let out = ["--out", "out", "--overwrite"];
    let compute =
        |more: &[&str]| words(&[&["compute", "in"][..], &count, flags, &out, &["--quiet"], more].concat());
    let option = |pair: &[&str]| {
        let value = if pair[1].contains(',') { "[\"a\", \"b\"]" } else { pair[1] };
        format!("{}={value}", pair[0].trim_start_matches('-').replace('-', "_"))
    };
    let options = flags.chunks(2).map(option).collect::<Vec<_>>().join(", ");
    let query = format!("SELECT * FROM label_counts('in', 'layout={read_as}, {options}')");
    let sample = |plan: &str, more: &[&str]| {
        words(&[&["sample", "in", "--plan", plan][..], &count, flags, &out, &["--quiet"], more].concat())
    };
    let mut all = vec![
        ("compute", compute(&[])),
        ("plain", compute(&["--engine", "plain"])),
        ("statistics", compute(&["--trust-statistics"])),
        ("where", compute(&["--where", "split = 'train'"])),
        ("by", compute(&["--by", "split"])),
        ("groups", compute(&["--groups", "patient"])),
        ("weight", compute(&["--sample-weight", "w"])),
        (
            "sql",
            words(&[
                "sql",
                "--memory-limit",
                LIMIT,
                "-c",
                "SELECT split, count(*), sum(w), count(y) FROM 'in' GROUP BY split",
            ]),
        ),
        ("counts in sql", words(&["sql", "--memory-limit", LIMIT, "-c", &query])),
        ("inspect", words(&[&["inspect", "in", "--layout", read_as][..], flags].concat())),
        (
            "split",
            sample(
                "stratified-split",
                if layout == "long" { &[] } else { &["--groups", "patient", "--materialize"] },
            ),
        ),
        (
            "sample",
            sample("repeat-factor:threshold=0.5", if layout == "long" { &[] } else { &["--materialize"] }),
        ),
    ];
    if layout == "wide" {
        all[7].1[4] = all[7].1[4].replace("count(y)", "positives(a)");
    }
    all
}

/// Everything that is damaged, in an order in which few cases are of all kinds.
fn targets() -> Vec<Target> {
    let place = Place::new();
    let mut targets = Vec::new();
    let mut wide = Vec::new();
    for (number, (layout, columns, flags)) in layouts().into_iter().enumerate() {
        let columns = [columns, beside(400)].concat();
        for (turn, (verb, arguments)) in verbs(layout, &flags).into_iter().enumerate() {
            let path = place.path("seed.parquet");
            write_with(&path, columns.clone(), settings()[(number + turn) % 3].properties().build());
            let bytes = std::fs::read(path).unwrap();
            if layout == "wide" && verb == "compute" {
                wide.clone_from(&bytes);
            }
            targets.push(Target {
                name: format!("{layout}, {verb}"),
                files: vec![("in/case.parquet".to_owned(), bytes)],
                case: "in/case.parquet".to_owned(),
                arguments,
                on_stdin: false,
                more_codes: if verb.contains("sql") { &[2] } else { &[] },
            });
        }
        // The same rows in another format, and as a stream.
        let (batch, own) = (batch(&columns), verbs(layout, &flags).swap_remove(0).1);
        let mut file = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        file.write(&batch).unwrap();
        file.finish().unwrap();
        let mut stream = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        stream.write(&batch).unwrap();
        stream.finish().unwrap();
        let from_stdin = own.iter().map(|word| if word == "in" { "-".to_owned() } else { word.clone() });
        for (name, bytes, arguments, on_stdin) in [
            ("in/case.arrow", file.into_inner().unwrap(), own.clone(), false),
            ("case.stream", stream.into_inner().unwrap(), from_stdin.collect(), true),
        ] {
            let (files, case) = (vec![(name.to_owned(), bytes)], name.to_owned());
            targets.push(Target {
                name: format!("{layout}, {name}"),
                files,
                case,
                arguments,
                on_stdin,
                more_codes: &[],
            });
        }
    }
    targets.extend(of_results(&place, &wide));
    targets
}

/// Files that runs read back: counts, reports, specs and saved counts.
fn of_results(place: &Place, shard: &[u8]) -> Vec<Target> {
    let spec = "shards = \"in\"\nout = \"out\"\noverwrite = true\nlabels = [\"a\", \"b\"]\nlayout = \"wide\"\nstate = \"state\"\nby = \"split\"\nscheme = [\"ratio\", \"sqrt\"]\nmemory_limit = \"256m\"\n\n[checks]\nmin_rows = 1\n";
    std::fs::create_dir_all(place.path("in")).unwrap();
    std::fs::write(place.path("in/0.parquet"), shard).unwrap();
    std::fs::write(place.path("spec.toml"), spec).unwrap();
    let ended = place.run(&["run", "spec.toml"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut files = Vec::new();
    let mut folders = vec![place.dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("seed.parquet") {
                let name = path.strip_prefix(place.dir.path()).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    let cases: [(&str, &[&str], &'static [i32]); 12] = [
        ("out/counts.parquet", &["weigh", "out", "--out", "again", "--overwrite"], &[]),
        ("out/counts.parquet", &["report", "out"], &[]),
        (
            "out/counts.parquet",
            &["sql", "--memory-limit", LIMIT, "--run", "out", "-c", "SELECT * FROM counts"],
            &[2],
        ),
        ("out/weights.json", &["report", "out", "--format", "markdown"], &[2]),
        ("out/imbalance.json", &["report", "out", "--format", "html"], &[]),
        ("out/weights.json", &["diff", "out", "out/counts.parquet", "--format", "json"], &[2]),
        ("out/weights.parquet", &["weigh", "out/weights.parquet", "--out", "again", "--overwrite"], &[]),
        (
            "out/imbalance.json",
            &["sql", "--memory-limit", LIMIT, "--run", "out", "-c", "SELECT * FROM imbalance"],
            &[2],
        ),
        ("spec.toml", &["run", "spec.toml"], RUN),
        ("state", &["run", "spec.toml"], &[]),
        ("out/run_results.json", &["run", "spec.toml", "--skip-exit-code", "0"], &[]),
        (
            "out/weights.json",
            &[
                "compute",
                "in",
                "--labels",
                "a,b",
                "--against",
                "out",
                "--out",
                "new",
                "--overwrite",
                "--memory-limit",
                LIMIT,
            ],
            &[2],
        ),
    ];
    let target = |(case, arguments, more_codes): (&str, &[&str], &'static [i32])| {
        assert!(files.iter().any(|(name, _)| name == case), "{case}");
        Target {
            name: format!("{case}, {}", arguments[0]),
            files: files.clone(),
            case: case.to_owned(),
            arguments: words(arguments),
            on_stdin: false,
            more_codes,
        }
    };
    cases.into_iter().map(target).collect()
}

/// How a run over a damaged file has ended: its exit code, or what is wrong.
fn verdict(place: &Place, target: &Target, bytes: &[u8]) -> Result<i32, String> {
    for (name, whole) in &target.files {
        let path = place.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, if *name == target.case { bytes } else { whole }).unwrap();
    }
    let arguments: Vec<&str> = target.arguments.iter().map(String::as_str).collect();
    let mut child = place.start(&arguments);
    let (started, mut memory) = (Instant::now(), 0);
    // All pipes are read while it runs.
    let (stdin, mut stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let input = if target.on_stdin { bytes.to_vec() } else { Vec::new() };
    let fed = std::thread::spawn(move || std::io::Write::write_all(&mut stdin.unwrap(), &input));
    let shown = std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
    let said = std::thread::spawn(move || {
        let mut said = Vec::new();
        std::io::Read::read_to_end(&mut stderr, &mut said)
            .map(|_| String::from_utf8_lossy(&said).into_owned())
    });
    while child.try_wait().unwrap().is_none() {
        memory = memory.max(peak(child.id()));
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err("it hangs".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // A program that refuses may not read to the end.
    let _ = (fed.join().unwrap(), shown.join().unwrap());
    let (code, said) = (child.wait().unwrap().code(), said.join().unwrap().unwrap());
    let is_allowed = |code: i32| [0, 4, 6, 8].contains(&code) || target.more_codes.contains(&code);
    let Some(code) = code.filter(|code| is_allowed(*code)) else {
        return Err(format!("exit code {code:?}: {said}"));
    };
    if memory > MEMORY_MAX {
        return Err(format!("exit code {code}, but it took {} MB", memory >> 10));
    }
    for word in ["panicked", "bug in posweight", "RUST_BACKTRACE", "memory allocation of"] {
        if said.contains(word) {
            return Err(format!("exit code {code}, but it says {word:?}: {said}"));
        }
    }
    let name = Path::new(&target.case).file_stem().unwrap().to_str().unwrap();
    // Weights of one id may differ from shard to shard: the id is named.
    let is_named = said.contains(name) || said.contains("--sample-weight column") && said.contains("row id");
    if code == 4 && !target.on_stdin && !is_named {
        return Err(format!("exit code {code}, but the file is not named: {said}"));
    }
    if code == 0 && target.arguments[0] == "compute" {
        let folder = target.arguments.iter().skip_while(|word| *word != "--out").nth(1).unwrap();
        adds_up(place, folder, target.arguments.iter().any(|word| word == "--sample-weight"))?;
    }
    Ok(code)
}

/// Whether the counts of each label add up to the rows.
fn adds_up(place: &Place, folder: &str, is_weighed: bool) -> Result<(), String> {
    let weights = place.json(&format!("{folder}/weights.json"));
    let sides = ["positives", "negatives", "uncertain", "missing"];
    let rows = weights["rows"].as_u64().ok_or("no rows")?;
    for label in 0..weights["labels"].as_array().ok_or("no labels")?.len() {
        let sum: u64 = sides.iter().map(|side| weights[side][label].as_u64().unwrap()).sum();
        if sum != rows && !is_weighed {
            return Err(format!("label {label} has {sum} of {rows} rows"));
        }
        if let Some(groups) = weights["positives_groups"][label].as_u64()
            && (groups > 0) != (weights["positives"][label].as_u64() > Some(0))
        {
            return Err(format!("label {label} has positives in {groups} groups"));
        }
        if !weights["pos_weight"][label].as_f64().is_some_and(f64::is_finite) {
            return Err(format!("label {label} has no finite weight"));
        }
    }
    Ok(())
}

#[test]
fn whatever_is_damaged_is_refused_or_adds_up() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let cases = number("POSWEIGHT_GAUNTLET_CASES")
        .map_or_else(|| some_of(CASES), |cases| u32::try_from(cases).unwrap());
    let cases = cases as usize;
    let seed: u64 = number("POSWEIGHT_GAUNTLET_SEED").unwrap_or(0);
    let targets = targets();
    let others: Vec<&[u8]> =
        targets.iter().flat_map(|target| &target.files).map(|(_, bytes)| &bytes[..]).collect();
    let (next, wrong, codes) =
        (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(BTreeMap::<i32, usize>::new()));
    let work = || {
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            if case >= cases {
                return;
            }
            // One place for each case: nothing is left of the one before.
            let place = Place::new();
            let mut random = Random(seed.wrapping_mul(1 << 32).wrapping_add(case as u64));
            // Neighbours are of different layouts and verbs.
            let target = &targets[(case * 29 + usize::try_from(seed).unwrap_or(0)) % targets.len()];
            let (_, whole) = target.files.iter().find(|(name, _)| *name == target.case).unwrap();
            let bytes = damaged(whole, &others, &mut random);
            match verdict(&place, target, &bytes) {
                Ok(code) => *codes.lock().unwrap().entry(code).or_default() += 1,
                Err(what) => {
                    let name = target.case.replace('/', "-");
                    let kept = std::env::temp_dir().join(format!("posweight-gauntlet-{seed}-{case}-{name}"));
                    std::fs::write(&kept, bytes).unwrap();
                    let line = format!(
                        "case {case} of seed {seed} ({}; posweight {}), {}: {what}",
                        target.name,
                        target.arguments.join(" "),
                        kept.display()
                    );
                    wrong.lock().unwrap().push(line);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    eprintln!(
        "{cases} damaged files of seed {seed}, {} targets; exit codes {:?}",
        targets.len(),
        codes.into_inner().unwrap()
    );
}

#[test]
fn what_is_not_damaged_is_read() {
    for target in some(targets()) {
        let place = Place::new();
        let (_, whole) = target.files.iter().find(|(name, _)| *name == target.case).unwrap();
        assert_eq!(
            verdict(&place, &target, whole),
            Ok(0),
            "{}: posweight {}",
            target.name,
            target.arguments.join(" ")
        );
    }
}
