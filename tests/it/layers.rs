//! The shape of src/: who may name whom, who may touch what.

use std::path::{Path, PathBuf};

use crate::support::root;

/// Lowest first; a module names only modules of lower layers, or itself.
const LAYERS: [&[&str]; 13] = [
    &["error", "guard", "label_sets", "posterior", "scratch", "threads"],
    &["counts", "cooccurrence"],
    &["weights", "measures", "row_measures"],
    &["consequences", "groups", "drift", "sampling"],
    &["findings"],
    &["checks"],
    &["pages", "store"],
    &["report"],
    &["artifact"],
    &["source"],
    &["engine"],
    &["pipeline"],
    &["cli"],
];
/// Pure modules: counts in, numbers and text out.
const PURE: [&str; 14] = [
    "posterior",
    "counts",
    "cooccurrence",
    "label_sets",
    "row_measures",
    "sampling",
    "weights",
    "measures",
    "consequences",
    "groups",
    "findings",
    "drift",
    "checks",
    "report",
];
const IMPURE: [&str; 9] =
    ["std::fs", "std::env", "std::time", "tokio", "arrow::", "arrow_", "parquet::", "parquet_", "datafusion"];
/// A group hides what it names from a scan by line.
const GROUPS: [&str; 2] = ["crate::{", "std::{"];
const LINES_MAX: usize = 500;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// What is wrong with one line of a module.
fn faults(module: &str, line: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let named: String = line[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if named != module && layer(&named) >= layer(module) && layer(&named).is_some() {
            faults.push(format!("{module} names {named}, which is not below it"));
        }
    }
    let groups = GROUPS.iter().filter(|group| line.contains(*group));
    faults.extend(groups.map(|group| format!("{module} names {group}…}}, write one line for each")));
    let only = [
        ("datafusion", "engine"),
        ("clap::", "cli"),
        ("clap_", "cli"),
        ("print!(", "cli"),
        ("println!(", "cli"),
        ("process::exit", "cli"),
    ];
    for (what, home) in only {
        if line.contains(what) && module != home {
            faults.push(format!("{module} names {what}, which belongs to {home}"));
        }
    }
    if PURE.contains(&module) {
        let named = IMPURE.iter().filter(|what| line.contains(*what));
        faults.extend(named.map(|what| format!("{module} is pure and names {what}")));
    }
    faults
}

#[test]
fn modules_keep_to_their_layers() {
    let src = root().join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    assert!(found.len() > 40, "only {} files", found.len());
    let mut wrong = Vec::new();
    for path in found {
        let relative = path.strip_prefix(&src).unwrap();
        let module =
            relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().count() > LINES_MAX {
            wrong.push(format!("{}: over {LINES_MAX} lines", relative.display()));
        }
        if ["main", "lib"].contains(&module) {
            continue;
        }
        assert!(layer(module).is_some(), "{module} has no layer");
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            wrong.extend(
                faults(module, line)
                    .into_iter()
                    .map(|f| format!("{}:{}: {f}", relative.display(), number + 1)),
            );
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_rules_find_what_they_are_for() {
    assert_eq!(faults("counts", "use crate::engine::Counted;").len(), 1);
    assert_eq!(faults("source", "use datafusion::prelude::*;").len(), 1);
    assert_eq!(faults("measures", "let t = std::time::Instant::now();").len(), 1);
    assert_eq!(faults("counts", "use crate::{engine::Counted};").len(), 1);
    assert_eq!(faults("measures", "use std::{fs, env};").len(), 1);
    assert_eq!(faults("report", "use arrow_array::Array;").len(), 1);
    assert_eq!(faults("pipeline", "use datafusion_common::X;").len(), 1);
    assert_eq!(faults("engine", "eprint!(\"a\");").len(), 1);
    assert!(faults("engine", "use crate::counts::Cell; use datafusion::x;").is_empty());
}
