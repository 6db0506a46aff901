//! What the tests of this crate name beside the command line. Not for other uses: it changes without notice.

use std::sync::Arc;

use arrow::array::RecordBatch;
use tokio::runtime::Runtime;

use crate::counts::LabelCounts;
use crate::engine::counting::Counting;
use crate::engine::rows::{Block, Request, RowSink, measure, read_rows};
use crate::engine::session::Limits;
use crate::engine::sql::{Access, Session};
use crate::engine::{GroupKey, Progress, count};
use crate::error::{Error, Result};
use crate::pipeline::machine::Machine;
use crate::pipeline::opening::{Opened, open_plan};
use crate::pipeline::outcome::Observer;
use crate::pipeline::plan::Plan;
use crate::pipeline::run::run;
use crate::pipeline::spec::Spec;
use crate::pipeline::sql::{SqlRequest, open};
use crate::row_measures::RowMeasures;
use crate::source::tables::at::HowTables;

pub use crate::checks::CHECKS;
pub use crate::engine::functions::FUNCTIONS;
pub use crate::measures::MEASURES;
pub use crate::row_measures::{ROW_MEASURES, TOP_LABELSETS};
pub use crate::sampling::draw::rounded;
pub use crate::sampling::{Draw, METHODS};
pub use crate::source::layout::LAYOUTS;
pub use crate::store::register;
pub use crate::weights::SCHEMES;

fn spec_of(toml: &str) -> Result<Spec> {
    toml::from_str(toml).map_err(|cause| Error::usage(cause.to_string()))
}

fn runtime(threads: usize) -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.map_err(|cause| Error::usage(cause.to_string()))
}

/// Checks that a spec can be read.
///
/// # Errors
/// As `posweight run`.
pub fn check_spec(toml: &str) -> Result<()> {
    crate::pipeline::parsing::parse(toml).map(drop)
}

struct Silent;

impl Observer for Silent {
    fn counting(&self, _: usize, _: u64, _: u64, _: &Arc<Progress>) {}
    fn counted(&self) {}
}

/// Runs a spec in this process, with two threads and 4 GiB.
///
/// # Errors
/// As `posweight run`.
pub fn run_spec(toml: &str) -> Result<()> {
    let plan =
        Plan::resolve(spec_of(toml)?, Machine { memory: 4 << 30, threads: 2, addresses: None, arenas: 0 })?;
    runtime(2)?.block_on(run(&plan, &Silent, std::future::pending())).map(drop)
}

/// A session of `posweight sql` with two threads and 512 MiB.
pub struct Queries(Session);

impl Queries {
    /// Opens tables, `name=path` each, and a result; `paths` permits paths in place of tables.
    ///
    /// # Errors
    /// As `posweight sql`.
    pub fn open(tables: Vec<String>, run: &std::path::Path, paths: bool) -> Result<Self> {
        let limits = Limits::new(512 << 20, 2, None, 1 << 30);
        let access = Access { paths, write: false, overwrite: false, tables: HowTables::default() };
        let runs = vec![run.display().to_string()];
        open(&SqlRequest { tables, runs, limits, access, replaces: None }).map(Self)
    }

    /// The rows that statements give, and how many columns the last one has.
    ///
    /// # Errors
    /// As `posweight sql`.
    pub async fn answer(&mut self, sql: &str) -> Result<(usize, Vec<RecordBatch>)> {
        let (mut columns, mut batches) = (0, Vec::new());
        for statement in Session::parse(sql)? {
            let mut answer = self.0.run(statement).await?;
            columns = answer.schema().fields().len();
            while let Some(batch) = answer.next().await {
                batches.push(batch?);
            }
        }
        Ok((columns, batches))
    }
}

/// A row: number of its shard, its place there; labels, unknown labels and group, or `None` where the condition
/// is not met.
pub type RowFound = (usize, u64, Option<(Vec<u32>, Vec<u32>, GroupKey)>);

/// Keeps all rows, up to the first beyond `last`.
struct Keep {
    found: Vec<RowFound>,
    groups: Arc<[GroupKey]>,
    last: u64,
}

impl RowSink for Keep {
    type Found = Vec<RowFound>;

    fn take(&mut self, block: &mut Block) -> Result<()> {
        if block.first_row > self.last {
            return Err(Error::usage("enough"));
        }
        for row in 0..block.rows() {
            let found = block.row(row);
            let found =
                found.map(|r| (r.positives.to_vec(), r.unknown.to_vec(), self.groups[r.group].clone()));
            self.found.push((block.shard, block.first_row + row as u64, found));
        }
        Ok(())
    }

    fn finish(self) -> Vec<RowFound> {
        self.found
    }
}

/// A counted spec, whose rows can be read.
pub struct CountedRows {
    plan: Plan,
    opened: Opened,
    counting: Arc<Counting>,
    counts: LabelCounts,
    groups: Vec<GroupKey>,
    progress: Arc<Progress>,
    runtime: Runtime,
}

/// Measures of rows.
pub struct MeasuredRows {
    /// `encoded` or `plain`.
    pub engine: &'static str,
    measures: RowMeasures,
    counts: LabelCounts,
}

impl MeasuredRows {
    /// Rows, distinct sets of labels, and those of one row.
    pub fn numbers(&self) -> (u64, u64, u64) {
        let of = &self.measures;
        (of.rows, of.distinct_labelsets, of.single_labelsets)
    }

    /// The most frequent sets of labels, with their rows.
    pub fn top(&self) -> impl Iterator<Item = (&[u32], u64)> {
        self.measures.top_labelsets.iter().map(|set| (&set.labels[..], set.rows))
    }

    /// Rows by their number of labels.
    pub fn cardinalities(&self) -> &[u64] {
        &self.measures.cardinalities
    }

    /// Rows where both of two labels are known, and where both are positive.
    pub fn pair(&self, one: usize, other: usize) -> Option<(u64, u64)> {
        self.measures.pair(&self.counts, one, other).map(|pair| (pair.known, pair.together))
    }
}

impl CountedRows {
    /// Counts a spec.
    ///
    /// # Errors
    /// As `posweight run`.
    pub fn new(toml: &str) -> Result<Self> {
        let plan = Plan::resolve(spec_of(toml)?, Machine::here())?;
        let opened = open_plan(&plan)?;
        let runtime = runtime(2)?;
        let counting = opened.counting.clone();
        let total = count(&opened.dataset, counting, &plan.count.limits, Arc::default(), None);
        let counted = runtime.block_on(total)?;
        let mut groups: Vec<GroupKey> = counted.groups.into_iter().map(|(key, _)| key).collect();
        if groups.is_empty() {
            groups.push(Vec::new());
        }
        let counting = Arc::new(opened.counting.knowing(counted.total.labels()));
        Ok(Self { plan, opened, counting, counts: counted.total, groups, progress: Arc::default(), runtime })
    }

    fn request(&self) -> Request<'_> {
        Request {
            dataset: &self.opened.dataset,
            counting: &self.counting,
            groups: &self.groups,
            limits: &self.plan.count.limits,
            progress: &self.progress,
        }
    }

    /// The rows as threads give them, which end reading with an error at a row group that begins after `last`.
    ///
    /// # Errors
    /// As `posweight sample`.
    pub fn rows(&self, last: u64) -> Result<Vec<RowFound>> {
        let groups: Arc<[GroupKey]> = self.groups.clone().into();
        let keep = || Keep { found: Vec::new(), groups: Arc::clone(&groups), last };
        let found = self.runtime.block_on(read_rows(&self.request(), keep))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Rows that were read so far.
    pub fn rows_read(&self) -> u64 {
        self.progress.rows()
    }

    /// Measures the rows.
    ///
    /// # Errors
    /// As `posweight run`.
    pub fn measure(&self) -> Result<MeasuredRows> {
        let found = self.runtime.block_on(measure(&self.request(), &self.counts, &[]))?;
        Ok(MeasuredRows { engine: found.way.engine, measures: found.whole, counts: self.counts.clone() })
    }
}
