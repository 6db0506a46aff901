//! A build without the feature: there is no cluster, so nothing is ever asked of one.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::common::Result as DfResult;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;

use crate::engine::collect::{Collector, GroupKey, Way};
use crate::engine::counting::Counting;
use crate::engine::dataset::Dataset;
use crate::engine::diagnose::Diagnosis;
use crate::engine::partial_exec::Progress;
use crate::engine::rows::{Alike, Request, RowSink};
use crate::engine::session::Limits;
use crate::engine::spill::Spilled;
use crate::error::{Error, Result};

/// No address of a scheduler is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Err(Error::usage(format!("--cluster {text}: this build counts on one machine alone"))
            .hint("install posweight with cargo install --features cluster"))
    }
}

pub(in crate::engine) async fn count(
    address: &Address,
    _: &Dataset,
    _: &Arc<Counting>,
    _: &Limits,
    _: &Arc<Progress>,
) -> Result<(Way, Collector), Diagnosis> {
    match *address {}
}

pub(in crate::engine) async fn alike(
    address: &Address,
    _: &Dataset,
    _: &Arc<Counting>,
    _: &[GroupKey],
    _: &Limits,
    _: &Arc<Progress>,
    _: impl FnMut(Alike<'_>),
) -> Result<Spilled> {
    match *address {}
}

pub(in crate::engine) async fn rows<S: RowSink>(
    address: &Address,
    _: &Request<'_>,
    _: impl FnMut() -> S,
) -> Result<Vec<S::Found>> {
    match *address {}
}

pub(in crate::engine) fn prepare(address: &Address, _: &SessionContext) {
    match *address {}
}

pub(in crate::engine) async fn run(
    address: &Address,
    _: &SessionContext,
    _: DataFrame,
) -> DfResult<SendableRecordBatchStream> {
    match *address {}
}
