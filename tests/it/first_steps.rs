//! What a new user meets first: help that fits, a demo, a check of the machine, manual pages; and what a package needs.

use std::collections::BTreeSet;

use crate::support::{Ended, Place, left_out, root};

/// Lines of two screens.
const TWO_SCREENS: usize = 60;

#[test]
fn help_fits_two_screens_and_help_all_shows_every_flag() {
    let place = Place::new();
    for verb in ["compute", "run", "sample"] {
        let short = place.run(&[verb, "--help"]).stdout;
        assert!(short.lines().count() <= TWO_SCREENS, "{verb}: {} lines\n{short}", short.lines().count());
        let more = format!("posweight {verb} --help-all");
        assert!(short.contains(&more), "{verb}: {short}");
        let all = place.run(&[verb, "--help-all"]);
        assert_eq!(all.code, 0, "{}", all.stderr);
        for flag in ["--max-bad-shards", "--memory-limit", "--log-format"] {
            assert!(all.stdout.contains(flag) || verb == "sample" && flag.contains("bad"), "{verb} {flag}");
        }
        assert!(all.stdout.lines().count() > short.lines().count(), "{verb}");
    }
    // A flag that the short help leaves out still works, and is proposed for a typing error.
    let typo = place.run(&["compute", "data/", "--uncertian-as", "positive"]);
    assert_eq!(typo.code, 2);
    assert!(typo.stderr.contains("--uncertain-as"), "{}", typo.stderr);
    // Help that is a value is no question.
    assert_eq!(place.run(&["compute", "--out", "out", "--", "--help-all"]).code, 4);
}

#[test]
fn the_demo_leaves_a_result_and_names_commands_that_run() {
    let place = Place::new();
    let demo = place.run(&["demo", "--out", "first look"]);
    assert_eq!(demo.code, 0, "{}", demo.stderr);
    assert!(demo.stdout.contains("4 000 rows, 8 labels, 4 shards, layout wide"), "{}", demo.stdout);
    assert!(demo.stdout.contains("unicorn"), "{}", demo.stdout);
    for file in ["_SUCCESS", "pos_weight.npy", "report.html"] {
        assert!(place.path("first look/weights").join(file).is_file(), "{file}");
    }
    let commands: Vec<&str> = demo.stdout.lines().filter(|line| line.starts_with("  posweight ")).collect();
    assert_eq!(commands.len(), 4, "{}", demo.stdout);
    for command in &commands[1..] {
        let ended = shell(&place, command);
        assert_eq!(ended.code, 0, "{command}\n{}", ended.stderr);
    }
    // The same numbers in every demo.
    let again = place.run(&["demo", "--out", "again", "--quiet"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{}", again.stderr);
    let labels = |name: &str| place.json(&format!("{name}/weights/weights.json"))["weights"].clone();
    assert_eq!(labels("first look"), labels("again"));
    // A folder with files is left alone.
    let full = place.run(&["demo", "--out", "again"]);
    assert_eq!(full.code, 7, "{}", full.stderr);
    assert!(full.stderr.contains("again: this folder has files"), "{}", full.stderr);
}

/// Runs a line of shell with the program on its path.
fn shell(place: &Place, line: &str) -> Ended {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_posweight"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    Ended::of(&shell.args(["-ec", line]).env("PATH", path).current_dir(place.dir.path()).output().unwrap())
}

#[test]
fn the_doctor_says_what_a_run_would_meet() {
    let place = Place::new();
    assert_eq!(place.run(&["demo", "--out", "demo", "--quiet"]).code, 0);
    let well = place.run(&["doctor", "demo/data"]);
    assert_eq!(well.code, 0, "{}", well.stderr);
    for word in ["development build", "memory", "spill folder", "clock", "s3:", "4 shards", "1000 rows"] {
        assert!(well.stdout.contains(word), "{word}: {}", well.stdout);
    }
    let lost = place.run(&["doctor", "nowhere/"]);
    assert_eq!(lost.code, 4, "{}", lost.stdout);
    assert!(lost.stderr.contains("nowhere"), "{}", lost.stderr);
    let sealed = place.run(&["doctor", "--spill-dir", "nowhere"]);
    assert_eq!(sealed.code, 7, "{}", sealed.stdout);
    assert!(sealed.stderr.contains("--spill-dir"), "{}", sealed.stderr);
}

#[test]
fn the_doctor_names_credentials_and_never_shows_them() {
    let place = Place::new();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_posweight"))
        .arg("doctor")
        .current_dir(place.dir.path())
        .env("HOME", place.dir.path())
        .env("AWS_ACCESS_KEY_ID", "canary-7f3a")
        .env("HF_TOKEN", "canary-91bc")
        .output()
        .unwrap();
    let ended = Ended::of(&output);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for name in ["AWS_ACCESS_KEY_ID", "HF_TOKEN", "none found"] {
        assert!(ended.stdout.contains(name), "{name}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("canary") && !ended.stderr.contains("canary"), "{}", ended.stdout);
}

#[test]
fn every_verb_has_a_manual_page() {
    let place = Place::new();
    let ended = place.run(&["man", "pages/man1"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for verb in ["", "-compute", "-run", "-sample", "-sql", "-doctor"] {
        let page = std::fs::read_to_string(place.path(&format!("pages/man1/posweight{verb}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
    }
    let compute = std::fs::read_to_string(place.path("pages/man1/posweight-compute.1")).unwrap();
    assert!(compute.contains("uncertain"), "a manual page shows every flag");
    std::fs::write(place.path("file"), "").unwrap();
    assert_eq!(place.run(&["man", "file"]).code, 7);
}

/// Licences that this project may be linked with.
const LICENCES: [&str; 14] = [
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "MIT-0",
    "bzip2-1.0.6",
];

#[test]
fn every_dependency_has_a_licence_that_fits() {
    let metadata = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    if !metadata.status.success() {
        // Crates of other features may have to be downloaded.
        let why = String::from_utf8_lossy(&metadata.stderr);
        return left_out("every_dependency_has_a_licence_that_fits", &why);
    }
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 200, "{}", packages.len());
    let mut strange = BTreeSet::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("");
        // One alternative is enough; all parts of it must fit.
        let fits = licence.replace(['(', ')'], " ").replace('/', " OR ").split(" OR ").any(|alternative| {
            alternative.split(" AND ").all(|one| {
                let one = one.trim().trim_end_matches(" WITH LLVM-exception");
                LICENCES.contains(&one)
            })
        });
        if !fits {
            strange.insert(format!("{}: {licence}", package["name"].as_str().unwrap()));
        }
    }
    assert!(strange.is_empty(), "{strange:#?}");
}
