//! One name, one type.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::imports::{sources, tokens, without_tests};
use crate::support::root;

/// Names that two types may share, at most.
const SHARED_MAX: usize = 15;

/// The types that a text declares outside of tests; types of traits and their implementations are not its own.
fn declared(text: &str) -> Vec<String> {
    let tokens = without_tests(&tokens(text));
    let mut depth = 0_usize;
    let mut names = Vec::new();
    for pair in tokens.windows(2) {
        let is_name = pair[1].starts_with(char::is_uppercase);
        match pair[0].as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "struct" | "enum" | "trait" | "union" if is_name => names.push(pair[1].clone()),
            "type" if is_name && depth == 0 => names.push(pair[1].clone()),
            _ => {}
        }
    }
    names
}

/// The names that several types below `src` share, with the files of these.
fn shared(src: &Path) -> BTreeMap<String, Vec<String>> {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in sources(src).into_iter().collect::<BTreeSet<_>>() {
        for name in declared(&std::fs::read_to_string(&path).unwrap()) {
            homes.entry(name).or_default().push(path.strip_prefix(src).unwrap().display().to_string());
        }
    }
    homes.retain(|_, files| files.len() > 1);
    homes
}

#[test]
fn few_types_share_a_name_and_never_three() {
    let shared = shared(&root().join("src"));
    let lines: Vec<String> =
        shared.iter().map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
    assert!(shared.len() <= SHARED_MAX, "{} names are shared:\n{}", shared.len(), lines.join("\n"));
    assert!(shared.values().all(|files| files.len() == 2), "\n{}", lines.join("\n"));
}

#[test]
fn types_are_found_where_they_are_declared() {
    let text = r#"
        /// A struct Of prose.
        pub(crate) struct One<'a>(&'a str);
        enum Two { A, B }
        type Three = Result<One, "struct Text">;
        impl Iterator for One { type Item = Two; fn next(&mut self) { struct Inner; } }
        trait Four { type Out; }
        #[cfg(test)]
        mod tests { struct Five; }
        macro_rules! make { ($name:ident) => { struct $name; } }
        union Six { a: u8 }
    "#;
    assert_eq!(declared(text), ["One", "Two", "Three", "Inner", "Four", "Six"]);
}
