//! `posweight doctor`: what this build, this machine and a source offer to a run.

use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime};

use chrono::{DateTime, Datelike as _, Utc};
use clap::Args;
use comfy_table::{Table, presets};

use super::output::{print, say_error, size};
use super::source_flags::SourceFlags;
use crate::error::{Error, Result, plural};
use crate::pipeline::machine::{Machine, available_memory};
use crate::pipeline::options::limits;
use crate::pipeline::spec::Spec;
use crate::source::formats::all_as_parquet;
use crate::source::{listing, shards};
use crate::store::CREDENTIAL_PLACES;

/// Features of cargo that a build may have.
const FEATURES: [(&str, bool); 4] = [
    ("cloud", cfg!(feature = "cloud")),
    ("delta", cfg!(feature = "delta")),
    ("iceberg", cfg!(feature = "iceberg")),
    ("cluster", cfg!(feature = "cluster")),
];
/// A clock that shows an earlier year is wrong.
const FIRST_YEAR: i32 = 2026;
/// Open files that a run may need at a time.
const OPEN_FILES: u64 = 256;
/// Free bytes of the spill folder below which a warning is right.
const FREE_BYTES: u64 = 1 << 30;

/// Check this build, this machine and, if given, a source
#[derive(Debug, Args)]
#[command(after_help = "Credentials are never shown. The exit code is 0 unless something cannot work.

Examples:
  posweight doctor
  posweight doctor data/
  posweight doctor s3://bucket/data/ --spill-dir /scratch")]
pub(super) struct DoctorVerb {
    /// Files, folders, globs or addresses; the first shard is opened
    #[arg(value_name = "SHARDS")]
    shards: Vec<String>,
    /// Folder for spill files
    #[arg(long, value_name = "DIR")]
    spill_dir: Option<std::path::PathBuf>,
    #[command(flatten)]
    source: SourceFlags,
}

/// One line: what was looked at, what was found, and what to do if that is not well.
struct DoctorLine {
    name: &'static str,
    found: String,
    advice: Option<String>,
}

impl DoctorVerb {
    pub(super) fn act(&self) -> Result<u8> {
        let mut spec = Spec { spill_dir: self.spill_dir.clone(), ..Spec::default() };
        self.source.put(&mut spec);
        let machine = Machine::here();
        let limits = limits(&spec, machine)?;
        let temporary = std::env::temp_dir();
        let mut checks = vec![build(), memory(machine, limits.memory)];
        let spill = spill(limits.spill_dir.as_deref().unwrap_or(&temporary), limits.spill_limit);
        let (spill, mut failed) = match spill {
            Ok(check) => (check, None),
            Err(error) => (DoctorLine::failed("spill folder", &error), Some(error)),
        };
        checks.push(spill);
        checks.extend(open_files());
        checks.push(clock());
        checks.extend(CREDENTIAL_PLACES.iter().map(|places| DoctorLine {
            name: "credentials",
            found: format!(
                "{}: {}",
                places.scheme,
                places.found().unwrap_or_else(|| "none found".to_owned())
            ),
            advice: None,
        }));
        if !self.shards.is_empty() {
            match probe(&self.shards, &spec, machine.threads) {
                Ok(found) => checks.extend(found),
                Err(error) => {
                    checks.push(DoctorLine::failed("source", &error));
                    failed = Some(error);
                }
            }
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        for check in &checks {
            let is_well = if check.advice.is_some() { "look here" } else { "ok" };
            table.add_row([check.name, is_well, check.found.as_str()]);
            check.advice.iter().for_each(|advice| {
                table.add_row(["", "", advice]);
            });
        }
        let lines: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
        print(&lines)?;
        Ok(failed.map_or(0, |error| {
            say_error(&error);
            error.exit_code()
        }))
    }
}

impl DoctorLine {
    fn failed(name: &'static str, error: &Error) -> Self {
        let advice = error.remedy().unwrap_or("see the error below").to_owned();
        Self { name, found: error.to_string(), advice: Some(advice) }
    }
}

fn build() -> DoctorLine {
    let has: Vec<&str> = FEATURES.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
    let lacks: Vec<&str> = FEATURES.iter().filter(|(_, has)| !has).map(|(name, _)| *name).collect();
    let is_slow = cfg!(debug_assertions);
    let kind = if is_slow { "development build" } else { "release build" };
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let features = format!("features {}; without {}", list(&has), list(&lacks));
    let found = format!("posweight {}, {kind}, {features}", env!("CARGO_PKG_VERSION"));
    let advice = is_slow.then(|| "a release build is many times faster: cargo install --path .".to_owned());
    DoctorLine { name: "build", found, advice }
}

fn memory(machine: Machine, limit: u64) -> DoctorLine {
    let available = available_memory();
    let free = available.map(|bytes| format!(", {} available", size(bytes))).unwrap_or_default();
    let threads = plural(machine.threads as u64, "processor");
    let found =
        format!("{threads}, {} of memory{free}; a run uses up to {}", size(machine.memory), size(limit));
    let advice = available.filter(|bytes| *bytes < limit).map(|bytes| {
        format!("other programs hold memory: run with --memory-limit {}m or less", (bytes / 10 * 8) >> 20)
    });
    DoctorLine { name: "memory", found, advice }
}

/// A run must be able to write to its spill folder.
fn spill(folder: &Path, limit: u64) -> Result<DoctorLine> {
    let probe = tempfile::NamedTempFile::new_in(folder);
    drop(probe.map_err(|cause| {
        Error::output(format!("{}: spill files cannot be written: {cause}", folder.display()))
            .hint("name a folder that can be written with --spill-dir")
    })?);
    let statistics = rustix::fs::statvfs(folder).map_err(|cause| Error::writing(folder, &cause.into()))?;
    let free = statistics.f_bavail.saturating_mul(statistics.f_frsize);
    let found = format!("{}: {} free; a run spills up to {}", folder.display(), size(free), size(limit));
    let advice = (free < FREE_BYTES).then(|| "name a folder with more room with --spill-dir".to_owned());
    Ok(DoctorLine { name: "spill folder", found, advice })
}

/// The limit of open files, where the system shows it.
fn open_files() -> Option<DoctorLine> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    let advice = soft.parse::<u64>().is_ok_and(|limit| limit < OPEN_FILES);
    let advice = advice.then(|| format!("raise the limit before a run: ulimit -n {}", OPEN_FILES * 4));
    Some(DoctorLine { name: "open files", found: format!("up to {soft}"), advice })
}

fn clock() -> DoctorLine {
    let now: DateTime<Utc> = SystemTime::now().into();
    let advice =
        (now.year() < FIRST_YEAR).then(|| "set the clock: stores refuse requests signed now".to_owned());
    DoctorLine { name: "clock", found: format!("{} UTC", now.format("%Y-%m-%d %H:%M:%S")), advice }
}

/// Lists the source and opens its first shard.
fn probe(sources: &[String], spec: &Spec, threads: usize) -> Result<[DoctorLine; 2]> {
    let clock = Instant::now();
    let listing = listing::list(sources, spec.how_tables()?)?.of_version(spec.how_tables()?)?;
    let seconds = clock.elapsed().as_secs_f64();
    let shards = plural(listing.shards.len() as u64, "shard");
    let listed =
        DoctorLine { name: "source", found: format!("{shards}, listed in {seconds:.3} s"), advice: None };
    let mut first = listing;
    first.shards.truncate(1);
    let clock = Instant::now();
    let (first, _held) = all_as_parquet(first)?;
    let opened = shards::open(first.shards, threads)?;
    let seconds = clock.elapsed().as_secs_f64();
    let found = opened.first().map_or_else(String::new, |shard| {
        let groups = plural(shard.metadata.num_row_groups() as u64, "row group");
        let (rows, columns) =
            (plural(shard.rows, "row"), plural(shard.schema.fields().len() as u64, "column"));
        format!(
            "{}: {}, {rows}, {columns}, {groups}, opened in {seconds:.3} s",
            shard.name,
            size(shard.bytes)
        )
    });
    Ok([listed, DoctorLine { name: "first shard", found, advice: None }])
}
