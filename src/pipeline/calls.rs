//! The table functions `label_counts`, `label_weights` and `imbalance`: a run's own counting, in a query.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::future::BoxFuture;

use super::call_options::options_of;
use super::count_plan::CountPlan;
use super::derived::MeasureOptions;
use super::guess::check_guess;
use super::machine::Machine;
use super::opening::{Opened, open_count};
use super::options::{measure_options, row_measures, weighing};
use super::row_pass::{decide_for_query, measure_rows};
use super::spec::{OneOrMany, STDIO};
use crate::artifact::table::rows;
use crate::counts::{LabelCounts, Labels, as_f64};
use crate::engine::functions::call::{CallTable, OpenedCall, TableCall};
use crate::engine::rows::Measured;
use crate::engine::session::Limits;
use crate::engine::sql::measures;
use crate::engine::{Counted, GroupKey, Spare, count, count_heads, outlook};
use crate::error::{Error, Result};
use crate::measures::{Compat, measure};
use crate::report::tcs;
use crate::row_measures::{ROW_MEASURES, RowMeasures};
use crate::source::tables::at::HowTables;
use crate::weights::{Weighing, weigh};

/// The functions that count, all together within `limits`, with tables read as `how` says.
#[must_use]
pub(crate) fn all(limits: &Limits, how: HowTables) -> Vec<Arc<dyn TableCall>> {
    [CallKind::Counts, CallKind::Weights, CallKind::Measures]
        .map(|kind| Arc::new(CountCall { kind, limits: limits.clone(), how }) as Arc<dyn TableCall>)
        .to_vec()
}

/// What the rows of a call are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallKind {
    Counts,
    Weights,
    Measures,
}

#[derive(Debug)]
struct CountCall {
    kind: CallKind,
    limits: Limits,
    how: HowTables,
}

/// What a call counts, and what it makes of the counts.
struct CallPlan {
    kind: CallKind,
    count: CountPlan,
    weighing: Weighing,
    compat: Compat,
    /// Whether the options ask for measures of rows.
    row_measures: Option<bool>,
    features: Option<u64>,
}

/// The measures of the rows of a table, or why there are none.
type OfRows<'a> = std::result::Result<&'a RowMeasures, &'a str>;

impl TableCall for CountCall {
    fn name(&self) -> &'static str {
        match self.kind {
            CallKind::Counts => "label_counts",
            CallKind::Weights => "label_weights",
            CallKind::Measures => "imbalance",
        }
    }

    fn call(&self, arguments: &[String]) -> Result<CallTable> {
        let plan = Arc::new(self.plan(arguments).map_err(|error| error.at(self.name()))?);
        let soft = plan.count.domain.soft || plan.count.sample_weight.is_some();
        let nothing = LabelCounts::empty(Labels::default(), soft);
        let schema = plan.rows(&nothing, &[], Err(""))?.schema();
        let open = move || -> BoxFuture<'static, Result<OpenedCall>> { Box::pin(open(Arc::clone(&plan))) };
        Ok(CallTable { schema, open: Arc::new(open) })
    }
}

impl CountCall {
    fn plan(&self, arguments: &[String]) -> Result<CallPlan> {
        let kind = self.kind;
        let (shards, scheme, options) = match (kind, arguments) {
            (CallKind::Weights, [shards, scheme]) => (shards, Some(scheme), ""),
            (CallKind::Weights, [shards, scheme, options]) => (shards, Some(scheme), options.as_str()),
            (CallKind::Counts | CallKind::Measures, [shards]) => (shards, None, ""),
            (CallKind::Counts | CallKind::Measures, [shards, options]) => (shards, None, options.as_str()),
            _ => {
                let name = self.name();
                let scheme = if kind == CallKind::Weights { ", 'scheme'" } else { "" };
                return Err(Error::usage(format!(
                    "the function does not take {} arguments",
                    arguments.len()
                ))
                .hint(format!(
                    "call {name}('shards'{scheme}) or {name}('shards'{scheme}, 'layout=list, labels=tags')"
                )));
            }
        };
        if shards == STDIO {
            return Err(
                Error::usage("a query does not read shards from stdin").hint("name files, folders or globs")
            );
        }
        let mut spec = options_of(options)?;
        spec.shards = Some(OneOrMany::One(shards.clone()));
        if let Some(scheme) = scheme {
            spec.scheme = Some(OneOrMany::One(scheme.clone()));
        }
        let mut count = CountPlan::resolve(&spec, Machine::here())?;
        count.limits = self.limits.clone();
        if spec.as_files.is_none() && count.tables.at.is_none() {
            count.tables = self.how;
        }
        let MeasureOptions { compat, features, .. } = measure_options(&spec)?;
        let (weighing, row_measures) = (weighing(&spec)?, row_measures(&spec)?);
        Ok(CallPlan { kind, count, weighing, compat, row_measures, features })
    }
}

/// Opens the shards of `plan`.
async fn open(plan: Arc<CallPlan>) -> Result<OpenedCall> {
    let opening = tokio::task::spawn_blocking({
        let plan = Arc::clone(&plan);
        move || open_count(&plan.count)
    });
    let opened = opening.await.map_err(|cause| Error::internal(cause.to_string()))??;
    let opened = Arc::new(opened);
    let first = opened.heads.first().unwrap_or(&opened.counting);
    let how = outlook(&opened.dataset, first, &plan.count.limits).await?;
    let make = move || -> BoxFuture<'static, Result<RecordBatch>> {
        let (plan, opened) = (Arc::clone(&plan), Arc::clone(&opened));
        Box::pin(async move { plan.count(&opened).await })
    };
    Ok(OpenedCall { how, make: Arc::new(make) })
}

impl CallPlan {
    /// Counts what was opened, and makes rows of the counts.
    async fn count(&self, opened: &Opened) -> Result<RecordBatch> {
        let limits = &self.count.limits;
        // The calls of a query share its memory, so they count one after the other.
        let _turn = limits.turn().await;
        let counted = if opened.heads.is_empty() {
            count(&opened.dataset, opened.counting.clone(), limits, Arc::default(), None).await?
        } else {
            count_heads(&opened.dataset, &opened.heads, limits, &Arc::default(), &mut [], Spare::default())
                .await?
        };
        let Counted { total, groups, .. } = counted;
        if let Some(repeated) = check_guess(&self.count, opened, &total, true).await? {
            tracing::warn!("{repeated}");
        }
        let measured = self.measure(opened, &total, &groups).await?;
        if self.count.by.is_empty() {
            return self.rows(
                &total,
                &[],
                measured.as_ref().map(|found| &found.whole).map_err(String::as_str),
            );
        }
        let of_rows = |group: usize| match &measured {
            Ok(found) => {
                found.groups.get(group).ok_or("there are too many groups to measure the rows of each")
            }
            Err(why) => Err(why.as_str()),
        };
        let parts = groups.iter().enumerate().map(|(at, (key, counts))| self.rows(counts, key, of_rows(at)));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let nothing = LabelCounts::empty(Labels::default(), total.masses().is_some());
        let schema = self.rows(&nothing, &[], Err(""))?.schema();
        concat_batches(&schema, &parts).map_err(|cause| Error::internal(cause.to_string()))
    }

    /// Reads rows once more, for measures that need more than counts; or says why not.
    async fn measure(
        &self,
        opened: &Opened,
        total: &LabelCounts,
        groups: &[(GroupKey, LabelCounts)],
    ) -> Result<std::result::Result<Measured, String>> {
        if self.kind != CallKind::Measures {
            return Ok(Err(String::new()));
        }
        if let Err(why) = decide_for_query(self.row_measures, &opened.counting, total) {
            return Ok(Err(why));
        }
        measure_rows(&self.count.limits, opened, total, groups).await.map(|(measured, _)| Ok(measured))
    }

    /// Every measure of `counts`.
    fn measures(&self, counts: &LabelCounts, of_rows: OfRows<'_>) -> Result<RecordBatch> {
        let found = measure(counts, self.compat);
        let tcs = |rows: &RowMeasures| tcs(self.features?, counts.len(), as_f64(rows.distinct_labelsets));
        let value = |name: &str| {
            let of_set = found.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            let row_measure = ROW_MEASURES.iter().find(|measure| measure.name == name);
            let of_row = || of_rows.ok().zip(row_measure).map(|(rows, measure)| (measure.of)(rows));
            let asked = name == "tcs" && self.features.is_some();
            of_set.or_else(of_row).or_else(|| of_rows.ok().filter(|_| asked).map(tcs))
        };
        measures(value, of_rows.err().unwrap_or_default())
    }

    /// The rows of one group, after the columns of `--by` with its key.
    fn rows(&self, counts: &LabelCounts, key: &[Option<String>], of_rows: OfRows<'_>) -> Result<RecordBatch> {
        let rows = match self.kind {
            CallKind::Counts => rows(counts, None, None)?,
            CallKind::Weights => rows(counts, Some(&weigh(counts, &self.weighing)?), None)?,
            CallKind::Measures => self.measures(counts, of_rows)?,
        };
        let by = &self.count.by;
        let group = |at: usize| -> ArrayRef {
            let value = key.get(at).and_then(Option::as_deref);
            Arc::new(std::iter::repeat_n(value, rows.num_rows()).collect::<StringArray>())
        };
        let columns = (0..by.len()).map(group).chain(rows.columns().iter().cloned()).collect();
        let by = by.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true)));
        let fields: Vec<_> = by.chain(rows.schema().fields().iter().cloned()).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        RecordBatch::try_new(schema, columns).map_err(|cause| Error::internal(cause.to_string()))
    }
}
