//! Objects of stores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::folders::PassedOver;
use super::met_tables::{Tables, is_metadata, of_metadata};
use super::names::{endings, is_hidden, is_shard};
use super::pattern::{Glob, is_glob};
use super::table_kind::TableKind;
use crate::error::{Error, Result};
use crate::source::tables::open::{FoundPlace, FoundTable};
use crate::store::{Address, Bucket, Object};

/// Tables by their folder, as a listing meets their files.
type Met = Arc<Mutex<BTreeMap<String, TableKind>>>;

/// What an address stands for: an object, all shards in a folder, or those that a glob matches.
pub(super) fn expand(address: &Address, tables: &mut Tables, passed: &mut PassedOver) -> Result<Vec<Object>> {
    let bucket = Bucket::of(address)?;
    if address.is_web() {
        return bucket.object(address)?.map(|object| vec![object]).ok_or_else(|| {
            Error::input("there is no such file")
                .at(address)
                .hint("http(s) addresses name single files; folders and globs are for s3, gs and az")
        });
    }
    let key = address.key();
    if !is_glob(key)
        && !key.is_empty()
        && !key.ends_with('/')
        && let Some(object) = bucket.object(address)?
    {
        if is_metadata(key) && tables.reads(TableKind::Iceberg) {
            tables.add_found(of_metadata(address));
            return Ok(Vec::new());
        }
        look_above(&bucket, address, tables, &BTreeSet::new());
        return Ok(vec![object]);
    }
    let met = Met::default();
    let mut found = if is_glob(key) {
        matches_of(&bucket, address, &met, passed)?
    } else {
        below(&bucket, address, &met, passed)?
    };
    let mut read = BTreeSet::new();
    for (folder, kind) in std::mem::take(&mut *met.lock().unwrap_or_else(PoisonError::into_inner)) {
        if tables.reads(kind) && is_whole(key, &folder)? {
            let is_inside = |object: &Object| is_below(object.key(), &folder);
            let (inside, outside) = found.into_iter().partition(is_inside);
            found = outside;
            let place = FoundPlace::Store(address.with_key(&folder), inside);
            tables.add_found(FoundTable { kind, place, metadata: None });
            read.insert(folder);
        } else {
            tables.add(address.with_key(&folder).to_string(), kind, None);
        }
    }
    look_above(&bucket, &address.with_key(&fixed_part(key)), tables, &read);
    if found.is_empty() && read.is_empty() && tables.refused().is_none() {
        return Err(nothing(address));
    }
    Ok(found)
}

/// Whether all of a folder is meant by a key.
fn is_whole(key: &str, folder: &str) -> Result<bool> {
    if !is_glob(key) {
        let key = key.trim_end_matches('/');
        return Ok(key.is_empty() || is_below(&format!("{folder}/"), key));
    }
    let glob = Glob::parse(key)?;
    let mut reached = glob.start();
    let below = folder.strip_prefix(glob.folder.trim_end_matches('/')).unwrap_or_default();
    let mut names = below.split('/').filter(|name| !name.is_empty());
    loop {
        if glob.is_whole(&reached) {
            return Ok(true);
        }
        let Some(name) = names.next() else { return Ok(false) };
        reached = glob.next(&reached, name);
    }
}

fn is_below(key: &str, folder: &str) -> bool {
    folder.is_empty() || key.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn nothing(address: &Address) -> Error {
    if is_glob(address.key()) {
        return Error::input("this glob matches no shard")
            .at(address)
            .hint("check the address; quote the glob so that the shell does not expand it");
    }
    Error::input("there is no such object, and no shard in such a folder").at(address).hint(format!(
        "objects must end in {}; names that start with . or _ and forms such as sample_submission are skipped unless named outright",
        endings()
    ))
}

/// All shards below a folder.
fn below(bucket: &Bucket, address: &Address, met: &Met, passed: &mut PassedOver) -> Result<Vec<Object>> {
    let start = address.key().trim_end_matches('/').len();
    let met = Arc::clone(met);
    let found = bucket.objects(address, move |key| {
        meet(&met, key);
        is_shown(key.get(start..).unwrap_or_default())
    })?;
    Ok(only_shards(found, passed))
}

/// The shards among objects, which are counted if none of them is one.
fn only_shards(found: Vec<Object>, passed: &mut PassedOver) -> Vec<Object> {
    let (shards, others): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|object| is_shard(Path::new(object.key())));
    // Objects that stand for folders end in a slash or are empty.
    others.iter().filter(|o| o.bytes() > 0).for_each(|object| passed.add(Path::new(object.key())));
    shards
}

fn matches_of(bucket: &Bucket, address: &Address, met: &Met, passed: &mut PassedOver) -> Result<Vec<Object>> {
    let glob = Glob::parse(address.key()).map_err(|error| error.at(address))?;
    let met = Arc::clone(met);
    let folder = address.with_key(&glob.folder);
    let start = glob.folder.len();
    let matches = move |key: &str| {
        meet(&met, key);
        let names: Vec<&str> = key.get(start..).unwrap_or_default().split('/').collect();
        let mut reached = glob.start();
        if glob.is_whole(&reached) {
            return names.iter().all(|name| !is_hidden(name));
        }
        for (at, name) in names.iter().enumerate() {
            reached = glob.next(&reached, name);
            if glob.is_whole(&reached) {
                let rest = &names[at + 1..];
                // What lies in a folder that matches is meant too.
                let is_meant = if rest.is_empty() {
                    !glob.folders_only
                } else {
                    rest.iter().all(|name| !is_hidden(name)) && is_shard(Path::new(key))
                };
                if is_meant {
                    return true;
                }
            }
        }
        false
    };
    let whole = address.key().trim_end_matches('/').ends_with("**");
    let found = bucket.objects(&folder, matches)?;
    Ok(if whole { only_shards(found, passed) } else { found })
}

/// The folder that everything an address stands for lies in.
fn fixed_part(key: &str) -> String {
    if is_glob(key) {
        return Glob::parse(key).map(|glob| glob.folder).unwrap_or_default();
    }
    format!("{}/", key.trim_end_matches('/'))
}

fn is_shown(key: &str) -> bool {
    !key.split('/').any(is_hidden)
}

/// Notes the table that an object is a part of, by its key.
fn meet(met: &Met, key: &str) {
    let names: Vec<&str> = key.split('/').collect();
    let table = names.iter().enumerate().find_map(|(at, name)| match *name {
        "_delta_log" if at + 1 < names.len() => Some((at, TableKind::Delta)),
        ".hoodie" => Some((at, TableKind::Hudi)),
        "metadata" if names.len() == at + 2 && is_metadata(names[at + 1]) => Some((at, TableKind::Iceberg)),
        _ => None,
    });
    if let Some((at, kind)) = table {
        met.lock().unwrap_or_else(PoisonError::into_inner).insert(names[..at].join("/"), kind);
    }
}

/// Whether a folder above lies in a table. A store that does not list those folders says nothing about it.
fn look_above(bucket: &Bucket, address: &Address, tables: &mut Tables, read: &BTreeSet<String>) {
    // Above the folders of a dataset of a Hub are its revision and its owner.
    if address.scheme() == "hf" {
        return;
    }
    let mut folder = address.key();
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        if read.contains(folder) {
            continue;
        }
        let place = address.with_key(folder);
        let has =
            |name: &str, wanted: fn(&str) -> bool| bucket.has_any(&place.join(name), wanted).unwrap_or(false);
        let kind = if has("_delta_log", |_| true) {
            TableKind::Delta
        } else if has(".hoodie", |_| true) {
            TableKind::Hudi
        } else if has("metadata", is_metadata) {
            TableKind::Iceberg
        } else {
            continue;
        };
        tables.add(place.to_string(), kind, None);
    }
}
