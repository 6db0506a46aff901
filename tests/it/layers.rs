//! The shape of src/: who may name whom, who may touch what.

use crate::imports::{Imports, files, imports};
use crate::support::root;

/// Lowest first; a module names only modules of lower layers, or itself.
const LAYERS: [&[&str]; 15] = [
    &["error", "guard", "label_sets", "letter_case", "posterior", "scratch", "sql_text"],
    &["threads"],
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
    &["library"],
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

/// The storeys of src/engine/, lowest first: a file names only files of lower storeys, or of its own folder.
/// The files of engine/ itself are the ground, with `rules` and `spill`, and may name each other.
const STOREYS: [&[&str]; 9] = [
    &[GROUND, "rules", "spill"],
    &["read"],
    &["plain"],
    &["scan", "pairs"],
    &["count"],
    &["rows"],
    &["functions", "sampling"],
    &["sql"],
    &["cluster"],
];
const GROUND: &str = "";
/// The one exception: these hand their work to a cluster, where one is asked for.
const ASK_A_CLUSTER: [&str; 4] =
    ["engine/count/dispatch.rs", "engine/rows/dispatch.rs", "engine/rows/measure.rs", "engine/sql/mod.rs"];

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
    let found = files(&src);
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
        if ["build", "main", "lib", "testing"].contains(&module) {
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

/// The folder of engine/ that holds a file; none for engine/mod.rs, which only passes names on.
fn folder(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("engine/").filter(|inside| *inside != "mod.rs")?;
    Some(inside.split_once('/').map_or(GROUND, |(folder, _)| folder))
}

/// The imports of engine/ that do not lead downwards, and folders without a storey.
fn upwards(imports: &Imports) -> Vec<String> {
    let storey = |folder: &str| STOREYS.iter().position(|folders| folders.contains(&folder));
    let mut wrong = Vec::new();
    for (file, others) in imports {
        let Some(own) = folder(file) else { continue };
        if storey(own).is_none() {
            wrong.push(format!("{file} has no storey"));
            continue;
        }
        for other in others {
            let Some(named) = folder(other) else { continue };
            let is_ground = storey(own) == Some(0) && storey(named) == Some(0);
            let is_allowed = named == "cluster" && ASK_A_CLUSTER.contains(&file.as_str());
            if own != named && !is_ground && storey(named) >= storey(own) && !is_allowed {
                wrong.push(format!("{file} imports {other}, which is not below it"));
            }
        }
    }
    wrong
}

#[test]
fn the_engine_keeps_to_its_storeys() {
    let wrong = upwards(&imports(&root().join("src")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn an_import_that_leads_upwards_in_the_engine_is_found() {
    let one = |file: &str, other: &str| {
        upwards(&Imports::from([(file.to_owned(), [other.to_owned()].into_iter().collect())]))
    };
    assert_eq!(one("engine/scan/source.rs", "engine/read/chunks.rs"), [""; 0]);
    assert_eq!(one("engine/table.rs", "engine/objects.rs"), [""; 0]);
    assert_eq!(one("engine/mod.rs", "engine/count/mod.rs"), [""; 0]);
    assert_eq!(one("engine/read/chunks.rs", "pages/mod.rs"), [""; 0]);
    assert_eq!(
        one("engine/read/chunks.rs", "engine/scan/source.rs"),
        ["engine/read/chunks.rs imports engine/scan/source.rs, which is not below it"]
    );
    assert_eq!(one("engine/scan/source.rs", "engine/pairs/mod.rs").len(), 1);
    assert_eq!(one("engine/count/dispatch.rs", "engine/cluster/without.rs"), [""; 0]);
    assert_eq!(one("engine/count/dispatch.rs", "engine/rows/dispatch.rs").len(), 1);
    assert_eq!(one("engine/session.rs", "engine/cluster/without.rs").len(), 1);
    assert_eq!(one("engine/spill/mod.rs", "engine/read/chunks.rs").len(), 1);
    assert_eq!(one("engine/new/mod.rs", "engine/session.rs"), ["engine/new/mod.rs has no storey"]);
}
