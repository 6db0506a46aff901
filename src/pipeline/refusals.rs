//! What a plan may not ask for at the same time.

use std::path::Path;

use super::destination::Destination;
use super::notices::{check_place, side_files};
use super::outputs;
use super::plan::Plan;
use super::sampling::Sampling;
use super::spec::STDIO;
use crate::artifact::plan::file_name;
use crate::error::{Error, Result, for_shell};
use crate::source::layout::LayoutKind;
use crate::source::listing::{format_of, source_of_files};
use crate::store::{Address, of_path};

/// Refuses contradictions.
pub(super) fn check(plan: &Plan) -> Result<()> {
    plan.notices.openlineage.as_deref().map_or(Ok(()), check_place)?;
    if plan.state.is_some() && reads_stdin(plan) {
        return Err(Error::usage("--state has no use for a stream on stdin, which is new every time")
            .hint("drop one of the two"));
    }
    if plan.state.is_some() && plan.count.query.is_some() {
        return Err(Error::usage(
            "--state keeps counts of single shards, which the rows of --query do not have",
        )
        .hint("drop one of the two"));
    }
    for address in [plan.out.folder(), plan.state.as_deref()].into_iter().flatten().filter_map(of_path) {
        Address::parse(address)?;
    }
    if plan.part.is_some() {
        check_job(plan)?;
    }
    if plan.count.limits.cluster.is_some() {
        check_cluster(plan)?;
    }
    if plan.state.as_deref() == Some(Path::new(STDIO)) {
        return Err(Error::usage("--state -: counts are saved in a file, not on stdout")
            .hint("name a file; ./- is a file of that name"));
    }
    if let Destination::Stdout(_) = plan.out {
        if let Some(flag) = plan.side_on_stdout() {
            return Err(Error::usage(format!("{flag} and --out both write to stdout"))
                .hint(format!("name a file for {flag}")));
        }
        check_stdout(plan)?;
    }
    plan.sampling.as_ref().map_or(Ok(()), |sampling| check_sampling(plan, sampling))
}

/// Refuses a result inside a source, which a later run would take for shards.
pub(super) fn check_place_of_result(plan: &Plan) -> Result<()> {
    let Some(out) = plan.out.folder() else { return check_places_beside(plan) };
    let mut files: Vec<String> = outputs::names(&plan.formats).map(str::to_owned).collect();
    if !plan.count.by.is_empty() {
        files.push("by/group/counts.parquet".to_owned());
    }
    let mut folders = Vec::new();
    if let Some(sampling) = &plan.sampling {
        files.push(file_name(0, 1));
        folders.extend(sampling.materialize.then(|| "sampled".to_owned()));
    }
    // Where results are kept in a store.
    let within = if of_path(out).is_some() { "runs/run/" } else { "" };
    files.iter_mut().chain(&mut folders).for_each(|name| name.insert_str(0, within));
    let [files, folders] =
        [&files, &folders].map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    let Some(source) = source_of_files(&plan.count.sources, out, &files, &folders)? else {
        return check_places_beside(plan);
    };
    let hidden = out.file_name().map(|name| out.with_file_name(format!("_{}", name.to_string_lossy())));
    let hidden = hidden.unwrap_or_else(|| out.join("_result"));
    let [out, hidden] = [out, hidden.as_path()].map(|path| for_shell(&path.display().to_string()));
    Err(Error::usage(format!(
        "--out {out}: the next run over {source} would take the files of the result for shards"
    ))
    .hint(format!(
        "name a folder elsewhere, or one that is passed over because its name starts with _: --out {hidden}"
    )))
}

/// The same for the files that a run writes beside its result.
fn check_places_beside(plan: &Plan) -> Result<()> {
    let state = plan.state.as_deref().map(|state| ("--state", state));
    for (flag, path) in state.into_iter().chain(side_files(&plan.notices).map(|(flag, path, _)| (flag, path)))
    {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            continue;
        };
        if format_of(name).is_none() {
            continue;
        }
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        if let Some(source) = source_of_files(&plan.count.sources, folder, &[name], &[])? {
            let hidden = path.with_file_name(format!("_{name}"));
            let [path, hidden] = [path, &hidden].map(|path| for_shell(&path.display().to_string()));
            return Err(Error::usage(format!("{flag} {path}: the next run over {source} would take it for a shard"))
                .hint(format!(
                    "name a file elsewhere, or one that is passed over because its name starts with _: {flag} {hidden}"
                )));
        }
    }
    Ok(())
}

fn reads_stdin(plan: &Plan) -> bool {
    plan.count.sources.iter().any(|source| source == STDIO)
}

/// What a job that counts a part of the shards cannot do.
fn check_job(plan: &Plan) -> Result<()> {
    let refused = [
        ("a stream on stdin", reads_stdin(plan), "every job lists the same shards"),
        ("--query", plan.count.query.is_some(), "a job would run the query over all shards"),
        ("--out -", plan.out.folder().is_none(), "name a folder with --out DIR, one for each job"),
        ("--formats", plan.spec.formats.is_some(), "a job writes counts; give --formats to weigh"),
        ("--plan", plan.sampling.is_some(), "plan when all shards are together"),
        ("--groups", plan.count.groups.is_some(), "groups of several jobs do not add up; count in one job"),
        ("--row-measures on", plan.row_measures == Some(true), "use auto or off"),
        ("checks", !plan.checks.is_empty(), "a part of the shards says little; compare the whole with diff"),
    ];
    match refused.into_iter().find(|(_, is_asked, _)| *is_asked) {
        Some((what, _, hint)) => {
            Err(Error::usage(format!("{what} and --shard-count exclude each other")).hint(hint))
        }
        None => Ok(()),
    }
}

/// What a run on a cluster cannot do.
fn check_cluster(plan: &Plan) -> Result<()> {
    if plan.part.is_some() {
        return Err(Error::usage("--shard-index shares shards among jobs, --cluster among executors")
            .hint("drop one of the two"));
    }
    if plan.count.query.is_some() {
        return Err(
            Error::usage("--cluster: executors do not see the rows of --query").hint("drop one of the two")
        );
    }
    if plan.count.groups.is_some() {
        return Err(Error::usage("--cluster: groups are counted by one machine")
            .hint("drop --groups, or count without --cluster"));
    }
    if reads_stdin(plan) {
        return Err(Error::usage("--cluster: executors do not see a stream on stdin")
            .hint("name files, folders or globs that executors see too"));
    }
    Ok(())
}

/// What a run that writes to stdout cannot do.
fn check_stdout(plan: &Plan) -> Result<()> {
    if !plan.count.by.is_empty() {
        return Err(Error::usage("--out - takes one result, but --by makes several")
            .hint("name a folder with --out DIR"));
    }
    if let Some(check) = plan.checks.iter().find(|check| check.info().against_last) {
        return Err(Error::usage(format!(
            "[checks] {} needs a result to compare with, but --out is -",
            check.info().name
        ))
        .hint("name a folder with --out DIR, or drop the check"));
    }
    if plan.skip_exit_code.is_some() {
        return Err(Error::usage("--skip-exit-code needs a result to compare with, but --out is -")
            .hint("name a folder with --out DIR"));
    }
    Ok(())
}

/// What a run that makes a sampling plan cannot do.
fn check_sampling(plan: &Plan, sampling: &Sampling) -> Result<()> {
    let name = sampling.method.name();
    if plan.count.query.is_some() && plan.count.layout != Some(LayoutKind::Long) {
        return Err(Error::usage(format!(
            "--plan {name} names rows of shards, which the rows of --query are not"
        ))
        .hint("drop --query; --where leaves out rows, and --layout long plans the ids of a query"));
    }
    if !plan.count.by.is_empty() {
        return Err(Error::usage(format!("--plan {name} plans all rows together, but --by splits them"))
            .hint("plan one group with --where"));
    }
    if matches!(plan.out, Destination::Stdout(_)) {
        return Err(Error::usage(format!("--out - takes the weights alone, but --plan {name} makes files"))
            .hint("name a folder with --out DIR"));
    }
    Ok(())
}
