//! Writes the shards with their new columns: some threads read rows and encode columns, others copy the rest.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tokio::runtime::Handle;

use super::arrays::{ColumnMaker, TargetSums};
use super::handover::Handover;
use super::rows::EncodingSink;
use crate::artifact::appended::{CopiedBytes, EncodedColumns, WholeShard, append_columns};
use crate::artifact::publish::{StagedFile, Staging};
use crate::counts::LabelCounts;
use crate::engine::counting::Counting;
use crate::engine::rows::{Request, read_rows};
use crate::engine::session::Limits;
use crate::engine::{Dataset, Progress};
use crate::error::{Error, Result};
use crate::source::names::{names, of_copy};
use crate::source::shards::Shard;

/// The folder of the shards inside a result.
pub(super) const FOLDER: &str = "applied";
/// Longest wait for the threads of a run that is stopped.
const MOMENT: Duration = Duration::from_secs(10);

/// What is written.
pub(super) struct Writing {
    pub(super) dataset: Dataset,
    /// What reads the labels of rows.
    pub(super) counting: Arc<Counting>,
    pub(super) limits: Limits,
    pub(super) maker: ColumnMaker,
    pub(super) progress: Arc<Progress>,
}

/// What was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) copied: CopiedBytes,
    pub(super) sums: TargetSums,
}

/// Writes all shards into `staging`, on other threads. They end when this is dropped.
pub(super) async fn write_shards(writing: Writing, staging: Staging) -> Result<(Staging, Written)> {
    let handover = Arc::new(Handover::new(writing.limits.threads));
    let (ended, end) = channel();
    let _stop = EndOnDrop { handover: Arc::clone(&handover), end };
    let runtime = Handle::current();
    let work = move || {
        // Told when the folder of the result is gone, if the work failed.
        let _ended = ended;
        write_all(&writing, staging, &handover, &runtime)
    };
    tokio::task::spawn_blocking(work).await.map_err(|cause| Error::internal(cause.to_string()))?
}

/// Ends the threads, and waits until they have taken away what they wrote.
struct EndOnDrop {
    handover: Arc<Handover<EncodedColumns>>,
    end: Receiver<()>,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.handover.fail(Error::Stopped(1));
        // The other end is dropped once the threads have ended.
        let _ = self.end.recv_timeout(MOMENT);
    }
}

fn write_all(
    writing: &Writing,
    mut staging: Staging,
    handover: &Arc<Handover<EncodedColumns>>,
    runtime: &Handle,
) -> Result<(Staging, Written)> {
    let Writing { dataset, counting, limits, maker, progress } = writing;
    let groups = [Vec::new()];
    let request = Request { dataset, counting, groups: &groups, limits, progress };
    let copied = std::sync::Mutex::new(CopiedBytes::default());
    let names = names(&dataset.shards);
    let (read, written) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let sink = || EncodingSink::new(maker.clone(), &dataset.shards, handover);
            let read = runtime.block_on(read_rows(&request, sink));
            handover.end();
            read
        });
        let wanted = dataset.shards.iter().enumerate().map(|(number, shard)| StagedFile {
            name: format!("{FOLDER}/{}", of_copy(&names[number])),
            write: Box::new({
                let (copied, names) = (&copied, &names);
                move |out| {
                    let one = write_one(out, (number, shard), maker, handover, progress);
                    let one = one.inspect_err(|error| fail(handover, error, &names[number]))?;
                    let mut all = copied.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    all.rows += one.rows;
                    all.bytes += one.bytes;
                    Ok(())
                }
            }),
        });
        let written = staging.files(wanted.collect(), limits.threads);
        if let Err(error) = &written {
            fail(handover, error, FOLDER);
        }
        let read = reading.join().unwrap_or_else(|_| Err(Error::internal("reading rows has ended early")));
        (read, written)
    });
    handover.failure()?;
    let sums = read?;
    written.map_err(|error| match error {
        Error::Stopped(_) => Error::internal("the rows of a row group did not come"),
        other => other,
    })?;
    let mut whole = maker.sums.clone();
    sums.iter().for_each(|sums| whole.add(sums));
    dataset.shards.iter().try_for_each(Shard::check_unchanged)?;
    let copied = copied.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok((staging, Written { copied, sums: whole }))
}

/// Ends all for this reason, unless that is only that others have ended.
fn fail(handover: &Handover<EncodedColumns>, error: &Error, name: &str) {
    match error {
        Error::Stopped(_) => {}
        Error::Output(_) | Error::Resource(_) => handover.fail(error.clone().at(name)),
        other => handover.fail(other.clone()),
    }
}

fn write_one(
    out: &mut (impl std::io::Write + Send),
    (number, shard): (usize, &Shard),
    maker: &ColumnMaker,
    handover: &Handover<EncodedColumns>,
    progress: &Progress,
) -> Result<CopiedBytes> {
    let whole = shard.with_footer()?;
    let source = WholeShard { place: &shard.place, name: &shard.name, metadata: &whole.metadata };
    let mut next = |group| handover.take((number, group));
    let stop = || {
        // The copy of a large row group is no standstill.
        progress.beat();
        handover.check()
    };
    append_columns(out, &source, maker.schema(), &mut next, &stop)
}

/// Makes sure that targets hold what was counted.
///
/// # Errors
/// [`Error::Internal`] naming a label.
pub(super) fn check_sums(sums: &TargetSums, counts: &LabelCounts, places: Option<&[u32]>) -> Result<()> {
    for (label, tally) in counts.tallies().iter().enumerate() {
        let place = places.map_or(label, |places| places[label] as usize);
        let counted = (tally.positives, tally.missing + tally.uncertain);
        let made = (sums.positives[place], sums.missing[place]);
        if counted != made {
            return Err(Error::internal(format!(
                "label {:?} has {} positive and {} missing rows, but {} and {} were counted",
                counts.labels().name(label),
                made.0,
                made.1,
                counted.0,
                counted.1
            )));
        }
    }
    Ok(())
}
