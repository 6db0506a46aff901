//! Runs a plan and accounts for it, whether it succeeds or not. [`stages`](super::stages) has the picture.

use std::path::Path;
use std::time::{Instant, SystemTime};

use super::account::{Account, status, summary};
use super::checking::{REFUSED, has_result};
use super::notices;
use super::outcome::{Ended, Observer};
use super::plan::Plan;
use super::reopened::reopen_part;
use super::stages::stages;
use crate::artifact::publish::write_results;
use crate::error::{Error, Result};
use crate::store::{of_path, set_retries};

/// Runs `plan` until it ends or `stop` does, writes `run_results.json`, also when the run fails, and sends its notices.
/// Nothing of it stays in the process.
///
/// # Errors
/// The first error of any stage, or that of `stop`; nothing is published then, and a previous result is untouched.
pub(crate) async fn run(
    plan: &Plan,
    observer: &dyn Observer,
    stop: impl Future<Output = Error>,
) -> Result<Ended> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    set_retries(plan.retries);
    let wrong = notices::wrong_files(plan);
    let lineage = notices::started(plan, &wrong, started);
    let mut account = Account::default();
    let result = tokio::select! {
        // The stop is heard from the start.
        biased;
        signal = stop => Err(signal),
        result = async {
            if let Some((_, error)) = wrong.first() {
                return Err(error.clone());
            }
            stages(plan, observer, &mut account).await
        } => result,
    };
    observer.counted();
    // Where the run failed before it asked for the folder, a result that it may not replace stays with its record.
    let keeps = |out: &Path| !plan.overwrite && !account.is_staged && result.is_err() && has_result(out);
    let is_held = account.is_held || plan.out.folder().is_some_and(keeps);
    let result = account.failure.take().map_or(result, Err);
    let is_partial = account.shards_with("skipped") > 0;
    let status = match &result {
        Ok(Ended::Unchanged(_)) => "unchanged",
        other => status(other.as_ref().err(), is_partial),
    };
    // A night without changes tells of the result that there is.
    let known = notices::tells_of_result(plan).then_some(&result).and_then(|result| {
        match (result, plan.out.folder()) {
            (Ok(Ended::Unchanged(_)), Some(out)) => reopen_part(out).ok(),
            _ => None,
        }
    });
    if let Some(known) = &known {
        account.inputs.rows = known.file.counts.rows();
        account.result = Some(summary(known));
    }
    let mut results = account.results(plan, started, clock.elapsed(), status, result.as_ref().err());
    if let Ok(Ended::Unchanged(code)) = result {
        results.exit_code = code;
    }
    let counts = match &result {
        Ok(Ended::Done(outcome)) => Some(&outcome.derived.file.counts),
        _ => known.as_ref().map(|known| &known.file.counts),
    };
    // The run_results.json of another run that has published meanwhile stays.
    let is_of_other = |out: &&Path| of_path(out).is_some() && matches!(result, Err(Error::Output(_)));
    // A folder that does not take the result may belong to somebody else, so no run_results.json is written.
    let place = plan.out.folder().filter(|out| !is_of_other(out) && !is_held);
    if let Some(out) = place.filter(|out| of_path(out).is_none() && status != "checks_failed") {
        // Most folders have none.
        let _ = std::fs::remove_file(out.join(REFUSED));
    }
    let written = place.map_or(Ok(()), |out| write_results(out, results.to_json()?));
    notices::ended(plan, &results, counts, lineage, &wrong);
    match (result, written) {
        (Ok(_), Err(error)) => Err(error),
        (Ok(Ended::Done(mut outcome)), Ok(())) => {
            outcome.record = Some(results);
            Ok(Ended::Done(outcome))
        }
        (result, _) => result,
    }
}
