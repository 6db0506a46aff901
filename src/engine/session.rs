//! The DataFusion session of a run: memory pool, spilling, threads; and errors on their way out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::logical_expr::{CreateView, DdlStatement, LogicalPlan};
use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::engine::budget::{SharedMemory, Turn};
use crate::engine::counting::Counting;
use crate::engine::errors::ours;
use crate::engine::guarded_scan::GuardScans;
use crate::engine::plan_rules::{optimizer_rules, physical_rules};
use crate::engine::pool::Unstalled;
use crate::engine::rules::exact_arithmetic::ExactArithmetic;
use crate::engine::rules::exact_expressions::ExactExpressions;
use crate::engine::rules::exact_operators::ExactOperators;
use crate::engine::rules::exact_times::{MicrosecondTimes, UTC};
use crate::engine::rules::grouping_sets::GroupingSets;
use crate::engine::rules::held_rows::HeldRows;
use crate::engine::rules::interval_scales::interval_scales;
use crate::engine::rules::kept_casts::KeptCasts;
use crate::engine::rules::nested_keys::NestedKeys;
use crate::engine::rules::null_safe_joins::NullSafeJoins;
use crate::engine::rules::octet_length::octet_length;
use crate::engine::rules::one_nan::OneNan;
use crate::engine::rules::other_names::other_names;
use crate::engine::rules::outer_types::OuterTypes;
use crate::engine::rules::own_windows::own_windows;
use crate::engine::rules::signed_functions::signed_functions;
use crate::engine::rules::told_casts::told_cast;
use crate::engine::rules::wide_times::wide_times;
use crate::engine::rules::window_keys::WindowKeys;
use crate::engine::rules::zoned_times::zoned_times;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::spill::{Spill, SpillFileFactory};
use crate::error::{Error, Result};

/// What a process of this kind needs beside its pool: code, threads, read buffers. Measured on a plain
/// scan, which peaks at 76–93 MB.
const FIXED_BYTES: u64 = 90 << 20;
/// The smallest limit a run can keep.
pub(crate) const MEMORY_LIMIT_MIN: u64 = 160 << 20;
/// What a label takes, with all files and one scheme: 1.6 GB were measured for 16 million labels, and 0.3 GB for
/// two.
const LABEL_BYTES: u64 = 128;
/// Consumers named in an out-of-memory message.
const CONSUMERS_NAMED: usize = 3;

/// What the machine may be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Peak memory of the process in bytes, as far as it can be kept.
    pub memory: u64,
    /// Threads that count.
    pub threads: usize,
    /// Folder for spill files; the system's temporary folder when `None`.
    pub spill_dir: Option<PathBuf>,
    /// Most bytes of spill files at one time.
    pub spill_limit: u64,
    /// The scheduler of the cluster that counts, instead of this machine.
    pub cluster: Option<SchedulerAddress>,
    /// The memory pool of all sessions within these limits; without one, each session has a pool of its own.
    pub(super) shared: Option<SharedMemory>,
}

impl Limits {
    /// Limits of this machine alone.
    #[must_use]
    pub(crate) fn new(memory: u64, threads: usize, spill_dir: Option<PathBuf>, spill_limit: u64) -> Self {
        Self { memory, threads, spill_dir, spill_limit, cluster: None, shared: None }
    }

    /// The same limits for all sessions together: they share one memory pool.
    ///
    /// # Errors
    /// [`Error::Resource`] when the limit is below what any run needs.
    pub(crate) fn shared(self) -> Result<Self> {
        let pool = memory_pool(&self)?;
        Ok(Self { shared: Some(SharedMemory::new(pool)), ..self })
    }

    /// Waits until no other count within shared limits runs. Each takes the memory and the threads of all.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        match &self.shared {
            Some(shared) => Some(shared.turn().await),
            None => None,
        }
    }

    /// The part of the limit that operators may reserve: spill merges and allocator slack take about
    /// as much again.
    #[must_use]
    pub(crate) fn pool_bytes(&self) -> usize {
        let pool = self.memory.saturating_sub(FIXED_BYTES) / 2;
        usize::try_from(pool).unwrap_or(usize::MAX)
    }

    /// Refuses a limit that no run can keep.
    ///
    /// # Errors
    /// [`Error::Resource`] with the smallest limit.
    fn check(&self) -> Result<()> {
        if self.memory >= MEMORY_LIMIT_MIN {
            return Ok(());
        }
        Err(Error::resource(format!(
            "--memory-limit of {} MB cannot be kept; the smallest is {} MB",
            self.memory >> 20,
            MEMORY_LIMIT_MIN >> 20
        ))
        .hint(format!("use --memory-limit {}m or more", MEMORY_LIMIT_MIN >> 20)))
    }

    /// What names and footers of all shards may take together.
    ///
    /// # Errors
    /// [`Error::Resource`] for a limit that no run can keep, whatever the shards are.
    pub(crate) fn shard_bytes(&self) -> Result<usize> {
        self.check()?;
        Ok(usize::try_from(self.memory.saturating_sub(FIXED_BYTES)).unwrap_or(usize::MAX))
    }

    /// Labels whose counts, weights and files the memory holds.
    #[must_use]
    pub(crate) fn labels_max(&self) -> usize {
        usize::try_from(self.memory / LABEL_BYTES).unwrap_or(usize::MAX)
    }

    /// What each of the tasks may use that work at a time, one for each thread.
    #[cfg(feature = "cluster")]
    pub(super) fn for_task(&self) -> Self {
        Self { threads: 1, ..self.part(self.threads.max(1) as u64) }
    }

    /// Half of it, for what works beside an operator that takes as much.
    #[cfg(feature = "cluster")]
    pub(super) fn half(&self) -> Self {
        self.part(2)
    }

    #[cfg(feature = "cluster")]
    fn part(&self, of: u64) -> Self {
        let memory = FIXED_BYTES + self.memory.saturating_sub(FIXED_BYTES) / of;
        Self { memory: memory.max(MEMORY_LIMIT_MIN), ..self.clone() }
    }
}

/// A session that counts: its plans have as many partitions as their scans have lists of files, and what
/// merges them is one partition. Repartitioning by hash can stall for ever when it has to spill; see
/// <https://github.com/apache/datafusion/issues/24883>.
///
/// # Errors
/// As [`session`].
pub(super) fn counting_session(
    limits: &Limits,
    spill: &Arc<Spill>,
    counting: &Counting,
) -> Result<SessionContext> {
    // Only a condition calls functions by name, and a cluster does. All of them together are megabytes of code.
    let context = if counting.filter.is_none() && limits.cluster.is_none() {
        SessionContext::new_with_state(without_functions(limits, spill)?.build())
    } else {
        session(limits, spill)?
    };
    let state = context.state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    options.execution.target_partitions = 1;
    options.optimizer.repartition_file_scans = false;
    options.optimizer.enable_round_robin_repartition = false;
    drop(state);
    Ok(context)
}

/// A session for one run.
///
/// # Errors
/// [`Error::Resource`] when the limit is below what any run needs or the spill folder cannot be used.
pub(super) fn session(limits: &Limits, spill: &Arc<Spill>) -> Result<SessionContext> {
    let mut state = without_functions(limits, spill)?.with_default_features().build();
    state.register_expr_planner(Arc::new(ExactOperators)).map_err(|cause| ours(&cause))?;
    let context = SessionContext::new_with_state(state);
    let zoned = zoned_times(context.state().scalar_functions());
    for function in own_windows(context.state().window_functions()) {
        context.register_udwf(function);
    }
    let signed = signed_functions(context.state().scalar_functions());
    let others = other_names().into_iter().chain(signed).chain(wide_times()).chain(interval_scales());
    for function in zoned.into_iter().chain(others).chain([octet_length(), told_cast()]) {
        context.register_udf(function);
    }
    Ok(context)
}

/// The same, before functions, types of files and what else SQL names are there.
fn without_functions(limits: &Limits, spill: &Arc<Spill>) -> Result<SessionStateBuilder> {
    let runtime = runtime(limits, spill)?;
    let mut config = SessionConfig::new()
        .with_target_partitions(limits.threads.max(1))
        .with_information_schema(false)
        // An absent null count in a footer is read as zero by statistics and pruning; see
        // <https://github.com/apache/datafusion/issues/25239>. Counts must come from the values.
        .with_collect_statistics(false)
        .with_parquet_pruning(false);
    let options = config.options_mut();
    // Plans and their logical plans disagree on whether `x IS TRUE` may be NULL, which is no reason to stop.
    options.execution.skip_physical_aggregate_schema_check = true;
    // It panics on keys that are NaN.
    options.optimizer.enable_topk_aggregation = false;
    options.execution.sort_spill_reservation_bytes = 1 << 20;
    options.execution.parquet.pushdown_filters = false;
    options.execution.parquet.enable_page_index = false;
    options.execution.parquet.bloom_filter_on_read = false;
    // Those of a running query leave out row groups by statistics, whatever the options of Parquet say.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    // As the schemas of shards have it; nanoseconds end in the year 2262.
    options.execution.parquet.coerce_int96 = Some("us".to_owned());
    // What is read as an instant, such as now() and to_timestamp('…Z'), is one in comparisons with times of any zone.
    options.execution.time_zone = Some(UTC.to_owned());
    options.execution.spill_compression =
        "lz4_frame".parse().map_err(|cause: DataFusionError| ours(&cause))?;
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_analyzer_rules(analyzer_rules())
        .with_optimizer_rules(optimizer_rules())
        .with_physical_optimizer_rules(physical_rules())
        .with_type_planner(Arc::new(MicrosecondTimes));
    // A cluster reads scans in executors, which have no guard to take along.
    if limits.cluster.is_none() {
        state = state.with_physical_optimizer_rule(Arc::new(GuardScans));
    }
    Ok(state)
}

/// The rows of a view as its query means them: DataFusion gives types to its expressions when it is made, before the rules of
/// the query that reads it.
pub(super) fn with_rows_of_view(plan: LogicalPlan, config: &ConfigOptions) -> DfResult<LogicalPlan> {
    let LogicalPlan::Ddl(DdlStatement::CreateView(view)) = plan else { return Ok(plan) };
    let rows = Arc::unwrap_or_clone(Arc::clone(&view.input));
    let rows = rules_before_types().into_iter().try_fold(rows, |rows, rule| rule.analyze(rows, config))?;
    Ok(LogicalPlan::Ddl(DdlStatement::CreateView(CreateView { input: Arc::new(rows), ..view })))
}

fn rules_before_types() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![Arc::new(GroupingSets), Arc::new(ResolveGroupingFunction), Arc::new(ExactExpressions)]
}

/// The rules of DataFusion, and around them those of every session: times are made exact before expressions get a type,
/// casts are kept, floats are made comparable and integers kept from wrapping around after that. `grouping` becomes numbers
/// first: its aggregate has a column that no plan above it may know.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules = rules_before_types();
    rules.extend(Analyzer::new().rules);
    rules.push(Arc::new(OuterTypes { types: rules.clone() }));
    rules.push(Arc::new(KeptCasts));
    rules.push(Arc::new(OneNan));
    rules.push(Arc::new(NestedKeys));
    rules.push(Arc::new(NullSafeJoins));
    rules.push(Arc::new(ExactArithmetic));
    rules.push(Arc::new(WindowKeys));
    rules.push(Arc::new(HeldRows));
    rules
}

/// The memory pool of these limits: the shared one, or a new one.
fn memory_pool(limits: &Limits) -> Result<Arc<dyn MemoryPool>> {
    if let Some(shared) = &limits.shared {
        return Ok(Arc::clone(&shared.pool));
    }
    limits.check()?;
    // Greedy pools starve the consumer that could spill; a fair one gives each its share.
    let fair = Unstalled(FairSpillPool::new(limits.pool_bytes()));
    let named = std::num::NonZeroUsize::new(CONSUMERS_NAMED).unwrap_or(std::num::NonZeroUsize::MIN);
    Ok(Arc::new(TrackConsumersPool::new(fair, named)))
}

/// Refuses a time for which DataFusion panics.
fn check_clock(now: SystemTime) -> Result<()> {
    if now >= SystemTime::UNIX_EPOCH {
        return Ok(());
    }
    Err(Error::resource("the clock of this machine says a time before 1970")
        .hint("set the clock, and run again; `posweight doctor` shows it"))
}

pub(super) fn runtime(limits: &Limits, spill: &Arc<Spill>) -> Result<Arc<RuntimeEnv>> {
    check_clock(SystemTime::now())?;
    let pool = memory_pool(limits)?;
    if let Some(dir) = &limits.spill_dir {
        std::fs::create_dir_all(dir)
            .map_err(|cause| Error::writing_for("a --spill-dir", dir, &cause).at("--spill-dir"))?;
    }
    let disk =
        DiskManagerBuilder::default().with_temp_file_factory(Arc::new(SpillFileFactory(Arc::clone(spill))));
    RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_disk_manager_builder(disk)
        .with_max_spill_merge_fan_in(8)
        .with_metadata_cache_limit(8 << 20)
        .with_file_statistics_cache_limit(2 << 20)
        .with_object_list_cache_limit(1 << 20)
        .build_arc()
        .map_err(|cause| ours(&cause))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_1970_is_named() {
        let second = Duration::from_secs(1);
        assert!(check_clock(SystemTime::UNIX_EPOCH).is_ok());
        assert!(check_clock(SystemTime::now()).is_ok());
        let refused = check_clock(SystemTime::UNIX_EPOCH - second).unwrap_err();
        assert_eq!(refused.exit_code(), 6);
        assert!(refused.to_string().contains("before 1970"), "{refused}");
    }
}
