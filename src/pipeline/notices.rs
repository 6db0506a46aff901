//! Reports of a run to other programs: a summary, metrics, lineage. All are made from `run_results.json`.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value as Json;

use super::account::utc;
use super::checking::REFUSED;
use super::plan::{Notices, Plan};
use super::spec::{STDIO, Spec};
use crate::artifact::catalog::RESULT_FILES;
use crate::artifact::files::RESULTS;
use crate::artifact::lineage::LineageRun;
use crate::artifact::metrics::metrics;
use crate::artifact::results::RunResults;
use crate::artifact::side::{SideKind, append_side, check_kind, check_side, is_stream, target, write_side};
use crate::artifact::summary;
use crate::counts::LabelCounts;
use crate::error::{Error, Result};
use crate::store::{is_address, of_path};

/// How long a collector of events may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same when the run is being stopped.
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(1);
/// Path for events if the address is a host alone.
const EVENTS_PATH: &str = "/api/v1/lineage";

/// Events of a run that has begun.
#[derive(Debug)]
pub(super) struct Lineage {
    run: LineageRun,
    place: String,
    started: JoinHandle<Option<String>>,
}

/// The run begins; some files are `wrong`.
pub(super) fn started(plan: &Plan, wrong: &[(&str, Error)], time: SystemTime) -> Option<Lineage> {
    let place = plan
        .notices
        .openlineage
        .clone()
        .filter(|_| wrong.iter().all(|(flag, _)| *flag != "--openlineage"))?;
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let output = plan.out.folder().map(named);
    let job = plan.out.folder().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let run = LineageRun {
        id: uuid(time),
        namespace: variable("OPENLINEAGE_NAMESPACE").unwrap_or_else(|| "posweight".to_owned()),
        job: variable("OPENLINEAGE_JOB_NAME").or(job).unwrap_or_else(|| "posweight".to_owned()),
        inputs: plan.count.sources.iter().map(|source| named(Path::new(source))).collect(),
        output,
        parent: variable("OPENLINEAGE_PARENT_ID"),
    };
    let (to, event) = (place.clone(), run.start(&utc(time)));
    // Counting does not wait for a collector.
    let started = std::thread::spawn(move || send(&to, &event, PATIENCE).err());
    Some(Lineage { run, place, started })
}

/// The name of a file or folder for others, who do not know the folder of this process.
fn named(path: &Path) -> String {
    let text = path.display().to_string();
    if text == STDIO || is_address(&text) || of_path(path).is_some() {
        return text;
    }
    std::path::absolute(path).map_or(text, |path| path.display().to_string())
}

/// Whether the result is reported to another program, even the result of an earlier run.
pub(super) fn tells_of_result(plan: &Plan) -> bool {
    let Notices { summary_json, metrics_textfile, openlineage } = &plan.notices;
    summary_json.is_some() || metrics_textfile.is_some() || openlineage.is_some()
}

/// The files that are written beside the result: flag, path, content.
pub(super) fn side_files(notices: &Notices) -> impl Iterator<Item = (&'static str, &Path, SideKind)> {
    let Notices { summary_json, metrics_textfile, openlineage } = notices;
    let events = openlineage.as_deref().and_then(|place| place.strip_prefix("file:")).map(Path::new);
    let files = [
        ("--summary-json", summary_json.as_deref(), SideKind::Summary),
        ("--metrics-textfile", metrics_textfile.as_deref(), SideKind::Metrics),
        ("--openlineage", events, SideKind::Events),
    ];
    files.into_iter().filter_map(|(flag, path, kind)| Some((flag, path?, kind)))
}

impl Plan {
    /// The flag of the file beside the result that goes to stdout.
    #[must_use]
    pub(crate) fn side_on_stdout(&self) -> Option<&'static str> {
        side_files(&self.notices).find(|(_, path, _)| *path == Path::new(STDIO)).map(|(flag, ..)| flag)
    }
}

/// The files that cannot be written beside the result, as far as that is known before, or would take the place of
/// another file: the flag, and what is wrong. Nothing is written there.
pub(super) fn wrong_files(plan: &Plan) -> Vec<(&'static str, Error)> {
    let is_here = |path: &Path| of_path(path).is_none();
    let state = plan.state.as_deref().filter(|state| is_here(state));
    let mut taken: Vec<(&str, PathBuf)> = state.map(|state| ("--state", whole(state))).into_iter().collect();
    let out = plan.out.folder().filter(|out| is_here(out)).map(whole);
    let mut check = |flag: &'static str, path: &Path, kind: SideKind| {
        if kind != SideKind::Events {
            check_side(path).map_err(|error| of_flag(error, flag))?;
        }
        check_kind(path, kind).map_err(|error| error.at(flag))?;
        let place = whole(path);
        let other = format!("name another file for {flag}");
        if let Some((by, _)) = taken.iter().find(|(_, known)| *known == place) {
            return Err(
                Error::usage(format!("{flag} and {by} name the same file, {}", path.display())).hint(other)
            );
        }
        let inside = out.as_deref().and_then(|out| place.strip_prefix(out).ok());
        let first = inside.and_then(|inside| inside.components().next());
        let is_of_result = |name: &str| first.is_some_and(|first| first.as_os_str() == name);
        if RESULT_FILES.iter().map(|file| file.name).chain([RESULTS, REFUSED]).any(is_of_result) {
            return Err(Error::usage(format!(
                "{flag} {}: the result has a file of this name",
                path.display()
            ))
            .hint(other));
        }
        // Several may take turns on a device, but stdout has one reader.
        if !is_stream(&place) || path == Path::new(STDIO) {
            taken.push((flag, place));
        }
        Ok(())
    };
    let files = side_files(&plan.notices);
    files.filter_map(|(flag, path, kind)| Some((flag, check(flag, path, kind).err()?))).collect()
}

/// Where a path leads, so that two paths of one file are equal.
fn whole(path: &Path) -> PathBuf {
    let path = target(path);
    let path = std::path::absolute(&path).unwrap_or(path);
    let found = path.ancestors().find_map(|part| Some((part.to_owned(), std::fs::canonicalize(part).ok()?)));
    match found.as_ref().and_then(|(part, real)| Some((real, path.strip_prefix(part).ok()?))) {
        Some((real, rest)) if rest.as_os_str().is_empty() => real.clone(),
        Some((real, rest)) => real.join(rest),
        None => path,
    }
}

fn of_flag(error: Error, flag: &str) -> Error {
    error.at(flag).hint(format!("name a file for {flag} that this user may write"))
}

/// The run ended, with `counts` where it counted. A file that cannot be written, and a collector of events that does
/// not answer, change nothing about the run; where the files are `wrong`, the run has ended with that.
pub(super) fn ended(
    plan: &Plan,
    results: &RunResults,
    counts: Option<&LabelCounts>,
    lineage: Option<Lineage>,
    wrong: &[(&str, Error)],
) {
    let now = SystemTime::now();
    if let Some(Lineage { run, place, started }) = lineage {
        let is_stopped = results.status == "aborted";
        let first = if is_stopped { None } else { started.join().ok().flatten() };
        let patience = if is_stopped { PATIENCE_WHEN_STOPPED } else { PATIENCE };
        let last = send(&place, &run.end(&utc(now), results), patience).err();
        if let Some(cause) = first.or(last) {
            tracing::warn!("--openlineage {place}: {cause}; the run is not affected");
        }
    }
    let out = plan.out.folder().map_or_else(|| "-".to_owned(), |out| out.display().to_string());
    // With millions of labels, the texts take a while, so only those that are asked for are made.
    let write = |flag: &str, (path, kind): (&Option<PathBuf>, SideKind), text: &dyn Fn() -> String| {
        let Some(path) = path.as_ref().filter(|_| wrong.iter().all(|(known, _)| *known != flag)) else {
            return;
        };
        if let Err(error) = check_kind(path, kind).and_then(|()| write_side(path, &text())) {
            tracing::error!("{flag}: {error}; the run and its exit code are not affected");
        }
    };
    write("--summary-json", (&plan.notices.summary_json, SideKind::Summary), &|| {
        summary::summary(results, &out)
    });
    if results.error.is_none() {
        let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        write("--metrics-textfile", (&plan.notices.metrics_textfile, SideKind::Metrics), &|| {
            metrics(results, counts, seconds)
        });
    }
}

/// The run that `spec` asks for could not begin.
pub(crate) fn refused(spec: &Spec, error: &Error) {
    let Some(path) = &spec.summary_json else { return };
    let written =
        check_kind(path, SideKind::Summary).and_then(|()| write_side(path, &summary::refused(error)));
    if let Err(cause) = written {
        tracing::warn!("--summary-json: {cause}");
    }
}

/// Whether `place` is one where events can go.
///
/// # Errors
/// [`Error::Usage`] when it is not.
pub(super) fn check_place(place: &str) -> Result<()> {
    let address = place.strip_prefix("http://").or_else(|| place.strip_prefix("https://"));
    match (place.strip_prefix("file:"), address) {
        (Some(path), _) if !path.is_empty() => Ok(()),
        (_, Some(rest)) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            Err(Error::usage("--openlineage: the address holds a user or password")
                .hint("leave it out; a key goes into the environment as OPENLINEAGE_API_KEY"))
        }
        (_, Some(rest)) if !rest.is_empty() => Ok(()),
        _ => Err(Error::usage(format!("--openlineage {place}: events cannot go there"))
            .hint("give file:PATH, http://HOST or https://HOST")),
    }
}

/// Appends an event to a file, or posts it.
fn send(place: &str, event: &Json, patience: Duration) -> std::result::Result<(), String> {
    if let Some(path) = place.strip_prefix("file:") {
        return append_side(Path::new(path), &format!("{event}\n")).map_err(|cause| cause.to_string());
    }
    let host_alone = place.split("//").nth(1).is_some_and(|rest| !rest.trim_end_matches('/').contains('/'));
    let address =
        if host_alone { format!("{}{EVENTS_PATH}", place.trim_end_matches('/')) } else { place.to_owned() };
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(patience))
        .user_agent(concat!("posweight/", env!("CARGO_PKG_VERSION")))
        .build();
    let mut request = ureq::Agent::from(agent).post(&address).header("Content-Type", "application/json");
    if let Ok(key) = std::env::var("OPENLINEAGE_API_KEY") {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    request.send(event.to_string()).map(|_| ()).map_err(|cause| cause.to_string())
}

/// A UUID of version 7: the time in milliseconds, then chance.
fn uuid(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut chance = [0_u8; 10];
    // Without random bytes, the time alone has to differ.
    let _ = getrandom::fill(&mut chance);
    let chance = chance.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
    let bits = (millis & 0xffff_ffff_ffff) << 80
        | 7 << 76
        | (chance >> 62 & 0xfff) << 64
        | 2 << 62
        | (chance & ((1 << 62) - 1));
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_by_time_and_differ() {
        let at = |millis| uuid(UNIX_EPOCH + Duration::from_millis(millis));
        let (first, second) = (at(1_700_000_000_000), at(1_700_000_000_001));
        assert!(first < second && at(5) != at(5));
        assert_eq!((first.len(), &first[14..15]), (36, "7"));
        assert!("89ab".contains(&first[19..20]), "{first}");
    }

    #[test]
    fn places_of_events() {
        for good in ["file:events.jsonl", "http://localhost:5000", "https://host/api"] {
            check_place(good).unwrap();
        }
        for bad in ["file:", "http://", "events", "https://user:secret@host/"] {
            let error = check_place(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
