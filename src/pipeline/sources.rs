//! What a plan reads: files as they lie, and the shards that this run makes of a query, of files
//! that are not Parquet, and of stdin.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Read};
use std::path::PathBuf;

use arrow::datatypes::Schema;

use super::count_plan::CountPlan;
use super::one_pass::OnePass;
use super::query::rows_of;
use super::spec::STDIO;
use crate::error::{Error, Result};
use crate::source::column_names::says_of_pairs;
use crate::source::formats::{SavePlace, SavedFiles, as_parquet};
use crate::source::label_path::LabelPath;
use crate::source::layout::{LayoutKind, select};
use crate::source::listing::Listing;
use crate::source::pass_on::{PassOn, unbuffered};
use crate::source::row_stream::ComingRows;
use crate::source::shards::Unreadable;
use crate::source::spool::Spooled;
use crate::source::stdin::{IpcRows, spool, spool_first};
use crate::source::{layout, listing};

/// What a plan reads.
pub(super) struct Sources {
    pub(super) listing: Listing,
    /// Files made for this run, for as long as they are needed.
    pub(super) spooled: Vec<Spooled>,
    /// The rows of a stream, whose first are in the one file that is listed.
    pub(super) coming: Option<ComingRows>,
    /// Files that were left out because they cannot be read.
    pub(super) unreadable: Vec<Unreadable>,
}

/// The files to read; streams that were handed over, or the one on stdin, become files. One alone may become a file of its
/// first rows, where `one_pass` lets the others come later. Up to `spare` files that cannot be
/// read are left out.
pub(super) fn sources(plan: &CountPlan, one_pass: OnePass, spare: usize) -> Result<Sources> {
    if let Some(query) = &plan.query {
        let (listing, spooled) = rows_of(plan, query)?;
        return Ok(Sources { listing, spooled: vec![spooled], coming: None, unreadable: Vec::new() });
    }
    let (stdin, files): (Vec<String>, Vec<String>) =
        plan.sources.iter().cloned().partition(|source| source == STDIO);
    let listed = listing::list(&files, plan.tables)?.of_version(plan.tables)?;
    let (parent, limit) = (spill_folder(plan), plan.limits.spill_limit);
    let names_a_folder = listed
        .shards
        .iter()
        .flat_map(|shard| &shard.hive)
        .any(|(key, _)| plan.labels.iter().flat_map(|names| names.split(',')).any(|name| name == key));
    let choose = |schema: &Schema| {
        // A key of folders is no column of a file.
        if names_a_folder { Ok(all_of(schema)) } else { streamed(plan, schema) }
    };
    // What one file lacks, others may have: that is looked for in all of them together.
    let choose_of_file = |schema: &Schema| Ok(choose(schema).unwrap_or_else(|_| all_of(schema)));
    let as_map = |path: &str| as_map(plan, path);
    let save = SavePlace { parent: &parent, limit, choose: &choose_of_file, as_map: &as_map, spare };
    let SavedFiles { listing, spooled, unreadable } = as_parquet(listed, &save)?;
    let is_alone = files.is_empty() && stdin.len() == 1;
    if stdin.is_empty() {
        return Ok(Sources { listing, spooled, coming: None, unreadable });
    }
    let given = plan.streams.take();
    if !given.is_empty() {
        let is_one = files.is_empty() && given.len() == 1;
        let mut sources = Sources { listing, spooled, coming: None, unreadable };
        for stream in given {
            let mut rows = ComingRows::begin(Box::new(stream.choose(choose)?))?;
            if is_one && one_pass.suits_handed(&rows) {
                sources.add(spool_first(&rows, &parent, limit)?);
                sources.coming = Some(rows);
            } else {
                sources.add(spool(&mut rows, &parent, limit)?);
            }
        }
        return Ok(sources);
    }
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Error::usage("-: stdin is a terminal").hint("pipe an Arrow IPC stream into posweight"));
    }
    let refused = |cause: std::io::Error| Error::input(format!("-: stdin cannot be read: {cause}"));
    let input: Box<dyn Read + Send> = match plan.pass_on {
        Some(on_broken_pipe) => {
            Box::new(PassOn::between(&stdin, &std::io::stdout(), on_broken_pipe).map_err(refused)?)
        }
        None => Box::new(unbuffered(&stdin).map_err(refused)?),
    };
    let mut rows = ComingRows::begin(Box::new(IpcRows::open(input, plan.pass_on.is_some(), choose)?))?;
    let (saved, coming) = if one_pass.stdin && is_alone {
        (spool_first(&rows, &parent, limit)?, Some(rows))
    } else {
        (spool(&mut rows, &parent, limit)?, None)
    };
    let mut sources = Sources { listing, spooled, coming, unreadable };
    sources.add(saved);
    Ok(sources)
}

impl Sources {
    fn add(&mut self, saved: Spooled) {
        self.listing.shards.push(saved.listed());
        self.spooled.push(saved);
    }
}

/// Saves all rows of a stream, which become the one file that is listed.
pub(super) fn saved_rows(plan: &CountPlan, mut rows: ComingRows) -> Result<Sources> {
    let saved = spool(&mut rows, &spill_folder(plan), plan.limits.spill_limit)?;
    let listing = Listing { shards: vec![saved.listed()], ..Listing::default() };
    Ok(Sources { listing, spooled: vec![saved], coming: None, unreadable: Vec::new() })
}

fn spill_folder(plan: &CountPlan) -> PathBuf {
    plan.limits.spill_dir.clone().unwrap_or_else(std::env::temp_dir)
}

/// Whether the labels that are named say that a column of objects is a map, or a struct.
fn as_map(plan: &CountPlan, path: &str) -> Option<bool> {
    let below = |name: &str| Some(name.strip_prefix(path)?.strip_prefix('.')?.to_owned());
    let mut names = plan.labels.iter().flat_map(|names| names.split(','));
    names.find_map(|name| match below(name) {
        None => (name == path).then_some(true),
        Some(inside) => Some(matches!(&inside[..], "key" | "value")),
    })
}

/// The places of all columns.
fn all_of(schema: &Schema) -> Vec<usize> {
    (0..schema.fields().len()).collect()
}

/// The columns of a stream that are stored: the named ones, if all needed columns are named.
fn streamed(plan: &CountPlan, schema: &Schema) -> Result<Vec<usize>> {
    if plan.labels.is_empty() || plan.filter.is_some() || plan.copies_rows {
        return Ok(all_of(schema));
    }
    // Columns that hold label columns are stored whole. Those that are left out are looked for when labels are chosen.
    let inside = layout::nested(&plan.labels, schema);
    let leaves_out = |text: &String| text.split(',').any(|name| name.trim_start().starts_with('!'));
    if !inside.is_empty()
        || plan.labels.iter().any(leaves_out)
        || plan.labels.iter().any(|name| LabelPath::of_map(name, schema).is_some())
    {
        return Ok(all_of(schema));
    }
    let labels = select(&plan.labels, schema)?;
    let beside = plan.id.iter().chain(&plan.value).chain(&plan.sample_weight);
    let beside = beside.chain(&plan.by).chain(&plan.folded_by);
    let named: BTreeSet<&String> = labels.iter().chain(beside).collect();
    // Whether rows of one label are pairs is seen from what stands beside it.
    let may_be_pairs = labels.len() == 1
        && match plan.layout {
            None => true,
            Some(layout) => layout == LayoutKind::Long && plan.id.is_none(),
        };
    let is_kept =
        |name: &String| named.contains(name) || may_be_pairs && says_of_pairs(name, schema.fields().len());
    let fields = schema.fields().iter().enumerate();
    Ok(fields.filter(|(_, field)| is_kept(field.name())).map(|(i, _)| i).collect())
}
