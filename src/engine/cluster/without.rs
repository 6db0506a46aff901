//! A build without the feature `cluster`: no [`SchedulerAddress`] exists, so none of these is ever called.

use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;

use crate::engine::count::collect::Collector;
use crate::engine::count::diagnose::Diagnosis;
use crate::engine::count::states::States;
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::group_key::GroupKey;
use crate::engine::progress::Progress;
use crate::engine::read::routes::Route;
use crate::engine::rows::request::{Request, RowPattern};
use crate::engine::rows::sink::RowSink;
use crate::engine::scheduler_address::SchedulerAddress;
use crate::engine::session::Limits;
use crate::engine::spill::Spilled;
use crate::error::Result;

pub(in crate::engine) async fn count(
    address: &SchedulerAddress,
    _: &Dataset,
    _: &Arc<Counting>,
    _: &Limits,
    _: &Arc<Progress>,
    _: Option<&mut States>,
) -> Result<(Route, Collector), Diagnosis> {
    address.never()
}

pub(in crate::engine) async fn patterns(
    address: &SchedulerAddress,
    _: &Dataset,
    _: &Arc<Counting>,
    _: &[GroupKey],
    _: &Limits,
    _: &Arc<Progress>,
    _: impl FnMut(RowPattern<'_>),
) -> Result<Spilled> {
    address.never()
}

pub(in crate::engine) async fn rows<S: RowSink>(
    address: &SchedulerAddress,
    _: &Request<'_>,
    _: impl FnMut() -> S,
) -> Result<Vec<S::Found>> {
    address.never()
}

pub(in crate::engine) fn prepare(address: &SchedulerAddress, _: &SessionContext) {
    address.never()
}

pub(in crate::engine) async fn run(
    address: &SchedulerAddress,
    _: &SessionContext,
    _: DataFrame,
) -> DfResult<SendableRecordBatchStream> {
    address.never()
}
