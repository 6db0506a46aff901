//! No two files of src/ import each other, not even through others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::imports::{Imports, imports};
use crate::support::root;

/// A bucket gives its objects, and an object knows its bucket.
const ALLOWED: [&str; 2] = ["store/bucket.rs", "store/object.rs"];

/// The files that a file imports, and those that these import, and so on.
fn reached<'a>(imports: &'a Imports, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = imports[from].iter().map(String::as_str).collect();
    while let Some(file) = next.pop() {
        if reached.insert(file) {
            next.extend(imports[file].iter().map(String::as_str));
        }
    }
    reached
}

/// Sets of files that all reach each other.
fn circles(imports: &Imports) -> Vec<BTreeSet<&str>> {
    let files = imports.keys().map(String::as_str);
    let all: BTreeMap<&str, BTreeSet<&str>> = files.map(|file| (file, reached(imports, file))).collect();
    // Each file of a circle gives the same circle.
    let mut circles = BTreeSet::new();
    for (file, below) in all.iter().filter(|(file, below)| below.contains(*file)) {
        circles.insert(below.iter().copied().filter(|other| all[other].contains(file)).collect());
    }
    circles.into_iter().collect()
}

/// The imports that close a circle, one line for each file.
fn listing(imports: &Imports, circle: &BTreeSet<&str>) -> String {
    let line = |file: &&str| {
        let inside: Vec<&str> =
            imports[*file].iter().map(String::as_str).filter(|other| circle.contains(other)).collect();
        format!("    {file} imports {}", inside.join(", "))
    };
    format!("a circle of {} files:\n{}", circle.len(), circle.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// The circles below `src` that are not allowed.
fn wrong(src: &Path) -> Vec<String> {
    let imports = imports(src);
    let circles = circles(&imports);
    let wrong = circles.iter().filter(|circle| !circle.iter().eq(ALLOWED.iter()));
    wrong.map(|circle| listing(&imports, circle)).collect()
}

#[test]
fn no_two_files_import_each_other_in_a_circle() {
    let wrong = wrong(&root().join("src"));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A tree of these files; then the circles in it.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let place = crate::support::Place::new();
    for (file, text) in files {
        let path = place.path(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    wrong(place.dir.path())
}

/// A tree without a circle: `pipeline` counts by `engine`, which scans.
const TREE: [(&str, &str); 6] = [
    ("lib.rs", "pub mod engine;\npub mod pipeline;\npub use engine::count;"),
    ("pipeline.rs", "use crate::engine::{Job, count};\npub fn run() { count(Job) }"),
    ("engine/mod.rs", "pub mod count;\npub mod scan;\nmod job;\npub use count::count;\npub use job::Job;"),
    ("engine/count.rs", "use super::{job, scan::scan};\npub fn count(job: job::Job) { scan(job) }"),
    ("engine/scan.rs", "use super::Job;\n/// See `super::count`.\npub fn scan(_: Job) {}"),
    ("engine/job.rs", "pub struct Job;\n#[cfg(test)]\nmod tests {\n    use super::super::scan::scan;\n}\n"),
];

#[test]
fn a_tree_without_a_circle_has_none() {
    assert_eq!(circles_of(&TREE), [""; 0]);
}

#[test]
fn a_circle_is_found_however_the_import_is_written() {
    let ways = [
        "use crate::engine::scan::scan;",
        "use super::scan::scan;",
        "use super::scan;",
        "use super::{Job as Other, scan::{self, scan}};",
        "use crate::{engine::{scan}, pipeline};",
        // Through mod.rs, which passes it on.
        "use crate::engine::count;",
        "use super::count as counted;",
        "use crate::count;",
        "fn again(text: &str) { (text.len() > 3).then(|| crate::engine::scan::scan(Job)); }",
        "fn again<'a>(_: &'a str) { let _ = ('\"', \"//\"); super::count(super::Job) }",
        "use crate::engine;\nfn again() { engine::scan::scan(Job) }",
        "#[cfg(test)]\nuse std::fmt;\npub(super) use super::scan::scan;",
        "#[cfg(feature = \"a\")]\nmod inner {\n    use crate::pipeline::run;\n}",
    ];
    for way in ways {
        let mut tree = TREE;
        let job = format!("pub struct Job;\n{way}");
        tree[5].1 = &job;
        let found = circles_of(&tree);
        assert_eq!(found.len(), 1, "{way}: {found:?}");
        assert!(found[0].contains("    engine/job.rs imports "), "{way}: {found:?}");
    }
}

#[test]
fn every_file_that_a_feature_may_choose_is_looked_at() {
    let door =
        "#[cfg(feature = \"far\")]\npub use far::go;\n#[cfg(not(feature = \"far\"))]\npub use near::go;";
    let back = "use crate::caller::Caller;";
    for (far, near, circles) in [(back, "", 1), ("", back, 1), (back, back, 1), ("", "", 0)] {
        let tree = [
            ("caller.rs", "use crate::door::go;"),
            ("door/mod.rs", door),
            ("door/far.rs", far),
            ("door/near.rs", near),
        ];
        assert_eq!(circles_of(&tree).len(), circles);
    }
}

#[test]
fn a_file_and_its_own_children_make_a_circle_when_both_import() {
    let rooms = |parent, child| circles_of(&[("lib.rs", ""), ("a/mod.rs", parent), ("a/b.rs", child)]);
    assert_eq!(rooms("mod b;\npub use b::B;\npub struct A;", "pub struct B(super::A);"), [""; 0]);
    assert_eq!(rooms("mod b;\nuse b::B;\npub struct A(B);", "pub struct B;"), [""; 0]);
    assert_eq!(
        rooms("mod b;\npub struct A(b::B);", "pub struct B(super::A);"),
        ["a circle of 2 files:\n    a/b.rs imports a/mod.rs\n    a/mod.rs imports a/b.rs"]
    );
}

#[test]
fn a_bucket_and_its_objects_alone_may_know_each_other() {
    let pair = |other: &str| {
        circles_of(&[
            ("store/mod.rs", "pub mod bucket; pub mod object; pub mod place;"),
            ("store/bucket.rs", "use super::object::Object;"),
            ("store/object.rs", &format!("use super::bucket::Bucket;\n{other}")),
            ("store/place.rs", "use super::bucket::Bucket;"),
        ])
    };
    assert_eq!(pair(""), [""; 0]);
    assert_eq!(pair("use super::place::Place;").len(), 1);
}
