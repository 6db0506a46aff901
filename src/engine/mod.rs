//! The only place that names DataFusion: from shards and a [`Counting`](counting::Counting) to counts.
//!
//! ```text
//! cluster    the same on many machines
//! sampling · sql, with functions
//! rows       the labels of every row
//! count      which way, one pass, shard by shard; collects partial counts
//! plain      Arrow arrays        scan   encoded pages        pairs  layout long
//! read       how label columns reach whoever counts
//! rules      what queries and conditions mean, where DataFusion gives another answer
//! session · budget · counting · cell_labels · task · dataset · partial · objects · pool · spill · progress · live ·
//! watchdog · query_errors, with query_ways · errors
//! ```
//!
//! A storey names only storeys below its own. One exception: whoever starts work (`count::dispatch`,
//! `rows::dispatch`, `rows::measure`, `sql`) gives it to [`cluster`] where [`session::Limits`] name one.
//!
//! ```text
//! encoded:  DataSourceExec(CountSource) ──────────────────────┐
//! plain:    DataSourceExec ─▶ FilterExec? ─▶ PartialCountsExec ┴▶ group by label, where names are open ─▶ Collector
//! ```

mod budget;
mod cell_labels;
pub(crate) mod cluster;
pub(crate) mod cluster_token;
mod count;
pub(crate) mod counting;
mod dataset;
mod errors;
pub(crate) mod functions;
mod group_key;
mod group_values;
mod guarded_scan;
mod live;
mod naming;
mod nullable_rows;
mod objects;
mod one_input;
mod pairs;
mod partial;
mod plain;
mod plan_rules;
mod pool;
mod progress;
mod work;
mod query_errors;
mod query_ways;
mod read;
pub(crate) mod rows;
mod rules;
pub(crate) mod sampling;
mod scan;
pub(crate) mod scheduler_address;
pub(crate) mod session;
mod spill;
pub(crate) mod sql;
mod task;
mod watchdog;

pub(crate) use count::by_shard::{fates, shared};
pub(crate) use count::collect::Counted;
pub(crate) use count::dispatch::count;
pub(crate) use count::dispatch::{Spare, check_saved, count_readable, outlook};
pub(crate) use count::heads::count_heads;
pub(crate) use count::states;
pub(crate) use dataset::Dataset;
pub(crate) use group_key::GroupKey;
pub(crate) use live::Rarest;
pub(crate) use plain::emptied::emptied_lists;
pub(crate) use progress::Progress;
pub(crate) use read::demand::{Demand, demand};
pub(crate) use read::routes::Route;
pub(crate) use spill::Spilled;
pub(crate) use work::{ClusterWork, Work, processor_seconds};
