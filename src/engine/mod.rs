//! The only place that names DataFusion: from shards and a [`Counting`](counting::Counting) to counts.
//!
//! ```text
//! cluster    the same on many machines
//! sampling · sql, with functions
//! rows       the labels of every row
//! count      which way, one pass, shard by shard; collects partial counts
//! plain      Arrow arrays        scan   encoded pages        pairs  layout long
//! read       how label columns reach whoever counts
//! session · budget · counting · task · dataset · partial · objects · pool · spill · progress · watchdog · errors
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
pub mod cluster;
mod count;
pub mod counting;
mod dataset;
mod errors;
pub mod functions;
mod group_key;
mod naming;
mod objects;
mod pairs;
mod partial;
mod plain;
mod pool;
mod progress;
mod read;
pub mod rows;
pub mod sampling;
mod scan;
pub mod scheduler_address;
pub mod session;
mod spill;
pub mod sql;
mod task;
mod watchdog;

pub use count::by_shard::{fates, shared};
pub use count::collect::Counted;
pub use count::dispatch::{count, count_readable, outlook};
pub use count::states;
pub use dataset::Dataset;
pub use group_key::GroupKey;
pub use progress::Progress;
pub use read::demand::{Demand, demand};
pub use read::routes::{ColumnRoute, Route};
pub use spill::Spilled;
