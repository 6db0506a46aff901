//! What shards are called within their sources: the same wherever they lie, however they are listed.
//!
//! A shard is called by its `key=value` folders and its file, `split=train/part-0.parquet`. Of shards that
//! would be called the same, each is called by its path below the folder that all of these lie in. So a name
//! changes only when a shard of the same name is added elsewhere, and no two are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::listing::{FileFormat, format_of, hive_folder, hive_text, of_path};
use super::shards::Shard;

/// The names, in the order of the shards.
#[must_use]
pub(crate) fn names(shards: &[Shard]) -> Vec<String> {
    let paths: Vec<_> = shards.iter().map(path).collect();
    let places: Vec<_> =
        paths.iter().zip(shards).map(|(path, shard)| (path.as_path(), &shard.hive[..])).collect();
    of_places(&places)
}

/// The path of a shard; of one that this run has made of another file, that of the other file.
fn path(shard: &Shard) -> PathBuf {
    match format_of(&shard.name) {
        Some((format, _)) if format != FileFormat::Parquet => PathBuf::from(&shard.name),
        _ => shard.place.path(),
    }
}

/// What a copy of a shard called `name` is called: it is a Parquet file.
#[must_use]
pub(crate) fn of_copy(name: &str) -> String {
    match format_of(name) {
        Some((format, _)) if format != FileFormat::Parquet => format!("{name}.parquet"),
        _ => name.to_owned(),
    }
}

fn of_places(places: &[(&Path, &[(String, String)])]) -> Vec<String> {
    let paths: Vec<Vec<String>> = places.iter().map(|(path, _)| parts(path)).collect();
    let short = |(path, hive): &(&Path, &[(String, String)])| {
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let folders = hive.iter().map(|(key, value)| hive_folder(key, value));
        folders.chain(file).collect::<Vec<_>>().join("/")
    };
    let mut names: Vec<String> = places.iter().map(short).collect();
    let mut same_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    names.iter().enumerate().for_each(|(i, name)| same_name.entry(name).or_default().push(i));
    let doubled: Vec<Vec<usize>> = same_name.into_values().filter(|same| same.len() > 1).collect();
    let whole = |(i, path): (usize, String)| (i, with_folders(places[i].1, &path));
    for same in doubled {
        below_common(&paths, &same).into_iter().map(whole).for_each(|(i, name)| names[i] = name);
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        let all: Vec<usize> = (0..names.len()).collect();
        below_common(&paths, &all).into_iter().map(whole).for_each(|(i, name)| names[i] = name);
    }
    names
}

/// A path with the `key=value` folders that are not in it, which a table says of its files.
fn with_folders(hive: &[(String, String)], path: &str) -> String {
    let known = of_path(Path::new(path));
    let is_known = |(key, value): &&(String, String)| {
        known.iter().any(|(own, written)| own == key && hive_text(written) == hive_text(value))
    };
    let lacking = hive.iter().filter(|pair| !is_known(pair)).map(|(key, value)| hive_folder(key, value));
    lacking.chain([path.to_owned()]).collect::<Vec<_>>().join("/")
}

/// Some of the paths, each as seen from the folder that all of these lie in.
fn below_common(paths: &[Vec<String>], some: &[usize]) -> Vec<(usize, String)> {
    let shared = |&i: &usize| paths[i].iter().zip(&paths[some[0]]).take_while(|(a, b)| a == b).count();
    let shared = some.iter().map(shared).min().unwrap_or(0);
    some.iter().map(|&i| (i, paths[i][shared.min(paths[i].len().saturating_sub(1))..].join("/"))).collect()
}

/// Folders and file of a path from the root on.
fn parts(path: &Path) -> Vec<String> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => {
                parts.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(paths: &[&str]) -> Vec<String> {
        let hive = |path: &str| -> Vec<(String, String)> {
            let pairs = path.split('/').filter_map(|part| part.split_once('='));
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let all: Vec<_> = paths.iter().map(|path| hive(path)).collect();
        let places: Vec<_> =
            paths.iter().zip(&all).map(|(path, hive)| (Path::new(*path), &hive[..])).collect();
        of_places(&places)
    }

    #[test]
    fn a_name_does_not_depend_on_the_place_or_on_other_shards() {
        assert_eq!(named(&["/data/a.parquet"]), ["a.parquet"]);
        assert_eq!(named(&["x/a.parquet", "/other/b.parquet"]), ["a.parquet", "b.parquet"]);
        assert_eq!(
            named(&["/d/split=train/a.parquet", "/d/split=test/a.parquet", "/d/c/b.parquet"]),
            ["split=train/a.parquet", "split=test/a.parquet", "b.parquet"]
        );
    }

    #[test]
    fn folders_that_a_table_says_are_in_the_name() {
        let hive = |value: &str| vec![("k/l".to_owned(), value.to_owned())];
        let (one, two) = (hive("a%2Fb"), hive("c"));
        let places = [
            ("/t/x/f", &one[..]),
            ("/t/y/f", &one[..]),
            ("/t/y/g", &two[..]),
            ("/t/k%2Fl=a%2Fb/f", &one[..]),
        ];
        let places = places.map(|(path, hive)| (Path::new(path), hive));
        let names = ["k%2Fl=a%2Fb/x/f", "k%2Fl=a%2Fb/y/f", "k%2Fl=c/g", "k%2Fl=a%2Fb/f"];
        assert_eq!(of_places(&places), names);
    }

    #[test]
    fn shards_of_one_name_have_different_names() {
        assert_eq!(
            named(&["/d/x/a.parquet", "/d/y/z/a.parquet", "/d/x/b.parquet"]),
            ["x/a.parquet", "y/z/a.parquet", "b.parquet"]
        );
        assert_eq!(named(&["/d/a.parquet", "/d/d/a.parquet"]), ["a.parquet", "d/a.parquet"]);
        // Two pairs whose paths below their folders are the same.
        let paths = ["/d/k=1/u/a", "/d/k=1/v/a", "/e/u/a", "/e/v/a"];
        assert_eq!(named(&paths), ["k=1/u/a", "k=1/v/a", "u/a", "v/a"]);
    }
}
