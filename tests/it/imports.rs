//! Who imports whom in a tree of Rust files, read from the text alone.
//!
//! A file imports another when it names something that lies there, in a `use` or written out in the code.
//! What a mod.rs passes on (`pub use child::Name`) lies in the child, in each of several where features choose
//! between them, and passing it on is no import; neither is `mod child;`. Code for tests and imports of lib.rs
//! are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The modules from the root to a file, or to a name in it.
type Names = Vec<String>;
/// Files by their path below the root, each with those it imports.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;
const CFG_TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// A file of the tree.
struct Source {
    file: String,
    tokens: Vec<String>,
    uses: Vec<Use>,
}

/// One name of a `use`.
struct Use {
    is_public: bool,
    path: Names,
    name: String,
}

/// All files of a tree, by module.
struct Tree {
    sources: BTreeMap<Names, Source>,
    /// What mod.rs files pass on: the name there, and the paths it stands for.
    passed_on: BTreeMap<Names, Vec<Names>>,
}

/// The Rust files below a folder, without those of another crate.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

/// The same without files of tests.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| !path.ends_with("tests.rs")).collect()
}

/// The imports of every file below `src`.
pub(crate) fn imports(src: &Path) -> Imports {
    let tree = Tree::read(src);
    let of = |(module, source): (&Names, &Source)| {
        let homes = tree.paths(module, source).into_iter().flat_map(|path| tree.homes(&path, 0));
        let named = homes.filter(|home| home != module && !home.is_empty());
        (source.file.clone(), named.map(|home| tree.sources[&home].file.clone()).collect())
    };
    tree.sources.iter().map(of).collect()
}

impl Tree {
    fn read(src: &Path) -> Self {
        let sources: BTreeMap<Names, Source> = sources(src).iter().map(|path| source(src, path)).collect();
        let mut tree = Self { sources, passed_on: BTreeMap::new() };
        for (module, source) in &tree.sources {
            for one in source.uses.iter().filter(|one| is_passed_on(source, one)) {
                let name = module.iter().chain([&one.name]).cloned().collect();
                if let Some(path) = tree.absolute(module, &one.path) {
                    tree.passed_on.entry(name).or_default().push(path);
                }
            }
        }
        tree
    }

    /// The paths a file names, from the root.
    fn paths(&self, module: &Names, source: &Source) -> Vec<Names> {
        let taken = source.uses.iter().filter(|one| !is_passed_on(source, one));
        let mut paths: Vec<Names> = taken.filter_map(|one| self.absolute(module, &one.path)).collect();
        let known: BTreeMap<&str, &Names> =
            source.uses.iter().map(|one| (one.name.as_str(), &one.path)).collect();
        for path in written_out(&source.tokens) {
            let whole = known.get(path[0].as_str()).map(|start| [&start[..], &path[1..]].concat());
            paths.extend(self.absolute(module, &whole.unwrap_or(path)));
        }
        paths
    }

    /// A path from the root; none when it leads to another crate.
    fn absolute(&self, module: &Names, path: &[String]) -> Option<Names> {
        let ups = path.iter().take_while(|name| *name == "super").count();
        let start = match path[0].as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => return Some([module, &path[1..]].concat()),
            "super" => &module[..module.len().saturating_sub(ups)],
            _ => {
                let whole = [module, path].concat();
                return self.sources.contains_key(&whole[..=module.len()]).then_some(whole);
            }
        };
        Some([start, &path[ups..]].concat())
    }

    /// The modules in whose files the end of a path lies.
    fn homes(&self, path: &[String], steps: usize) -> Vec<Names> {
        let inner = (0..=path.len()).rev().find(|n| self.sources.contains_key(&path[..*n])).unwrap_or(0);
        let name = &path[..path.len().min(inner + 1)];
        match self.passed_on.get(name).filter(|_| steps < 9) {
            Some(all) => {
                let whole = all.iter().map(|to| [&to[..], &path[name.len()..]].concat());
                whole.flat_map(|to| self.homes(&to, steps + 1)).collect()
            }
            None => vec![path[..inner].to_vec()],
        }
    }
}

fn is_passed_on(source: &Source, one: &Use) -> bool {
    one.is_public && (source.file.ends_with("mod.rs") || source.file == "lib.rs")
}

fn source(src: &Path, path: &Path) -> (Names, Source) {
    let relative = path.strip_prefix(src).unwrap();
    let mut module: Names =
        relative.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    let (tokens, uses) = split(&without_tests(&tokens(&std::fs::read_to_string(path).unwrap())));
    (module, Source { file: relative.to_str().unwrap().to_owned(), tokens, uses })
}

/// Words, `::` and single signs; comments, texts and lifetimes are left out.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut left = text;
    while let Some(first) = left.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let raw = left.trim_start_matches(['b', 'c']).strip_prefix('r').unwrap_or_default();
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let length = if left.starts_with("//") {
            left.find('\n').unwrap_or(left.len())
        } else if left.starts_with("/*") {
            left.find("*/").map_or(left.len(), |end| end + 2)
        } else if raw[hashes..].starts_with('"') {
            let from = left.len() - raw.len() + hashes + 1;
            let end = format!("\"{}", &raw[..hashes]);
            left[from..].find(&end).map_or(left.len(), |at| from + at + end.len())
        } else if first == '"' {
            quoted(left, '"').unwrap_or(left.len())
        } else if first == '\'' {
            quoted(left, '\'')
                .filter(|n| left[..*n].chars().count() == 3 || left[1..].starts_with('\\'))
                .unwrap_or(1)
        } else if is_word(first) {
            left.find(|c| !is_word(c)).unwrap_or(left.len())
        } else if left.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, rest) = left.split_at(length);
        let is_sign = length == 1 && !first.is_whitespace() || token == "::";
        if tokens.last().is_some_and(|last| last == "'") {
            // The name of a lifetime.
            tokens.pop();
        } else if is_sign || is_word(first) && !token.ends_with(['"', '#']) {
            tokens.push(token.to_owned());
        }
        left = rest;
    }
    tokens
}

/// Bytes of a text or character up to its closing sign, which is not the one after a backslash.
fn quoted(text: &str, sign: char) -> Option<usize> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let is_end = *c == sign && !escaped;
        escaped = *c == '\\' && !escaped;
        is_end
    });
    end.map(|(at, _)| at + 1)
}

/// The tokens without items marked `#[cfg(test)]`.
pub(crate) fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut left = tokens;
    while let Some(first) = left.first() {
        if first == "#" && left.iter().take(7).map(String::as_str).eq(CFG_TEST) {
            left = &left[7 + item(&left[7..])..];
        } else {
            kept.push(first.clone());
            left = &left[1..];
        }
    }
    kept
}

/// Tokens up to the end of an item: a `;` or the last closing bracket, outside of brackets.
fn item(tokens: &[String]) -> usize {
    let mut depth = 0_usize;
    let end = tokens.iter().position(|token| {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && [";", "}"].contains(&token.as_str())
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// The tokens outside of `use`, and what those name.
fn split(tokens: &[String]) -> (Vec<String>, Vec<Use>) {
    let (mut others, mut uses) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at] == "use" && tokens.get(at + 1).is_some_and(|next| next != "<") {
            let ends = [";", "{", "}", "]"];
            let before = others.iter().rev().take_while(|token: &&String| !ends.contains(&token.as_str()));
            let is_public = before.into_iter().any(|token| token == "pub");
            at = use_tree(tokens, at + 1, &[], is_public, &mut uses) + 1;
            continue;
        }
        others.push(tokens[at].clone());
        at += 1;
    }
    (others, uses)
}

/// Adds the names of `a::{b, c as d}` from `at` on; gives where it ends.
fn use_tree(
    tokens: &[String],
    mut at: usize,
    start: &[String],
    is_public: bool,
    uses: &mut Vec<Use>,
) -> usize {
    let mut path = start.to_vec();
    loop {
        match tokens[at].as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at] != "}" {
                    at = use_tree(tokens, at, &path, is_public, uses);
                    at += usize::from(tokens[at] == ",");
                }
                return at + 1;
            }
            "as" => {
                uses.push(Use { is_public, path, name: tokens[at + 1].clone() });
                return at + 2;
            }
            "," | "}" | ";" => break,
            // `a::{self}` is a itself.
            "self" if !path.is_empty() => at += 1,
            word => {
                path.push(word.to_owned());
                at += 1;
            }
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    uses.push(Use { is_public, path, name });
    at
}

/// Paths of two or more words in the code.
fn written_out(tokens: &[String]) -> Vec<Names> {
    let is_word = |token: &String| token.chars().all(|c| c.is_alphanumeric() || c == '_');
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut path = vec![tokens[at].clone()];
        // `pub(in crate::engine)` says who may see an item.
        let before = tokens[..at].iter().rev().map(String::as_str);
        let is_inside = before.clone().take(1).any(|token| ["::", "."].contains(&token));
        let is_visibility = before.take(2).eq(["in", "("]);
        let begins = is_word(&path[0]) && !is_inside && !is_visibility;
        at += 1;
        while begins && at + 1 < tokens.len() && tokens[at] == "::" && is_word(&tokens[at + 1]) {
            path.push(tokens[at + 1].clone());
            at += 2;
        }
        if path.len() > 1 {
            paths.push(path);
        }
    }
    paths
}
