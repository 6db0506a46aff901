//! The library: what a program calls in place of the command line.
//!
//! ```
//! use posweight::{Options, compute};
//!
//! let options = Options::new(["sample_data/wide"]).with("scheme", ["ratio", "sqrt"])?;
//! let result = compute(options)?;
//! assert_eq!(result.all().labels(), ["bird", "cat", "dog"]);
//! assert_eq!(result.all().pos_weight(), [11.0, 1.0, 5.0 / 7.0]);
//! # Ok::<(), posweight::error::Error>(())
//! ```
//!
//! [`Options`] are the keys of a pipeline file; sources are files, folders, globs, addresses, and streams of Arrow record
//! batches. [`compute`] gives a [`Computed`], of which [`ResultView`] reads all rows or one group; [`open`] reads it back
//! from the folder it was saved in, [`weigh`] makes one of saved counts, [`weigh_tallies`] of counts in memory.
//! [`inspect`] looks at shards, [`query`] runs SQL.
//!
//! A call leaves nothing in the process: no handler of signals, no threads, no output; it may be made in a process that
//! was forked, and several at a time. A [`StopSwitch`] ends it, a [`RunWatch`] shows how far it is.

mod computed;
mod inspected;
mod options;
mod planned;
mod queried;
mod stop;
mod watch;

use std::path::{Path, PathBuf};

use schemars::schema_for;
use serde_json::Value as Json;

pub use computed::{Computed, ResultView};
pub use inspected::inspect;
pub use options::Options;
pub use planned::PlannedRows;
pub use queried::{QueryRows, query};
pub use stop::StopSwitch;
pub use watch::RunWatch;

use crate::artifact::counts::CountsFile;
use crate::artifact::provenance::Provenance;
use crate::counts::{CountUnit, LabelCounts, Labels, Tally};
use crate::error::{Error, Result};
use crate::pipeline::destination::Destination;
use crate::pipeline::machine::Machine;
use crate::pipeline::outcome::Ended;
use crate::pipeline::plan::Plan;
use crate::pipeline::reopened::{check_whole, finished_with_pairs};
use crate::pipeline::run::run;
use crate::pipeline::spec::Spec;
use crate::pipeline::spec_keys::weighings;
use crate::pipeline::weigh::{Merged, merged, weigh_counts};
use crate::threads::runtime;

/// Keeps this process from printing panics that become errors. For programs, once at their start: it wraps the panic
/// hook.
pub fn quiet_panics() {
    crate::guard::quiet();
}

/// The JSON Schema of a pipeline file: every key with its description.
#[must_use]
pub fn schema() -> String {
    schema_for!(Spec).to_value().to_string()
}

/// Counts the labels of the sources and computes weights, measures and findings; writes files if `out` is one of the
/// options.
///
/// The calling thread waits; it may be one of an async runtime.
///
/// # Errors
/// As `posweight run` with the same keys.
pub fn compute(options: Options) -> Result<Computed> {
    let Options { spec, streams, open: readers, stop, watch } = options.ready()?;
    let mut plan = Plan::resolve_to(spec, Machine::left(), Destination::of_program)?;
    plan.count.streams = streams;
    let ended = on_runtime(plan.count.limits.threads, || run(&plan, &*watch, stop.stopped()));
    if ended.is_err() {
        // The code of the program is not called any more when this call is over.
        drop(plan.count.streams.take());
        readers.wait();
    }
    match ended? {
        Ended::Done(outcome) => Computed::of(*outcome, &plan),
        Ended::Unchanged(_) => {
            Ok(Computed::saved(finished_with_pairs(plan.out.folder().unwrap_or(Path::new("")))?))
        }
    }
}

/// Reads a finished run from its folder, or a counts file.
///
/// # Errors
/// [`Error::Input`] when there is none, and for that of one of several jobs.
pub fn open(run: &Path) -> Result<Computed> {
    let finished = finished_with_pairs(run)?;
    check_whole(run, &finished.derived.file)?;
    Ok(Computed::saved(finished))
}

/// Merges saved counts, weighs them by the keys of `options` and writes files if `out` is one of them.
///
/// # Errors
/// As `posweight weigh`.
pub fn weigh(files: &[PathBuf], options: Options) -> Result<Computed> {
    let spec = of_weights(options.spec)?;
    let Merged { derived, groups, source, spec: meaning, .. } = merged(files, &spec)?;
    Computed::weighed(derived, groups, source, meaning).written(&spec)
}

/// Weighs counts that the program has: the names of labels, and the positives, negatives and missing rows of each. The
/// three numbers of a label add up to the number of rows.
///
/// # Errors
/// [`Error::Usage`] for keys of `options` that are wrong, [`Error::Input`] for numbers that do not add up.
pub fn weigh_tallies(labels: &[String], tallies: &[[u64; 3]], options: Options) -> Result<Computed> {
    let sum = |[positives, negatives, missing]: [u64; 3]| {
        positives.checked_add(negatives).and_then(|sum| sum.checked_add(missing))
    };
    let rows = tallies.first().map_or(Some(0), |first| sum(*first));
    let rows = rows.ok_or_else(|| Error::input("the counts of a label exceed 2^64"))?;
    if labels.len() != tallies.len() {
        let (labels, tallies) = (labels.len(), tallies.len());
        return Err(Error::usage(format!(
            "there are {labels} names of labels, but counts of {tallies} labels"
        ))
        .hint("give one name for each label, in the order of the counts"));
    }
    let labels: Labels = labels.iter().collect();
    if let Some((name, first, second)) = labels.duplicate() {
        return Err(Error::usage(format!("labels {first} and {second} are both called {name:?}"))
            .hint("give each label a name of its own"));
    }
    if let Some(at) = tallies.iter().position(|tally| sum(*tally) != Some(rows)) {
        let [positives, negatives, missing] = tallies[at];
        return Err(Error::input(format!(
            "label {:?} has {positives} positives, {negatives} negatives and {missing} missing rows, which is not the \
             number of rows of the first label, {rows}",
            labels.name(at)
        ))
        .hint("give the counts of the same rows for every label"));
    }
    let tally = |[positives, negatives, missing]: &[u64; 3]| Tally {
        positives: *positives,
        negatives: *negatives,
        missing: *missing,
        ..Tally::default()
    };
    let counts = LabelCounts::new(rows, labels, tallies.iter().map(tally).collect(), None)?;
    let (layout, fingerprint, group) = ("vector".to_owned(), String::new(), Vec::new());
    let spec = of_weights(options.spec)?;
    let meaning = serde_json::to_value(spec.meaning()).unwrap_or(Json::Null);
    let file = CountsFile {
        counts,
        layout,
        unit: CountUnit::default(),
        fingerprint,
        group,
        grouped: None,
        part: None,
        provenance: Provenance { spec: Some(meaning.clone()), ..Provenance::default() },
    };
    let derived = weigh_counts(file, &spec)?;
    Computed::weighed(derived, Vec::new(), "counts".to_owned(), meaning).written(&spec)
}

/// Refuses keys that weighing does not look at: what they ask for would be missing.
fn of_weights(spec: Spec) -> Result<Spec> {
    let given = serde_json::to_value(&spec).map_err(|cause| Error::internal(cause.to_string()))?;
    let places = ["out", "overwrite", "formats", "against"];
    let known = || weighings().chain(places);
    let is_given = |value: &Json| !value.is_null() && value.as_object().is_none_or(|map| !map.is_empty());
    let mut given = given.as_object().into_iter().flatten().filter(|(_, value)| is_given(value));
    let Some((key, _)) = given.find(|(key, _)| !known().any(|known| known == key.as_str())) else {
        return Ok(spec);
    };
    Err(Error::usage(format!("key \"{key}\" is of no use here: counts are weighed, and no rows are read"))
        .hint(format!("drop it; keys of weights are {}", known().collect::<Vec<_>>().join(", "))))
}

/// The value of `work` on a runtime of its own, whose threads end with it.
fn on_runtime<T: Send, W: Future<Output = Result<T>>>(
    threads: usize,
    work: impl FnOnce() -> W + Send,
) -> Result<T> {
    // On a thread of its own: the caller's may belong to another runtime.
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = runtime(threads, "posweight")?;
            let result = runtime.block_on(work());
            // What was stopped must not wait for a busy decoder thread.
            runtime.shutdown_background();
            result
        });
        worker.join().unwrap_or_else(|_| Err(Error::internal("a bug in posweight: a thread panicked")))
    })
}
