//! What a build without the feature says.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;

use super::Address;
use crate::engine::collect::{Collector, GroupKey, Way};
use crate::engine::counting::Counting;
use crate::engine::diagnose::Diagnosis;
use crate::engine::partial_exec::{Progress, external};
use crate::engine::query::Dataset;
use crate::engine::rows::Alike;
use crate::engine::session::Limits;
use crate::engine::spill::Spilled;
use crate::error::{Error, Result};

/// Counts `dataset` on the cluster at `address`.
pub(in crate::engine) async fn count(
    address: &Address,
    _: &Dataset,
    _: &Arc<Counting>,
    _: &Limits,
    _: &Arc<Progress>,
) -> Result<(Way, Collector), Diagnosis> {
    Err(missing(address).into())
}

/// Calls `each` with rows of `dataset` that are alike.
pub(in crate::engine) async fn alike(
    address: &Address,
    _: &Dataset,
    _: &Arc<Counting>,
    _: &[GroupKey],
    _: &Limits,
    _: &Arc<Progress>,
    _: impl FnMut(Alike<'_>),
) -> Result<Spilled> {
    Err(missing(address))
}

fn missing(address: &Address) -> Error {
    Error::usage(format!("--cluster {address}: this build counts on one machine alone"))
        .hint("install posweight with --features cluster")
}

/// Makes the plans of a session such as can be sent.
pub(in crate::engine) fn prepare(_: &SessionContext) {}

/// Starts a query on the cluster at `address`.
pub(in crate::engine) async fn run(
    address: &Address,
    _: &SessionContext,
    _: DataFrame,
) -> DfResult<SendableRecordBatchStream> {
    Err(external(missing(address)))
}
