//! Rows that a query makes of the shards become the shard of the run.

use std::path::Path;

use super::count_plan::CountPlan;
use super::spec::STDIO;
use crate::engine::sql::{Access, Session, refuse_twice};
use crate::error::{Error, Result};
use crate::source::listing::{Listing, list};
use crate::source::spool::{Spool, Spooled};
use crate::source::tables::at::HowTables;
use crate::threads;

/// The table of a query.
const TABLE: &str = "shards";

/// Runs the query of a plan over its shards and keeps the rows in a folder of this run. One thread reads, so that
/// the rows are in the same order each time.
///
/// # Errors
/// [`Error::Usage`] for a query that cannot be run, [`Error::Input`] for shards that cannot be read,
/// [`Error::Resource`] when the rows take more than the limits permit.
pub(super) fn rows_of(plan: &CountPlan, query: &str) -> Result<(Listing, Spooled)> {
    if plan.sources.iter().any(|source| source == STDIO) {
        return Err(Error::usage("--query reads shards, not stdin").hint("name files, folders or globs"));
    }
    let Listing { shards, tables, notes } = list(&plan.sources, plan.tables)?.of_version(plan.tables)?;
    let mut limits = plan.limits.clone();
    (limits.threads, limits.cluster) = (1, None);
    let session = Session::new(
        &limits,
        Access {
            paths: false,
            write: false,
            overwrite: false,
            tables: HowTables { as_files: true, at: None },
        },
        Vec::new(),
    )?;
    let temporary = std::env::temp_dir();
    let parent = limits.spill_dir.as_deref().unwrap_or(&temporary);
    session.add_listed(TABLE, shards)?;
    let runtime = threads::runtime(1, "query")?;
    // A thread of its own may wait for the rows, whoever calls.
    let spooled = std::thread::scope(|scope| {
        let work = scope.spawn(|| runtime.block_on(spooled(&session, query, parent, limits.spill_limit)));
        work.join().map_err(|_| Error::internal("the query panicked"))?
    });
    let spooled = spooled.map_err(about_query);
    runtime.shutdown_background();
    let spooled = spooled?;
    Ok((Listing { shards: vec![spooled.listed()], tables, notes }, spooled))
}

async fn spooled(session: &Session, query: &str, parent: &Path, limit: u64) -> Result<Spooled> {
    let mut statements = Session::parse(query)?;
    let (Some(statement), true) = (statements.pop(), statements.is_empty()) else {
        return Err(Error::usage("give one statement").hint("write SELECT … FROM shards"));
    };
    let mut answer = session.run(statement).await?;
    let schema = answer.schema();
    if schema.fields().is_empty() {
        return Err(Error::usage("the statement has no rows").hint("write SELECT … FROM shards"));
    }
    refuse_twice(&schema)?;
    let mut spool = Spool::create(schema, parent, limit, "query")?;
    while let Some(batch) = answer.next().await {
        spool.write(&batch?)?;
    }
    spool.finish()
}

/// A query has one table, whatever the hints for queries of `sql` offer.
fn about_query(error: Error) -> Error {
    let text = error.to_string();
    let is_table = text.starts_with("table ") || text.contains("--safe") || text.contains("is a path");
    match error {
        Error::Usage(_) if is_table => {
            let found = text.split(", and --safe").next().unwrap_or(&text).to_owned();
            Error::usage(format!("--query: {found}"))
                .hint("the rows of all sources are the table shards: FROM shards")
        }
        Error::Usage(_) => error.at("--query"),
        other => other,
    }
}
