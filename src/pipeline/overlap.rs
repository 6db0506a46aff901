//! Whether rows would count twice in a merge of saved counts.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::artifact::counts::CountsFile;
use crate::error::{Error, Result, plural};

/// Refuses counts that are named twice, and counts of the same shards: their rows would count twice. Says where that
/// depends on conditions.
///
/// # Errors
/// [`Error::Usage`] naming both.
pub(super) fn refuse_twice(files: &[(PathBuf, CountsFile)]) -> Result<Vec<String>> {
    for (at, (path, file)) in files.iter().enumerate() {
        let is_same = |(other_path, other): &&(PathBuf, CountsFile)| {
            let is_whole = file.part.is_none() && other.part.is_none();
            let is_of_both = file.group == other.group || file.group.is_empty() || other.group.is_empty();
            // Counts that a program gave are of no shards.
            let is_of_shards = !file.fingerprint.is_empty();
            let is_alike = is_of_shards && file.fingerprint == other.fingerprint && is_of_both;
            is_whole && (path == other_path || is_alike)
        };
        if let Some((other, _)) = files[..at].iter().find(is_same) {
            let what = if path == other {
                format!("{} is named twice", path.display())
            } else {
                format!("{} and {} are counts of the same shards", other.display(), path.display())
            };
            return Err(twice(&what).hint("name each result once"));
        }
    }
    shared_shards(files)
}

fn twice(what: &str) -> Error {
    Error::usage(format!("{what}, so that their rows would count twice"))
}

/// Refuses results that have shards in common, unless each took the rows of a condition of its own.
fn shared_shards(files: &[(PathBuf, CountsFile)]) -> Result<Vec<String>> {
    // Of each shard, the results that have it: one for each condition.
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut by_condition: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (at, (path, file)) in files.iter().enumerate() {
        // The shards of jobs are checked where their counts are put together.
        let Some(shards) = file.provenance.shards.as_ref().filter(|_| file.part.is_none()) else { continue };
        let own = condition(file);
        let mut twice_in: BTreeMap<usize, u64> = BTreeMap::new();
        for shard in shards.distinct() {
            let before = seen.entry(shard).or_default();
            for &other in before.iter() {
                if files[other].1.unit != file.unit {
                    // These cannot be merged at all.
                    continue;
                }
                match (&own, condition(&files[other].1)) {
                    (Some(own), Some(other_condition)) if *own != other_condition => {
                        *by_condition.entry((other, at)).or_default() += 1;
                    }
                    _ => *twice_in.entry(other).or_default() += 1,
                }
            }
            before.push(at);
        }
        if let Some((other, shared)) = twice_in.into_iter().max_by_key(|(_, shared)| *shared) {
            return Err(in_both((&files[other].0, &files[other].1), (path, file), shared));
        }
    }
    let lines = by_condition.into_iter().map(|((one, other), shared)| {
        format!(
            "{} and {} have {} in common: a row that meets the --where of both counts twice",
            files[one].0.display(),
            files[other].0.display(),
            plural(shared, "shard")
        )
    });
    Ok(lines.collect())
}

/// The condition that rows of a result met; `None` where all rows of its shards were counted.
fn condition(file: &CountsFile) -> Option<[&Json; 2]> {
    let spec = file.provenance.spec.as_ref()?;
    let keys = ["where", "query"].map(|key| &spec[key]);
    keys.iter().any(|value| !value.is_null()).then_some(keys)
}

fn in_both((one, counts): (&Path, &CountsFile), (other, own): (&Path, &CountsFile), shared: u64) -> Error {
    let [one, other] = [one, other].map(Path::display);
    if counts.provenance.shards == own.provenance.shards {
        return twice(&format!("{one} and {other} are counts of the same shards"))
            .hint("name each result once");
    }
    let (are, shards) = (if shared == 1 { "is" } else { "are" }, plural(shared, "shard"));
    twice(&format!("{shards} of {other} {are} also in {one}")).hint(
        "leave out the older of the two, if the newer one has all its shards; or count all shards in one run",
    )
}
